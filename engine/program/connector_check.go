package program

import (
	"fmt"
	"maps"
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
// Each group is checked by a copy of its own, which sees the types of its file.
type connectorCheck struct {
	report
	opt    Options
	files  map[string][]byte // by the path inside the folder
	main   *spec.Connector
	groups []*spec.Connector
	part   *spec.Connector // the file being checked: main, or a group's
	types  *typeResolver   // of part
	made   *Connector

	// scopes of the expressions of a connector
	connection *expr.Scope // connection
	answer     *expr.Scope // status, headers, body
	delivery   *expr.Scope // headers, body of a webhook
}

// connector checks the files of one connector's folder.
func (b *builder) connector(folder string, files []File) {
	sum := hashFiles(files)
	if done, ok := b.opt.Reuse[sum]; ok && done.ID == folder {
		b.set.Connectors[folder] = done
		b.set.Findings.Add(done.warnings...)
		return
	}
	c := &connectorCheck{report: report{list: &diag.List{}}, opt: b.opt, files: map[string][]byte{}}
	c.read(folder, files)
	if c.main != nil {
		c.made.Hash, c.made.Sum = hashFiles(OnlyYAML(files)), sum
		c.all(folder)
	}
	b.set.Findings.Add(*c.list...)
	if c.main == nil || c.failed {
		b.unsound.connectors[folder] = true
		return
	}
	c.made.warnings = *c.list
	b.set.Connectors[folder] = c.made
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
		part, found := spec.ParseConnector(f.Path, f.Data)
		c.list.Add(found...)
		c.lost = c.lost.and(newLost(f.Data, found))
		c.failed = c.failed || found.Err() != nil
		switch {
		case part == nil:
		case path.Base(f.Path) == "connector.yaml":
			c.main, c.part = part, part
		default:
			c.groupName(part)
			c.groups = append(c.groups, part)
		}
	}
	c.made = &Connector{ID: folder, Files: c.files, byName: map[string]*Action{}}
	if c.main == nil && !c.failed {
		c.add(diag.Finding{
			Pos: diag.Pos{File: "connectors/" + folder}, Code: "C101",
			Message: "the folder has no connector.yaml", Hint: "a connector begins with the file connector.yaml, whose first line is connector: 1",
		})
	}
}

// groupName checks that the file of a group bears the group's name.
func (c *connectorCheck) groupName(part *spec.Connector) {
	name := strings.TrimSuffix(path.Base(part.File), ".yaml")
	if !part.Group.Given() || part.Group.Value == name {
		return
	}
	c.add(diag.Finding{
		Pos: part.Group.Pos, Width: width(part.Group.Value), Code: "C107",
		Message: fmt.Sprintf("the group is %q, but its file is %s.yaml", part.Group.Value, name),
		Hint:    fmt.Sprintf("the file of a group bears the group's name: name it %s.yaml, or say  group: %s", part.Group.Value, name),
		Fix:     replacement(part.Group.Pos, width(part.Group.Value), name, false),
	})
}

func (c *connectorCheck) all(folder string) {
	m := c.main
	c.made.ID, c.made.Name, c.made.Docs, c.made.Help = folder, m.Name.Value, m.Docs.Value, m.Help.Value
	if m.ID.Given() && m.ID.Value != folder {
		c.hinted(m.ID, "C102", "the folder's name and the id are the same word", "the id is %q, but the folder is %q", m.ID.Value, folder)
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
	parts := []*connectorCheck{c}
	for _, g := range c.groups {
		parts = append(parts, c.group(g))
	}
	c.made.Sandbox = &Sandbox{Stores: map[string]*SandboxStore{}, Actions: map[string]*SandboxAction{}}
	for _, do := range []func(*connectorCheck){
		(*connectorCheck).actions, (*connectorCheck).triggers, (*connectorCheck).sandboxStores, (*connectorCheck).sandboxActions,
	} {
		for _, part := range parts {
			do(part)
			c.failed = c.failed || part.failed
		}
	}
	c.test()
	c.webhooks()
}

// group returns the check of one group's file.
func (c *connectorCheck) group(part *spec.Connector) *connectorCheck {
	g := *c
	g.part = part
	g.types = newTypes(&g.report, c.made.ID+"."+part.Group.Value)
	g.types.outer, g.types.elsewhere = c.types, c.groupOfType
	g.types.declare(part.Types)
	for name, t := range g.types.named {
		c.made.Types[part.Group.Value+"."+name] = t
	}
	return &g
}

// groupOfType returns the first group that declares a type of that name.
func (c *connectorCheck) groupOfType(name string) string {
	for _, g := range c.groups {
		if slices.ContainsFunc(g.Types, func(e spec.TypeEntry) bool { return e.Name.Value == name }) {
			return g.Group.Value
		}
	}
	return ""
}

func (c *connectorCheck) api() {
	c.made.Timeout, c.made.MaxBody = 30*time.Second, 10<<20
	a := c.main.API
	if a == nil {
		return
	}
	c.made.BaseURL = strings.TrimSuffix(a.BaseURL.Value, "/")
	if a.BaseURL.Given() {
		u, err := url.Parse(a.BaseURL.Value)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			c.hinted(a.BaseURL, "C103", "base_url: https://api.example.com/v1", "%q is not the address of a service", a.BaseURL.Value)
		}
	}
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
	c.made.Types = maps.Clone(c.types.named)
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
	a, ok := c.made.Action(s.Test.Action.Value)
	if !ok && !s.Test.Action.Given() {
		return
	}
	if !ok {
		c.local(s.Test.Action, "C132", "action", "is not an action of this connector", c.actionNames())
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

func (c *connectorCheck) actionNames() []string {
	var names []string
	for _, a := range c.made.Actions {
		names = append(names, a.Name)
	}
	return names
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
