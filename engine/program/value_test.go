package program_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// flowOf returns the flow that the text makes behind its first line.
func flowOf(t *testing.T, text string) *program.Flow {
	t.Helper()
	set := program.Build(program.Sources{Flows: []program.File{{Path: "flows/f.yaml", Data: []byte("flow: 1\n" + text)}}}, program.Options{})
	if err := set.Findings.Err(); err != nil {
		t.Fatal(err)
	}
	return set.Flows["f"]
}

const onDemand = "triggers: [{ on_demand: {} }]\nsteps: [{ wait: 1s }]\n"

func TestValueEval(t *testing.T) {
	for _, test := range []struct {
		written string
		x       any
		want    any
		err     string
	}{
		{written: "plain", want: "plain"},
		{written: "5", want: 5},
		{written: "1.5", want: 1.5},
		{written: "true", want: true},
		{written: "null", want: nil},
		{written: `"5"`, want: "5"},
		{written: "$${{ x }}", want: "${{ x }}"},
		{written: "[1, a, [true]]", want: []any{1, "a", []any{true}}},
		{written: "{ a: { b: 1 } }", want: map[string]any{"a": map[string]any{"b": 1}}},
		{written: "${{ inputs.x }}", x: []any{1}, want: []any{1}},
		{written: "${{ inputs.x }}", x: nil, err: "inputs.x is missing"},
		{written: "a ${{ inputs.x }} b", x: 7, want: "a 7 b"},
		{written: "a ${{ inputs.x }} b", x: 0.1, want: "a 0.1 b"},
		{written: "a ${{ inputs.x }} b", x: 1e21, want: "a 1000000000000000000000 b"},
		{written: "a${{ inputs.x }}", x: true, want: "atrue"},
		{written: "${{ inputs.x }}${{ inputs.x }}", x: "y", want: "yy"},
		{written: "[ '${{ inputs.x }}', { k: '${{ inputs.x }}' } ]", x: 1, want: []any{1, map[string]any{"k": 1}}},
		{written: "a ${{ inputs.x }}", x: nil, err: "inputs.x is missing"},
		{written: "a ${{ inputs.x }}", x: []any{}, err: "inputs.x: is no text, number or boolean, and cannot stand in a text"},
		{written: "{ k: [ '${{ inputs.x.y }}' ] }", x: nil, err: "k: inputs.x is missing"},
	} {
		f := flowOf(t, onDemand+"inputs: { x: { type: any, optional: true } }\noutput: "+test.written+"\n")
		got, err := f.Output.Eval(&expr.Env{Names: map[string]any{"inputs": map[string]any{"x": test.x}}})
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != test.err || !cmp.Equal(got, test.want) {
			t.Errorf("Eval(%s) with x = %v: got %#v, error %q; want %#v, error %q", test.written, test.x, got, text, test.want, test.err)
		}
	}
}

func TestValueEvalOfNone(t *testing.T) {
	var v *program.Value
	if got, err := v.Eval(&expr.Env{}); got != nil || err != nil {
		t.Errorf("Eval() of no value = %v, %v, want nil, nil", got, err)
	}
	if v.IsConst() {
		t.Error("IsConst() of no value = true, want false")
	}
}

func TestValueType(t *testing.T) {
	for _, test := range []struct {
		written, want string
		constant      bool
	}{
		{"plain", "string", true},
		{"[1, 2]", "list of integer", true},
		{"[1, 2.5]", "list of number", true},
		{"[1, a]", "list", true},
		{"[]", "list", true},
		{"${{ now() }}", "datetime", false},
		{"at ${{ now() }}", "string", false},
		{"${{ 1 + 1 }}", "integer", false},
		{"{ a: 1, b: '${{ flow.id }}' }", "object", false},
	} {
		f := flowOf(t, onDemand+"output: "+test.written+"\n")
		if got := f.OutputType.String(); got != test.want {
			t.Errorf("type of %s = %s, want %s", test.written, got, test.want)
		}
		if got := f.Output.IsConst(); got != test.constant {
			t.Errorf("IsConst() of %s = %t, want %t", test.written, got, test.constant)
		}
	}
}

