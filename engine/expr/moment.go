package expr

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"

	"patchbay/engine/value"
)

func dateFunctions() []function {
	text, zone, layout := textParam("text"), textParam("timezone").orNot(), textParam("layout").orNot()
	return []function{
		{name: "now", result: "datetime", help: "is the time the step began", example: `now() > date("2026-01-01") → true`, varies: true, run: runNow},
		{name: "date", params: []param{{name: "text", typ: value.Of(value.Datetime)}, layout, zone}, result: "datetime", help: "reads a date or a time from a text", example: `date("2026-03-14") < date("2026-03-15") → true`, typed: typedDate, run: runDate},
		{name: "duration", params: []param{text}, result: "duration", help: "reads a duration such as 30s, 15m, 24h or 7d", example: `date("2026-03-14") + duration("1d") == date("2026-03-15") → true`, typed: typedDuration, run: runDuration},
		{name: "format_date", params: []param{{name: "date", typ: value.Of(value.Datetime)}, layout, zone}, result: "string", help: `writes a date as "date", "time", "datetime" or like the example 2006-01-02 15:04`, example: `format_date("2026-03-14T09:30:00Z", "02.01.2006") → "14.03.2026"`, typed: typedFormat, run: runFormat},
	}
}

func typedDate(args []ast.Node, types []*value.Type) (*value.Type, string) {
	if s, ok := args[0].(*ast.StringNode); ok && len(args) == 1 {
		if _, err := readTime(s.Value); err != nil {
			return nil, err.Error()
		}
	}
	if len(args) > 1 && types[0].Kind == value.Time {
		return nil, "a layout is for text, a datetime is given"
	}
	return timeType, ""
}

func typedDuration(args []ast.Node, _ []*value.Type) (*value.Type, string) {
	if s, ok := args[0].(*ast.StringNode); ok {
		if _, err := value.ParseDuration(s.Value); err != nil {
			return nil, err.Error()
		}
	}
	return spanType, ""
}

func typedFormat(args []ast.Node, _ []*value.Type) (*value.Type, string) {
	if len(args) > 1 {
		if s, ok := args[1].(*ast.StringNode); ok {
			if _, err := layoutOf(s.Value); err != nil {
				return nil, err.Error()
			}
		}
	}
	if len(args) > 2 {
		if s, ok := args[2].(*ast.StringNode); ok {
			if _, err := zoneOf([]any{nil, nil, s.Value}); err != nil {
				return nil, err.Error()
			}
		}
	}
	return textType, ""
}

func runNow(st *state, _ []any) (any, error) { return st.env.Now, nil }

func runDuration(_ *state, args []any) (any, error) { return value.ParseDuration(args[0].(string)) }

// readTime reads the forms in which services write a date or a time.
func readTime(text string) (time.Time, error) {
	for _, layout := range []string{
		time.RFC3339, time.DateOnly, time.DateTime, "2006-01-02T15:04:05", "2006-01-02T15:04",
		"2006-01-02T15:04:05Z0700", time.RFC1123, time.RFC1123Z, time.RFC850, time.RFC822, time.RFC822Z,
	} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a date such as 2026-03-14 or 2026-03-14T15:00:00Z", text)
}

func runDate(_ *state, args []any) (any, error) {
	if t, ok := args[0].(time.Time); ok {
		return t, nil
	}
	text := args[0].(string)
	if len(args) == 1 {
		return readTime(text)
	}
	zone, err := zoneOf(args)
	if err != nil {
		return nil, err
	}
	layout := args[1].(string)
	t, err := time.ParseInLocation(layout, text, zone)
	if err != nil {
		return nil, fmt.Errorf("%q is not a date of the form %q", text, layout)
	}
	return t, nil
}

// zoneOf returns the time zone that is the third argument, UTC if there is
// none.
func zoneOf(args []any) (*time.Location, error) {
	if len(args) < 3 {
		return time.UTC, nil
	}
	name := args[2].(string)
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("%q is not a time zone such as Europe/Paris", name)
	}
	return zone, nil
}

func runFormat(_ *state, args []any) (any, error) {
	t, ok := args[0].(time.Time)
	if !ok {
		var err error
		if t, err = readTime(args[0].(string)); err != nil {
			return nil, err
		}
	}
	zone, err := zoneOf(args)
	if err != nil {
		return nil, err
	}
	if len(args) > 2 {
		t = t.In(zone)
	}
	layout := time.DateOnly
	if len(args) > 1 {
		if layout, err = layoutOf(args[1].(string)); err != nil {
			return nil, err
		}
	}
	return t.Format(layout), nil
}

