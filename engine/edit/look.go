package edit

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/spec"
)

// Look is what there is to know about a place.
type Look struct {
	Title string
	Text  string // Markdown, "" for nothing more
	Pos   diag.Pos
	Width int
	// Defined is where that stands which the place names; the zero Pos where
	// it has no place of its own.
	Defined diag.Pos
}

// LookAt tells what stands at a place of a file of the workspace: an action or
// trigger, a name in an expression with its type, a function, a key.
func LookAt(src program.Sources, opt program.Options, at diag.Pos) (Look, bool) {
	source := text(src, at.File)
	offset, ok := offsetOf(source, at)
	if !ok {
		return Look{}, false
	}
	l := looker{src: src, opt: opt, at: at, source: source}
	opt.Named, opt.NamedIn = l.see, at.File
	l.set = program.Build(src, opt)
	word, from := wordAt(source, offset)
	l.word, l.width = word, utf8.RuneCountInString(word)
	l.pos = at
	l.pos.Column -= utf8.RuneCount(source[from:offset])
	for _, find := range []func() (Look, bool){l.operation, l.name, l.function, l.flow, l.connection, l.input, l.key} {
		if look, ok := find(); ok {
			return look, true
		}
	}
	return Look{}, false
}

// looker looks at one place.
type looker struct {
	src    program.Sources
	opt    program.Options
	set    *program.Set
	at     diag.Pos
	source []byte

	word  string // with its dots
	pos   diag.Pos
	width int

	named *expr.Named // in an expression, at the place
	of    diag.Pos
	wide  int
}

// see notes the name that stands at the place.
func (l *looker) see(at diag.Pos, width int, n expr.Named) {
	if at.File == l.at.File && at.Line == l.at.Line && at.Column <= l.at.Column && l.at.Column <= at.Column+width {
		l.named, l.of, l.wide = &n, at, width
	}
}

// wordAt returns the dotted word around an offset, and where it begins.
func wordAt(source []byte, offset int) (word string, from int) {
	from, to := offset, offset
	for from > 0 && (isWordByte(source[from-1]) || source[from-1] == '.') {
		from--
	}
	for to < len(source) && (isWordByte(source[to]) || source[to] == '.') {
		to++
	}
	return string(source[from:to]), from
}

func (l *looker) look(title string, paragraphs ...string) Look {
	shown := slices.DeleteFunc(paragraphs, func(p string) bool { return strings.TrimSpace(p) == "" })
	return Look{Title: title, Text: strings.Join(shown, "\n\n"), Pos: l.pos, Width: l.width}
}

// operation looks at the id of an action or trigger, under whatever role.
func (l *looker) operation() (Look, bool) {
	id := l.identified(l.word)
	if a, _, ok := l.set.FindAction(id); ok {
		look := l.look(a.Title, strings.TrimSpace(a.Help), inputsText(a.Input), "Brings: "+a.Output.Whole().String())
		look.Defined = a.Pos
		return look, true
	}
	if t, _, ok := l.set.FindTrigger(id); ok {
		return l.look(t.Title, strings.TrimSpace(t.Help), inputsText(t.Input), "Brings: "+t.Output.Whole().String()), true
	}
	return Look{}, false
}

// identified returns the id of an action or trigger that is named with a role.
func (l *looker) identified(name string) string {
	role, rest, _ := strings.Cut(name, ".")
	if use := l.use(role); use != nil {
		return use.Connector.ID + "." + rest
	}
	return name
}

// use returns what a role of the flow stands for.
func (l *looker) use(role string) *program.Use {
	if f, ok := l.set.Flows[flowOf(l.at.File)]; ok {
		return f.Uses[role]
	}
	return nil
}

// flowOf returns the id of the flow in a file.
func flowOf(file string) string {
	name := file[strings.LastIndexByte(file, '/')+1:]
	return strings.TrimSuffix(strings.TrimSuffix(name, ".yaml"), ".yml")
}

