package program

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// connectorCheck is a connector on its way from its files to a [Connector].
// Each group is checked by a copy of it, which sees the types of its file.
type connectorCheck struct {
	report
	opt   Options
	files map[string][]byte // by the path inside the folder
	main  *spec.Connector
	part  *spec.Connector // the file being checked: main, or a group's
	types *typeResolver   // of part
	into  *group          // what part is made into
	made  *Connector

	// scopes of the expressions of a connector
	connection *expr.Scope // connection
	answer     *expr.Scope // status, headers, body
	delivery   *expr.Scope // headers, body of a webhook
}

// connector returns the connector of that id, checked now if it was not yet. It
// is nil where there is none, or where it has errors, which have been told.
func (b *builder) connector(id string) *Connector {
	if k, ok := b.set.Connectors[id]; ok {
		return k
	}
	files, ok := b.src.Connectors[id]
	if !ok || b.unsound.connectors[id] {
		return nil
	}
	sum := hashFiles(files)
	k := b.earlier(id, sum)
	if k == nil {
		k = newConnector(id, files, sum, Options{Pinned: b.opt.Pinned}, !b.src.AsNeeded[id])
	}
	failed := b.note(k.own)
	for _, f := range k.groups.files {
		failed = f.kept != nil && b.note(f.kept) || failed
	}
	if failed {
		b.unsound.connectors[id] = true
		return nil
	}
	b.set.Connectors[id] = k
	return k
}

// note tells what was found in the file of a group, once, and reports whether
// the group cannot be used.
func (b *builder) note(g *group) (failed bool) {
	if !b.noted[g] {
		b.noted[g] = true
		b.set.Findings.Add(g.found...)
		for _, n := range g.needs {
			b.note(n)
		}
	}
	return g.failed
}

// newConnector checks the files of one connector's folder: whole, or only
// connector.yaml and what that needs.
func newConnector(folder string, files []File, sum string, opt Options, whole bool) *Connector {
	c := &connectorCheck{report: report{list: &diag.List{}}, opt: opt, files: map[string][]byte{}, into: newGroup()}
	c.made = &Connector{ID: folder, Sum: sum, Files: c.files, own: c.into, groups: &groups{whole: whole, check: c}}
	c.read(folder, files)
	if c.main != nil {
		c.made.Hash = hashFiles(OnlyYAML(files))
		c.all(folder)
	}
	if whole {
		c.made.groups.check = nil
		for _, f := range c.made.groups.files {
			f.written = nil
		}
	}
	c.into.found = *c.list
	c.into.failed = c.main == nil || c.failed || slices.ContainsFunc(c.into.needs, func(n *group) bool { return n.failed })
	return c.made
}

// OnlyYAML returns the files that are YAML: what a run depends on, fixtures
// and keys left out.
func OnlyYAML(files []File) []File {
	return slices.DeleteFunc(slices.Clone(files), func(f File) bool { return path.Ext(f.Path) != ".yaml" })
}

// read parses the YAML files of the folder.
func (c *connectorCheck) read(folder string, files []File) {
	for _, f := range byPath(files) {
		_, inside, _ := strings.Cut(f.Path, "/"+folder+"/")
		if inside == "" {
			inside = path.Base(f.Path)
		}
		if f.Unreadable != nil {
			c.add(*f.Unreadable)
			c.files[inside] = nil
			continue
		}
		if path.Ext(f.Path) != ".yaml" || strings.Contains(inside, "/") {
			c.files[inside] = f.Data
			continue
		}
		main := path.Base(f.Path) == "connector.yaml"
		g := &groupFile{name: strings.TrimSuffix(inside, ".yaml"), file: f}
		if !main {
			c.made.groups.files = append(c.made.groups.files, g)
		}
		if main || c.made.groups.whole {
			c.parse(g, main)
		}
	}
	if c.main == nil && !c.failed {
		c.add(diag.Finding{
			Pos: diag.Pos{File: "connectors/" + folder}, Code: "C101",
			Message: "the folder has no connector.yaml", Hint: "a connector begins with the file connector.yaml, whose first line is connector: 1",
		})
	}
}

