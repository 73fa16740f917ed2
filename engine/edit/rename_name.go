package edit

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"patchbay/engine/diag"
	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/spec"
)

// Move is a file or a folder that gets another path.
type Move struct{ From, To string }

// path returns where a file is after the move.
func (m Move) path(file string) string {
	if file == m.From {
		return m.To
	}
	if rest, inside := strings.CutPrefix(file, m.From+"/"); inside {
		return m.To + "/" + rest
	}
	return file
}

// Rename gives a flow, a connection or a connector of the workspace another
// name, and writes it wherever the files say the old one. The texts in the
// result are under the paths of before its Moves. The error is a
// [*RefusedError] where that cannot be done: then nothing is changed.
func Rename(src program.Sources, opt program.Options, kind journal.NameKind, from, to string) (Renamed, error) {
	r := &nameRename{src: src, opt: opt, kind: kind, from: from, to: to, found: map[string][]diag.Pos{}, roles: map[string]bool{}}
	r.before = program.Build(src, opt)
	if err := r.allowed(); err != nil {
		return Renamed{}, err
	}
	if err := r.collect(); err != nil {
		return Renamed{}, err
	}
	out, err := r.apply()
	if err != nil {
		return Renamed{}, err
	}
	out.Left = r.left()
	opt.Previous = append([]*program.Set{r.before}, opt.Previous...)
	out.Set = program.Build(out.Sources, opt)
	if err := r.holds(out.Set); err != nil {
		return Renamed{}, err
	}
	return out, nil
}

// RenameConnectorIn writes another id of a connector wherever the sources of a
// version of a flow say the old one, and gives its roles their new names in
// opt.Uses, which stays as it is. Nothing is checked afterwards.
func RenameConnectorIn(src program.Sources, opt program.Options, from, to string) (program.Sources, map[string]map[string]program.Role, error) {
	r := &nameRename{
		src: src, opt: opt, kind: journal.ConnectorName, from: from, to: to,
		found: map[string][]diag.Pos{}, roles: map[string]bool{},
	}
	r.before = program.Build(src, opt)
	if err := r.collect(); err != nil {
		return src, opt.Uses, err
	}
	out, err := r.apply()
	uses := map[string]map[string]program.Role{}
	for flow, roles := range opt.Uses {
		uses[flow] = map[string]program.Role{}
		for role, use := range roles {
			if use.Connector == from {
				use.Connector = to
			}
			uses[flow][r.role(flow, role)] = use
		}
	}
	return out.Sources, uses, err
}

// nameRename is a rename on its way.
type nameRename struct {
	src      program.Sources
	opt      program.Options
	kind     journal.NameKind
	from, to string
	before   *program.Set
	move     Move                  // "" to "" for none
	found    map[string][]diag.Pos // by file: where the old name stands
	roles    map[string]bool       // the flows in which a role has the name, and gets the new one
}

var flowForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

// allowed refuses a rename of what there is not, to a name that cannot be, and
// in a workspace with errors: there not all is known that says the name.
func (r *nameRename) allowed() error {
	names, file := r.names()
	if !slices.Contains(names, r.from) {
		if r.kind == journal.ConnectorName && r.src.AsNeeded[r.from] {
			return refused("only a connector of your own, in a folder of connectors/, can have another name; a connection to it can have any: patchbay rename connection",
				"the connector %q comes with Patchbay and keeps its name", r.from)
		}
		return refused(namesHint(r.from, names), "there is no %s %q", r.kind, r.from)
	}
	isFlow := r.kind == journal.FlowName
	switch taken := r.taken(names); {
	case r.from == r.to:
		return refused("", "the %s %q has that name already", r.kind, r.from)
	case isFlow && !flowForm.MatchString(r.to):
		return refused("it is the name of a file: small letters, digits, - and _", "%q cannot be the name of a flow", r.to)
	case !isFlow && !spec.IsName(r.to):
		return refused("names are written in snake_case: small letters, digits and _", "%q cannot be the name of a %s", r.to, r.kind)
	case taken != "":
		return refused("choose another name", "%s", taken)
	}
	for _, f := range r.before.Findings.Errors() {
		if f.Pos.File == file && isFlow {
			return refused("put it right first: patchbay check "+file, "the flow %q has errors: %s", r.from, f.Error())
		}
	}
	for _, f := range r.before.Findings.Errors() {
		return refused("put it right first: patchbay check", "there are errors, so that not every place is known that names the %s: %s", r.kind, f.Error())
	}
	return nil
}

// names returns the names that may be changed, sorted, and the file of a flow
// that is to be renamed.
func (r *nameRename) names() (names []string, file string) {
	switch r.kind {
	case journal.FlowName:
		for _, f := range r.src.Flows {
			if !isOther(f) {
				names = append(names, flowOf(f.Path))
			}
		}
		if file = fileOf(r.src, r.from); file != "" {
			r.move = Move{From: file, To: path.Join(path.Dir(file), r.to+path.Ext(file))}
		}
	case journal.ConnectionName:
		for _, c := range r.connections() {
			names = append(names, c.Name.Value)
		}
	case journal.ConnectorName:
		for id := range r.src.Connectors {
			if !r.src.AsNeeded[id] {
				names = append(names, id)
			}
		}
	}
	slices.Sort(names)
	return names, file
}

