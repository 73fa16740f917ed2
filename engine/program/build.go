package program

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"path"
	"slices"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// File is one file as it was read.
type File struct {
	Path string // as findings print it, with slashes: "flows/weekly-report.yaml"
	Data []byte
	// Unreadable says why there are no Data, nil for a file that was read.
	Unreadable *diag.Finding
}

// Sources is the text of a workspace.
type Sources struct {
	// Connectors are the files of each connector's folder, by the folder's
	// name. The paths of the files begin with the folder's.
	Connectors map[string][]File
	// Flows are the files of the folder flows: flows, tables, connections.
	Flows []File
	// AsNeeded are the connectors that were checked before: built in, or stored
	// with a version of a flow. Of those only what is used is read; all others
	// are checked whole, so that their authors see what is wrong at once.
	AsNeeded map[string]bool
}

// Options of a [Build].
type Options struct {
	// Sandbox makes a connection for each connector that has none, from the
	// examples of its fields.
	Sandbox bool
	// Pinned marks sources taken from a definition in the store, which leave
	// out fixtures and connections: what is missing there is no finding.
	Pinned bool
	// Uses gives the roles of flows taken from a definition, by flow and role.
	Uses map[string]map[string]Role
	// Previous are sets of earlier Builds: what of them would come out the same
	// is taken over instead of being checked again. The new set does not keep
	// them.
	Previous []*Set
	// Named is told of each name in the sound expressions of the flow in the
	// file NamedIn, which is not taken over then: where it stands, how many
	// characters it has, its type. An editor shows them.
	Named   func(at diag.Pos, width int, n expr.Named)
	NamedIn string
}

// Role is what a role of a flow stands for, by name.
type Role struct {
	Connector  string `json:"connector"`
	Connection string `json:"connection,omitempty"`
}

// Set is a checked workspace: everything in it that is sound.
type Set struct {
	// Connectors are those that were checked: of the ones that are read as
	// needed, those that a connection or a flow names. [Set.Connector] has all.
	Connectors  map[string]*Connector
	Connections map[string]*Connection
	Tables      map[string]*TableShape
	Flows       map[string]*Flow
	Findings    diag.List
	members     map[string][]*Connection // by the connection that signed in
	// Broken are the ids of the flows that have errors, or need something that
	// has: of those, the finding stands where the error is.
	Broken []string

	unread *unread
	kept   kept
}

// Build checks a workspace. The findings are sorted; what has errors is left
// out of the Set, with everything that cannot do without it. Warnings are left
// out where their line allows them.
func Build(src Sources, opt Options) *Set {
	b := &builder{
		src: src, opt: opt, noted: map[*group]bool{},
		set: &Set{
			Connectors:  map[string]*Connector{},
			Connections: map[string]*Connection{},
			Tables:      map[string]*TableShape{},
			Flows:       map[string]*Flow{},
		},
		flows: map[string]*flowFile{}, named: map[string]diag.Pos{}, played: map[string]*Connection{}, tableSums: map[string]string{},
		unsound: unsound{connectors: map[string]bool{}, connections: map[string]string{}, tables: map[string]bool{}, flows: map[string]bool{}},
	}
	for _, id := range slices.Sorted(maps.Keys(src.Connectors)) {
		if !src.AsNeeded[id] || opt.Sandbox {
			b.connector(id)
		}
	}
	b.files(src.Flows)
	b.connections()
	for _, t := range b.tables {
		b.table(t)
	}
	for _, id := range slices.Sorted(maps.Keys(b.flows)) {
		b.flow(id)
	}
	maps.Copy(b.set.Connections, b.played)
	b.set.unread = b.leaveUnread()
	b.set.kept.sandbox = opt.Sandbox
	slices.Sort(b.set.Broken)
	b.set.Broken = slices.Compact(b.set.Broken)
	b.set.Findings = withoutAllowed(b.set.Findings, src)
	b.set.Findings.Sort()
	return b.set
}