// layoutOf returns the layout a word stands for, or the layout itself if a date
// written with it would show anything of the date.
func layoutOf(text string) (string, error) {
	switch text {
	case "date":
		return time.DateOnly, nil
	case "time":
		return "15:04", nil
	case "datetime":
		return "2006-01-02 15:04", nil
	}
	a, b := time.Date(2001, 11, 25, 23, 41, 52, 0, time.UTC), time.Date(2010, 9, 13, 8, 17, 33, 0, time.UTC)
	if a.Format(text) == b.Format(text) {
		return "", fmt.Errorf(`%q shows nothing of a date: write the 2nd of January 2006, 15:04:05 the way it shall look, such as "02.01.2006"`, text)
	}
	return text, nil
}

// method is what a time or a duration can be asked: now().Year().
type method struct {
	name   string
	of     value.Kind
	result *value.Type
	ask    func(v any) any
}

func methods() []method {
	atTime := func(name string, ask func(time.Time) int) method {
		return method{name, value.Time, wholeType, func(v any) any { return ask(v.(time.Time)) }}
	}
	ofSpan := func(name string, ask func(time.Duration) float64) method {
		return method{name, value.Span, numberType, func(v any) any { return ask(v.(time.Duration)) }}
	}
	return []method{
		atTime("Year", time.Time.Year),
		atTime("Month", func(t time.Time) int { return int(t.Month()) }),
		atTime("Day", time.Time.Day),
		atTime("Hour", time.Time.Hour),
		atTime("Minute", time.Time.Minute),
		atTime("Second", time.Time.Second),
		atTime("YearDay", time.Time.YearDay),
		atTime("Unix", func(t time.Time) int { return int(t.Unix()) }),
		{"Weekday", value.Time, textType, func(v any) any { return strings.ToLower(v.(time.Time).Weekday().String()) }},
		ofSpan("Hours", time.Duration.Hours),
		ofSpan("Minutes", time.Duration.Minutes),
		ofSpan("Seconds", time.Duration.Seconds),
	}
}

func methodNames(of value.Kind) []string {
	var names []string
	for _, m := range methods() {
		if m.of == of {
			names = append(names, m.name+"()")
		}
	}
	return names
}

// method types value.name().
func (c *checker) method(n *ast.CallNode, callee *ast.MemberNode) *value.Type {
	t := c.value(callee.Node)
	for _, a := range n.Arguments {
		c.check(a)
	}
	name := callee.Property.(*ast.StringNode)
	all := methods()
	i := slices.IndexFunc(all, func(m method) bool { return m.name == name.Value && (t.IsAny() || m.of == t.Kind) })
	part, shown := c.src.at(name.Location()), c.src.show(callee.Node)
	switch {
	case i >= 0 && len(n.Arguments) > 0:
		c.report(part, codeArguments, "", "", "%s() takes nothing, %d given", name.Value, len(n.Arguments))
		return all[i].result
	case i >= 0:
		return all[i].result
	case isMoment(t):
		c.report(part, codeFunction, "it can be asked: "+strings.Join(methodNames(t.Kind), ", "), "",
			"a %s has no %s()", t, name.Value)
	case isFunction(name.Value):
		c.report(part, codeFunction, fmt.Sprintf("%s(%s)", name.Value, shown), "",
			"%s is a function: what it works on goes into parentheses", name.Value)
	case isDateText(t) && slices.ContainsFunc(all, func(m method) bool { return m.name == name.Value }):
		c.report(part, codeFunction, fmt.Sprintf("%s.%s()", reader(t, shown), name.Value), "",
			"%s is text, and only a time can be asked for its %s()", shown, name.Value)
	default:
		c.report(part, codeFunction, "", "", "there is no function %q", name.Value)
	}
	return anyType
}

// runMethod asks the first argument for what the second names.
func runMethod(_ *state, args []any) (any, error) {
	for _, m := range methods() {
		if m.name != args[1] {
			continue
		}
		switch args[0].(type) {
		case time.Time:
			if m.of == value.Time {
				return m.ask(args[0]), nil
			}
		case time.Duration:
			if m.of == value.Span {
				return m.ask(args[0]), nil
			}
		}
	}
	return nil, fmt.Errorf("%s has no %v()", kindWord(args[0]), args[1])
}