func TestFillInputs(t *testing.T) {
	f := flowOf(t, onDemand+`inputs:
  name: { type: string }
  count: { type: integer, default: 3 }
  tags: { type: list, of: string, default: [a] }
  note: { type: string, optional: true }
`)
	for _, test := range []struct {
		given, want map[string]any
		err         string
	}{
		{given: map[string]any{"name": "x"}, want: map[string]any{"name": "x", "count": 3, "tags": []any{"a"}, "note": nil}},
		{
			given: map[string]any{"name": "x", "count": 1, "tags": []any{}, "note": "n"},
			want:  map[string]any{"name": "x", "count": 1, "tags": []any{}, "note": "n"},
		},
		{given: map[string]any{"name": "x", "count": nil}, want: map[string]any{"name": "x", "count": 3, "tags": []any{"a"}, "note": nil}},
		{given: nil, err: `the input "name" is missing`},
		{given: map[string]any{"name": nil}, err: `the input "name" is missing`},
		{given: map[string]any{"name": 5}, err: `the input "name": string is wanted, 5 is given`},
		{given: map[string]any{"name": "x", "count": "many"}, err: `the input "count": integer is wanted, "many" is given`},
		{given: map[string]any{"name": "x", "b": 1, "a": 2}, err: `there is no input "a"; the inputs are: name, count, tags, note`},
		{given: map[string]any{"nam": "x"}, err: `there is no input "nam"; did you mean "name"?`},
	} {
		got, err := program.FillInputs(f.Inputs, test.given)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != test.err {
			t.Errorf("FillInputs(%v) error = %q, want %q", test.given, text, test.err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" && test.err == "" {
			t.Errorf("FillInputs(%v) (-want +got):\n%s", test.given, diff)
		}
	}
	if _, err := program.FillInputs(nil, map[string]any{"a": 1}); err == nil || err.Error() != `there is no input "a"; there are none` {
		t.Errorf("FillInputs(none) error = %v", err)
	}
}

func TestAllSteps(t *testing.T) {
	f := flowOf(t, `triggers: [{ on_demand: {} }]
steps:
  - id: a
    for_each: "[1]"
    steps: [{ id: b, wait: 1s }, { id: c, wait: 1s }]
  - id: d
    parallel:
      - { id: e, wait: 1s }
      - steps: [{ id: f, wait: 1s }, { switch: [{ else: true, steps: [{ id: g, wait: 1s }] }] }]
  - wait: 1s
on_error: [{ id: h, wait: 1s }]
finally: [{ id: i, wait: 1s }]
`)
	var got []string
	for s := range f.AllSteps() {
		got = append(got, s.Path)
	}
	want := []string{"a", "b", "c", "d", "e", "f", "#2", "g", "#3", "h", "i"}
	if !slices.Equal(got, want) {
		t.Errorf("AllSteps() = %v, want %v", got, want)
	}
	for stop := range len(want) {
		n := 0
		for range f.AllSteps() {
			if n == stop {
				break
			}
			n++
		}
		if n != stop {
			t.Errorf("AllSteps() left after %d steps went on to %d", stop, n)
		}
	}
}

func TestScopes(t *testing.T) {
	src := shopWith(t, map[string]string{
		"flows/connections.yaml": "connections: 1\nshop: { connector: shop, shopId: a, token: \"${{ env.A }}\" }\nbranch: { connector: shop, shopId: b, token: \"${{ env.B }}\" }\n",
		"flows/a.yaml": `flow: 1
triggers: [{ trigger: shop.order_paid }, { trigger: shop.order_changed }]
steps:
  - action: shop.get_order
    with: { id: "1" }
  - for_each: event.tags
    action: shop.get_order
    with: { id: "${{ item }}" }
on_error:
  - action: shop.mail_customer
    with: { to: a, text: b }
`,
		"flows/b.yaml": "flow: 1\nuse: { shop: branch }\ntriggers: [{ on_demand: {} }]\nsteps: [{ action: shop.list_orders }]\n",
		"flows/c.yaml": "flow: 1\nenabled: false\ntriggers: [{ on_demand: {} }]\nsteps: [{ action: shop.create_order, with: { email: a, total: 1 } }]\n",
	})
	set := program.Build(src, program.Options{})
	if err := set.Findings.Err(); err != nil {
		t.Fatal(err)
	}
	want := []program.ScopeNeed{
		{Connection: "branch", Connector: "shop", Scope: "orders.read", Because: []string{"flow b: shop.list_orders"}},
		{Connection: "shop", Connector: "shop", Scope: "hooks.read", Because: []string{"flow a: shop.order_paid"}},
		{Connection: "shop", Connector: "shop", Scope: "mails.send", Because: []string{"flow a: shop.mail_customer"}},
		{Connection: "shop", Connector: "shop", Scope: "orders.read", Because: []string{"flow a: shop.order_changed", "flow a: shop.get_order"}},
	}
	if diff := cmp.Diff(want, set.Scopes()); diff != "" {
		t.Errorf("Scopes() (-want +got):\n%s", diff)
	}
}

func TestSandboxConnection(t *testing.T) {
	src := shopWith(t, nil)
	set := program.Build(src, program.Options{Sandbox: true})
	got := set.Connections["shop"]
	if got == nil {
		t.Fatal("no connection was made for the connector shop")
	}
	if diff := cmp.Diff(map[string]any{"shopId": "s-1", "region": "eu"}, got.Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	secrets := map[string]string{}
	for name, ref := range got.Secrets {
		secrets[name] = ref.Plain.Reveal()
	}
	if diff := cmp.Diff(map[string]string{"token": "sandbox-token", "signing_secret": "sandbox-signing_secret"}, secrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	if !got.Sandbox || got.Auth.Name != "key" || got.URL() != "https://api.shop.example/v1" {
		t.Errorf("connection = sandbox %t, auth %s, URL %s", got.Sandbox, got.Auth.Name, got.URL())
	}
	if shown := fmt.Sprintf("%v %+v", got.Secrets, got.Secrets["token"]); slices.Contains([]string{shown}, "sandbox-token") {
		t.Errorf("a secret is shown: %s", shown)
	}
}

func TestFind(t *testing.T) {
	set := program.Build(shopWith(t, nil), program.Options{})
	if a, hint, ok := set.FindAction("shop.get_order"); !ok || a.ID != "shop.get_order" || hint != "" {
		t.Errorf("FindAction(shop.get_order) = %v, %q, %t", a, hint, ok)
	}
	if _, hint, ok := set.FindAction("shop.get_ordr"); ok || hint != `did you mean "shop.get_order"?` {
		t.Errorf("FindAction(shop.get_ordr) = %q, %t", hint, ok)
	}
	if _, hint, ok := set.FindTrigger("nowhere.at.all"); ok || hint != "patchbay catalog lists them all" {
		t.Errorf("FindTrigger(nowhere.at.all) = %q, %t", hint, ok)
	}
	if tr, _, ok := set.FindTrigger("shop.order_paid"); !ok || tr.ID != "shop.order_paid" {
		t.Errorf("FindTrigger(shop.order_paid) = %v, %t", tr, ok)
	}
	name, reason := set.DefaultConnection(set.Connectors["shop"])
	if want := "there is no connection to Shop; add one to flows/connections.yaml, or use --sandbox"; name != "" || reason != want {
		t.Errorf("DefaultConnection(shop) = %q, %q, want %q", name, reason, want)
	}
}

func TestErrorType(t *testing.T) {
	f := flowOf(t, onDemand+"on_error: [{ set: { class: '${{ error.class }}' } }]\n")
	var words []string
	for _, k := range value.Classes() {
		words = append(words, string(k))
	}
	if got := f.OnError[0].Set[0].Value.Type.Values; !slices.Equal(got, words) {
		t.Errorf("error.class is one of %v, want %v", got, words)
	}
}
