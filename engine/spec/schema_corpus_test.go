package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/tools/txtar"

	"patchbay/connectors"
	"patchbay/engine/diag"
	"patchbay/flows"
)

// parsed returns the tree of a file, and what the parser finds in it.
func parsed(name, kind string, text []byte) (*Value, diag.List) {
	root, _ := readTree(name, text)
	var found diag.List
	switch kind {
	case "flow":
		_, found = ParseFlow(name, text)
	case "connections":
		_, found = ParseConnections(name, text)
	case "table":
		_, found = ParseTable(name, text)
	default:
		_, found = ParseConnector(name, text)
	}
	return root, found
}

// ofForm returns the findings about the form of a file, which its schema can
// see. ok is false where the text could not be read as it stands.
func ofForm(found diag.List) (form diag.List, ok bool) {
	for _, f := range found {
		switch {
		case strings.HasPrefix(f.Code, "Y"), f.Code == "S102", f.Code == "S108":
			return nil, false // what is told of the text is gone from the data
		case strings.HasPrefix(f.Code, "S"):
			form.Add(f)
		}
	}
	return form, true
}

// beyond are the findings about the form that the schema leaves to the parser.
func beyond(f diag.Finding) string {
	switch {
	case f.Code == "S106" && strings.Contains(f.Message, "must be the first key"):
		return "a schema does not see the order of keys"
	case f.Code == "S111" && strings.Contains(f.Message, "too long a time"):
		return "a pattern does not count"
	case f.Code == "S105" && (strings.Contains(f.Hint, "write null where nothing is meant") || strings.Contains(f.Hint, "begins a comment")):
		return "what is empty is null in the data, and null may be meant there"
	}
	return ""
}

// TestSchemaOfCorpus gives the files of the corpus to the schema of their kind:
// what the parser tells about the form of a file is refused, and at the same
// place; what it takes is taken.
func TestSchemaOfCorpus(t *testing.T) {
	archives, err := filepath.Glob("../../cmd/patchbay/testdata/corpus/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("the corpus: %v, %d archives", err, len(archives))
	}
	schemas := compiledAll(t)
	refused := 0
	for _, file := range archives {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			kind := KindOf(f.Data)
			if strings.Contains(f.Name, "version-in-quotes") {
				continue // a spelling that nobody needs
			}
			if schemas[kind] == nil || kind == "" || strings.HasSuffix(f.Name, "/want") {
				continue
			}
			_, name, _ := strings.Cut(f.Name, "/")
			root, found := parsed(name, kind, f.Data)
			form, ok := ofForm(found)
			if root == nil || !ok {
				continue
			}
			form = slices.DeleteFunc(form, func(f diag.Finding) bool { return beyond(f) != "" })
			err := schemas[kind].Validate(decodedTree(t, root))
			if len(form) > 0 {
				refused++
			}
			sameVerdict(t, f.Name, root, form, err)
		}
	}
	if refused < 80 {
		t.Errorf("%d files of the corpus have mistakes of form, want at least 80", refused)
	}
}

// sameVerdict fails where parser and schema differ about a file.
func sameVerdict(t *testing.T, name string, root *Value, form diag.List, err error) {
	t.Helper()
	switch {
	case len(form) == 0 && err != nil:
		t.Errorf("%s: the schema refuses what the parser takes: %v", name, err)
	case len(form) > 0 && err == nil:
		t.Errorf("%s: the schema takes what the parser refuses: %v", name, form[0])
	}
	if err == nil {
		return
	}
	places := leaves(err)
	for _, f := range form {
		path := pathTo(root, f.Pos)
		if !slices.ContainsFunc(places, func(at string) bool { return strings.HasPrefix(at, path) || strings.HasPrefix(path, at) }) {
			t.Errorf("%s: the schema refuses %q, not %q, where the parser finds %v", name, places, path, f)
		}
	}
}

// leaves returns the places of the innermost errors.
func leaves(err error) []string {
	var top *jsonschema.ValidationError
	if !errors.As(err, &top) {
		return nil
	}
	var out []string
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			out = append(out, "/"+strings.Join(e.InstanceLocation, "/"))
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(top)
	return out
}

// pathTo returns the path of the map or value that a place in the file is in.
func pathTo(v *Value, pos diag.Pos) string {
	path := "/"
	for {
		name, next := "", (*Value)(nil)
		for i, item := range v.Items {
			if !before(pos, item.Pos) {
				name, next = fmt.Sprint(i), item
			}
		}
		for _, e := range v.Entries {
			if !before(pos, e.Key.Pos) {
				name, next = e.Key.Value, e.Value
			}
			if pos == e.Key.Pos {
				return path // of the map: what is told of a key may be about what it lacks
			}
		}
		if next == nil {
			return path
		}
		path, v = strings.TrimSuffix(path, "/")+"/"+name, next
	}
}

