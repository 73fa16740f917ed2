package program_test

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"patchbay/engine/program"
	"patchbay/engine/spec"
)

// shopWith returns a workspace of the connector in testdata/shop and files.
func shopWith(t testing.TB, files map[string]string) program.Sources {
	t.Helper()
	archive := &txtar.Archive{}
	for name, text := range files {
		setFile(archive, name, text)
	}
	return sources(t, archive)
}

const connected = "connections: 1\nshop: { connector: shop, shopId: a, token: \"${{ env.A }}\", signing_secret: \"${{ env.B }}\" }\n"

// FuzzBuild checks any text as a flow beside a small connector: nothing
// panics or hangs, and a flow is either sound or told to be broken.
func FuzzBuild(f *testing.F) {
	for _, file := range archives(f) {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if strings.HasPrefix(file.Name, "flows/") {
				f.Add(file.Data)
			}
		}
	}
	base := shopWith(f, map[string]string{
		"flows/connections.yaml": connected,
		"flows/called.yaml":      "flow: 1\ntriggers: [{ on_demand: {} }]\ninputs: { name: { type: string } }\nsteps: [{ wait: 1s }]\n",
		"flows/seen.yaml":        "table: 1\nfields: { id: { type: string } }\nkey: id\n",
	})
	first := program.Build(base, program.Options{})
	f.Fuzz(func(t *testing.T, text []byte) {
		src := program.Sources{Connectors: base.Connectors, Flows: append([]program.File{{Path: "flows/x.yaml", Data: text}}, base.Flows...)}
		set := program.Build(src, program.Options{Previous: []*program.Set{first}})
		flow, sound := set.Flows["x"]
		if sound && flow.Hash == "" {
			t.Error("a sound flow has no hash")
		}
		if len(set.Broken) > 0 && set.Findings.Err() == nil {
			t.Errorf("broken = %v, and nothing says why", set.Broken)
		}
		for _, found := range set.Findings {
			if found.Code == "" || found.Message == "" {
				t.Errorf("a finding says nothing: %+v", found)
			}
		}
	})
}

// FuzzWorkspace checks any text as the file of a workspace that its first key
// says it is: beside what else a workspace has, nothing panics or hangs, and
// what is wrong is told.
func FuzzWorkspace(f *testing.F) {
	files, err := filepath.Glob("../../cmd/patchbay/testdata/corpus/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatalf("the corpus: %v, %d archives", err, len(files))
	}
	for _, name := range files {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for i, file := range archive.Files {
			if !strings.HasSuffix(file.Name, "/want") && i%3 == 0 {
				f.Add(file.Data)
			}
		}
	}
	base := shopWith(f, map[string]string{
		"flows/connections.yaml": connected,
		"flows/seen.yaml":        "table: 1\nfields: { id: { type: string } }\nkey: id\n",
		"flows/a.yaml":           "flow: 1\ntriggers: [{ trigger: shop.order_paid }]\nsteps: [{ action: kiosk.get }, { action: table.find, with: { table: x } }, { call: x }]\n",
	})
	first := program.Build(base, program.Options{})
	places := map[string]string{"connector": "connectors/kiosk/connector.yaml", "group": "connectors/shop/extra.yaml", "connections": "flows/more.yaml"}
	f.Fuzz(func(t *testing.T, text []byte) {
		name := cmp.Or(places[spec.KindOf(text)], "flows/x.yaml")
		file := program.File{Path: name, Data: text}
		src := program.Sources{Connectors: maps.Clone(base.Connectors), Flows: slices.Clone(base.Flows)}
		if parts := strings.Split(name, "/"); parts[0] == "connectors" {
			src.Connectors[parts[1]] = append(slices.Clone(src.Connectors[parts[1]]), file)
		} else {
			src.Flows = append(src.Flows, file)
		}
		set := program.Build(src, program.Options{Previous: []*program.Set{first}})
		if len(set.Broken) > 0 && set.Findings.Err() == nil {
			t.Errorf("broken = %v, and nothing says why", set.Broken)
		}
		for _, found := range set.Findings {
			if found.Code == "" || found.Message == "" {
				t.Errorf("a finding says nothing: %+v", found)
			}
		}
	})
}

// manyFlows returns n flows of a common size.
func manyFlows(n int) map[string]string {
	files := map[string]string{"flows/connections.yaml": connected}
	for i := range n {
		files[fmt.Sprintf("flows/flow-%04d.yaml", i)] = fmt.Sprintf(`flow: 1
name: Flow %d
triggers: [{ trigger: shop.order_paid }]
conditions:
  - event.customer?.email != nil
vars:
  mail: ${{ event.customer.email }}
steps:
  - id: order
    action: shop.get_order
    with: { id: "${{ event.id }}" }
  - id: found
    action: shop.find_order
    with: { email: "${{ vars.mail }}" }
  - if: steps.found == nil
    stop: nobody of that name
  - id: lines
    for_each: steps.order.lines
    as: line
    steps:
      - set: { sku: "${{ line.sku }}", count: "${{ line.count }}", of: "${{ steps.found.id }}" }
  - id: made
    action: shop.create_order
    with: { email: "${{ vars.mail }}", total: "${{ steps.order.total }}", tags: "${{ map(steps.lines, .sku) }}" }
output: ${{ steps.made.id }} for ${{ vars.mail }}
`, i)
	}
	return files
}

// longFlow returns one flow with n steps of which each names the first and the
// one before it.
func longFlow(n int) map[string]string {
	var b strings.Builder
	b.WriteString("flow: 1\ntriggers: [{ on_demand: {} }]\nsteps:\n  - { id: s0, set: { n: 1 } }\n")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "  - { id: s%d, set: { n: \"${{ steps.s0.n + steps.s%d.n }}\" } }\n", i, i-1)
	}
	return map[string]string{"flows/long.yaml": b.String()}
}

func TestLongFlow(t *testing.T) {
	set := program.Build(shopWith(t, longFlow(1000)), program.Options{})
	if err := set.Findings.Err(); err != nil {
		t.Fatal(err)
	}
	if got := len(set.Flows["long"].Steps); got != 1000 {
		t.Errorf("the flow has %d steps, want 1000", got)
	}
}

func BenchmarkBuildShipped(b *testing.B) {
	src := shipped(b)
	for b.Loop() {
		program.Build(src, program.Options{})
	}
}

func BenchmarkBuild1000Flows(b *testing.B) {
	src := shopWith(b, manyFlows(1000))
	for b.Loop() {
		set := program.Build(src, program.Options{})
		if len(set.Flows) != 1000 {
			b.Fatalf("%d flows are sound, want 1000: %v", len(set.Flows), set.Findings.Err())
		}
	}
}

func BenchmarkBuildLongFlow(b *testing.B) {
	src := shopWith(b, longFlow(1000))
	for b.Loop() {
		program.Build(src, program.Options{})
	}
}
