package enginetest_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"patchbay/connectors"
	"patchbay/engine/console"
	"patchbay/engine/journal"
)

// The size of the largest connector that is made for these tests.
const (
	depotGroups  = 41
	depotActions = 14
)

// withDepot returns the shipped connectors and beside them the depot: many
// groups, of which each keeps things of its own.
func withDepot(t testing.TB) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{"depot/connector.yaml": {Data: []byte(`connector: 1
id: depot
name: Depot
api: { base_url: "https://depot.example" }
connection:
  auth: { key: { type: bearer, fields: { token: { type: secret } } } }
  test: { action: g00.list }
`)}}
	for g := range depotGroups {
		name := fmt.Sprintf("g%02d", g)
		out["depot/"+name+".yaml"] = &fstest.MapFile{Data: []byte(depotGroup(name))}
		out["depot/fixtures/"+name+".json"] = &fstest.MapFile{Data: []byte(`[{ "id": "first", "name": "of ` + name + `" }]`)}
	}
	err := fs.WalkDir(connectors.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(connectors.Files, name)
		out[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// depotGroup is the file of a group of about 480 lines.
func depotGroup(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "group: %s\n\ntypes:\n  Thing:\n    id: { type: string, example: first }\n    name: { type: string, optional: true, example: Lamp }\n", name)
	for f := range 40 {
		fmt.Fprintf(&b, "    field%d: { type: string, optional: true, label: Field %d, help: \"What the %dth field of %s is for.\", example: \"%d\" }\n", f, f, f, name, f)
	}
	fmt.Fprintf(&b, "\nactions:\n")
	for a := range depotActions {
		action, effect, request, output := fmt.Sprintf("get_%d", a), "read", fmt.Sprintf("GET /%s/%d/{id}", name, a), "{ one: Thing, at: body.thing }"
		switch a {
		case 0:
			action, request, output = "list", "GET /"+name, "{ list: Thing, at: body.things }"
		case 1:
			action, effect, request = "create", "create", "POST /"+name
		}
		fmt.Fprintf(&b, "\n  %s:\n    name: What %s does in %s\n    help: |-\n      Does what it is called, with all that it is given,\n      and tells what came of it.\n    docs: https://depot.example/docs/%s\n    effect: %s\n",
			action, action, name, action, effect)
		if effect != "read" {
			b.WriteString("    repeat: unsafe\n")
		}
		fmt.Fprintf(&b, "    scopes: [%s.%s]\n    request: %s\n    input:\n", name, effect, request)
		if strings.Contains(request, "{id}") {
			b.WriteString("      id: { type: string, label: Thing, example: first }\n")
		}
		for f := range 18 {
			field := fmt.Sprintf("field%d", f)
			if f == 0 {
				field = "name"
			}
			fmt.Fprintf(&b, "      %s: { type: string, optional: true, label: Field %d, help: \"What it is for.\", example: \"%d\" }\n", field, f, f)
		}
		fmt.Fprintf(&b, "    output: %s\n", output)
	}
	fmt.Fprintf(&b, "\nsandbox:\n  store: { Thing: fixtures/%s.json }\n  actions:\n    list: { list: Thing }\n    create: { create: Thing }\n", name)
	for a := 2; a < depotActions; a++ {
		fmt.Fprintf(&b, "    get_%d: { first: Thing, where: item.id == input.id }\n", a)
	}
	return b.String()
}

// namesIn is a flow that brings the names of all things of groups.
func namesIn(groups ...string) string {
	var steps, names []string
	for _, g := range groups {
		steps = append(steps, fmt.Sprintf("  - { id: %s, action: depot.%s.list }\n", g, g))
		names = append(names, fmt.Sprintf("map(steps.%s, .name ?? '')", g))
	}
	return "flow: 1\ntriggers: [{ on_demand: {} }]\nsteps:\n" + strings.Join(steps, "") +
		"output: { names: \"${{ join(concat(" + strings.Join(append(names, "[]"), ", ") + "), ', ') }}\" }\n"
}

// The sandbox plays what a flow or a call uses of a connector that is read as
// needed, and keeps what was written when an edit of a flow brings another
// group.
func TestGroupsInTheSandbox(t *testing.T) {
	opt := options(t.TempDir(), t.Output())
	opt.Sandbox, opt.Builtin = true, withDepot(t)
	write(t, opt.Dir, "flows/names.yaml", namesIn("g07"))
	c := serve(t, opt)

	create := func(group, name string) {
		t.Helper()
		var made console.CallAnswer
		in := console.CallRequest{Action: "depot." + group + ".create", With: map[string]any{"name": name}}
		if code := c.api(http.MethodPost, "/call", in, &made); code != http.StatusOK || made.Failure != nil {
			t.Fatalf("call %s: status %d, %+v", in.Action, code, made.Failure)
		}
	}
	names := func(want string) {
		t.Helper()
		run := c.atRest(c.start("names"))
		if diff := cmp.Diff(any(map[string]any{"names": want}), run.Output); run.Status != journal.Succeeded || diff != "" {
			t.Errorf("run = %s %s, output (-want +got):\n%s", run.Status, run.Reason, diff)
		}
	}
	create("g07", "a lamp")
	create("g08", "a chair")
	names("of g07, a lamp")

	var before console.Flow
	c.api(http.MethodGet, "/flows/names", nil, &before)
	write(t, opt.Dir, "flows/names.yaml", namesIn("g07", "g08", "g09"))
	await(t, "the edit is live", func() bool {
		var now console.Flow
		c.api(http.MethodGet, "/flows/names", nil, &now)
		return now.Hash != before.Hash
	})
	names("of g07, a lamp, of g08, a chair, of g09")

	c.stop()
	c = serve(t, opt)
	names("of g07, a lamp, of g08, a chair, of g09")
}

// Whoever lists or searches sees what nobody uses.
func TestAllGroupsAreListed(t *testing.T) {
	opt := options(t.TempDir(), t.Output())
	opt.Builtin = withDepot(t)
	write(t, opt.Dir, "flows/connections.yaml", "connections: 1\n")
	c := serve(t, opt)
	var ops []console.Operation
	c.api(http.MethodGet, "/operations?connector=depot", nil, &ops)
	if got, want := len(ops), depotGroups*depotActions; got != want {
		t.Errorf("operations of the depot = %d, want %d", got, want)
	}
	c.api(http.MethodGet, "/operations?connector=slack", nil, &ops)
	if len(ops) == 0 {
		t.Error("no operation of slack is listed, which no flow names")
	}
	for _, test := range []struct{ action, want string }{
		{"depot.g40.creat", `there is no action "depot.g40.creat": did you mean "depot.g40.create"?`},
		{"slack.post_mesage", `there is no action "slack.post_mesage": did you mean "slack.post_message"?`},
		{"depot.g40.create", `there is no connection to Depot; add one to flows/connections.yaml, or use --sandbox`},
	} {
		var problem console.Error
		c.api(http.MethodPost, "/call", console.CallRequest{Action: test.action}, &problem)
		got := problem.Error
		if problem.Hint != "" {
			got += ": " + problem.Hint
		}
		if got != test.want {
			t.Errorf("call %s: %s, want %s", test.action, got, test.want)
		}
	}
}

// BenchmarkStartLarge measures what a connector of 574 actions, of which flows
// use a few, adds to a start, and what is held of it: built in, and as a folder
// of the workspace, which is checked whole.
func BenchmarkStartLarge(b *testing.B) {
	builtin := withDepot(b)
	for _, name := range []string{"as needed", "whole"} {
		b.Run(name, func(b *testing.B) {
			var held uint64
			for range b.N {
				b.StopTimer()
				opt := played(b)
				opt.Sandbox, opt.Builtin = false, builtin
				write(b, opt.Dir, "flows/depot.yaml", "connections: 1\ndepot: { connector: depot, token: \"${{ env.LEDGER_TOKEN }}\" }\n")
				write(b, opt.Dir, "flows/names.yaml", namesIn("g07", "g08"))
				if name == "whole" {
					depot, err := fs.Sub(builtin, "depot")
					if err != nil {
						b.Fatal(err)
					}
					if err := os.CopyFS(filepath.Join(opt.Dir, "connectors", "depot"), depot); err != nil {
						b.Fatal(err)
					}
				}
				b.StartTimer()
				c := serve(b, opt)
				b.StopTimer()
				runtime.GC()
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				held = m.HeapAlloc
				c.stop()
				b.StartTimer()
			}
			b.ReportMetric(float64(held)/(1<<20), "MB-held")
		})
	}
}
