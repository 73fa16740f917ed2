package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/expr"
	"patchbay/engine/program"
)

// said is something that a file says, under its key.
type said struct{ key, text string }

// phrases gathers what a part of a flow says.
type phrases []said

func (p *phrases) add(key, text string) {
	if text != "" {
		*p = append(*p, said{key, text})
	}
}

func (p *phrases) code(key string, c *expr.Code) {
	if c != nil {
		p.add(key, c.Source())
	}
}

func (p *phrases) span(key string, d time.Duration) {
	if d != 0 {
		p.add(key, span(d))
	}
}

func (p *phrases) number(key string, n int) {
	if n != 0 {
		p.add(key, strconv.Itoa(n))
	}
}

func (p *phrases) flag(key string, is bool) {
	if is {
		p.add(key, "true")
	}
}

// value adds a value, field by field where it is an object with expressions in
// it, or a constant one.
func (p *phrases) value(key string, v *program.Value) {
	switch {
	case v == nil:
	case v.Object != nil:
		p.named(key, v.Object)
	default:
		if object, ok := v.Const.(map[string]any); ok && v.IsConst() {
			for _, name := range union(object, nil) {
				p.add(key+"."+name, program.SourceOf(object[name]))
			}
			return
		}
		p.add(key, v.Source())
	}
}

func (p *phrases) named(key string, fields []program.Named) {
	for _, f := range fields {
		p.add(key+"."+f.Name, f.Value.Source())
	}
}

// span writes a duration as the languages do: 1d, 2h30m.
func span(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	var b strings.Builder
	for _, unit := range []struct {
		name string
		of   time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}} {
		if n := d / unit.of; n > 0 {
			b.WriteString(strconv.FormatInt(int64(n), 10) + unit.name)
			d %= unit.of
		}
	}
	return b.String()
}

// clock says in words when a schedule fires.
func clock(s *program.Schedule) string {
	switch {
	case s.Every > 0:
		return "every " + span(s.Every)
	case s.Cron != "":
		return "cron " + s.Cron + " " + s.Zone.String()
	}
	days := []string{"every day"}
	if len(s.Days) > 0 {
		days = nil
		for _, d := range s.Days {
			days = append(days, d.String())
		}
	}
	return fmt.Sprintf("%s at %02d:%02d %s", strings.Join(days, ", "), s.Hour, s.Minute, s.Zone)
}

// differing compares what was said with what is said now. What has the same key
// several times is told apart by its place.
func differing(before, after phrases) []Field {
	var out []Field
	was := func(key string) (string, bool) {
		i := slices.IndexFunc(before, func(s said) bool { return s.key == key })
		if i < 0 {
			return "", false
		}
		return before[i].text, true
	}
	for _, now := range after {
		if old, ok := was(now.key); !ok || old != now.text {
			out = append(out, Field{Key: now.key, From: old, To: now.text})
		}
	}
	for _, old := range before {
		if !slices.ContainsFunc(after, func(s said) bool { return s.key == old.key }) {
			out = append(out, Field{Key: old.key, From: old.text})
		}
	}
	return out
}