// builder holds what has been read so far while a workspace is checked.
type builder struct {
	src   Sources
	opt   Options
	set   *Set
	noted map[*group]bool // whose findings have been told

	written []*connectionsFile
	named   map[string]diag.Pos // where each connection of these files stands
	tables  []*tableFile
	// tableSums are the content hashes of the files of the tables.
	tableSums map[string]string
	flows     map[string]*flowFile
	calling   []calling // the flows being checked, from the outside in
	// played are the connections to the sandbox that flows ask for by name.
	// They join the others only in the end: what a flow finds must not depend
	// on the flows before it.
	played  map[string]*Connection
	unsound unsound
}

// unsound is what exists and has errors, which have been told: nobody who
// refers to it is told that it does not exist.
type unsound struct {
	connectors  map[string]bool
	connections map[string]string // name → connector, "" where that is unknown
	unreadable  bool              // of a connections file nothing at all is known
	tables      map[string]bool
	flows       map[string]bool
}

type connectionsFile struct {
	spec *spec.Connections
	lost lost
}

type tableFile struct {
	spec *spec.Table
	lost lost
	sum  string
}

// flowFile is a flow on its way from text to program.
type flowFile struct {
	file  File
	state checkState
	flow  *Flow // once checked; also for a broken one, so that others can be checked against it
	// parsed is the file as parsed; nil where that is not needed, because the
	// flow may be taken over.
	parsed *parsedFlow
	// known is what earlier Builds kept of a file with this text.
	known []*keptFlow
	// kept is what the next Build is to know.
	kept *keptFlow
	// tried is set once it was seen whether the flow can be taken over, taken if so.
	tried, taken bool
}

// parsedFlow is what the parser made of the file of a flow.
type parsedFlow struct {
	spec   *spec.Flow
	lost   lost
	broken bool // the file itself has errors
}

type checkState uint8

const (
	unchecked checkState = iota
	checking
	checked
)

// files sorts the files of the folder flows by what they are.
func (b *builder) files(files []File) {
	for _, f := range byPath(files) {
		if f.Unreadable != nil {
			b.unknown(f, *f.Unreadable)
			continue
		}
		if known := b.known(f); len(known) > 0 {
			b.flowFile(f, known)
			continue
		}
		switch kind := kindOf(f); kind {
		case "connections":
			c, found := spec.ParseConnections(f.Path, f.Data)
			b.set.Findings.Add(found...)
			if c == nil {
				b.unsound.unreadable = true
				continue
			}
			b.written = append(b.written, &connectionsFile{c, newLost(f.Data, found)})
		case "table":
			t, found := spec.ParseTable(f.Path, f.Data)
			b.set.Findings.Add(found...)
			if t == nil || found.Err() != nil {
				b.unsound.tables[idOf(f.Path)] = true
			}
			if t != nil {
				b.tables = append(b.tables, &tableFile{t, newLost(f.Data, found), hashFiles([]File{f})})
			}
		case "test", "dashboard":
			// not part of what runs
		case "connector", "group":
			b.unknown(f, misplaced(f, kind))
		case "flow", "":
			b.flowFile(f, nil)
		default:
			if isFlowKey(kind) {
				b.flowFile(f, nil)
			} else {
				b.unknown(f, unknownKind(f, kind))
			}
		}
	}
}

// unknown notes a file of which nobody knows what it is, and why.
func (b *builder) unknown(f File, found diag.Finding) {
	id := idOf(f.Path)
	b.set.Findings.Add(found)
	b.unsound.flows[id], b.unsound.tables[id] = true, true
	if id == "connections" {
		b.unsound.unreadable = true
		return
	}
	b.set.Broken = append(b.set.Broken, id)
}

func byPath(files []File) []File {
	return slices.SortedStableFunc(slices.Values(files), func(x, y File) int { return cmp.Compare(x.Path, y.Path) })
}

