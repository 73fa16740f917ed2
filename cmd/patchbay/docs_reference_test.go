package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"patchbay/connectors"
	"patchbay/engine/catalog"
	"patchbay/engine/console"
	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/spec"
)

var listener = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// mentions looks at what is named in the text: each command must exist, with
// its flags, and at each address something must listen.
func (d *document) mentions() {
	for i, line := range d.lines {
		for _, a := range listener.FindAllString(line, -1) {
			if a != defaultListen && a != defaultHooksListen {
				d.t.Errorf("%s:%d: nothing listens at %s", d.name, i+1, a)
			}
		}
		for _, m := range mention.FindAllStringSubmatch(line, -1) {
			words, err := shellWords(m[1])
			if err != nil {
				d.t.Errorf("%s:%d: %s: %v", d.name, i+1, m[0], err)
				continue
			}
			c, _, err := newRoot(&app{}).Find(words)
			if err != nil {
				d.t.Errorf("%s:%d: %v", d.name, i+1, err)
				continue
			}
			for _, word := range words {
				name, isFlag := strings.CutPrefix(word, "--")
				name, _, _ = strings.Cut(name, "=")
				if isFlag && c.Flag(name) == nil && c.InheritedFlags().Lookup(name) == nil {
					d.t.Errorf("%s:%d: %s: there is no flag --%s", d.name, i+1, m[0], name)
				}
			}
		}
	}
}

var link = regexp.MustCompile(`\]\(([\w./-]*)(?:#([\w-]+))?\)`)

// links looks at the links to files and headings: each must lead somewhere.
func (d *document) links(dir string) {
	for i, line := range d.lines {
		for _, m := range link.FindAllStringSubmatch(line, -1) {
			lines := d.lines
			if m[1] != "" {
				text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(m[1])))
				if err != nil {
					d.t.Errorf("%s:%d: %v", d.name, i+1, err)
					continue
				}
				lines = strings.Split(string(text), "\n")
			}
			leads := func(line string) bool {
				return strings.HasPrefix(line, "#") && anchor(strings.TrimLeft(line, "# ")) == m[2]
			}
			if m[2] != "" && !slices.ContainsFunc(lines, leads) {
				d.t.Errorf("%s:%d: there is no heading for %s", d.name, i+1, m[0])
			}
		}
	}
}

var generated = regexp.MustCompile(`^<!-- generated: (.+) -->$`)

const endOfGenerated = "<!-- end of generated -->"

// generate compares the generated parts with what they are generated from.
func (d *document) generate() {
	for i := 0; i < len(d.lines); i++ {
		m := generated.FindStringSubmatch(d.lines[i])
		if m == nil {
			continue
		}
		end := i + 1
		for end < len(d.lines) && d.lines[end] != endOfGenerated {
			end++
		}
		if end == len(d.lines) {
			d.t.Fatalf("%s:%d: the generated part has no end", d.name, i+1)
		}
		want := d.reference(strings.Fields(m[1]))
		got := d.lines[i+1 : end]
		if diff := cmp.Diff(want, got); diff != "" {
			if !*updateDocs {
				d.t.Errorf("%s:%d: out of date; go test ./cmd/patchbay -run Documents -update-docs rewrites it (-want +got):\n%s", d.name, i+1, diff)
			}
			d.lines = slices.Replace(d.lines, i+1, end, want...)
			d.changed = *updateDocs
			end += len(want) - len(got)
		}
		i = end
	}
}

// reference returns the lines of a generated part: functions, what people ask
// for, or the keys of some kinds of maps.
func (d *document) reference(what []string) []string {
	switch what[0] {
	case "functions":
		return functionTables()
	case "connectors":
		return connectorTable(d.t)
	case "operations":
		return operationTables(d.t)
	}
	lines := []string{""}
	for _, name := range what[1:] {
		i := slices.IndexFunc(spec.Sections(), func(s spec.Section) bool { return s.Name == name })
		if i < 0 {
			d.t.Fatalf("%s: there is no kind of map %q", d.name, name)
		}
		lines = append(lines, keyTable(spec.Sections()[i], what[1:])...)
	}
	return lines
}

