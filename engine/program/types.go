package program

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// typeResolver turns written types into [value.Type]s. Types may name each
// other in any order; one that contains itself without a list or map between
// is a finding.
type typeResolver struct {
	report *report
	owner  string // the first parts of a type's name, such as ghl or ghl.contacts; "" for none
	named  map[string]*value.Type
	defs   map[string]spec.TypeEntry
	// outer has the types of connector.yaml, which a group sees beside its
	// own; nil for whatever is no group.
	outer *typeResolver
	// elsewhere returns the group that has a type of that name, "" for none;
	// nil outside of connectors.
	elsewhere func(name string) string
}

func newTypes(r *report, owner string) *typeResolver {
	return &typeResolver{report: r, owner: owner, named: map[string]*value.Type{}, defs: map[string]spec.TypeEntry{}}
}

// declare enters and resolves the types of a file.
func (t *typeResolver) declare(entries []spec.TypeEntry) {
	r := t.report
	for _, e := range entries {
		first, ok := t.defs[e.Name.Value]
		if !ok && t.outer != nil {
			first, ok = t.outer.defs[e.Name.Value]
		}
		if ok {
			r.add(diag.Finding{
				Pos: e.Name.Pos, Width: width(e.Name.Value), Code: "C120",
				Message: "there are two types with the name \"" + e.Name.Value + "\"", Hint: "give this one another name",
				Related: []diag.Related{{Pos: first.Name.Pos, Message: "the first one"}},
			})
			continue
		}
		if _, ok := value.KindOf(e.Name.Value); ok {
			r.hinted(e.Name, "C121", "give this one another name", "%q is a type already, and cannot be declared again", e.Name.Value)
			continue
		}
		t.defs[e.Name.Value] = e
	}
	for _, e := range entries {
		t.resolve(e.Name.Value)
	}
	told, sound := map[string]bool{}, map[string]bool{}
	for _, e := range entries {
		made := t.named[e.Name.Value]
		if made == nil || told[made.Name] {
			continue
		}
		if circle := circleOf(made, nil, sound); len(circle) > 0 && circle[0] == made.Name {
			for _, name := range circle {
				told[name] = true
			}
			r.hinted(e.Name, "C127", "a field that may be missing ends it: optional: true; so does a list",
				"%q holds another of itself, and that one another: %s", e.Name.Value, strings.Join(append(circle, made.Name), " → "))
		}
	}
}

// circleOf returns the named types, from t on, each of which has a field of the
// next, and the last one of the first, where none of these fields may be
// missing: no data can be of such a type. It returns nil where there is none, and
// enters t in sound.
func circleOf(t *value.Type, above []string, sound map[string]bool) []string {
	if i := slices.Index(above, t.Name); t.Name != "" && i >= 0 {
		return above[i:]
	}
	if t.Kind != value.Object || sound[t.Name] {
		return nil
	}
	if t.Name != "" {
		above = append(slices.Clip(above), t.Name)
	}
	for _, f := range t.Fields {
		if f.Type != nil && f.Type.Kind == value.Object && !f.Type.MayBeNil() {
			if circle := circleOf(f.Type, above, sound); circle != nil {
				return circle
			}
		}
	}
	if t.Name != "" {
		sound[t.Name] = true
	}
	return nil
}

// resolve returns the named type, nil if there is none of that name.
func (t *typeResolver) resolve(name string) *value.Type {
	if done, ok := t.named[name]; ok {
		return done
	}
	def, ok := t.defs[name]
	if !ok && t.outer != nil {
		return t.outer.resolve(name)
	}
	if !ok {
		return nil
	}
	// The type is entered before its parts are resolved, so that a list of
	// itself finds it.
	made := &value.Type{Name: t.qualified(name)}
	t.named[name] = made
	if def.Def.IsFields {
		made.Kind = value.Object
		made.Fields = t.fields(def.Def.Fields)
	} else {
		resolved := *t.typeOf(def.Def)
		resolved.Name = made.Name
		*made = resolved
	}
	return made
}

func (t *typeResolver) qualified(name string) string {
	if t.owner == "" {
		return name
	}
	return t.owner + "." + name
}

// names returns what may stand behind `type:`.
func (t *typeResolver) names() []string {
	names := append(spec.Kinds(), slices.Sorted(maps.Keys(t.defs))...)
	if t.outer != nil {
		names = append(names, slices.Sorted(maps.Keys(t.outer.defs))...)
	}
	return names
}

// unknown reports a name that is no type here.
func (t *typeResolver) unknown(name spec.Text) {
	if t.elsewhere != nil {
		if group := t.elsewhere(name.Value); group != "" {
			t.report.hinted(name, "C122", "move it to connector.yaml, whose types all files see",
				"%q is a type of the group %s, and only that group's file sees it", name.Value, group)
			return
		}
	}
	names := t.names()
	kind := spec.KindWord(name.Value)
	if kind == "" || diag.Nearest(name.Value, names) != "" {
		t.report.local(name, "C122", "type", "is not a type", names)
		return
	}
	f := misnamed(name, "C122", "type", "is not a type", names)
	f.Fix = replacement(f.Pos, f.Width, kind, true)
	t.report.add(f)
}

