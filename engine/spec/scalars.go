package spec

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"patchbay/engine/diag"
)

// checked returns the scalar of s if it has the form its rule names.
func (p *parser) checked(s spot) Text {
	t := s.value.Text
	ok := true
	switch s.rule.Form {
	case Word:
		ok = p.oneOf(s, s.rule.Words)
	case Name:
		ok = p.nameIs(s, nameForm, snakeCase(t.Value), "names are written in snake_case: small letters, digits and _")
	case Identifier:
		ok = p.nameIs(s, identifierForm, snakeCase(t.Value), "letters, digits and _, beginning with a letter")
	case Expression:
		return p.bare(s, "an expression")
	case Path:
		return p.path(s)
	case Duration:
		ok = p.duration(s)
	case Size:
		_, ok = ParseSize(t.Value)
		p.unless(ok, s, "S115", fmt.Sprintf("%q is not a size", t.Value), "a number and a unit: 500KB, 10MB")
	case Clock:
		ok = p.clock(s)
	case Switch:
		ok = p.boolean(s)
	case Version:
		ok = p.version(s)
	case Whole:
		n, err := strconv.Atoi(t.Value)
		ok = err == nil && n >= s.rule.Least
		wants := "a whole number"
		if err == nil {
			wants = fmt.Sprintf("at least %d", s.rule.Least)
		}
		p.unless(ok, s, "S112", fmt.Sprintf("%s wants %s, %q is given", s.name, wants, t.Value), "")
	case Number:
		_, err := strconv.ParseFloat(t.Value, 64)
		ok = err == nil
		p.unless(ok, s, "S112", fmt.Sprintf("%s wants a number, %q is given", s.name, t.Value), "")
	default: // any text will do
	}
	if !ok {
		return Text{}
	}
	return t
}

// unless reports a wrong scalar if ok is false.
func (p *parser) unless(ok bool, s spot, code, message, hint string) {
	if !ok {
		p.add(s, code, message, hint, nil)
	}
}

func (p *parser) oneOf(s spot, words []string) bool {
	got := s.value.Text.Value
	if slices.Contains(words, got) {
		return true
	}
	var fix *diag.Fix
	near := cmp.Or(diag.Nearest(got, words), beginning(got, words))
	if near != "" {
		fix = p.rewrite(s, near)
		if fix != nil {
			fix.Safe = diag.Sure(got, near)
		}
	}
	p.add(s, "S110", fmt.Sprintf("%s cannot be %q", s.name, got), "allowed: "+strings.Join(words, ", "), fix)
	p.found[len(p.found)-1].Allowed = words
	return false
}

// beginning returns the one word that begins with an abbreviation of three
// letters or more, such as mon; "" where there is none, or several.
func beginning(got string, words []string) string {
	var meant []string
	for _, word := range words {
		if len(got) >= 3 && strings.HasPrefix(word, strings.ToLower(got)) {
			meant = append(meant, word)
		}
	}
	if len(meant) != 1 {
		return ""
	}
	return meant[0]
}

// rewrite is the fix that writes another text in place of the scalar of s, or
// nil for a scalar of more than one line.
func (p *parser) rewrite(s spot, text string) *diag.Fix {
	t := s.value.Text
	if end := t.At(len(t.Value)); end.Line != t.Pos.Line {
		return nil
	}
	return replace(t.Pos, t.width(), text)
}

// nameIs reports a name that is not of the form; better is the name to
// write instead, where there is one.
func (p *parser) nameIs(s spot, form *regexp.Regexp, better, hint string) bool {
	if form.MatchString(s.value.Text.Value) {
		return true
	}
	var fix *diag.Fix
	if form.MatchString(better) {
		if fix = p.rewrite(s, better); fix != nil {
			fix.Safe = false // other places may refer to the name
		}
	}
	p.add(s, "S113", fmt.Sprintf("%q is not a name", s.value.Text.Value), hint, fix)
	return false
}

// named checks a key that is a name of the author's choice.
func (p *parser) named(key Text, form Form) {
	p.checked(spot{key: key, value: &Value{Kind: String, Pos: key.Pos, Text: key}, rule: Key{Form: form}})
}

// snakeCase returns the name in small letters with _ between its words.
func snakeCase(name string) string {
	var b strings.Builder
	small := false
	for _, r := range name {
		switch {
		case r >= 'A' && r <= 'Z':
			if small {
				b.WriteByte('_')
			}
			b.WriteRune(r + 'a' - 'A')
			small = false
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
			small = true
		default:
			if !strings.HasSuffix(b.String(), "_") {
				b.WriteByte('_')
			}
			small = false
		}
	}
	return strings.Trim(b.String(), "_")
}

// ParseDuration returns the time that a duration such as 90s, 15m or 7d says.
// A day has 24 hours. The second result is false for any other text.
func ParseDuration(text string) (time.Duration, bool) {
	if !durationForm.MatchString(text) {
		return 0, false
	}
	units := map[string]time.Duration{
		"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
	}
	var sum time.Duration
	for _, part := range durationPart.FindAllStringSubmatch(text, -1) {
		n, err := strconv.ParseInt(part[1], 10, 64)
		unit := units[part[2]]
		if err != nil || n > int64((1<<62)/unit) || sum > 1<<62 {
			return 0, false
		}
		sum += time.Duration(n) * unit
	}
	return sum, true
}