// idOf returns the id of a flow or table: its file's name without .yaml.
func idOf(file string) string {
	return strings.TrimSuffix(strings.TrimSuffix(path.Base(file), ".yaml"), ".yml")
}

func (b *builder) flowFile(f File, known []*keptFlow) {
	file := &flowFile{file: f, known: known, kept: &keptFlow{file: f}}
	if len(known) > 0 {
		file.kept.found, file.kept.lost = known[0].found, known[0].lost
	} else {
		var found diag.List
		file.parsed, found = parseFlow(f)
		file.kept.found, file.kept.lost = found, file.parsed.spec == nil
	}
	b.keep(file.kept)
	b.set.Findings.Add(file.kept.found...)
	id := idOf(f.Path)
	if file.kept.lost {
		b.unsound.flows[id] = true
		b.set.Broken = append(b.set.Broken, id)
		return
	}
	if other, ok := b.flows[id]; ok {
		b.set.Findings.Add(diag.Finding{
			Pos: diag.Pos{File: f.Path}, Width: 1, Code: "F120",
			Message: "there are two flows with the id \"" + id + "\"",
			Hint:    "the name of a flow's file is its id: give one of the files another name",
			Related: []diag.Related{{Pos: diag.Pos{File: other.file.Path}, Message: "the first one"}},
		})
		b.set.Broken = append(b.set.Broken, id)
		return
	}
	b.flows[id] = file
}

func parseFlow(f File) (*parsedFlow, diag.List) {
	flow, found := spec.ParseFlow(f.Path, f.Data)
	return &parsedFlow{spec: flow, lost: newLost(f.Data, found), broken: found.Err() != nil}, found
}

// hashFiles returns the content hash of files, whatever their order.
func hashFiles(files []File) string {
	h := sha256.New()
	for _, f := range byPath(files) {
		sum := sha256.Sum256(f.Data)
		h.Write([]byte(f.Path))
		h.Write([]byte{0})
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}

// table checks a table.
func (b *builder) table(file *tableFile) {
	t := file.spec
	r := &report{list: &b.set.Findings, failed: b.unsound.tables[t.ID], lost: file.lost}
	types := newTypes(r, "")
	row := &value.Type{Kind: value.Object, Name: "a row of the table " + t.ID, Fields: types.fields(t.Fields)}
	shape := &TableShape{ID: t.ID, Name: t.Name.Value, Description: t.Description.Value, Row: row, Keep: r.duration(t.Keep)}
	for _, k := range t.Key {
		if _, ok := row.Lookup(k.Value); !ok {
			r.local(k, "F130", "field", "is not a field of this table, so it cannot be its key", row.FieldNames())
			continue
		}
		shape.Key = append(shape.Key, k.Value)
	}
	if r.failed {
		b.unsound.tables[t.ID] = true
		return
	}
	b.set.Tables[t.ID] = shape
	b.tableSums[t.ID] = file.sum
}

// withoutAllowed leaves out the warnings that a comment in their line allows.
func withoutAllowed(found diag.List, src Sources) diag.List {
	var files map[string][]byte
	allowed := map[string]map[int][]string{}
	return slices.DeleteFunc(found, func(f diag.Finding) bool {
		if !f.IsWarning() {
			return false
		}
		if files == nil {
			files = textsOf(src)
		}
		lines, ok := allowed[f.Pos.File]
		if !ok {
			lines = spec.Allowed(files[f.Pos.File])
			allowed[f.Pos.File] = lines
		}
		return slices.Contains(lines[f.Pos.Line], f.Code)
	})
}

func textsOf(src Sources) map[string][]byte {
	out := map[string][]byte{}
	for _, f := range src.Flows {
		out[f.Path] = f.Data
	}
	for _, files := range src.Connectors {
		for _, f := range files {
			out[f.Path] = f.Data
		}
	}
	return out
}