// parsePart parses a file of a connector. The file of a flow or the like is no
// part of it.
func parsePart(f File) (*spec.Connector, diag.List) {
	if kind := spec.KindOf(f.Data); slices.Contains(kinds(), kind) {
		return nil, diag.List{{
			Pos: firstKey(f), Width: width(kind), Code: "F123", Message: "this file begins as one of the folder flows does, and it lies in the folder of a connector",
			Hint: "files that begin with " + kind + " lie in flows/",
		}}
	}
	return spec.ParseConnector(f.Path, f.Data)
}

// address checks the address of a service.
func (r *report) address(t spec.Text, code string) {
	u, err := url.Parse(t.Value)
	if !t.Given() || err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") {
		return
	}
	f := diag.Finding{
		Pos: t.Pos, Width: width(t.Value), Code: code, Message: fmt.Sprintf("%q is not the address of a service", t.Value),
		Hint: "base_url: https://api.example.com/v1",
	}
	if with, err := url.Parse("https://" + t.Value); err == nil && !strings.Contains(t.Value, ":") && strings.Contains(with.Host, ".") {
		f.Fix = replacement(f.Pos, f.Width, "https://"+t.Value, false)
	}
	r.add(f)
}

// parse parses connector.yaml, or a group's file before any of its files is
// checked.
func (c *connectorCheck) parse(g *groupFile, main bool) {
	part, found := parsePart(g.file)
	c.list.Add(found...)
	c.lost = c.lost.and(newLost(g.file.Data, found))
	c.failed = c.failed || found.Err() != nil
	switch {
	case part == nil:
		g.kept = newGroup() // of which nobody knows anything
	case main:
		c.main, c.part = part, part
	default:
		g.written = part
		if part.Group.Given() {
			g.name = part.Group.Value
		}
	}
}

// groupName checks that the file of a group bears the group's name.
func (c *connectorCheck) groupName() {
	at := c.part.Group
	name := strings.TrimSuffix(path.Base(c.part.File), ".yaml")
	if !at.Given() || at.Value == name {
		return
	}
	c.add(diag.Finding{
		Pos: at.Pos, Width: width(at.Value), Code: "C107",
		Message: fmt.Sprintf("the group is %q, but its file is %s.yaml", at.Value, name),
		Hint:    fmt.Sprintf("the file of a group bears the group's name: name it %s.yaml, or say  group: %s", at.Value, name),
		Fix:     replacement(at.Pos, width(at.Value), name, false),
	})
}

func (c *connectorCheck) all(folder string) {
	m := c.main
	c.made.ID, c.made.Name, c.made.Docs, c.made.Help = folder, m.Name.Value, m.Docs.Value, m.Help.Value
	if m.ID.Given() && m.ID.Value != folder {
		c.add(diag.Finding{
			Pos: m.ID.Pos, Width: width(m.ID.Value), Code: "C102", Message: fmt.Sprintf("the id is %q, but the folder is %q", m.ID.Value, folder),
			Hint: "the folder's name and the id are the same word", Fix: replacement(m.ID.Pos, width(m.ID.Value), folder, false),
		})
	}
	if c.made.Name == "" {
		c.made.Name = folder
	}
	c.api()
	c.ownTypes()
	c.connectionShape()
	c.scopes()
	c.made.Limits = c.limits(m.Limits)
	c.made.Errors = c.errorRules(m.Errors)
	c.actions()
	c.sandboxStores()
	c.triggers()
	c.sandboxActions()
	c.test()
	c.members()
	c.webhooks()
	if c.made.groups.whole {
		c.made.allLocked()
	}
}

func (c *connectorCheck) api() {
	c.made.Timeout, c.made.MaxBody = 30*time.Second, 10<<20
	a := c.main.API
	if a == nil {
		return
	}
	c.made.BaseURL = strings.TrimSuffix(a.BaseURL.Value, "/")
	c.address(a.BaseURL, "C103")
	c.made.Hosts = texts(a.Hosts)
	if a.Timeout.Given() {
		c.made.Timeout = c.duration(a.Timeout)
	}
	if size, ok := spec.ParseSize(a.MaxBody.Value); ok {
		c.made.MaxBody = size
	}
}

func (c *connectorCheck) ownTypes() {
	c.types = newTypes(&c.report, c.made.ID)
	c.types.elsewhere = c.groupOfType
	c.types.declare(c.main.Types)
	c.into.types = c.types.named
}

