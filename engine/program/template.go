package program

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// template compiles a written value in which `${{ }}` may stand, and holds it
// against the type that is wanted (nil: anything). It returns nil after a
// finding.
func (r *report) template(v *spec.Value, scope *expr.Scope, want *value.Type) *Value {
	if v == nil {
		return nil
	}
	switch v.Kind {
	case spec.List:
		return r.listTemplate(v, scope, want)
	case spec.Map:
		return r.objectTemplate(v, v.Entries, scope, want, "field")
	case spec.String:
		return r.textTemplate(v.Text, scope, want)
	default:
		return r.literal(v, want)
	}
}

func (r *report) literal(v *spec.Value, want *value.Type) *Value {
	c := v.Const()
	if reason := value.MismatchValue(c, want); reason != "" {
		if shown := fmt.Sprint(c); c != nil && shown != v.Text.Value {
			reason = strings.Replace(reason, shown+" is given", v.Text.Value+" is given", 1)
		}
		f := diag.Finding{Pos: v.Pos, Width: width(v.Text.Value), Code: "F350", Message: reason}
		if want != nil && want.Kind == value.String && c != nil && v.Text.Plain {
			f.Hint = "put it in quotes if the text is meant"
			f.Fix = replacement(v.Pos, f.Width, fmt.Sprintf("%q", v.Text.Value), r.asking)
		}
		r.add(f)
		return nil
	}
	return Constant(c, typeOfConst(c))
}

func typeOfConst(c any) *value.Type {
	switch c.(type) {
	case nil:
		return value.Of(value.Nil)
	case bool:
		return value.Of(value.Boolean)
	case int:
		return value.Of(value.Integer)
	case float64:
		return value.Of(value.Number)
	case string:
		return value.Of(value.String)
	default:
		return value.Of(value.Any)
	}
}

func (r *report) textTemplate(t spec.Text, scope *expr.Scope, want *value.Type) *Value {
	parts, problems := expr.Scan(t.Value)
	if len(problems) > 0 {
		r.problems(t, 0, t.Value, problems)
		return nil
	}
	if len(parts) == 1 && parts[0].IsExpr {
		code := r.expression(t, parts[0].Inner, parts[0].Expr, scope, want)
		if code == nil {
			return nil
		}
		return &Value{form: formCode, Code: code, Type: outside(code.Type())}
	}
	r.lookalikes(t, parts, scope)
	if !slices.ContainsFunc(parts, func(p expr.Part) bool { return p.IsExpr }) {
		return r.plainText(t, parts, want)
	}
	return r.mixedText(t, parts, scope, want)
}

func (r *report) plainText(t spec.Text, parts []expr.Part, want *value.Type) *Value {
	var text strings.Builder
	for _, p := range parts {
		text.WriteString(p.Literal)
	}
	reason := value.MismatchValue(text.String(), want)
	if reason == "" {
		return Constant(text.String(), value.Of(value.String))
	}
	f := diag.Finding{Pos: t.Pos, Width: width(t.Value), Code: "F350", Message: reason}
	if want.Kind == value.Enum {
		f.Code, f.Message = "F340", fmt.Sprintf("%q is not one of the values allowed here", t.Value)
		f.Hint = namesHint("value", t.Value, want.Values)
		if near := diag.Nearest(t.Value, want.Values); near != "" {
			f.Fix = replacement(t.Pos, f.Width, near, r.asking && diag.Sure(t.Value, near))
		}
	}
	r.unquoted(t, want, &f)
	r.add(f)
	return nil
}

// dayFirst matches a date as it is written in much of Europe.
var dayFirst = regexp.MustCompile(`^(0?[1-9]|[12]\d|3[01])\.\s?(0?[1-9]|1[0-2])\.\s?(\d{4})$`)

// truthWord returns what a word such as yes means, "" for other words.
func truthWord(word string) string {
	switch strings.ToLower(word) {
	case "yes", "y", "on", "true":
		return "true"
	case "no", "n", "off", "false":
		return "false"
	}
	return ""
}

