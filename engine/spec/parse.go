package spec

import (
	"fmt"
	"path"
	"strings"

	"patchbay/engine/diag"
)

// ParseConnector reads connector.yaml of a connector, or one of its group
// files. It returns nil only where the file as a whole cannot be read;
// otherwise whatever is sound, beside all that is not. file is the name that
// findings print.
func ParseConnector(file string, text []byte) (*Connector, diag.List) {
	p, root := open(file, text)
	if root == nil {
		return nil, p.sorted()
	}
	var c *Connector
	if isGroup(file, root) {
		c = readFile(p, groupSection(), root)
	} else {
		c = readFile(p, connectorSection(), root)
	}
	if c != nil {
		c.File = file
	}
	return c, p.sorted()
}

// isGroup reports whether a file of a connector is that of a group: its first
// line says so, or its name where no line does.
func isGroup(file string, root *Value) bool {
	if root.Lookup("connector") != nil {
		return false
	}
	return root.Lookup("group") != nil || strings.Contains(file, "connectors/") && idOf(file) != "connector"
}

// ParseFlow reads a flow file. What it returns follows [ParseConnector].
func ParseFlow(file string, text []byte) (*Flow, diag.List) {
	p, root := open(file, text)
	if root == nil {
		return nil, p.sorted()
	}
	f := readFile(p, flowSection(), root)
	if f != nil {
		f.File, f.ID = file, idOf(file)
	}
	return f, p.sorted()
}

// ParseConnections reads connections.yaml. What it returns follows
// [ParseConnector].
func ParseConnections(file string, text []byte) (*Connections, diag.List) {
	p, root := open(file, text)
	if root == nil {
		return nil, p.sorted()
	}
	c := readFile(p, connectionsSection(), root)
	if c != nil {
		c.File = file
	}
	return c, p.sorted()
}

// ParseTable reads a table file. What it returns follows [ParseConnector].
func ParseTable(file string, text []byte) (*Table, diag.List) {
	p, root := open(file, text)
	if root == nil {
		return nil, p.sorted()
	}
	t := readFile(p, tableSection(), root)
	if t != nil {
		t.File, t.ID = file, idOf(file)
	}
	return t, p.sorted()
}

// KindOf returns the first key of a file, which says what the file is: "flow",
// "connector", "group", "connections", "table", "test". It returns "" where
// there is none. It reads no further than that key.
func KindOf(text []byte) string {
	for line := range strings.Lines(strings.TrimPrefix(string(text[:min(len(text), largest)]), "\ufeff")) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" || line[0] == '#' || line == "---" {
			continue
		}
		key, _, ok := strings.Cut(line, ":")
		if key = strings.Trim(strings.TrimRight(key, " "), `"'`); ok && identifierForm.MatchString(key) {
			return key
		}
		return ""
	}
	return ""
}

// idOf returns the name of a file without its folder and its ending.
func idOf(file string) string {
	name := path.Base(strings.ReplaceAll(file, `\`, "/"))
	return strings.TrimSuffix(strings.TrimSuffix(name, ".yaml"), ".yml")
}

// sorted returns what was found in the order of the file.
func (p *parser) sorted() diag.List {
	found := p.settled()
	found.Sort()
	return found
}

// open makes a tree of the text. The tree is nil where that cannot be done.
func open(file string, text []byte) (*parser, *Value) {
	root, found := readTree(file, text)
	return &parser{file: file, found: found}, root
}

// readFile reads a whole file, whose first key is that of the first row of its
// table.
func readFile[T any](p *parser, table section[T], root *Value) *T {
	kind := table.rows[0].Key
	if root.Kind != Map {
		p.found.Add(diag.Finding{
			Pos: root.Pos, Width: 1, Code: "S106",
			Message: fmt.Sprintf("%s is a map of keys, %s is given", table.noun, root.Kind.given()),
			Hint:    fmt.Sprintf("the first line is %s: %s", kind.Name, kind.Example),
		})
		return nil
	}
	s := spot{name: "the file", value: root, whole: true}
	needed := table.required()
	like := len(needed) == 0 || len(givenKeys(s, needed)) > 0
	if !p.firstLine(s, kind, table.noun, like) && !like {
		return nil // it is no such file at all
	}
	return read(p, table, s)
}

// firstLine looks at the key that says what the file is. It is false where
// there is none; like says that the rest is as in such a file.
func (p *parser) firstLine(s spot, kind Key, noun string, like bool) bool {
	pos, width := s.place()
	line := kind.Name + ": " + kind.Example
	if kind.Form == Name {
		line = kind.Name + ": " + idOf(p.file)
	}
	hint := "the first line is " + line
	key, ok := keyOf(s, kind.Name)
	switch {
	case !ok:
		f := diag.Finding{Pos: pos, Width: width, Code: "S106", Message: fmt.Sprintf("%s is missing: it says that this is %s", kind.Name, noun), Hint: hint}
		if like && pos.Column == 1 {
			f.Fix = &diag.Fix{Label: line, Edits: []diag.Edit{{Pos: pos, Text: line + "\n"}}}
		}
		p.found.Add(f)
	case key != s.value.Entries[0].Key:
		p.found.Add(diag.Finding{Pos: key.Pos, Width: key.width(), Code: "S106", Message: kind.Name + " must be the first key of the file", Hint: hint})
	}
	return ok
}