// ParseSize returns the number of bytes that a size such as 500KB or 10MB
// says, with 1024 bytes in a KB. The second result is false for any other
// text.
func ParseSize(text string) (int64, bool) {
	m := sizeForm.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	shift := map[string]int{"B": 0, "KB": 10, "MB": 20, "GB": 30}[m[2]]
	return n << shift, err == nil
}

func (p *parser) duration(s spot) bool {
	text := s.value.Text.Value
	if _, ok := ParseDuration(text); ok {
		return true
	}
	var fix *diag.Fix
	if m := looseDuration.FindStringSubmatch(text); m != nil {
		fix = p.rewrite(s, m[1]+unitOf(m[2]))
	} else if m := weeks.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		fix = p.rewrite(s, strconv.Itoa(7*n)+"d")
	}
	if durationForm.MatchString(text) {
		p.add(s, "S111", fmt.Sprintf("%q is too long a time", text), "a hundred years are 36500d", nil)
		return false
	}
	p.add(s, "S111", fmt.Sprintf("%q is not a duration", text), "a number and a unit: 30s, 15m, 24h, 7d", fix)
	return false
}

// unitOf returns the unit that a word such as "minutes" stands for.
func unitOf(word string) string {
	word = strings.ToLower(word)
	if strings.HasPrefix(word, "ms") || strings.HasPrefix(word, "milli") {
		return "ms"
	}
	return word[:1]
}

func (p *parser) clock(s spot) bool {
	text := s.value.Text.Value
	if clockForm.MatchString(text) {
		return true
	}
	var fix *diag.Fix
	if clockForm.MatchString("0" + text) {
		fix = p.rewrite(s, "0"+text)
	} else if time, ok := twelveHours(text); ok {
		fix = p.rewrite(s, time)
	}
	p.add(s, "S114", fmt.Sprintf("%q is not a time of day", text), `hours and minutes: "08:00", "17:30"`, fix)
	return false
}

// twelveHours returns the time that 8am or 5:30 pm stands for.
func twelveHours(text string) (string, bool) {
	m := amPM.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	hour, _ := strconv.Atoi(m[1])
	hour %= 12
	if strings.EqualFold(m[3], "p") {
		hour += 12
	}
	return fmt.Sprintf("%02d:%s", hour, cmp.Or(m[2], "00")), true
}

func (p *parser) boolean(s spot) bool {
	text := s.value.Text.Value
	if text == "true" || text == "false" {
		return true
	}
	var fix *diag.Fix
	switch strings.ToLower(text) {
	case "yes", "on", "true", "y":
		fix = p.rewrite(s, "true")
	case "no", "off", "false", "n":
		fix = p.rewrite(s, "false")
	}
	p.add(s, "S112", fmt.Sprintf("%s cannot be %q", s.name, text), "allowed: true, false", fix)
	return false
}

// version reports a version of the language that is not known here.
func (p *parser) version(s spot) bool {
	text := s.value.Text.Value
	if text == "1" {
		return true
	}
	hint := "allowed: 1"
	if strings.ContainsFunc(text, unicode.IsLetter) {
		hint = "allowed: 1; what people call it is told in name:"
	}
	p.add(s, "S107", fmt.Sprintf("version %q of the language is not known here", text), hint, nil)
	return false
}

// path returns the scalar of s if it is a dotted path.
func (p *parser) path(s spot) Text {
	if strings.Contains(s.value.Text.Value, "${{") {
		return p.bare(s, "a path")
	}
	if pathForm.MatchString(s.value.Text.Value) {
		return s.value.Text
	}
	var fix *diag.Fix
	if dotted := position.ReplaceAllString(s.value.Text.Value, ".$1"); pathForm.MatchString(dotted) {
		fix = p.rewrite(s, dotted)
	}
	p.add(s, "S121", fmt.Sprintf("%q is not a path", s.value.Text.Value),
		"names with dots between them, as in body.results.0.id; an expression cannot stand here", fix)
	return Text{}
}

// bare returns the scalar of s, freed from ${{ }} where it is written around
// what stands bare here.
func (p *parser) bare(s spot, what string) Text {
	t := s.value.Text
	if !strings.Contains(t.Value, "${{") {
		return t
	}
	found := marks.FindAllStringIndex(t.Value, -1)
	fix := &diag.Fix{Safe: true}
	for _, m := range found {
		from, to := t.At(m[0]), t.At(m[1])
		if from.Line != to.Line {
			fix = nil
			break
		}
		fix.Edits = append(fix.Edits, diag.Edit{Pos: from, Width: to.Column - from.Column})
	}
	if fix != nil {
		fix.Label = marks.ReplaceAllString(t.Value, "")
	}
	p.add(s, "S120", fmt.Sprintf("%s is %s already: it is written without ${{ }}", s.name, what), "", fix)
	if len(found) == 2 && found[0][0] == 0 && found[1][1] == len(t.Value) && found[0][1] < found[1][0] {
		return t.cut(found[0][1], found[1][0])
	}
	return Text{}
}