func (c *connectorCheck) connectionShape() {
	none := expr.NewScope()
	s := c.main.Connection
	if s == nil {
		c.made.Auths = []*Auth{{Name: "none", Type: AuthNone}}
		return
	}
	c.made.Fields = c.types.inputs(s.Fields, none)
	for _, a := range s.Auth {
		c.made.Auths = append(c.made.Auths, c.auth(a))
	}
	if len(c.made.Auths) == 0 {
		c.made.Auths = []*Auth{{Name: "none", Type: AuthNone}}
	}
}

// scopes makes what the expressions of the connector may name.
func (c *connectorCheck) scopes() {
	connection := value.Field{Name: "connection", Type: c.connectionType(nil)}
	c.connection = expr.NewScope(connection)
	headers := value.Field{Name: "headers", Type: value.MapOf(value.Of(value.String))}
	body := value.Field{Name: "body", Type: value.Of(value.Any)}
	c.delivery = expr.NewScope(headers, body)
	c.answer = c.delivery.With(value.Field{Name: "status", Type: value.Of(value.Integer)})
}

// connectionType returns the fields of a connection as an object type. With
// an auth, its own fields are in it, secrets as text.
func (c *connectorCheck) connectionType(auth *Auth) *value.Type {
	t := &value.Type{Kind: value.Object, Name: "a " + c.made.Name + " connection"}
	inputs := c.made.Fields
	if auth != nil {
		inputs = slices.Concat(inputs, auth.Fields)
	}
	for _, in := range inputs {
		if in.Secret && auth == nil {
			continue
		}
		f := in.Field
		if in.Secret {
			f.Type = value.Of(value.String)
		}
		if in.Optional {
			f.Type = f.Type.AsOptional()
		}
		t.Fields = append(t.Fields, f)
	}
	return t
}

func (c *connectorCheck) limits(written []spec.Limit) []*Limit {
	var out []*Limit
	for _, l := range written {
		made := &Limit{
			Allow: c.number(l.Allow, 0), Per: c.duration(l.Per),
			Remaining: l.Remaining.Value, Reset: l.Reset.Value,
		}
		switch {
		case !l.Allow.Given() || !l.Per.Given():
			continue // the parser has told what is missing
		case made.Allow < 1 || made.Per <= 0:
			c.hinted(l.Allow, "C130", "{ allow: 100, per: 10s }", "a limit allows at least one call in some time")
			continue
		}
		if l.By.Given() {
			made.By = value.SplitPath(strings.TrimPrefix(l.By.Value, "input."))
		}
		out = append(out, made)
	}
	return out
}

func (c *connectorCheck) errorRules(written []spec.ErrorRule) []*ErrorRule {
	var out []*ErrorRule
	for _, e := range written {
		rule := &ErrorRule{When: c.condition(e.When, c.answer), Class: value.Class(e.Class.Value)}
		if e.Message.Given() {
			rule.Message = value.SplitPath(e.Message.Value)
		}
		out = append(out, rule)
	}
	return out
}

func (c *connectorCheck) test() {
	s := c.main.Connection
	if s == nil || s.Test == nil {
		return
	}
	a := c.find(s.Test.Action, "C132")
	if a == nil {
		return
	}
	if a.Effect != EffectRead {
		c.hinted(s.Test.Action, "C133", "name an action with effect: read", "the test of a connection only reads, and %s has the effect %s", a.ID, a.Effect)
	}
	at := &spec.Value{Pos: s.Test.Action.Pos, Text: s.Test.Action}
	with := c.objectTemplate(at, s.Test.With, c.connection, a.InputType(), "input")
	if with != nil && with.IsConst() {
		m, _ := with.Const.(map[string]any)
		c.made.Test = &Test{Action: a, With: m}
	}
}

// file returns a file of the connector's folder.
func (c *connectorCheck) file(t spec.Text) []byte {
	name := path.Clean(t.Value)
	if strings.HasPrefix(name, "../") || path.IsAbs(name) {
		c.hinted(t, "C105", "every file a connector names lies inside its own folder", "%q is outside of the connector's folder", t.Value)
		return nil
	}
	data, ok := c.files[name]
	if !ok && !c.opt.Pinned {
		var names []string
		for n := range c.files {
			names = append(names, n)
		}
		slices.Sort(names)
		c.name(t, "C106", "file", "is not a file of the connector's folder", names)
	}
	return data
}
