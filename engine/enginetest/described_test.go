package enginetest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// descriptions is where the services' own descriptions lie beside the
// repository. They are not part of it.
const descriptions = "../../../shared/specs"

// described is a service's own description of its API, every file of it with a
// router that knows its operations.
type described struct {
	routers []routers.Router
	docs    []*openapi3.T
	mended  map[string]int // how often each kind of defect was mended
}

// describe loads the descriptions below some folders or files. Their known
// defects are mended in memory first: a library that checks strictly refuses
// them otherwise, and what is mended is counted.
func describe(t *testing.T, names ...string) *described {
	t.Helper()
	d := &described{mended: map[string]int{}}
	for _, name := range names {
		files, err := filepath.Glob(filepath.Join(descriptions, name))
		if err != nil || len(files) == 0 {
			t.Fatalf("no description %s: %v", name, err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, ".json") {
				continue
			}
			if err := d.load(file); err != nil {
				t.Errorf("load %s: %v", filepath.Base(file), err)
			}
		}
	}
	return d
}

func (d *described) load(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		return err
	}
	m := &mender{doc: doc, mended: d.mended}
	if err := m.all(file); err != nil {
		return err
	}
	data, err = json.Marshal(doc)
	if err != nil {
		return err
	}
	loaded, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		return err
	}
	router, err := legacy.NewRouter(loaded)
	if err != nil {
		return err
	}
	d.docs, d.routers = append(d.docs, loaded), append(d.routers, router)
	return nil
}

// mender mends what is wrong with a description in itself. It touches nothing
// that says what a request must be.
type mender struct {
	doc    map[string]any
	mended map[string]int
}

func (m *mender) count(defect string) { m.mended[defect]++ }

func (m *mender) all(file string) error {
	if err := m.common(filepath.Dir(file)); err != nil {
		return err
	}
	m.servers()
	m.security()
	m.conflicts()
	for p, item := range objectAt(m.doc, "paths") {
		m.path(p, item.(map[string]any))
	}
	m.schemas(m.doc, "")
	m.dangling(m.doc)
	return nil
}

// common brings in the schemas that lie in a file of their own. The newer
// descriptions point at a place beside their folder, where it is not.
func (m *mender) common(dir string) error {
	var data []byte
	for _, place := range []string{"../common", "common"} {
		if found, err := os.ReadFile(filepath.Join(dir, place, "common-schemas.json")); err == nil {
			data = found
			break
		}
	}
	if data == nil {
		return nil
	}
	var shared map[string]any
	if err := json.Unmarshal(data, &shared); err != nil {
		return err
	}
	schemas := objectAt(m.doc, "components", "schemas")
	for name, schema := range objectAt(shared, "components", "schemas") {
		if _, own := schemas[name]; !own {
			schemas[name] = schema
		}
	}
	eachRef(m.doc, func(at map[string]any, ref string) {
		if _, inside, ok := strings.Cut(ref, "common-schemas.json#"); ok {
			at["$ref"] = "#" + inside
		}
	})
	return nil
}

// servers leaves the path of the service's address: the host is that of the
// test.
func (m *mender) servers() {
	base := ""
	if list, ok := m.doc["servers"].([]any); ok && len(list) > 0 {
		if u, err := url.Parse(fmt.Sprint(list[0].(map[string]any)["url"])); err == nil {
			base = strings.TrimSuffix(u.Path, "/")
		}
	}
	delete(m.doc, "servers")
	if base != "" {
		m.doc["servers"] = []any{map[string]any{"url": base}}
	}
}

// security mends schemes that bear keys of another type of scheme.
func (m *mender) security() {
	for _, scheme := range objectAt(m.doc, "components", "securitySchemes") {
		s := scheme.(map[string]any)
		if s["type"] == "http" && (s["in"] != nil || s["name"] != nil) {
			m.count("a bearer scheme with a name or a place")
			delete(s, "in")
			delete(s, "name")
		}
	}
}