func inputsText(inputs []*program.Input) string {
	var b strings.Builder
	for _, in := range inputs {
		if in.Required() {
			fmt.Fprintf(&b, "- `%s`: %s\n", in.Name, in.Type)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "Needs:\n" + strings.TrimSpace(b.String())
}

// name looks at a name in an expression.
func (l *looker) name() (Look, bool) {
	if l.named == nil {
		return Look{}, false
	}
	l.pos, l.width = l.of, l.wide
	look := l.look(l.named.Path+": "+l.named.Type.String(), l.named.Help, fieldsText(l.named))
	look.Defined = l.definition(l.named.Path)
	return look, true
}

// fieldsText lists the fields of what has some.
func fieldsText(n *expr.Named) string {
	names := n.Type.FieldNames()
	if len(names) == 0 {
		return ""
	}
	return "Fields: `" + strings.Join(names, "` `") + "`"
}

// definition returns where a step, an input or a variable of the flow stands.
func (l *looker) definition(path string) diag.Pos {
	flow, _ := spec.ParseFlow(l.at.File, l.source)
	root, name, _ := strings.Cut(strings.ReplaceAll(path, "?.", "."), ".")
	name, _, _ = strings.Cut(name, ".")
	if flow == nil || name == "" {
		return diag.Pos{}
	}
	switch root {
	case "steps", "failures":
		for _, s := range stepsOf(flow) {
			if s.ID.Value == name {
				return s.ID.Pos
			}
		}
	case "inputs":
		for _, f := range flow.Inputs {
			if f.Name.Value == name {
				return f.Name.Pos
			}
		}
	case "vars":
		for _, e := range flow.Vars {
			if e.Key.Value == name {
				return e.Key.Pos
			}
		}
	}
	return diag.Pos{}
}

// stepsOf returns all steps of a flow, those inside of others too, in the order
// of the file.
func stepsOf(flow *spec.Flow) []*spec.Step {
	var out []*spec.Step
	var walk func(steps []*spec.Step)
	walk = func(steps []*spec.Step) {
		for _, s := range steps {
			out = append(out, s)
			walk(s.Steps)
			for _, b := range slices.Concat(s.Parallel, s.Switch) {
				walk(b.Steps)
			}
		}
	}
	walk(flow.Steps)
	walk(flow.OnError)
	walk(flow.Finally)
	return out
}

// function looks at a function of the expressions.
func (l *looker) function() (Look, bool) {
	after := l.source[offsetIn(l.source, l.pos)+len(l.word):]
	if !strings.HasPrefix(string(after), "(") {
		return Look{}, false
	}
	for _, f := range expr.Functions() {
		if f.Name == l.word {
			return l.look(f.Signature, f.Help, "Example: `"+f.Example+"`"), true
		}
	}
	return Look{}, false
}

func offsetIn(source []byte, at diag.Pos) int {
	offset, _ := offsetOf(source, at)
	return offset
}

// flow looks at the name of a flow behind `call:` or `flow_failed:`.
func (l *looker) flow() (Look, bool) {
	line := lineAt(l.source, l.pos)
	if !strings.Contains(line, "call:") && !strings.Contains(line, "flow_failed:") {
		return Look{}, false
	}
	f, ok := l.set.Flows[l.word]
	if !ok {
		return Look{}, false
	}
	look := l.look(f.Name, f.Description)
	for _, file := range l.src.Flows {
		if flowOf(file.Path) == l.word {
			look.Defined = diag.Pos{File: file.Path, Line: 1, Column: 1}
		}
	}
	return look, true
}

// connection looks at the name of a connection behind a role.
func (l *looker) connection() (Look, bool) {
	c, ok := l.set.Connections[l.word]
	if !ok || !strings.HasPrefix(l.at.File, "flows/") || strings.Contains(lineAt(l.source, l.pos), "connector:") {
		return Look{}, false
	}
	look := l.look("a connection to "+c.Connector.Name, strings.TrimSpace(c.Connector.Help))
	for _, f := range l.src.Flows {
		if spec.KindOf(f.Data) != "connections" {
			continue
		}
		if written, _ := spec.ParseConnections(f.Path, f.Data); written != nil {
			for _, w := range written.Connections {
				if w.Name.Value == l.word {
					look.Defined = w.Name.Pos
				}
			}
		}
	}
	return look, true
}

// input looks at an input of an action.
func (l *looker) input() (Look, bool) {
	flow, _ := spec.ParseFlow(l.at.File, l.source)
	if flow == nil {
		return Look{}, false
	}
	for _, s := range stepsOf(flow) {
		if !slices.ContainsFunc(s.With, func(e spec.Entry) bool { return e.Key.Pos == l.pos }) {
			continue
		}
		a, _, ok := l.set.FindAction(l.identified(s.Action.Value))
		if !ok {
			return Look{}, false
		}
		for _, in := range a.Input {
			if in.Name == l.word {
				return l.look(in.Name+": "+in.Type.String(), in.Label, strings.TrimSpace(in.Help)), true
			}
		}
	}
	return Look{}, false
}

// key looks at a key: the checker says which keys there are beside it.
func (l *looker) key() (Look, bool) {
	after := strings.TrimLeft(lineAt(l.source, l.pos)[l.width+prefixOf(l.source, l.pos):], "\"'")
	if l.word == "" || !strings.HasPrefix(after, ":") {
		return Look{}, false
	}
	offset := offsetIn(l.source, l.pos)
	probed := slices.Concat(l.source[:offset], []byte(probe+": x\n"+strings.Repeat(" ", l.pos.Column-1)), l.source[offset:])
	if strings.Trim(lineAt(l.source, l.pos)[:prefixOf(l.source, l.pos)], " -") != "" {
		probed = slices.Concat(l.source[:offset], []byte(probe+": x, "), l.source[offset:])
	}
	set := program.Build(withTexts(l.src, map[string][]byte{l.at.File: probed}), l.opt)
	for _, f := range set.Findings {
		if f.Code != codeUnknownKey || f.Pos != l.pos {
			continue
		}
		if k, ok := keyAmong(f.Allowed, l.word); ok {
			example := ""
			if k.Example != "" {
				example = "Example: `" + k.Name + ": " + k.Example + "`"
			}
			return l.look(k.Name, k.Help, example), true
		}
	}
	return Look{}, false
}

// lineAt returns the line of a place.
func lineAt(source []byte, at diag.Pos) string {
	offsets := lineOffsets(source)
	return strings.TrimRight(string(source[offsets[at.Line-1]:offsets[at.Line]]), "\r\n")
}

// prefixOf returns how many bytes of its line stand before a place.
func prefixOf(source []byte, at diag.Pos) int {
	return offsetIn(source, at) - lineOffsets(source)[at.Line-1]
}