// typeOf returns the type a definition writes; any after a finding.
func (t *typeResolver) typeOf(def spec.TypeDef) *value.Type {
	if def.IsFields {
		return &value.Type{Kind: value.Object, Fields: t.fields(def.Fields)}
	}
	if !def.Type.Given() {
		return t.implied(def)
	}
	kind, ok := value.KindOf(def.Type.Value)
	if !ok {
		if named := t.resolve(def.Type.Value); named != nil {
			return named
		}
		t.unknown(def.Type)
		return value.Of(value.Any)
	}
	made := &value.Type{Kind: kind}
	switch kind {
	case value.List, value.Map:
		made.Elem = value.Of(value.Any)
		if def.Of != nil {
			made.Elem = t.typeOf(*def.Of)
		}
	case value.Object:
		made.Fields = t.fields(def.Fields)
		if len(def.Fields) == 0 {
			return value.MapOf(value.Of(value.Any))
		}
	case value.Enum:
		made.Values = texts(def.Values)
		if len(made.Values) == 0 {
			t.report.hinted(def.Type, "C123", "values: [draft, live]", "an enum needs the values that are allowed")
		}
	default:
	}
	return made
}

// implied returns the type of a definition without `type:`, from its other keys.
func (t *typeResolver) implied(def spec.TypeDef) *value.Type {
	switch {
	case len(def.Fields) > 0:
		return &value.Type{Kind: value.Object, Fields: t.fields(def.Fields)}
	case def.Of != nil:
		return value.ListOf(t.typeOf(*def.Of))
	case len(def.Values) > 0:
		return &value.Type{Kind: value.Enum, Values: texts(def.Values)}
	}
	return value.Of(value.Any)
}

func (t *typeResolver) fields(fields []spec.Field) []value.Field {
	out := make([]value.Field, 0, len(fields))
	for _, f := range fields {
		out = append(out, t.field(f))
	}
	return out
}

func (t *typeResolver) field(f spec.Field) value.Field {
	made := value.Field{
		Name: f.Name.Value, Type: t.typeOf(f.TypeDef),
		Label: f.Label.Value, Help: f.Help.Value, Deprecated: f.Deprecated.Value, Pattern: f.Pattern.Value,
		Example: f.Example.Const(), Min: float(f.Min), Max: float(f.Max),
	}
	if made.Format = f.Format.Value; made.Format != "" && made.Type.Kind != value.String && !made.Type.IsAny() {
		t.report.hinted(f.Format, "C125", "type: string", "only a text is read as %s", made.Format)
	}
	if _, err := regexp.Compile(made.Pattern); err != nil {
		t.report.hinted(f.Pattern, "C126", `pattern: "^[A-Z]{2}$"`, "%q is no regular expression", made.Pattern)
	}
	if f.From.Given() {
		made.Wire = value.SplitPath(f.From.Value)
	}
	if isTrue(f.Optional) {
		made.Type = optional(made.Type)
	}
	return made
}

// optional marks a type as one that may be missing; unlike AsOptional it
// marks [value.Any] too, of which a mapping must know whether to ask for it.
func optional(t *value.Type) *value.Type {
	o := *t
	o.Optional = true
	return &o
}

// inputs resolves written inputs. scope is what defaults may name.
func (t *typeResolver) inputs(fields []spec.Field, scope *expr.Scope) []*Input {
	var out []*Input
	for _, f := range fields {
		out = append(out, t.input(f, scope))
	}
	return out
}

func (t *typeResolver) input(f spec.Field, scope *expr.Scope) *Input {
	in := &Input{
		Field: t.field(f), Optional: isTrue(f.Optional), FromToken: f.FromToken.Value,
		Comma: f.Style.Value == "comma", AsText: f.Wire.Value == "text",
	}
	in.Type = in.Type.AsPresent()
	t.ticks(in, f.Wire)
	in.Secret = in.Type.Kind == value.SecretText
	if f.SendAs.Given() {
		in.Place = t.report.place(f.SendAs)
	}
	if f.Default != nil {
		in.Default = t.report.template(f.Default, scope, in.Type)
		if in.Default == nil {
			in.Default = Constant(nil, value.Of(value.Any)) // there is one, and what is wrong with it has been told
		}
	}
	return in
}

// ticks reads how a time goes out.
func (t *typeResolver) ticks(in *Input, wire spec.Text) {
	ticks := map[string]time.Duration{"seconds": time.Second, "milliseconds": time.Millisecond}
	if in.Tick = ticks[wire.Value]; in.Tick != 0 && in.Type.Kind != value.Datetime && in.Type.Kind != value.Any {
		t.report.hinted(wire, "C124", "type: datetime", "only a time is sent as a count of %s", wire.Value)
	}
}