func keyTable(s spec.Section, here []string) []string {
	lines := []string{"#### " + heading(s.Name), "", "| key | what it says | what it holds | example |", "|---|---|---|---|"}
	for _, k := range s.Keys {
		name, example := "`"+k.Name+"`", ""
		if k.Required {
			name += " (required)"
		}
		if k.Example != "" {
			example = "`" + k.Example + "`"
		}
		lines = append(lines, markdownRow(name, k.Help, holds(k, here), example))
	}
	if s.Rest.Help != "" {
		lines = append(lines, markdownRow("any other", s.Rest.Help, "", ""))
	}
	return append(lines, "")
}

// heading returns the heading above the keys of a kind of map.
func heading(section string) string {
	for _, s := range spec.Sections() {
		if s.Name == section {
			return "Keys of " + s.Noun
		}
	}
	return section
}

// holds says what stands behind a key, with a link to its keys if those are
// listed somewhere.
func holds(k spec.Key, here []string) string {
	text := k.Form.String()
	if len(k.Words) > 0 {
		text += ": `" + strings.Join(k.Words, "` `") + "`"
	}
	if k.Section == "" {
		return text
	}
	at := "#" + anchor(heading(k.Section))
	if !slices.Contains(here, k.Section) {
		at = "../connectors/README.md" + at
	}
	return text + ", [keys](" + at + ")"
}

func functionTables() []string {
	lines := []string{""}
	group := ""
	for _, f := range expr.Functions() {
		if f.Group != group {
			if group != "" {
				lines = append(lines, "")
			}
			group = f.Group
			lines = append(lines, "#### Functions: "+group, "", "| function | what it does | example |", "|---|---|---|")
		}
		lines = append(lines, markdownRow("`"+f.Signature+"`", f.Help, "`"+f.Example+"`"))
	}
	return append(lines, "")
}

// TestReferenceIsWhole wants the keys of every kind of map in one of the
// documents.
func TestReferenceIsWhole(t *testing.T) {
	listed := map[string]bool{}
	for _, name := range documents() {
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if m := generated.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
				for _, section := range strings.Fields(m[1])[1:] {
					listed[section] = true
				}
			}
		}
	}
	for _, s := range spec.Sections() {
		if !listed[s.Name] {
			t.Errorf("the keys of %s (%s) are in none of the documents", s.Noun, s.Name)
		}
	}
}

// shipped returns the connectors that Patchbay brings along, whole.
func shipped(t *testing.T) *program.Set {
	t.Helper()
	src, err := catalog.Read(fstest.MapFS{}, connectors.Files)
	if err != nil {
		t.Fatal(err)
	}
	src.AsNeeded = nil // all of it
	set := program.Build(src, program.Options{})
	if err := set.Findings.Err(); err != nil {
		t.Fatal(err)
	}
	return set
}

// connectorTable leads to the references of the connectors.
func connectorTable(t *testing.T) []string {
	set := shipped(t)
	lines := []string{"", "| connector | | actions | triggers |", "|---|---|---|---|"}
	for _, id := range set.ConnectorIDs() {
		k, _ := set.Connector(id)
		lines = append(lines, markdownRow("["+id+"]("+id+"/reference.md)", k.Name, strconv.Itoa(len(k.Actions())), strconv.Itoa(len(k.Triggers()))))
	}
	return append(lines, "")
}

// TestReferencePages compares the pages that stand beside the connectors with
// what is generated from the connectors' files.
func TestReferencePages(t *testing.T) {
	set := shipped(t)
	want := map[string]string{}
	for id, k := range set.Connectors {
		ops := console.Operations(set, id)
		want[id+"/reference.md"] = referencePage(k, ops, "")
		for _, group := range groupsOf(k) {
			want[id+"/"+group+".md"] = referencePage(k, ops, group)
		}
	}
	folder := filepath.Join("..", "..", "connectors")
	there, err := filepath.Glob(filepath.Join(folder, "*", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range there {
		name := filepath.ToSlash(strings.TrimPrefix(file, folder+string(filepath.Separator)))
		switch _, known := want[name]; {
		case known || filepath.Base(file) == "README.md":
		case *updateDocs:
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("connectors/%s is the page of nothing", name)
		}
	}
	if *updateDocs {
		for name, text := range want {
			if err := os.WriteFile(filepath.Join(folder, filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		file := filepath.Join(folder, filepath.FromSlash(name))
		got, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(want[name], string(got)); diff != "" {
			t.Errorf("connectors/%s is out of date; go test ./cmd/patchbay -run Reference -update-docs rewrites it (-want +got):\n%s", name, diff)
		}
		d := &document{t: t, name: "connectors/" + name, lines: strings.Split(string(got), "\n")}
		d.links(filepath.Dir(file))
	}
}