// conflicts puts together what is said of one path under two names of its
// parameter.
func (m *mender) conflicts() {
	paths := objectAt(m.doc, "paths")
	first := map[string]string{}
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		form := braces.ReplaceAllString(p, "{}")
		before, known := first[form]
		if !known {
			first[form] = p
			continue
		}
		m.count("a path that stands there twice with another name of its parameter")
		names, renamed := braces.FindAllString(p, -1), braces.FindAllString(before, -1)
		item := paths[p].(map[string]any)
		for i, name := range names {
			rename(item, strings.Trim(name, "{}"), strings.Trim(renamed[i], "{}"))
		}
		maps.Copy(paths[before].(map[string]any), item)
		delete(paths, p)
	}
}

var braces = regexp.MustCompile(`\{[^{}]*\}`)

// rename gives a parameter of the path its other name.
func rename(item map[string]any, from, to string) {
	for _, op := range item {
		o, _ := op.(map[string]any)
		params, _ := o["parameters"].([]any)
		for _, v := range params {
			if q := v.(map[string]any); q["in"] == "path" && q["name"] == from {
				q["name"] = to
			}
		}
	}
}

func (m *mender) path(p string, item map[string]any) {
	for method, op := range item {
		o, ok := op.(map[string]any)
		if !ok || method == "parameters" {
			continue
		}
		m.parameters(p, o, item)
		m.bodies(o)
	}
}