// unquoted adds to a finding about a text that another way to write it would
// be right: a number without quotes, a list in brackets.
func (r *report) unquoted(t spec.Text, want *value.Type, f *diag.Finding) {
	_, notNumber := strconv.ParseFloat(t.Value, 64)
	switch {
	case want.Kind == value.Boolean && t.Plain && truthWord(t.Value) != "":
		f.Hint = "it is written true or false"
		f.Fix = replacement(t.Pos, f.Width, truthWord(t.Value), r.asking)
	case want.Kind == value.Date && dayFirst.MatchString(t.Value):
		f.Hint = "the year comes first, then the month, then the day"
		m := dayFirst.FindStringSubmatch(t.Value)
		f.Fix = replacement(t.Pos, f.Width, fmt.Sprintf("%s-%02s-%02s", m[3], m[2], m[1]), false)
	case want.Kind == value.List && value.MismatchValue(t.Value, want.Elem) == "":
		f.Hint = "a list is written in brackets"
		if t.Plain {
			f.Fix = replacement(t.Pos, f.Width, "["+t.Value+"]", r.asking)
		}
	case (want.Kind == value.Number || want.Kind == value.Integer) && notNumber == nil && !t.Plain,
		want.Kind == value.Boolean && !t.Plain && (t.Value == "true" || t.Value == "false"):
		f.Hint = "it is written without quotes"
		if at := t.At(len(t.Value)); at.Line == t.Pos.Line && at.Column == t.Pos.Column+f.Width {
			opening := t.Pos
			opening.Column--
			f.Fix = replacement(opening, f.Width+2, t.Value, r.asking)
		}
	}
}

func (r *report) mixedText(t spec.Text, parts []expr.Part, scope *expr.Scope, want *value.Type) *Value {
	v := &Value{form: formParts, Type: value.Of(value.String)}
	sound := true
	for _, p := range parts {
		if !p.IsExpr {
			v.Parts = append(v.Parts, Part{Text: p.Literal})
			continue
		}
		code := r.expression(t, p.Inner, p.Expr, scope, nil)
		if code == nil {
			sound = false
			continue
		}
		if reason, hint := notText(t, p.Expr, code.Type()); reason != "" {
			sound = false
			r.add(diag.Finding{Pos: t.At(p.Inner), Width: width(p.Expr), Code: "F351", Message: reason, Hint: hint})
		}
		v.Parts = append(v.Parts, Part{Code: code})
	}
	if reason := value.Mismatch(v.Type, want); reason != "" && sound {
		r.at(t, "F350", "%s", reason)
		return nil
	}
	if !sound {
		return nil
	}
	return v
}

// notText says why the value of an expression cannot stand inside a text, ""
// if it can, and what to write instead.
func notText(in spec.Text, src string, t *value.Type) (reason, hint string) {
	switch {
	case t.IsAny():
		return "", ""
	case t.MayBeNil():
		return src + " may be missing, and nothing can stand in its place in a text",
			"say what to write then:  ${{ " + src + " ?? " + in.Quoted("…") + " }}"
	}
	switch t.Kind {
	case value.List:
		hint = "join(" + src + ", " + in.Quoted(", ") + ") makes one text of a list of texts"
		if names := t.Elem.FieldNames(); len(names) > 0 {
			hint = "join(map(" + src + ", ." + names[0] + "), " + in.Quoted(", ") + ") makes one text of one field of each"
		}
	case value.Object:
		hint = "fields: " + strings.Join(t.FieldNames(), ", ")
	case value.Map:
		hint = "json(" + src + ") writes it out"
	case value.FileKind, value.SecretText:
	default:
		return "", ""
	}
	return fmt.Sprintf("%s is %s, which cannot stand inside a text", src, withArticle(t.String())), hint
}

func (r *report) listTemplate(v *spec.Value, scope *expr.Scope, want *value.Type) *Value {
	if !want.IsAny() && want.Kind != value.List {
		r.add(diag.Finding{Pos: v.Pos, Width: 1, Code: "F350", Message: fmt.Sprintf("%s is wanted, a list is given", want.AsPresent())})
		return nil
	}
	var elem, common *value.Type
	if want != nil {
		elem = want.Elem
	}
	out := &Value{form: formList}
	sound := true
	for i, item := range v.Items {
		e := r.template(item, scope, elem)
		if e == nil {
			sound = false
			continue
		}
		out.List = append(out.List, e)
		if i == 0 {
			common = e.Type
		} else {
			common = join(common, e.Type)
		}
	}
	if !sound {
		return nil
	}
	out.Type = value.ListOf(common)
	return out.folded()
}

// join returns a type that both values have: the same one, or any.
func join(a, b *value.Type) *value.Type {
	switch {
	case value.Mismatch(a, b) == "" && !a.IsAny():
		return b
	case value.Mismatch(b, a) == "" && !b.IsAny():
		return a
	}
	return value.Of(value.Any)
}

