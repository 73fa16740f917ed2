package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"patchbay/engine/console"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// page is one page of the reference of a connector, in Markdown: that of a
// group, or with group "" that of the connector itself.
type page struct {
	strings.Builder

	connector *program.Connector
	ops       []console.Operation // of the connector
	group     string
}

// referencePage returns the page of a group of a connector, or with "" that of
// the connector itself, which leads to those of its groups.
func referencePage(k *program.Connector, ops []console.Operation, group string) string {
	p := &page{connector: k, ops: ops, group: group}
	title := k.Name
	if group != "" {
		title += ": " + group
	}
	p.line("# %s", title)
	p.line("")
	if group == "" {
		p.about()
	} else {
		p.line("Part of the connector [%s](reference.md).", k.ID)
		p.line("")
	}
	p.overview()
	for _, a := range k.Actions() {
		if groupOf(a.Name) == group {
			p.action(a)
		}
	}
	for _, t := range k.Triggers() {
		if groupOf(t.Name) == group {
			p.trigger(t)
		}
	}
	p.allTypes()
	return strings.TrimRight(p.String(), "\n") + "\n"
}

// groupsOf returns the groups that the actions and triggers of a connector are
// in, sorted.
func groupsOf(k *program.Connector) []string {
	in := map[string]bool{}
	for _, a := range k.Actions() {
		in[groupOf(a.Name)] = true
	}
	for _, t := range k.Triggers() {
		in[groupOf(t.Name)] = true
	}
	delete(in, "")
	return slices.Sorted(maps.Keys(in))
}

// groupOf returns the group of an action or trigger, "" for none.
func groupOf(name string) string {
	group, _, in := strings.Cut(name, ".")
	if !in {
		return ""
	}
	return group
}

func (p *page) line(format string, args ...any) {
	fmt.Fprintf(p, format+"\n", args...)
}

// about tells of the connector, and leads to its groups.
func (p *page) about() {
	k := p.connector
	if help := strings.TrimSpace(k.Help); help != "" {
		p.line("%s", help)
		p.line("")
	}
	if k.Docs != "" {
		p.line("The service's own documentation: <%s>", k.Docs)
		p.line("")
	}
	p.signIn()
	groups := groupsOf(k)
	if len(groups) == 0 {
		return
	}
	p.line("## Groups")
	p.line("")
	p.line("| group | actions | triggers |")
	p.line("|---|---|---|")
	for _, group := range groups {
		actions, triggers := 0, 0
		for _, a := range k.Actions() {
			if groupOf(a.Name) == group {
				actions++
			}
		}
		for _, t := range k.Triggers() {
			if groupOf(t.Name) == group {
				triggers++
			}
		}
		p.line("| [%s](%s.md) | %d | %d |", group, group, actions, triggers)
	}
	p.line("")
}

// signIn tells of the ways in, and what a connection must say.
func (p *page) signIn() {
	k := p.connector
	if !k.NeedsConnection() {
		return
	}
	p.line("## Connections")
	p.line("")
	for _, a := range k.Auths {
		name := "`" + a.Name + "`"
		if a.Label != "" {
			name += ", " + a.Label
		}
		p.line("%s", strings.TrimSpace("**"+name+"** ("+string(a.Type)+"). "+oneLine(a.Help)))
		p.line("")
		p.inputs(slices.Concat(k.Fields, a.Fields))
	}
}

// overview lists the actions and triggers of the page.
func (p *page) overview() {
	if !slices.ContainsFunc(p.ops, p.here) {
		return
	}
	p.line("| id | what it does | |")
	p.line("|---|---|---|")
	for _, o := range p.ops {
		if !p.here(o) {
			continue
		}
		p.line("%s", markdownRow("["+o.ID+"](#"+anchor(o.ID)+")", o.Name, effectOf(o)))
	}
	p.line("")
}

// here reports whether the page is the place for an action or trigger.
func (p *page) here(o console.Operation) bool {
	return groupOf(strings.TrimPrefix(o.ID, o.Connector+".")) == p.group
}

// operation returns the action or trigger of that id.
func (p *page) operation(id string) console.Operation {
	return p.ops[slices.IndexFunc(p.ops, func(o console.Operation) bool { return o.ID == id })]
}

func (p *page) action(a *program.Action) {
	o := p.operation(a.ID)
	p.head(o)
	facts := []string{"`" + o.Request + "`", string(o.Effect)}
	if o.Repeat != "" {
		facts = append(facts, "repeat: "+repeatOf(o))
	}
	p.facts(facts, o)
	inputs := a.Input
	if a.Output.List {
		inputs = append(slices.Clip(inputs), &program.Input{
			Field: value.Field{Name: "limit", Type: value.Of(value.Integer), Help: "the most items to bring"}, Optional: true,
		})
	}
	p.inputs(inputs)
	p.output(a.Output)
	p.line("```yaml\n%s```", exampleStep(a))
	p.line("")
}

