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
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// File is one file as it was read.
type File struct {
	Path string // as findings print it, with slashes: "flows/weekly-report.yaml"
	Data []byte
}

// Sources is the text of a workspace.
type Sources struct {
	// Connectors are the files of each connector's folder, by the folder's
	// name. The paths of the files begin with the folder's.
	Connectors map[string][]File
	// Flows are the files of the folder flows: flows, tables, connections.
	Flows []File
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
	// Reuse gives the connectors of an earlier Build, by their Sum: those are
	// taken over instead of being checked again.
	Reuse map[string]*Connector
}

// Role is what a role of a flow stands for, by name.
type Role struct {
	Connector  string `json:"connector"`
	Connection string `json:"connection,omitempty"`
}

// Set is a checked workspace: everything in it that is sound.
type Set struct {
	Connectors  map[string]*Connector
	Connections map[string]*Connection
	Tables      map[string]*TableShape
	Flows       map[string]*Flow
	Findings    diag.List
	// Broken are the ids of the flows whose files have errors.
	Broken []string
}

// Build checks a workspace. The findings are sorted; what has errors is left
// out of the Set, with everything that cannot do without it.
func Build(src Sources, opt Options) *Set {
	b := &builder{opt: opt, set: &Set{
		Connectors:  map[string]*Connector{},
		Connections: map[string]*Connection{},
		Tables:      map[string]*TableShape{},
		Flows:       map[string]*Flow{},
	}}
	for _, id := range slices.Sorted(maps.Keys(src.Connectors)) {
		b.connector(id, src.Connectors[id])
	}
	b.files(src.Flows)
	b.connections()
	for _, t := range b.tables {
		b.table(t)
	}
	for _, id := range slices.Sorted(maps.Keys(b.flows)) {
		b.flow(id)
	}
	slices.Sort(b.set.Broken)
	b.set.Findings.Sort()
	return b.set
}

// builder holds what has been read so far while a workspace is checked.
type builder struct {
	opt Options
	set *Set

	written []*spec.Connections
	tables  []*spec.Table
	flows   map[string]*flowFile
}

// flowFile is a flow on its way from text to program.
type flowFile struct {
	spec   *spec.Flow
	source []byte
	broken bool // the file itself has errors
	state  checkState
	flow   *Flow // once checked; also for a broken one, so that others can be checked against it
}

type checkState uint8

const (
	unchecked checkState = iota
	checking
	checked
)

// files sorts the files of the folder flows by what they are.
func (b *builder) files(files []File) {
	b.flows = map[string]*flowFile{}
	sorted := slices.SortedFunc(slices.Values(files), func(x, y File) int { return cmp.Compare(x.Path, y.Path) })
	for _, f := range sorted {
		switch kind := spec.KindOf(f.Data); kind {
		case "connections":
			c, found := spec.ParseConnections(f.Path, f.Data)
			b.set.Findings.Add(found...)
			if c != nil {
				b.written = append(b.written, c)
			}
		case "table":
			t, found := spec.ParseTable(f.Path, f.Data)
			b.set.Findings.Add(found...)
			if t != nil && found.Err() == nil {
				b.tables = append(b.tables, t)
			}
		case "test", "dashboard":
			// not part of what runs
		default:
			b.flowFile(f)
		}
	}
}

func (b *builder) flowFile(f File) {
	flow, found := spec.ParseFlow(f.Path, f.Data)
	b.set.Findings.Add(found...)
	id := strings.TrimSuffix(strings.TrimSuffix(path.Base(f.Path), ".yaml"), ".yml")
	if other, ok := b.flows[id]; ok && flow != nil {
		b.set.Findings.Addf(diag.Pos{File: f.Path}, 1, "F120", "a flow %q exists already in %s; the file name is the flow's id", id, other.spec.File)
		b.set.Broken = append(b.set.Broken, id)
		return
	}
	if flow == nil {
		b.set.Broken = append(b.set.Broken, id)
		return
	}
	b.flows[id] = &flowFile{spec: flow, source: f.Data, broken: found.Err() != nil}
}

// hashFiles returns the content hash of files, whatever their order.
func hashFiles(files []File) string {
	h := sha256.New()
	sorted := slices.SortedFunc(slices.Values(files), func(x, y File) int { return cmp.Compare(x.Path, y.Path) })
	for _, f := range sorted {
		sum := sha256.Sum256(f.Data)
		h.Write([]byte(f.Path))
		h.Write([]byte{0})
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}

func (b *builder) table(t *spec.Table) {
	r := &report{list: &b.set.Findings}
	types := &typeResolver{report: r, owner: ""}
	row := &value.Type{Kind: value.Object, Name: "a row of the table " + t.ID, Fields: types.fields(t.Fields)}
	shape := &TableShape{ID: t.ID, Name: t.Name.Value, Description: t.Description.Value, Row: row, Keep: r.duration(t.Keep)}
	for _, k := range t.Key {
		if _, ok := row.Lookup(k.Value); !ok {
			r.name(k, "F130", "key", "is not a field of this table", row.FieldNames())
			continue
		}
		shape.Key = append(shape.Key, k.Value)
	}
	if !r.failed {
		b.set.Tables[t.ID] = shape
	}
}
