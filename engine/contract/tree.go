package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// object is a JSON object that remembers the order of its keys.
type object struct {
	keys   []string
	values map[string]any
}

// most is how deep a description may be nested, and how many references may
// lead to each other.
const most = 200

// decode reads JSON into objects, lists and scalars.
func decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := decodeValue(d, 0)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.New("it ends too early")
	}
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after its end")
	}
	return v, nil
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	if depth > most {
		return nil, fmt.Errorf("it is nested more than %d deep", most)
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		o := &object{values: map[string]any{}}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := decodeValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			name, _ := key.(string) // the decoder takes nothing else for a key
			if _, again := o.values[name]; !again {
				o.keys = append(o.keys, name)
			}
			o.values[name] = v
		}
		_, err = d.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := decodeValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	}
	return t, nil
}

// document is one file of a description.
type document struct {
	desc *Description
	path string
	root any
}

// top returns the document as a whole.
func (d *document) top() node { return node{d, "", d.root} }

// node is a place in a document. The zero node is a place that does not exist.
type node struct {
	doc *document
	at  string // JSON pointer
	v   any
}

func (n node) exists() bool { return n.doc != nil }

// place returns the file and the JSON pointer of the node, as people read it.
func (n node) place() string {
	if n.doc == nil {
		return ""
	}
	return n.doc.path + "#" + n.at
}

// get returns the value of a key, with references followed on the way to it
// but not behind it.
func (n node) get(key string) node {
	n = n.deref()
	o, ok := n.v.(*object)
	if !ok {
		return node{}
	}
	v, ok := o.values[key]
	if !ok {
		return node{}
	}
	return node{n.doc, n.at + "/" + escape(key), v}
}

// keys returns the keys of an object in the order of the file.
func (n node) keys() []string {
	if o, ok := n.deref().v.(*object); ok {
		return o.keys
	}
	return nil
}

// items returns the items of a list.
func (n node) items() []node {
	n = n.deref()
	list, ok := n.v.([]any)
	if !ok {
		return nil
	}
	out := make([]node, 0, len(list))
	for i, v := range list {
		out = append(out, node{n.doc, n.at + "/" + strconv.Itoa(i), v})
	}
	return out
}

// text returns the text of a key, "" for none.
func (n node) text(key string) string {
	s, _ := n.get(key).v.(string)
	return s
}

// yes reports whether a key is true.
func (n node) yes(key string) bool {
	b, ok := n.get(key).v.(bool)
	return ok && b
}

// texts returns the texts of a list.
func (n node) texts() []string {
	var out []string
	for _, item := range n.items() {
		if s, ok := item.v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// deref follows references to what they mean; the zero node for one that
// leads nowhere or in a circle.
func (n node) deref() node {
	for range most {
		o, ok := n.v.(*object)
		if !ok {
			return n
		}
		ref, ok := o.values["$ref"].(string)
		if !ok {
			return n
		}
		if n = n.doc.follow(ref); !n.exists() {
			return n
		}
	}
	return node{}
}

// follow returns the place a reference names.
func (d *document) follow(ref string) node {
	file, pointer, _ := strings.Cut(ref, "#")
	to := d
	if file != "" {
		if to = d.desc.document(path.Join(path.Dir(d.path), file)); to == nil {
			return node{}
		}
	}
	n := to.top()
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if part == "" {
			continue
		}
		name := unescape(part)
		if i, err := strconv.Atoi(name); err == nil {
			if items := n.items(); i >= 0 && i < len(items) {
				n = items[i]
				continue
			}
		}
		if n = n.get(name); !n.exists() {
			return node{}
		}
	}
	return n
}

func escape(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

func unescape(part string) string {
	return strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
}

// words returns scalars as text, without doubles.
func words(n node) []string {
	var out []string
	for _, item := range n.items() {
		switch item.v.(type) {
		case string, json.Number, bool:
			if w := fmt.Sprint(item.v); !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out
}

// plain returns a scalar as text, "" for none.
func plain(n node) string {
	switch n.v.(type) {
	case string, json.Number, bool:
		return fmt.Sprint(n.v)
	}
	return ""
}
