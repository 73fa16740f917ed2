package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Files returns the kinds of files that have a schema, each named by the key
// in its first line.
func Files() []string { return []string{"flow", "connector", "group", "connections", "table"} }

// Schema returns the JSON Schema of a kind of file, as editors read it to
// complete and to check a file while it is written. With kind "" it describes
// a file of any kind, told apart by the key in the first line.
//
// The schema is made from the tables the parser follows. It never refuses
// what the parser takes, but for spellings nobody needs (a version in quotes,
// a number where a name is meant). It does not find all that the parser
// finds: not what lies in the order of keys, in expressions or in names that
// other files declare. Keys that this version does not carry out are left out.
//
// It keeps to words that draft 2020-12 shares with draft 7, which is all that
// older editors know; patternErrorMessage is a word of editors.
func Schema(kind string) ([]byte, error) {
	sections := map[string]Section{}
	for _, s := range Sections() {
		sections[s.Name] = s
	}
	kinds := []string{kind}
	var root object
	switch {
	case kind == "":
		kinds = Files()
		root = anyFile(sections)
	case slices.Contains(Files(), kind):
		root = object{{"title", sections[kind].Noun}, {"$ref", defsPath + kind}}
	default:
		return nil, fmt.Errorf("schema of %q: there is no such kind of file", kind)
	}
	g := &schemer{sections: sections}
	g.need(kinds...)
	root = append(object{{"$schema", "https://json-schema.org/draft/2020-12/schema"}}, root...)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root.with("$defs", g.defs())); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", kind, err)
	}
	return b.Bytes(), nil
}

const defsPath = "#/$defs/"

// anyFile is the schema of a file of any kind. Connections come first, for
// among them a connection may bear any other of the names.
func anyFile(sections map[string]Section) object {
	first := object{}
	for _, kind := range Files() {
		k := sections[kind].Keys[0]
		first = first.with(kind, described(object{{"const", 1}}, k))
	}
	schema := object{{"type", "object"}, {"properties", first}, {"minProperties", 1}, {"additionalProperties", false}}
	for _, kind := range []string{"flow", "table", "group", "connector", "connections"} {
		schema = object{{"if", requires(kind)}, {"then", object{{"$ref", defsPath + kind}}}, {"else", schema}}
	}
	return append(object{{"title", "a file of Patchbay"}}, schema...)
}

// schemer makes the schemas of sections, and notes which others those refer to.
type schemer struct {
	sections map[string]Section
	needed   []string
}

// need notes that the schemas of sections are referred to.
func (g *schemer) need(sections ...string) {
	for _, name := range sections {
		if !slices.Contains(g.needed, name) {
			g.needed = append(g.needed, name)
		}
	}
}

// ref refers to the schema of a section.
func (g *schemer) ref(section string) object {
	g.need(section)
	return object{{"$ref", defsPath + section}}
}

// defs returns the schemas of all sections that are needed, and of those that
// these need.
func (g *schemer) defs() object {
	var defs object
	for i := 0; i < len(g.needed); i++ {
		s := g.sections[g.needed[i]]
		defs = defs.with(s.Name, g.section(s))
	}
	return defs
}

// section returns the schema of a kind of map.
func (g *schemer) section(s Section) object {
	switch s.Name {
	case "type":
		return g.typeOrFields(s)
	case "branch":
		return g.branch(s)
	}
	return append(g.keys(s), g.rules(s)...)
}

// keys returns what the keys of a section say, each for itself.
func (g *schemer) keys(s Section) object {
	var properties object
	required := []string{}
	for i, k := range s.Keys {
		properties = properties.with(k.Name, described(g.key(k), k))
		if k.Required || i == 0 && slices.Contains(Files(), s.Name) {
			required = append(required, k.Name)
		}
	}
	schema := object{{"title", s.Noun}, {"type", "object"}, {"properties", properties}}
	if s.Rest.Help == "" {
		schema = schema.with("additionalProperties", false)
	} else {
		schema = schema.with("additionalProperties", described(g.key(s.Rest), s.Rest))
		if names := pattern(s.Rest.Names); names != nil {
			schema = schema.with("propertyNames", names)
		}
	}
	if len(required) > 0 {
		schema = schema.with("required", required)
	}
	return schema
}

// described puts what the table tells a reader in front of a schema.
func described(schema object, k Key) object {
	told := object{{"description", k.Help}}
	if k.Example == "" || len(k.Words) > 0 || slices.Contains([]Form{Version, Switch, TypeName}, k.Form) {
		return append(told, schema...) // the schema itself lists what can stand there
	}
	if example, err := ParseValue(k.Example); err == nil {
		told = told.with("examples", []any{example})
	}
	return append(told, schema...)
}

// key returns the schema of what stands behind a key.
func (g *schemer) key(k Key) object {
	switch k.Form {
	case Lines, Expressions:
		return list(g.item(k))
	case OneOrLines, OneOrPaths:
		return anyOf(g.item(k), list(g.item(k)))
	case Literal:
		return object{}
	case Either:
		return g.either(k)
	case Pairs:
		var value any = true
		if len(k.Forms) > 0 {
			value = g.either(k)
		}
		return free(k.Names, value)
	case Block:
		if k.Section == "" {
			return object{{"type", "object"}, {"maxProperties", 0}}
		}
		return g.ref(k.Section)
	case Blocks:
		return list(g.ref(k.Section))
	case NamedBlocks:
		return free(k.Names, g.ref(k.Section))
	default:
		return scalarSchema(k)
	}
}

// item returns the schema of an item of a list of texts.
func (g *schemer) item(k Key) object {
	switch {
	case k.Form == Expressions:
		k.Form = Expression
	case k.Form == OneOrPaths:
		k.Form = Path
	case len(k.Words) > 0:
		k.Form = Word
	default:
		k.Form = Line
	}
	return scalarSchema(k)
}

// either returns the schema of a value that has one of the forms of a key.
func (g *schemer) either(k Key) object {
	var schemas []object
	for _, form := range k.Forms {
		one := k
		one.Form = form
		if form != Word {
			one.Words = nil
		}
		schemas = append(schemas, g.key(one))
	}
	if len(schemas) == 1 {
		return schemas[0]
	}
	return anyOf(schemas...)
}

// free returns the schema of a map with names of the author's choice.
func free(names Form, value any) object {
	expression, _ := formOf(names)
	if expression == "" {
		return object{{"type", "object"}, {"additionalProperties", value}}
	}
	byName := object{{expression, value}}
	return object{{"type", "object"}, {"patternProperties", byName}, {"additionalProperties", false}}
}

func list(item object) object { return object{{"type", "array"}, {"items", item}} }

func anyOf(schemas ...object) object { return object{{"anyOf", schemas}} }

// requires is the schema of a map in which a key stands.
func requires(key string) object { return object{{"required", []string{key}}} }
