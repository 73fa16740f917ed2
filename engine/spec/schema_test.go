package spec

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"patchbay/connectors"
	"patchbay/flows"
)

// compiled returns the schema of a kind of file, ready to be used. It is held
// against the schema of schemas first.
func compiled(t *testing.T, kind string) *jsonschema.Schema {
	t.Helper()
	text, err := Schema(kind)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("Schema(%q) is no JSON: %v", kind, err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatalf("Schema(%q): %v", kind, err)
	}
	return schema
}

// compiledAll returns the schemas of all kinds of files, "" for any.
func compiledAll(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	schemas := map[string]*jsonschema.Schema{"": compiled(t, "")}
	for _, kind := range Files() {
		schemas[kind] = compiled(t, kind)
	}
	return schemas
}

// decoded returns the data of a file as a validator takes it.
func decoded(t *testing.T, text []byte) any {
	t.Helper()
	root, _ := readTree("x.yaml", text)
	return decodedTree(t, root)
}

// TestSchemaTakes gives all files that Patchbay brings along, and those in
// which the parser finds nothing.
func TestSchemaTakes(t *testing.T) {
	schemas := compiledAll(t)
	seen := map[string]int{}
	for _, source := range []struct {
		files   fs.FS
		pattern string
	}{{connectors.Files, "*/*.yaml"}, {flows.Files, "*.yaml"}, {os.DirFS("testdata"), "sound_*.yaml"}} {
		names, err := fs.Glob(source.files, source.pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := fs.ReadFile(source.files, name)
			if err != nil {
				t.Fatal(err)
			}
			kind := KindOf(text)
			seen[kind]++
			for _, k := range []string{kind, ""} {
				if err := schemas[k].Validate(decoded(t, text)); err != nil {
					t.Errorf("schema %q of %s: %v", k, name, err)
				}
			}
		}
	}
	for _, kind := range Files() {
		if seen[kind] == 0 {
			t.Errorf("no file of the kind %s was given", kind)
		}
	}
}

// TestSchemaTakesForms gives values in the less usual of their forms, which
// the parser takes, too.
func TestSchemaTakesForms(t *testing.T) {
	schemas := compiledAll(t)
	for _, text := range []string{
		`flow: 1
name: 7
triggers:
  - schedule: { on: monday, time: "08:00" }
  - webhook: { verify: { type: none }, type: { fields: { id: { type: string } } } }
  - webhook: { verify: { type: none }, type: { id: { type: string }, fields: { type: string } } }
  - trigger: a.b
    with: { n: null }
    from_start: "true"
conditions: [true, "event.n > 1"]
steps:
  - for_each: event.tags
    action: a.b
    with: {}
  - for_each: event.tags
    steps: [ { stop: 1 } ]
    on_error: collect
  - parallel: [ { steps: [] }, { stop: done }, { for_each: xs, steps: [] } ]
  - switch: [ { if: true, steps: [] }, { else: true, steps: [] } ]
  - retry: { max: "3" }
    call: other
    with: { a: 1 }
`,
		`connector: 1
id: a
name: A
connection: { auth: { one: { type: oauth2_code, scopes: auto }, two: { type: oauth2_code, scopes: [x] } } }
types:
  Fields: { type: { type: string }, id: { type: integer, min: 0.5, max: "1e3" } }
  Words: { type: enum, values: [1, b] }
  Nested: { type: list, of: { type: map, of: { id: { type: Fields } } } }
actions:
  read: { effect: read, request: GET /a, output: { list: { id: { type: string } } } }
  make: { effect: create, repeat: { key: X-Key, for: 30m }, request: POST /a, output: { one: string } }
webhooks: { subscribe: { on: { action: hooks.create, with: { url: "${{ address }}" } }, keep: { id: output.id }, off: { action: hooks.delete, with: { id: "${{ kept.id }}" } } }, verify: [ { type: none } ] }
sandbox: { store: { Fields: a.json, Words: { file: b.json } } }
`,
		"connections: 1\nflow: { connector: a, anything: [1] }\n",
		"table: 1\nfields: {}\nkey: [a, b]\n",
	} {
		kind := KindOf([]byte(text))
		if found := findings(kind, text); len(found) > 0 {
			t.Errorf("the parser finds %v in:\n%s", found, text)
		}
		for _, k := range []string{kind, ""} {
			if err := schemas[k].Validate(decoded(t, []byte(text))); err != nil {
				t.Errorf("schema %q: %v\n%s", k, err, text)
			}
		}
	}
}