// parameters drops the token, which the security scheme describes, and adds
// the parameters of the path that are not declared.
func (m *mender) parameters(p string, op, item map[string]any) {
	declared := map[string]bool{}
	params, _ := op["parameters"].([]any)
	params = slices.DeleteFunc(params, func(v any) bool {
		q, _ := v.(map[string]any)
		if q["in"] == "header" && strings.EqualFold(fmt.Sprint(q["name"]), "Authorization") {
			m.count("the token as a parameter")
			return true
		}
		for _, key := range []string{"default", "oneOf", "anyOf", "type", "enum"} {
			if _, there := q[key]; there && q["$ref"] == nil {
				m.count("a schema's key beside the schema of a parameter")
				delete(q, key)
			}
		}
		if q["in"] == "path" {
			if !strings.Contains(p, "{"+fmt.Sprint(q["name"])+"}") {
				m.count("a parameter of the path that is not in the path")
				return true
			}
			declared[fmt.Sprint(q["name"])] = true
			if q["required"] != true {
				m.count("a parameter of the path that is not required")
				q["required"] = true
			}
		}
		return false
	})
	if shared, ok := item["parameters"].([]any); ok {
		for _, v := range shared {
			declared[fmt.Sprint(v.(map[string]any)["name"])] = true
		}
	}
	for rest := p; ; {
		_, after, ok := strings.Cut(rest, "{")
		if !ok {
			break
		}
		name, left, _ := strings.Cut(after, "}")
		rest = left
		if !declared[name] {
			m.count("a parameter of the path that is not declared")
			params = append(params, map[string]any{"name": name, "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
		}
	}
	if params != nil {
		op["parameters"] = params
	}
}

// bodies gives a body or an answer that says nothing of its form an empty one.
func (m *mender) bodies(op map[string]any) {
	if body, ok := op["requestBody"].(map[string]any); ok && body["content"] == nil && body["$ref"] == nil {
		m.count("a body without a form")
		body["content"] = map[string]any{"application/json": map[string]any{}}
	}
	for status, v := range objectAt(op, "responses") {
		answer, ok := v.(map[string]any)
		headers, _ := answer["headers"].(map[string]any)
		for _, h := range headers {
			if header := h.(map[string]any); header["schema"] == nil && header["content"] == nil {
				m.count("a header without a form")
				clear(header)
				header["schema"] = map[string]any{}
			}
		}
		if ok && answer["$ref"] == nil && answer["description"] == nil {
			m.count("an answer without a description")
			answer["description"] = status
		}
	}
}

// schemas mends the schemas below v, wherever they stand.
func (m *mender) schemas(v any, key string) {
	switch v := v.(type) {
	case []any:
		for _, each := range v {
			m.schemas(each, key)
		}
	case map[string]any:
		named := key == "properties" || key == "schemas" || key == "paths" || key == "responses" || key == "securitySchemes"
		if !named {
			m.examples(v)
			m.schema(v)
		}
		for name, each := range v {
			if named {
				name = ""
			}
			if name != "example" && name != "examples" {
				m.schemas(each, name)
			}
		}
	}
}

// examples puts examples aside, for the answers: they are no part of what is
// checked, and many are of another type than the schema they stand in.
func (m *mender) examples(v map[string]any) {
	if example, ok := v["example"]; ok {
		v[exampleKey] = example
	}
	delete(v, "example")
	delete(v, "examples")
}

const exampleKey = "x-example"

// schema mends one object that may be a schema.
func (m *mender) schema(s map[string]any) {
	if ref, ok := s["$ref"].(string); ok {
		for key := range s {
			if key != "$ref" {
				delete(s, key)
			}
		}
		s["$ref"] = ref
		return
	}
	if s["type"] == "array" && s["items"] == nil {
		m.count("a list without items")
		s["items"] = map[string]any{}
	}
	if s["type"] == "object" && s["properties"] == nil && s["additionalProperties"] == nil && s["required"] == nil {
		m.count("an object without properties, which stands for anything")
		delete(s, "type")
	}
	if s["type"] == "any" {
		m.count("the type any")
		delete(s, "type")
	}
	if inner, ok := s["schema"].(map[string]any); ok && (s["type"] != nil || s["anyOf"] != nil || s["oneOf"] != nil) && s["in"] == nil {
		m.count("a schema inside a schema")
		delete(s, "schema")
		_ = inner
	}
	if list, ok := s["enum"].([]any); ok && len(list) > 0 {
		m.enum(s, list)
	}
	if def, ok := s["default"]; ok && s["in"] == nil && !fitsType(s, def) {
		m.count("a default of another type")
		delete(s, "default")
	}
}

func (m *mender) enum(s map[string]any, list []any) {
	if inner, ok := list[0].([]any); ok && len(list) == 1 {
		m.count("an enum inside an enum, of another type")
		list = inner
		s["enum"], s["type"] = list, "string"
	}
	seen := map[string]bool{}
	kept := slices.DeleteFunc(slices.Clone(list), func(v any) bool {
		word := fmt.Sprint(v)
		again := seen[word]
		seen[word] = true
		return again
	})
	if len(kept) < len(list) {
		m.count("an enum that names a value twice")
		s["enum"] = kept
	}
}

func fitsType(s map[string]any, v any) bool {
	switch s["type"] {
	case "string":
		_, ok := v.(string)
		return ok && inEnum(s, v)
	case "number", "integer":
		_, ok := v.(float64)
		return ok && inEnum(s, v)
	case "boolean":
		_, ok := v.(bool)
		return ok
	case "array":
		_, ok := v.([]any)
		return ok
	}
	_, object := v.(map[string]any)
	return !object // none of those that stand there fits
}

func inEnum(s map[string]any, v any) bool {
	list, ok := s["enum"].([]any)
	return !ok || slices.Contains(list, v)
}

// dangling puts an empty schema where a reference leads nowhere.
func (m *mender) dangling(doc map[string]any) {
	eachRef(doc, func(at map[string]any, ref string) {
		var here any = doc
		for step := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
			o, _ := here.(map[string]any)
			here = o[step]
		}
		if here == nil {
			m.count("a reference that leads nowhere")
			delete(at, "$ref")
		}
	})
}

func eachRef(v any, each func(at map[string]any, ref string)) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			eachRef(item, each)
		}
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			each(v, ref)
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			eachRef(v[key], each)
		}
	}
}

// objectAt returns the object at a path of keys, made where there is none.
func objectAt(v map[string]any, keys ...string) map[string]any {
	for _, key := range keys {
		next, ok := v[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			v[key] = next
		}
		v = next
	}
	return v
}
