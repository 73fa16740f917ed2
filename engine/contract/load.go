package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"

	"github.com/getkin/kin-openapi/openapi3"

	"patchbay/engine/diag"
)

// File is one file of a description.
type File struct {
	Path string // as findings print it
	Data []byte
}

// Description is what a vendor says about its API, in one or more files.
type Description struct {
	operations []*operation
	documents  map[string]*document // nil where a file cannot be read
	read       func(path string) ([]byte, error)
	found      diag.List
}

// Operations returns how many operations the description has.
func (d *Description) Operations() int { return len(d.operations) }

// Load reads a description. A file that others refer to and that is not among
// files is asked of read, by its path beside them. What is wrong is told in
// the findings; what is sound is in the description all the same.
func Load(files []File, read func(path string) ([]byte, error)) (*Description, diag.List) {
	d := &Description{documents: map[string]*document{}, read: read}
	var own []*document
	for _, f := range files {
		if doc := d.add(f, len(files) == 1); doc != nil {
			own = append(own, doc)
		}
	}
	for _, doc := range own {
		d.describe(doc)
	}
	d.dangling(own)
	d.found.Sort()
	return d, d.found
}

// add reads one file; nil if it has no operations, which is a finding where
// the file stands alone.
func (d *Description) add(f File, alone bool) *document {
	name := path.Clean(f.Path)
	d.documents[name] = nil
	doc, err := d.parse(name, f.Data)
	if err != nil {
		d.complain(name, "K101", "save it again as the vendor publishes it", "this file cannot be read: %v", err)
		return nil
	}
	d.documents[name] = doc
	if root := doc.top(); len(root.get("paths").keys()) == 0 {
		if alone || root.get("openapi").exists() && !root.get("components").exists() {
			d.complain(name, "K102", "an OpenAPI file begins with openapi: and has paths:", "this is no description of an API: it has no paths")
		}
		return nil
	}
	return doc
}

// complain adds a finding about a file.
func (d *Description) complain(file, code, hint, format string, args ...any) {
	d.found.Add(diag.Finding{Pos: diag.Pos{File: file}, Code: code, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// document returns the file of that path, read now if need be.
func (d *Description) document(name string) *document {
	if doc, known := d.documents[name]; known {
		return doc
	}
	d.documents[name] = nil
	if d.read == nil {
		return nil
	}
	data, err := d.read(name)
	if err != nil {
		return nil
	}
	if doc, err := d.parse(name, data); err == nil {
		d.documents[name] = doc
	}
	return d.documents[name]
}

func (d *Description) parse(name string, data []byte) (*document, error) {
	data, err := asJSON(data)
	if err != nil {
		return nil, err
	}
	root, err := decode(data)
	if err != nil {
		return nil, err
	}
	return &document{desc: d, path: name, root: root}, nil
}

// asJSON returns a description as JSON.
func asJSON(data []byte) ([]byte, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	text := bytes.TrimSpace(data)
	if len(text) == 0 {
		return nil, errors.New("it is empty")
	}
	if text[0] == '{' || text[0] == '[' {
		return data, nil
	}
	return fromYAML(data)
}

// fromYAML returns YAML as JSON. The library reads whole descriptions only,
// and refuses one for any defect in it, so the text goes in as an extension,
// which it takes as it is.
func fromYAML(data []byte) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("openapi: 3.0.0\ninfo: { title: t, version: \"1\" }\npaths: {}\nx-document:\n")
	for line := range bytes.Lines(data) {
		if !bytes.HasPrefix(line, []byte("---")) {
			b.WriteString("  ")
			b.Write(line)
		}
	}
	doc, err := openapi3.NewLoader().LoadFromData(b.Bytes())
	if err != nil {
		return nil, errors.New("it is neither JSON nor YAML")
	}
	if _, ok := doc.Extensions["x-document"].(map[string]any); !ok {
		return nil, errors.New("it is neither JSON nor YAML")
	}
	return json.Marshal(doc.Extensions["x-document"])
}

// dangling tells of references that lead nowhere, once each.
func (d *Description) dangling(own []*document) {
	for _, doc := range own {
		told := map[string]bool{}
		doc.references(doc.root, func(ref string) {
			if told[ref] || doc.follow(ref).deref().exists() {
				return
			}
			told[ref] = true
			if doc.follow(ref).exists() {
				d.complain(doc.path, "K111", "what refers to it is taken as unknown", "the reference %q leads in a circle", ref)
				return
			}
			d.complain(doc.path, "K110", "what refers to it is taken as unknown", "the reference %q leads nowhere", ref)
		})
	}
}

func (d *document) references(v any, each func(ref string)) {
	switch v := v.(type) {
	case *object:
		if ref, ok := v.values["$ref"].(string); ok {
			each(ref)
		}
		for _, key := range v.keys {
			if key != "example" && key != "examples" {
				d.references(v.values[key], each)
			}
		}
	case []any:
		for _, item := range v {
			d.references(item, each)
		}
	}
}
