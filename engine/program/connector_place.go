package program

import (
	"fmt"
	"slices"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// place reads where a value goes, such as query.skip or body.results.id. The
// entries of a map can be spread over query.*, form.*, multipart.* and
// header.*; body and body.* are the body as a whole.
func (r *report) place(t spec.Text) Place {
	word, rest, _ := strings.Cut(t.Value, ".")
	in := In(word)
	switch in {
	case InBody:
		return Place{In: in, Path: value.SplitPath(rest)}
	case InNowhere:
		if rest == "" {
			return Place{In: in}
		}
	case InQuery, InHeader, InForm, InMultipart:
		if rest != "" {
			return Place{In: in, Path: []string{rest}}
		}
	case InPath:
		if rest != "" && rest != "*" {
			return Place{In: in, Path: []string{rest}}
		}
	default:
	}
	f := nearest(t.Pos, word, diag.Finding{
		Code: "C220", Message: fmt.Sprintf("%q is not a place in a request", t.Value),
		Hint: "places: path.x, query.x, query.*, body, body.a.b, header.X, header.*, form.x, multipart.x; nowhere, for what only expressions use",
	}, []string{"path", "query", "body", "header", "form", "multipart", "nowhere"})
	if f.Fix != nil && f.Fix.Label == word {
		f.Fix = nil
	}
	r.add(f)
	return Place{In: InBody, Path: []string{t.Value}}
}

// spread reports whether the entries of a map go to the place, each under its
// own name.
func (p Place) spread() bool { return p.In != InBody && len(p.Path) == 1 && p.Path[0] == "*" }

// places gives every input the place it goes to, and checks that something
// fills each of the braces in the path of the request; hint says how to.
func (c *connectorCheck) places(a *spec.Action, made *Action, hint string) {
	if made.Transport != HTTP || made.Method == "" {
		return
	}
	inPath := map[string]bool{}
	braces := inBraces.FindAllStringSubmatchIndex(a.Request.Value, -1)
	for _, m := range braces {
		inPath[a.Request.Value[m[2]:m[3]]] = false
	}
	for i, in := range made.Input {
		if in.Place.In == "" {
			in.Place = defaultPlace(in.Name, made.Method, inPath)
		}
		if in.Place.In == InPath {
			c.fillsPath(a, a.Input[i].SendAs, in.Place.Path[0], inPath)
		}
		if k := in.Type.Kind; in.Place.spread() && k != value.Map && k != value.Object && k != value.Any {
			c.hinted(a.Input[i].SendAs, "C223", "type: map", "only the entries of a map can be spread over %s, and %s is %s", a.Input[i].SendAs.Value, in.Name, in.Type)
		}
	}
	for i, s := range made.Send {
		if s.Place.In == InPath && i < len(a.Send) {
			c.fillsPath(a, a.Send[i].Key, s.Place.Path[0], inPath)
		}
	}
	for _, m := range braces {
		name := a.Request.Value[m[2]:m[3]]
		at := a.Request.At(m[0])
		byKey := func(auth *Auth) bool { return auth.Path == name }
		if inPath[name] || slices.ContainsFunc(c.made.Auths, byKey) || c.lost.has(name, at) {
			continue
		}
		f := diag.Finding{
			Pos: at, Width: width(name) + 2, Code: "C222", Message: "nothing fills {" + name + "} of the request",
			Hint: fmt.Sprintf(hint, name),
		}
		if near := diag.Nearest(name, inputNames(made.Input)); near != "" {
			f.Fix = replacement(f.Pos, f.Width, "{"+near+"}", false)
		}
		c.add(f)
	}
}

func inputNames(inputs []*Input) []string {
	var names []string
	for _, in := range inputs {
		names = append(names, in.Name)
	}
	return names
}

func (c *connectorCheck) fillsPath(a *spec.Action, at spec.Text, name string, inPath map[string]bool) {
	if _, ok := inPath[name]; !ok {
		c.hinted(at, "C221", "request: "+a.Request.Value, "the request has no {%s}", name)
	}
	inPath[name] = true
}

func defaultPlace(name, method string, inPath map[string]bool) Place {
	if _, ok := inPath[name]; ok {
		return Place{In: InPath, Path: []string{name}}
	}
	if method == "GET" || method == "HEAD" {
		return Place{In: InQuery, Path: []string{name}}
	}
	return Place{In: InBody, Path: []string{name}}
}