// taken says what has the new name already, "" if nothing has.
func (r *nameRename) taken(names []string) string {
	switch _, builtin := r.src.Connectors[r.to]; {
	case slices.Contains(names, r.to):
		return fmt.Sprintf("there is a %s %q already", r.kind, r.to)
	case r.kind == journal.ConnectorName && builtin:
		return fmt.Sprintf("the connector %q comes with Patchbay", r.to)
	case r.kind == journal.FlowName && slices.ContainsFunc(r.src.Flows, func(f program.File) bool { return flowOf(f.Path) == r.to }):
		return fmt.Sprintf("the file of the name %s.yaml is there already, and is no flow", r.to)
	}
	return ""
}

func isOther(f program.File) bool {
	return slices.Contains([]string{"table", "connections", "test", "dashboard"}, spec.KindOf(f.Data))
}

// connections returns what the connections files say.
func (r *nameRename) connections() []*spec.Connection {
	var all []*spec.Connection
	for _, f := range r.src.Flows {
		if spec.KindOf(f.Data) != "connections" {
			continue
		}
		if file, _ := spec.ParseConnections(f.Path, f.Data); file != nil {
			all = append(all, file.Connections...)
		}
	}
	return all
}

// collect finds every place that says the old name.
func (r *nameRename) collect() error {
	switch r.kind {
	case journal.FlowName:
	case journal.ConnectionName:
		for _, c := range r.connections() {
			r.note(c.Name, c.Name.Value)
		}
	case journal.ConnectorName:
		r.move = Move{From: "connectors/" + r.from, To: "connectors/" + r.to}
		for _, f := range r.src.Connectors[r.from] {
			if path.Base(f.Path) != "connector.yaml" || strings.Count(f.Path, "/") != 2 {
				continue
			}
			if main, _ := spec.ParseConnector(f.Path, f.Data); main != nil {
				r.note(main.ID, main.ID.Value)
			}
		}
		for _, c := range r.connections() {
			r.note(c.Connector, c.Connector.Value)
		}
	}
	for _, f := range r.src.Flows {
		if isOther(f) {
			continue
		}
		if err := r.collectIn(f); err != nil {
			return err
		}
	}
	return nil
}

// note notes a scalar that begins with the old name, if that is the name.
func (r *nameRename) note(t spec.Text, name string) {
	if t.Given() && name == r.from {
		at := t.At(0)
		r.found[at.File] = append(r.found[at.File], at)
	}
}

// collectIn finds the places in the file of a flow.
func (r *nameRename) collectIn(f program.File) error {
	flow, _ := spec.ParseFlow(f.Path, f.Data)
	if flow == nil {
		return nil
	}
	if r.kind == journal.FlowName {
		for _, t := range flow.Triggers {
			r.note(t.FlowFailed, t.FlowFailed.Value)
		}
		for _, s := range stepsOf(flow) {
			r.note(s.Call, s.Call.Value)
		}
		return nil
	}
	if r.kind == journal.ConnectionName {
		for _, e := range flow.Use {
			if e.Value != nil {
				written, _ := program.SplitMember(e.Value.Text.Value)
				r.note(e.Value.Text, written)
			}
		}
	}
	checked := r.before.Flows[flow.ID]
	if checked == nil || !r.means(checked) {
		return nil
	}
	if _, used := checked.Uses[r.to]; used {
		if r.kind == journal.ConnectorName && !slices.ContainsFunc(flow.Use, func(e spec.Entry) bool { return e.Key.Value == r.from }) {
			return refused("choose another name, or give that role another one first", "the flow %q has a role %q already", flow.ID, r.to)
		}
		return nil // the role is a word of the flow's own, and stays
	}
	r.roles[flow.ID] = true
	r.collectRole(f, flow)
	return nil
}

// means reports whether the flow has a role that bears the old name and stands
// for what gets the new one.
func (r *nameRename) means(f *program.Flow) bool {
	use := f.Uses[r.from]
	if use == nil {
		return false
	}
	if r.kind == journal.ConnectorName {
		return use.Connector.ID == r.from
	}
	// The role of a connector that a connection bears the name of is the
	// connector's, unless the flow says which connection it is.
	return use.Written() == r.from && use.Connector.ID != r.from
}

// collectRole finds the places in a flow that name the role.
func (r *nameRename) collectRole(f program.File, flow *spec.Flow) {
	for _, e := range flow.Use {
		r.note(e.Key, e.Key.Value)
	}
	first := func(t spec.Text) {
		role, _, _ := strings.Cut(t.Value, ".")
		r.note(t, role)
	}
	for _, t := range flow.Triggers {
		first(t.Trigger)
	}
	for _, s := range stepsOf(flow) {
		first(s.Action)
		if s.WaitFor != nil {
			first(s.WaitFor.Trigger)
		}
	}
	opt := r.opt
	opt.Previous = append([]*program.Set{r.before}, opt.Previous...)
	_, places := namedPlaces(r.src, opt, f.Path, []string{"connection", r.from})
	r.found[f.Path] = append(r.found[f.Path], places...)
}