func (p *page) trigger(t *program.Trigger) {
	o := p.operation(t.ID)
	p.head(o)
	p.facts([]string{o.Type}, o)
	p.inputs(t.Input)
	p.output(t.Output)
	p.line("```yaml\n%s```", exampleTrigger(t))
	p.line("")
}

// head tells what an action or trigger is for.
func (p *page) head(o console.Operation) {
	p.line("## %s", o.ID)
	p.line("")
	p.line("%s", strings.TrimSpace("**"+strings.TrimSuffix(o.Name, ".")+".** "+oneLine(o.Help)))
	p.line("")
	if o.Deprecated != "" {
		p.line("Deprecated: %s", oneLine(o.Deprecated))
		p.line("")
	}
}

func (p *page) facts(facts []string, o console.Operation) {
	if len(o.Scopes) > 0 {
		facts = append(facts, "scopes: `"+strings.Join(o.Scopes, "` `")+"`")
	}
	p.line("%s", strings.Join(facts, " · "))
	p.line("")
}

func (p *page) inputs(inputs []*program.Input) {
	if len(inputs) == 0 {
		return
	}
	p.line("| input | type | | |")
	p.line("|---|---|---|---|")
	for _, in := range inputs {
		p.line("%s", markdownRow("`"+in.Name+"`", p.typeText(in.Type), need(in), aboutField(in.Field)))
	}
	p.line("")
}

// need says whether an input must be given, and what stands in for it.
func need(in *program.Input) string {
	switch {
	case in.Required():
		return "required"
	case in.Default == nil:
		return ""
	case in.Default.IsConst():
		return fmt.Sprintf("default `%s`", yamlText(in.Default.Const))
	}
	return "default: that of the connection"
}

func (p *page) output(o program.Output) {
	if o.Type == nil {
		p.line("Output: nothing")
		p.line("")
		return
	}
	text := p.typeText(o.Type)
	if o.List {
		text = "list of " + text
	}
	if o.MayBeMissing {
		text += ", which may be missing"
	}
	p.line("Output: %s", text)
	p.line("")
}

// allTypes tells of the types that stand in the file of the page.
func (p *page) allTypes() {
	for _, name := range slices.Sorted(maps.Keys(p.connector.Types())) {
		if groupOf(name) == p.group {
			p.typeOf(p.connector.Types()[name])
		}
	}
}

func (p *page) typeOf(t *value.Type) {
	p.line("## %s", t.Name)
	p.line("")
	if t.Kind == value.Enum {
		p.line("One of `%s`.", strings.Join(t.Values, "` `"))
		p.line("")
		return
	}
	if len(t.Fields) == 0 {
		p.line("%s", t.AsPresent().Kind)
		p.line("")
		return
	}
	p.line("| field | type | | |")
	p.line("|---|---|---|---|")
	for _, f := range t.Fields {
		may := ""
		if f.Type.MayBeNil() {
			may = "may be missing"
		}
		p.line("%s", markdownRow("`"+f.Name+"`", p.typeText(f.Type.AsPresent()), may, aboutField(f)))
	}
	p.line("")
}

// typeText returns the words for a type, with links to the types that have a
// name.
func (p *page) typeText(t *value.Type) string {
	switch {
	case t.Name != "" && (t.Kind == value.Object || t.Kind == value.Enum):
		return p.typeLink(t)
	case t.Kind == value.List && t.Elem != nil:
		return "list of " + p.typeText(t.Elem)
	case t.Kind == value.Map && t.Elem != nil && t.Elem.Kind != value.Any:
		return "map of " + p.typeText(t.Elem)
	case t.Kind == value.Object && len(t.Fields) > 0:
		return "object with `" + strings.Join(t.FieldNames(), "` `") + "`"
	case t.Kind == value.Enum:
		return "`" + strings.Join(t.Values, "` `") + "`"
	}
	return t.AsPresent().String()
}

func (p *page) typeLink(t *value.Type) string {
	group := groupOf(strings.TrimPrefix(t.Name, p.connector.ID+"."))
	at := "#" + anchor(t.Name)
	if group != p.group { // then it is one of connector.yaml
		at = "reference.md" + at
	}
	return "[" + t.Name + "](" + at + ")"
}

// aboutField returns label and help of a field in one line.
func aboutField(f value.Field) string {
	about := oneLine(f.Help)
	switch {
	case about == "":
		return f.Label
	case f.Label != "":
		return f.Label + ": " + about
	}
	return about
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// markdownRow returns a row of a table.
func markdownRow(cells ...string) string {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	return "| " + strings.Join(cells, " | ") + " |"
}

// anchor returns the name by which links lead to a heading.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}