func before(a, b diag.Pos) bool { return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column }

func decodedTree(t *testing.T, root *Value) any {
	t.Helper()
	data, err := json.Marshal(root.Const())
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSchemaOfMutants changes the form of all files that Patchbay brings along
// in one place each time, and looks that parser and schema agree.
func TestSchemaOfMutants(t *testing.T) {
	schemas := compiledAll(t)
	refused, taken := 0, 0
	for _, source := range []struct {
		files   fs.FS
		pattern string
		each    int
	}{{connectors.Files, "*/*.yaml", 4}, {flows.Files, "*.yaml", 40}} {
		names, err := fs.Glob(source.files, source.pattern)
		if err != nil {
			t.Fatal(err)
		}
		for n, name := range names {
			text, err := fs.ReadFile(source.files, name)
			if err != nil {
				t.Fatal(err)
			}
			kind := KindOf(text)
			root, _ := readTree(name, text)
			for i := range source.each {
				m := &mutation{random: rand.New(rand.NewPCG(uint64(n), uint64(i)))}
				m.at = m.random.IntN(count(root))
				mutant := m.write(root)
				tree, found := parsed(name, kind, mutant)
				form, ok := ofForm(found)
				if tree == nil || !ok || slices.ContainsFunc(form, func(f diag.Finding) bool { return beyond(f) != "" }) {
					continue
				}
				err := schemas[kind].Validate(decodedTree(t, tree))
				if err != nil {
					refused++
				} else {
					taken++
				}
				if (err != nil) != (len(form) > 0) {
					t.Errorf("%s, %s: the schema says %v, the parser %v", name, m.did, err, form)
				}
			}
		}
	}
	if refused < 200 || taken < 200 {
		t.Errorf("%d mutants were refused and %d taken, want at least 200 each", refused, taken)
	}
}

// count returns how many keys and items a tree has.
func count(v *Value) int {
	n := len(v.Items) + len(v.Entries)
	for _, item := range v.Items {
		n += count(item)
	}
	for _, e := range v.Entries {
		n += count(e.Value)
	}
	return n
}

// mutation changes one place of a tree while it is written out as JSON, which
// is YAML too.
type mutation struct {
	random *rand.Rand
	at     int // the key or item that is changed, counted in the order of the file
	seen   int
	did    string
}

func (m *mutation) write(root *Value) []byte {
	var b bytes.Buffer
	m.value(&b, root)
	return b.Bytes()
}

// other values that stand in the place of one.
func others() []string {
	return []string{"[]", "{}", `"zzz zzz"`, "12", "true", `""`, "null", `["zzz"]`, `{ "zzz": 1 }`, "1.5", "-3", `"${{ zzz }}"`}
}

func (m *mutation) value(b *bytes.Buffer, v *Value) {
	switch v.Kind {
	case List:
		b.WriteByte('[')
		for i, item := range v.Items {
			if i > 0 {
				b.WriteString(", ")
			}
			m.part(b, fmt.Sprint(i), item)
		}
		b.WriteByte(']')
	case Map:
		m.entries(b, v)
	default:
		data, err := json.Marshal(v.Const())
		if err != nil {
			panic(err) // unreachable: a scalar is text, a number or a boolean
		}
		b.Write(data)
	}
}

func (m *mutation) entries(b *bytes.Buffer, v *Value) {
	b.WriteString("{ ")
	sep := ""
	for _, e := range v.Entries {
		key := e.Key.Value
		if m.seen == m.at && m.random.IntN(3) > 0 {
			m.seen++
			if m.random.IntN(2) == 0 {
				m.did = "without " + key
				continue
			}
			m.did = key + " is misspelt"
			key += "zz"
			m.seen--
			m.at = -1
		}
		name, _ := json.Marshal(key)
		fmt.Fprintf(b, "%s%s: ", sep, name)
		m.part(b, key, e.Value)
		sep = ", "
	}
	b.WriteString(" }")
}

func (m *mutation) part(b *bytes.Buffer, name string, v *Value) {
	if m.seen == m.at {
		list := others()
		other := list[m.random.IntN(len(list))]
		m.did = name + " is " + other
		m.seen++
		b.WriteString(other)
		return
	}
	m.seen++
	m.value(b, v)
}