// role returns the name that a role of a flow has afterwards.
func (r *nameRename) role(flow, role string) string {
	if role == r.from && r.roles[flow] {
		return r.to
	}
	return role
}

// apply writes the new name at every place.
func (r *nameRename) apply() (Renamed, error) {
	out := Renamed{Files: map[string][]byte{}}
	for _, file := range slices.Sorted(maps.Keys(r.found)) {
		source := text(r.src, file)
		fix := diag.Fix{}
		places := r.found[file]
		slices.SortFunc(places, comparePos)
		for _, at := range slices.Compact(places) {
			name, ok := withinQuotes(source, at, r.from)
			if !ok {
				return Renamed{}, refused("write it plainly there first", "%s: the name %s is not written out", at, r.from)
			}
			fix.Edits = append(fix.Edits, diag.Edit{Pos: name, Width: utf8.RuneCountInString(r.from), Text: r.to})
			out.Changes = append(out.Changes, Change{Pos: name, From: r.from, To: r.to})
		}
		result, made := Apply(source, []diag.Fix{fix})
		if len(made) == 0 {
			return Renamed{}, fmt.Errorf("rename %s %s in %s: its places touch each other", r.kind, r.from, file)
		}
		out.Files[file] = result
	}
	out.Sources = withTexts(r.src, out.Files)
	if r.move.From != "" {
		out.Moves = []Move{r.move}
		out.Sources = r.moved(out.Sources)
	}
	return out, nil
}

// moved returns the sources with the paths of after the rename.
func (r *nameRename) moved(src program.Sources) program.Sources {
	moved := func(files []program.File) []program.File {
		files = slices.Clone(files)
		for i := range files {
			files[i].Path = r.move.path(files[i].Path)
		}
		return files
	}
	out := program.Sources{Connectors: map[string][]program.File{}, Flows: moved(src.Flows), AsNeeded: maps.Clone(src.AsNeeded)}
	for id, files := range src.Connectors {
		if r.kind == journal.ConnectorName && id == r.from {
			id = r.to
			if src.AsNeeded[r.from] {
				out.AsNeeded[id] = true
				delete(out.AsNeeded, r.from)
			}
		}
		out.Connectors[id] = moved(files)
	}
	return out
}

// holds refuses a rename after which the workspace does not say the same.
func (r *nameRename) holds(after *program.Set) error {
	before := slices.Clone(r.before.Findings)
	for i := range before {
		before[i].Pos.File = r.move.path(before[i].Pos.File)
	}
	for _, f := range fresh(before, after.Findings) {
		return refused(f.Hint, "with that name the workspace does not check: %s", f.Error())
	}
	for _, id := range slices.Sorted(maps.Keys(r.before.Flows)) {
		was, now := r.before.Flows[id], after.Flows[r.named(journal.FlowName, id)]
		if now == nil {
			return fmt.Errorf("rename %s %s: the flow %s is gone afterwards", r.kind, r.from, id)
		}
		for role, use := range was.Uses {
			if err := r.sameUse(id, use, now.Uses[r.role(id, role)]); err != nil {
				return err
			}
		}
	}
	return nil
}

// sameUse refuses a rename after which a role of a flow stands for something
// else.
func (r *nameRename) sameUse(flow string, was, now *program.Use) error {
	written, account := program.SplitMember(was.Connection)
	want := r.named(journal.ConnectionName, written)
	if account != "" {
		want = program.MemberName(want, account)
	}
	if now == nil || now.Connector.ID != r.named(journal.ConnectorName, was.Connector.ID) {
		return refused("choose another name", "with that name %s would be something else in the flow %q", was.Role, flow)
	}
	if now.Connection != want {
		return refused("say in the flow first which connection it uses:  use: { "+was.Role+": "+was.Connection+" }",
			"with that name the flow %q would use another connection than now", flow)
	}
	return nil
}

// named returns what something of a kind is called afterwards.
func (r *nameRename) named(kind journal.NameKind, name string) string {
	if kind == r.kind && name == r.from {
		return r.to
	}
	return name
}

// left returns the texts that say the name of a flow in lines that ask for the
// name of one.
func (r *nameRename) left() []Change {
	if r.kind != journal.FlowName {
		return nil
	}
	var out []Change
	for _, f := range r.src.Flows {
		if !isOther(f) {
			out = append(out, quotedIn(f, asksFlow, regexp.MustCompile(`["']`+regexp.QuoteMeta(r.from)+`["']`))...)
		}
	}
	return out
}

// asksFlow is `event.flow` or `flow.id`, which hold the id of a flow as a text.
var asksFlow = regexp.MustCompile(`\.flow\b|\bflow\??\.id\b`)
