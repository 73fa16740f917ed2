package edit

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/spec"
)

// Renamed is a workspace after a rename.
type Renamed struct {
	Sources program.Sources
	Set     *program.Set // what the Sources make
	Changes []Change     // in the order of the file
	// Files are the new texts of the files that changed, by their paths.
	Files map[string][]byte
	// Moves are the files and folders that get another path then.
	Moves []Move
	// Left are texts that say the old name, beside something that holds such
	// names: whether they mean this one only their author knows.
	Left []Change
}

// RefusedError says why something cannot be renamed.
type RefusedError struct {
	Reason string
	Hint   string // "" for none
}

// Error returns the reason.
func (e *RefusedError) Error() string { return e.Reason }

func refused(hint, format string, args ...any) error {
	return &RefusedError{Reason: fmt.Sprintf(format, args...), Hint: hint}
}

// RenameStep gives a step of a flow another id, and writes it wherever the flow
// names the step. The error is a [*RefusedError] where that cannot be done: then
// nothing is changed.
func RenameStep(src program.Sources, opt program.Options, flow, from, to string) (Renamed, error) {
	r := &stepRename{flow: flow, from: from, to: to, file: fileOf(src, flow)}
	before := r.build(src, opt, from)
	places, err := r.places(src, before)
	if err != nil {
		return Renamed{}, err
	}
	source := text(src, r.file)
	fix := diag.Fix{}
	out := Renamed{Left: r.left(src, before.set)}
	for _, at := range places {
		fix.Edits = append(fix.Edits, diag.Edit{Pos: at, Width: utf8.RuneCountInString(from), Text: to})
		out.Changes = append(out.Changes, Change{Pos: at, From: from, To: to})
	}
	result, made := Apply(source, []diag.Fix{fix})
	if len(made) == 0 {
		return Renamed{}, fmt.Errorf("rename step %s of %s: its places touch each other", from, r.file)
	}
	out.Files = map[string][]byte{r.file: result}
	out.Sources = withTexts(src, out.Files)
	opt.Previous = append([]*program.Set{before.set}, opt.Previous...)
	after := r.build(out.Sources, opt, to)
	out.Set = after.set
	return out, r.holds(before, after, len(places), result)
}

// stepRename is a rename on its way.
type stepRename struct{ flow, from, to, file string }

// named is a workspace with the places at which expressions name a step.
type named struct {
	set    *program.Set
	places []diag.Pos
}

// build checks the workspace and finds where the expressions of the flow name
// a step.
func (r *stepRename) build(src program.Sources, opt program.Options, step string) named {
	var n named
	n.set, n.places = namedPlaces(src, opt, r.file, []string{"steps", step}, []string{"failures", step})
	return n
}

// namedPlaces checks the workspace and finds where the expressions of the flow
// in a file say one of the paths.
func namedPlaces(src program.Sources, opt program.Options, file string, paths ...[]string) (*program.Set, []diag.Pos) {
	var places []diag.Pos
	opt.NamedIn = file
	opt.Named = func(at diag.Pos, _ int, name expr.Named) {
		means := slices.ContainsFunc(paths, func(path []string) bool { return slices.Equal(path, name.Names) })
		if means && !slices.Contains(places, at) {
			places = append(places, at)
		}
	}
	return program.Build(src, opt), places
}

// places returns where the old id stands, in the order of the file.
func (r *stepRename) places(src program.Sources, before named) ([]diag.Pos, error) {
	if err := r.sound(before.set); err != nil {
		return nil, err
	}
	source := text(src, r.file)
	flow, _ := spec.ParseFlow(r.file, source)
	var ids []string
	var own diag.Pos
	for _, s := range stepsOf(flow) {
		switch s.ID.Value {
		case "":
			continue
		case r.from:
			own = s.ID.Pos
		case r.to:
			return nil, refused("", "the flow %q has a step %q already: %s", r.flow, r.to, s.ID.Pos)
		}
		ids = append(ids, s.ID.Value)
	}
	switch {
	case own == diag.Pos{}:
		return nil, refused(namesHint(r.from, ids), "the flow %q has no step %q", r.flow, r.from)
	case r.from == r.to:
		return nil, refused("", "the step %q has that name already", r.from)
	case !spec.IsName(r.to):
		return nil, refused("names are written in snake_case: small letters, digits and _", "%q cannot be the id of a step", r.to)
	}
	places := []diag.Pos{own}
	for _, at := range before.places {
		name, ok := withinQuotes(source, at, r.from)
		if !ok {
			return nil, refused("write it plainly there first, as in steps."+r.from, "%s: the name of the step is not written out", at)
		}
		places = append(places, name)
	}
	slices.SortFunc(places, comparePos)
	return places, nil
}

// sound refuses a flow that there is not, or that has errors.
func (r *stepRename) sound(set *program.Set) error {
	if _, ok := set.Flows[r.flow]; ok {
		return nil
	}
	var flows []string
	for id := range set.Flows {
		flows = append(flows, id)
	}
	slices.Sort(flows)
	if r.file == "" {
		return refused(namesHint(r.flow, flows), "there is no flow %q", r.flow)
	}
	for _, f := range set.Findings.Errors() {
		if f.Pos.File == r.file {
			return refused(fmt.Sprintf("put it right first: patchbay check %s", r.file), "the flow %q has errors: %s", r.flow, f.Error())
		}
	}
	return refused("put that right first: patchbay check", "the flow %q cannot do without something that has errors", r.flow)
}