// objectTemplate compiles the entries of a written map. at is where the map
// stands, for what is missing in it; noun is what its keys are: field or input.
func (r *report) objectTemplate(at *spec.Value, entries []spec.Entry, scope *expr.Scope, want *value.Type, noun string) *Value {
	if !want.IsAny() && want.Kind != value.Object && want.Kind != value.Map {
		f := diag.Finding{Pos: at.Pos, Width: 1, Code: "F350", Message: fmt.Sprintf("%s is wanted, a map is given", want.AsPresent())}
		if want.Kind == value.List {
			f.Hint = "a list of one is written in brackets: [{ … }]"
		}
		r.add(f)
		return nil
	}
	out := &Value{form: formObject}
	t := &value.Type{Kind: value.Object}
	sound := true
	var meant []string // the fields that unknown names seem to stand for
	for _, e := range entries {
		r.plainKey(e.Key)
		fieldType, ok := r.wantedField(e.Key, entries, want, noun)
		if !ok {
			sound = false
			meant = append(meant, diag.Nearest(e.Key.Value, unwritten(want, entries)))
		}
		field := r.template(e.Value, scope, fieldType)
		if field == nil {
			sound = false
			continue
		}
		out.Object = append(out.Object, Named{Name: e.Key.Value, Value: field})
		t.Fields = append(t.Fields, value.Field{Name: e.Key.Value, Type: field.Type})
	}
	if want != nil && want.Kind == value.Object && !r.complete(at, entries, want, noun, meant) {
		sound = false
	}
	if !sound {
		return nil
	}
	out.Type = t
	return out.folded()
}

// plainKey warns of marks in a key, which is never an expression.
func (r *report) plainKey(key spec.Text) {
	if strings.Contains(key.Value, "${{") {
		r.hinted(key, "W120", "what stands in front of the colon is never an expression", "the key %s is taken just as it stands", key.Value)
	}
}

// wantedField returns the type that the field named key should have.
func (r *report) wantedField(key spec.Text, entries []spec.Entry, want *value.Type, noun string) (*value.Type, bool) {
	switch {
	case want.IsAny():
		return nil, true
	case want.Kind == value.Map:
		return want.Elem, true
	}
	f, ok := want.Lookup(key.Value)
	if !ok {
		owner := want.Name
		if owner == "" {
			owner = "this object"
		}
		r.nameAt(key.Pos, key.Value, diag.Finding{
			Code: "F401", Message: fmt.Sprintf("%q is not %s of %s", key.Value, withArticle(noun), owner),
			Hint: namesHint(noun, key.Value, want.FieldNames()),
		}, unwritten(want, entries))
		return nil, false
	}
	return f.Type, true
}

// unwritten returns the fields that an unknown name may stand for: those that
// are not written themselves.
func unwritten(want *value.Type, entries []spec.Entry) []string {
	return slices.DeleteFunc(want.FieldNames(), func(name string) bool {
		return slices.ContainsFunc(entries, func(e spec.Entry) bool { return e.Key.Value == name })
	})
}

func withArticle(noun string) string {
	if strings.ContainsAny(noun[:1], "aeiou") {
		return "an " + noun
	}
	return "a " + noun
}

// complete reports the fields that are wanted and not written, nor meant by a
// name that has been told to be wrong.
func (r *report) complete(at *spec.Value, entries []spec.Entry, want *value.Type, noun string, meant []string) bool {
	var missing, hints []string
	told := false
	for _, f := range want.Fields {
		written := slices.ContainsFunc(entries, func(e spec.Entry) bool { return e.Key.Value == f.Name })
		switch {
		case written || f.Type.IsAny() || f.Type.MayBeNil():
		case slices.Contains(meant, f.Name) || r.lost.has(f.Name, diag.Pos{}):
			told = true
		default:
			missing = append(missing, f.Name)
			hints = append(hints, describedField(f))
		}
	}
	if told {
		r.follow()
	}
	if len(missing) == 0 {
		return !told
	}
	be := "is"
	if len(missing) > 1 {
		noun, be = noun+"s", "are"
	}
	r.add(diag.Finding{
		Pos: at.Pos, Width: width(at.Text.Value), Code: "F402", Hint: strings.Join(hints, "\n"),
		Message: fmt.Sprintf("the %s %s %s missing", noun, quoted(missing), be),
	})
	return false
}

// describedField says of a field what it is: "email: string, the address".
func describedField(f value.Field) string {
	text := f.Name + ": " + f.Type.String()
	switch {
	case f.Help != "":
		text += ", " + f.Help
	case f.Label != "":
		text += ", " + f.Label
	}
	return text
}

// folded returns the constant that a list or object of constants is.
func (v *Value) folded() *Value {
	for _, e := range v.List {
		if !e.IsConst() {
			return v
		}
	}
	for _, f := range v.Object {
		if !f.Value.IsConst() {
			return v
		}
	}
	c, err := v.Eval(&expr.Env{})
	if err != nil {
		return v
	}
	return Constant(c, v.Type)
}

// outside returns the type a value has once it has left its expression: times
// and spans travel as text.
func outside(t *value.Type) *value.Type {
	if t == nil {
		return nil
	}
	o := *t
	switch t.Kind {
	case value.Time:
		o.Kind = value.Datetime
	case value.Span:
		o.Kind = value.Duration
	default:
		return t
	}
	return &o
}
