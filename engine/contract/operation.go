package contract

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// operation is one method of one path.
type operation struct {
	node
	root     node
	item     node // of the path
	method   string
	path     string
	bases    []string // the paths of the servers, "" for none
	id       string
	file     string
	security []node
	secured  bool // something is said about security
}

// describe collects the operations of a document.
func (d *Description) describe(doc *document) {
	root := doc.top()
	ids := map[string]string{}
	for _, p := range root.get("paths").keys() {
		item := root.get("paths").get(p)
		if !strings.HasPrefix(p, "/") || strings.ContainsFunc(p, blank) {
			if !strings.HasPrefix(p, "x-") {
				d.complain(doc.path, "K103", "a path begins with / and has no blanks", "%q is no path", p)
			}
			continue
		}
		for _, method := range item.keys() {
			verb := strings.ToUpper(method)
			if !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}, verb) {
				continue
			}
			op := &operation{node: item.get(method), root: root, item: item, method: verb, path: p, file: doc.path}
			if _, ok := op.v.(*object); !ok {
				d.complain(doc.path, "K104", "it is left out", "%s %s is not described by a map", verb, p)
				continue
			}
			op.id = op.text("operationId")
			if first, twice := ids[op.id]; twice && op.id != "" {
				d.complain(doc.path, "K105", "both are used, by method and path", "the operation id %q is given to %s and to %s %s", op.id, first, verb, p)
			}
			ids[op.id] = verb + " " + p
			op.bases = bases(root, item, op.node)
			op.secure(root)
			d.operations = append(d.operations, op)
		}
	}
}

// blank reports whether a character cannot stand in a path.
func blank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// bases returns the paths of the servers an operation is at.
func bases(places ...node) []string {
	out := []string{""}
	for _, n := range places {
		if b := strings.TrimSuffix(n.text("basePath"), "/"); b != "" {
			out = append(out, b)
		}
		for _, s := range n.get("servers").items() {
			u, err := url.Parse(s.text("url"))
			if err != nil || strings.Contains(s.text("url"), "{") {
				continue
			}
			if b := strings.TrimSuffix(u.Path, "/"); !slices.Contains(out, b) {
				out = append(out, b)
			}
		}
	}
	return out
}

func (o *operation) secure(root node) {
	blocks := o.get("security")
	if !blocks.exists() {
		blocks = root.get("security")
	}
	o.security, o.secured = blocks.items(), blocks.exists()
}

// scopes returns the alternatives of an operation's security blocks.
func (o *operation) scopes() [][]string {
	var out [][]string
	for _, block := range o.security {
		var all []string
		for _, scheme := range block.keys() {
			all = append(all, block.get(scheme).texts()...)
		}
		// Slack calls it so where a method needs none.
		all = slices.DeleteFunc(all, func(scope string) bool { return scope == "none" })
		if len(all) > 0 {
			slices.Sort(all)
			out = append(out, slices.Compact(all))
		}
	}
	return out
}

// parameter is one parameter of an operation.
type parameter struct {
	node
	name, in string
	required bool
	schema   node
}

// parameters returns the parameters of an operation, its own before those of
// its path.
func (o *operation) parameters() []parameter {
	var out []parameter
	for _, n := range slices.Concat(o.get("parameters").items(), o.item.get("parameters").items()) {
		p := parameter{node: n, name: n.text("name"), in: n.text("in"), required: n.yes("required"), schema: n.get("schema")}
		if n.get("type").exists() && !p.schema.exists() {
			p.schema = n // of Swagger 2
		}
		same := func(q parameter) bool { return q.in == p.in && q.name == p.name }
		if p.name == "" || p.in == "body" || p.in == "formData" || slices.ContainsFunc(out, same) {
			continue
		}
		if p.in == "path" {
			p.required = true
		}
		if !p.schema.exists() {
			for _, form := range n.get("content").keys() {
				p.schema = n.get("content").get(form).get("schema")
			}
		}
		out = append(out, p)
	}
	return out
}

// content is the body of a request or an answer in one form.
type content struct {
	form string // application/json
	shape
	at node
}

func contents(n node) []content {
	var out []content
	forms := n.get("content")
	for _, form := range forms.keys() {
		out = append(out, content{plainForm(form), shapeOf(forms.get(form).get("schema")), forms.get(form)})
	}
	return out
}

func plainForm(form string) string {
	word, _, _ := strings.Cut(form, ";")
	return strings.TrimSpace(strings.ToLower(word))
}

// bodies returns the forms in which a request may have a body.
func (o *operation) bodies() []content {
	out := contents(o.get("requestBody"))
	fields := shape{node: o.node, props: map[string]node{}, types: []string{"object"}}
	forms := o.get("consumes").texts()
	if len(forms) == 0 {
		forms = o.root.get("consumes").texts()
	}
	for _, n := range slices.Concat(o.get("parameters").items(), o.item.get("parameters").items()) {
		switch n.text("in") {
		case "body": // of Swagger 2
			out = append(out, content{"application/json", shapeOf(n.get("schema")), n})
		case "formData":
			fields.name(n.text("name"), n)
			if n.yes("required") {
				fields.needs = append(fields.needs, n.text("name"))
			}
		}
	}
	if len(fields.names) > 0 {
		if len(forms) == 0 {
			forms = []string{"application/x-www-form-urlencoded"}
		}
		for _, form := range forms {
			out = append(out, content{plainForm(form), fields, o.node})
		}
	}
	return out
}

// answers returns the bodies of the answers that mean success.
func (o *operation) answers() []content {
	var out []content
	responses := o.get("responses")
	for _, status := range responses.keys() {
		if !strings.HasPrefix(status, "2") {
			continue
		}
		answer := responses.get(status)
		out = append(out, contents(answer)...)
		if answer.get("schema").exists() { // of Swagger 2
			out = append(out, content{"application/json", shapeOf(answer.get("schema")), answer})
		}
	}
	return out
}

// only returns the one value the parameter must have, "" where
// the description allows more or says nothing.
func (p parameter) only() string {
	s := shapeOf(p.schema)
	if len(s.enum) == 1 {
		return s.enum[0]
	}
	return ""
}