// findings returns what the parser finds in a file.
func findings(kind, text string) []string {
	_, found := ParseConnector("x.yaml", []byte(text))
	switch kind {
	case "flow":
		_, found = ParseFlow("x.yaml", []byte(text))
	case "connections":
		_, found = ParseConnections("x.yaml", []byte(text))
	case "table":
		_, found = ParseTable("x.yaml", []byte(text))
	}
	var told []string
	for _, f := range found {
		told = append(told, f.Error())
	}
	return told
}

// TestSchemaRefuses gives files with one mistake each, which the parser finds,
// too. The schema names the place and what is wrong there.
func TestSchemaRefuses(t *testing.T) {
	flow := func(rest string) string { return "flow: 1\ntriggers: [ { on_demand: {} } ]\n" + rest }
	step := func(one string) string { return flow("steps: [ " + one + " ]\n") }
	trigger := func(one string) string { return "flow: 1\nsteps: []\ntriggers: [ " + one + " ]\n" }
	connector := func(rest string) string { return "connector: 1\nid: a\nname: A\n" + rest }
	action := func(rest string) string { return connector("actions: { do: { request: GET /a, " + rest + " } }\n") }
	schemas := compiledAll(t)
	for _, tt := range []struct{ name, text, want string }{
		{"unknown key of a file", flow("steps: []\nsteqs: []\n"), "'': additional properties 'steqs' not allowed"},
		{"unknown key of a step", step("{ action: a.b, whit: {} }"), "'/steps/0': additional properties 'whit' not allowed"},
		{"unknown key deep inside", step("{ for_each: xs, steps: [ { stop: x, nmae: y } ] }"), "'/steps/0/steps/0': additional properties 'nmae' not allowed"},
		{"unknown key in a branch of parallel", step("{ parallel: [ { steps: [ { stop: x, nmae: y } ] } ] }"), "'/steps/0/parallel/0/steps/0': additional properties 'nmae' not allowed"},
		{"missing steps", flow(""), "'': missing property 'steps'"},
		{"wrong word", flow("steps: []\nmode: queue\n"), "'/mode': value must be one of 'parallel', 'queued', 'single', 'restart'"},
		{"wrong version", "flow: 2\ntriggers: []\nsteps: []\n", "'/flow': value must be 1"},
		{"wrong duration", step("{ wait: 5 minutes }"), `'/steps/0/wait': '5 minutes' does not match pattern '^(\\d{1,9}(ms|s|m|h|d))+$'`},
		{"a number as a duration", step("{ wait: 5 }"), "'/steps/0/wait': got number, want string"},
		{"a map in place of a list", flow("steps: { stop: x }\n"), "'/steps': got object, want array"},
		{"a list in place of a text", step("{ stop: [x] }"), "'/steps/0/stop': got array, want boolean or number or string"},
		{"a word in place of a boolean", flow("steps: []\nenabled: yes\n"), "'/enabled': 'yes' does not match pattern '^(true|false)$'"},
		{"marks around an expression", step(`{ stop: x, if: "${{ true }}" }`), `'/steps/0/if': '${{ true }}' does not match pattern '` + strings.ReplaceAll(bareForm, `\`, `\\`) + `'`},
		{"nothing behind a key", step("{ stop: x, if: }"), "'/steps/0/if': got null, want boolean or number or string"},
		{"a name that is none", step("{ stop: x, id: My Step }"), "'/steps/0/id': 'My Step' does not match pattern '^[a-z][a-z0-9_]*$'"},
		{"two kinds of step", step("{ stop: x, wait: 5m }"), "'/steps/0': 'oneOf' failed, subschemas 5, 9 matched"},
		{"no kind of step", step("{ name: x }"), "'/steps/0': missing property 'action'"},
		{"a loop without a body", step("{ for_each: xs }"), "'/steps/0': missing property 'steps'"},
		{"steps without a loop", step("{ stop: x, steps: [] }"), "'/steps/0/steps': false schema"},
		{"with beside set", step("{ set: {}, with: {} }"), "'/steps/0/with': false schema"},
		{"two kinds of trigger", trigger("{ on_demand: {}, trigger: a.b }"), "'/triggers/0': 'oneOf' failed, subschemas 0, 3 matched"},
		{"an input of on_demand", trigger("{ on_demand: { a: 1 } }"), "'/triggers/0/on_demand': maxProperties: got 1, want 0"},
		{"a day that is none", trigger(`{ schedule: { on: [mon], time: "08:00" } }`), "'/triggers/0/schedule/on/0': value must be one of 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'"},
		{"a day beside every", trigger("{ schedule: { on: monday, every: 5m } }"), "'/triggers/0/schedule/on': false schema"},
		{"a variable that is no name", flow("steps: []\nvars: { a-b: 1 }\n"), "'/vars': additional properties 'a-b' not allowed"},
		{"a role that is a list", flow("steps: []\nuse: { ghl: [a] }\n"), "'/use/ghl': got array, want boolean or number or string"},
		{"missing name of a connector", "connector: 1\nid: a\n", "'': missing property 'name'"},
		{"a write that does not say whether it repeats", action("effect: create"), "'/actions/do': missing property 'repeat'"},
		{"wrong word of repeat", action("effect: create, repeat: never"), "'/actions/do/repeat': value must be one of 'safe', 'unsafe'"},
		{"an output of two types", action("effect: read, output: { one: A, list: B }"), "'/actions/do/output': 'oneOf' failed, subschemas 0, 1 matched"},
		{"a poll without an action", connector("triggers: { t: { type: poll, every: 5m, item_id: item.id } }\n"), "'/triggers/t': missing property 'action'"},
		{"a poll with an output", connector("triggers: { t: { type: poll, action: a, every: 5m, item_id: item.id, output: { one: A } } }\n"), "'/triggers/t/output': false schema"},
		{"a field without a type", connector("types: { T: { id: { optional: true } } }\n"), "'/types/T/id': missing property 'type'"},
		{"unknown key of a field", connector("types: { T: { type: object, fields: { id: { type: string, optonal: true } } } }\n"), "'/types/T/fields/id': additional properties 'optonal' not allowed"},
		{"a type without the map around it", connector("types: { T: { id: string } }\n"), "'/types/T/id': got string, want object"},
		{"wrong size", connector("api: { max_body: 10 MB }\n"), `'/api/max_body': '10 MB' does not match pattern '^(\\d{1,9})(B|KB|MB|GB)$'`},
		{"a path that is an expression", connector("errors: [ { when: true, class: auth, message: body.a + 1 } ]\n"), `'/errors/0/message': 'body.a + 1' does not match pattern '^[^\\s.(){}\\[\\]"\'=<>!?,]+(\\[[A-Za-z_]*\\])*(\\.[^\\s.(){}\\[\\]"\'=<>!?,]+(\\[[A-Za-z_]*\\])*)*$'`},
		{"a group with an api", "group: g\napi: {}\n", "'': additional properties 'api' not allowed"},
		{"a connection without a connector", "connections: 1\nmain: { auth: token }\n", "'/main': missing property 'connector'"},
		{"a connection that is no name", "connections: 1\nmy-main: { connector: a }\n", "'': 'my-main' does not match pattern '^[a-z][a-z0-9_]*$'"},
		{"a table without fields", "table: 1\nname: T\n", "'': missing property 'fields'"},
	} {
		kind := KindOf([]byte(tt.text))
		if len(findings(kind, tt.text)) == 0 {
			t.Errorf("%s: the parser finds nothing", tt.name)
		}
		for _, k := range []string{kind, ""} {
			err := schemas[k].Validate(decoded(t, []byte(tt.text)))
			if got := innermost(err); got != tt.want {
				t.Errorf("%s: schema %q says %q, want %q", tt.name, k, got, tt.want)
			}
		}
	}
}

// innermost returns the error about the place that lies deepest in the file.
func innermost(err error) string {
	var top *jsonschema.ValidationError
	if !errors.As(err, &top) {
		return ""
	}
	deepest := top
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 && (len(deepest.Causes) > 0 || len(e.InstanceLocation) > len(deepest.InstanceLocation)) {
			deepest = e
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(top)
	text := strings.TrimSpace(deepest.Error())
	_, text, _ = strings.Cut(text, "at ")
	return text
}

// TestSchemaOfNothing asks for a kind of file that has none.
func TestSchemaOfNothing(t *testing.T) {
	_, err := Schema("step")
	if want := `schema of "step": there is no such kind of file`; err == nil || err.Error() != want {
		t.Errorf("Schema(step) = %v, want %s", err, want)
	}
}

// TestBareForm looks for ${{ in texts.
func TestBareForm(t *testing.T) {
	form := regexp.MustCompile(bareForm)
	for text, want := range map[string]bool{
		"": true, "a": true, "a\nb": true, "$": true, "${": true, "$$": true, "${${": true, "${a}": true, "a == \"$\" ? {} : {{": true,
		"$ {{": true, "${$a{{": true, "{${ {": true,
		"${{": false, "a ${{ b }}": false, "$${{": false, "${${{": false, "${a${{": false, "a\n${{": false, "${{ a }} ${{ b }}": false,
	} {
		if got := form.MatchString(text); got != want {
			t.Errorf("bareForm of %q = %v, want %v", text, got, want)
		}
	}
}