// holds refuses a rename after which the workspace does not say the same.
func (r *stepRename) holds(before, after named, places int, source []byte) error {
	for _, f := range fresh(before.set.Findings, after.set.Findings) {
		return refused("", "with that name the workspace does not check: %s", f.Error())
	}
	flow, _ := spec.ParseFlow(r.file, source)
	isStep := func(s *spec.Step) bool { return s.ID.Value == r.to }
	if len(after.places) != places-1 || flow == nil || !slices.ContainsFunc(stepsOf(flow), isStep) {
		return fmt.Errorf("rename step %s of %s: it is named at %d places, and at %d afterwards", r.from, r.file, places, len(after.places)+1)
	}
	return nil
}

// fresh returns the findings that came with a rename. What a finding says may
// have changed with the name.
func fresh(before, after diag.List) diag.List {
	type key struct {
		file string
		line int
		code string
	}
	had := map[key]int{}
	for _, f := range before {
		had[key{f.Pos.File, f.Pos.Line, f.Code}]++
	}
	var out diag.List
	for _, f := range after {
		k := key{f.Pos.File, f.Pos.Line, f.Code}
		if had[k]--; had[k] < 0 {
			out.Add(f)
		}
	}
	return out
}

// withinQuotes returns where a name stands that may be in quotes, which in a
// quoted text are written with a backslash or twice.
func withinQuotes(source []byte, at diag.Pos, name string) (diag.Pos, bool) {
	offset, ok := offsetOf(source, at)
	if !ok {
		return at, false
	}
	rest := source[offset:]
	quotes := len(rest) - len(bytes.TrimLeft(rest, "\\\"'`"))
	at.Column += quotes
	return at, quotes <= 2 && bytes.HasPrefix(rest[quotes:], []byte(name))
}

// asksStep is `error.step`, `failures.<id>.step` or `event.step`, which hold the
// path of a step as a text.
var asksStep = regexp.MustCompile(`\.step\b`)

// left returns the texts that say the name of the step in the lines that ask
// for the name of a step: of this flow and of those started by its failures.
func (r *stepRename) left(src program.Sources, set *program.Set) []Change {
	quoted := regexp.MustCompile(`["']([^"'\s]*[.\]/])?` + regexp.QuoteMeta(r.from) + `["']`)
	var out []Change
	for _, f := range src.Flows {
		if f.Path == r.file || startedBy(set.Flows[flowOf(f.Path)], r.flow) {
			out = append(out, quotedIn(f, asksStep, quoted)...)
		}
	}
	return out
}

// quotedIn returns the quoted texts of a file in the lines that ask for such.
func quotedIn(f program.File, asks, quoted *regexp.Regexp) []Change {
	var out []Change
	for i, line := range bytes.Split(f.Data, []byte("\n")) {
		if !asks.Match(line) {
			continue
		}
		for _, at := range quoted.FindAllIndex(line, -1) {
			if isIndex(line, at[0]) {
				continue
			}
			pos := diag.Pos{File: f.Path, Line: i + 1, Column: utf8.RuneCount(line[:at[0]]) + 1}
			out = append(out, Change{Pos: pos, From: string(line[at[0]:at[1]])})
		}
	}
	return out
}

// isIndex reports whether what begins there stands in brackets behind a name.
func isIndex(line []byte, at int) bool {
	return bytes.HasSuffix(bytes.TrimRight(line[:at], "\\\"' "), []byte("["))
}

// startedBy reports whether a failure of the flow of that id starts f.
func startedBy(f *program.Flow, id string) bool {
	return f != nil && slices.ContainsFunc(f.Triggers, func(t *program.FlowTrigger) bool {
		return t.FlowFailed == id || t.FlowFailed == program.AnyFlow
	})
}

// fileOf returns the file of the flow of that id, "" if there is none.
func fileOf(src program.Sources, flow string) string {
	for _, f := range src.Flows {
		if flowOf(f.Path) == flow && !isOther(f) {
			return f.Path
		}
	}
	return ""
}

func namesHint(got string, names []string) string {
	if near := diag.Nearest(got, names); near != "" {
		return "did you mean " + strconv.Quote(near) + "?"
	}
	if len(names) == 0 {
		return ""
	}
	return "there are: " + strings.Join(names, ", ")
}

// StepName is a place at which a step is named.
type StepName struct {
	Flow, ID string
	Pos      diag.Pos // of the id
}

// StepAt returns the step that is named at a place of a file, where it stands
// or in an expression; false for a place that names none.
func StepAt(src program.Sources, opt program.Options, at diag.Pos) (found StepName, ok bool) {
	source := text(src, at.File)
	covers := func(pos diag.Pos, id string) bool {
		return pos.File == at.File && pos.Line == at.Line && pos.Column <= at.Column && at.Column <= pos.Column+utf8.RuneCountInString(id)
	}
	parsed, _ := spec.ParseFlow(at.File, source)
	if parsed == nil {
		return StepName{}, false
	}
	flow := flowOf(at.File)
	for _, s := range stepsOf(parsed) {
		if s.ID.Given() && covers(s.ID.Pos, s.ID.Value) {
			return StepName{flow, s.ID.Value, s.ID.Pos}, true
		}
	}
	opt.NamedIn = at.File
	opt.Named = func(pos diag.Pos, _ int, n expr.Named) {
		if len(n.Names) != 2 || n.Names[0] != "steps" && n.Names[0] != "failures" {
			return
		}
		if within, plain := withinQuotes(source, pos, n.Names[1]); plain && covers(within, n.Names[1]) {
			found, ok = StepName{flow, n.Names[1], within}, true
		}
	}
	program.Build(src, opt)
	return found, ok
}
