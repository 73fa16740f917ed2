package catalog_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/catalog"
	"patchbay/engine/diag"
	"patchbay/engine/store"
)

const (
	crm = `connector: 1
id: crm
name: CRM
docs: https://crm.example/docs
api: { base_url: https://api.crm.example }
connection:
  auth:
    token:
      type: bearer
      label: Token
      fields:
        token: { type: secret, label: Token }
actions:
  add_tag:
    name: Add a tag
    effect: update
    repeat: safe
    request: POST /tags
    input:
      tag: { type: string, label: Tag, example: new }
    output: { one: Tag }
types:
  Tag:
    id: { type: string }
`
	connections = `connections: 1
crm:
  connector: crm
  token: ${{ env.CRM_TOKEN }}
`
	tagger = `flow: 1
name: Tagger
triggers:
  - on_demand: {}
steps:
  - id: tag
    action: crm.add_tag
    with: { tag: red }
output: { id: "${{ steps.tag.id }}" }
`
	caller = `flow: 1
triggers:
  - on_demand: {}
steps:
  - id: tagged
    call: tagger
  - action: table.append
    with:
      table: seen
      row: { id: "${{ steps.tagged.id }}" }
`
	seen = `table: 1
fields:
  id: { type: string }
`
	tables = `connector: 1
id: table
name: Tables
docs: https://tables.example
actions:
  append:
    name: Add a row
    effect: create
    repeat: safe
    request: table append
    input:
      table: { type: string, label: Table, example: seen }
      row: { type: map, label: Row }
`
)

func sound() map[string]string {
	return map[string]string{
		"connectors/crm/connector.yaml":   crm,
		"connectors/crm/fixtures/logo":    "\xff\xfe\x00 no text",
		"connectors/table/connector.yaml": tables,
		"flows/connections.yaml":          connections,
		"flows/tagger.yaml":               tagger,
		"flows/caller.yaml":               caller,
		"flows/seen.yaml":                 seen,
	}
}

// bench is a workspace with a catalog over it.
type bench struct {
	t       testing.TB
	dir     string
	data    string
	catalog *catalog.Catalog
	changed chan *catalog.Live
	builtin fs.FS
	stop    func()
}

func newBench(t testing.TB, files map[string]string) *bench {
	t.Helper()
	b := &bench{t: t, dir: filepath.Join(t.TempDir(), "workspace"), data: t.TempDir()}
	b.write("flows/.keep", "")
	for name, text := range files {
		b.write(name, text)
	}
	t.Cleanup(func() { b.stop() })
	b.start()
	return b
}

// start opens the store and loads the workspace.
func (b *bench) start() *catalog.Live {
	b.t.Helper()
	b.open()
	live, err := b.catalog.Load(b.t.Context())
	if err != nil {
		b.t.Fatalf("Load: %v", err)
	}
	return live
}

// open opens the store.
func (b *bench) open() {
	b.t.Helper()
	s, err := store.Open(b.t.Context(), b.data, store.Options{})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Error(err)
		}
		if err := s.Close(); err != nil {
			b.t.Error(err)
		}
		b.stop = func() {}
	}
	b.changed = make(chan *catalog.Live, 1000)
	b.catalog = catalog.New(catalog.Options{
		Dir: b.dir, Workspace: os.DirFS(b.dir), Builtin: b.builtin, Store: s,
		Changed: func(l *catalog.Live) { b.changed <- l },
	})
}

func (b *bench) restart() *catalog.Live {
	b.t.Helper()
	b.stop()
	return b.start()
}

func (b *bench) reload() *catalog.Live {
	b.t.Helper()
	live, err := b.catalog.Reload(b.t.Context())
	if err != nil {
		b.t.Fatalf("Reload: %v", err)
	}
	return live
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, filepath.FromSlash(name)) }

func (b *bench) write(name, text string) {
	b.t.Helper()
	if err := os.MkdirAll(filepath.Dir(b.path(name)), 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(b.path(name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// edit replaces a part of a file.
func (b *bench) edit(name, old, text string) {
	b.t.Helper()
	data, err := os.ReadFile(b.path(name))
	if err != nil {
		b.t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		b.t.Fatalf("%s does not contain %q", name, old)
	}
	b.write(name, strings.Replace(string(data), old, text, 1))
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// hashes returns the version of each flow.
func hashes(l *catalog.Live) map[string]string {
	out := map[string]string{}
	for id, f := range l.Set.Flows {
		out[id] = f.Hash
	}
	return out
}

// rejected says which files are not live as they stand.
func rejected(l *catalog.Live) []string {
	var out []string
	for _, f := range l.Files {
		if f.State != catalog.Loaded {
			out = append(out, strings.Join(strings.Fields(fmt.Sprintf("%s %s kept=%t", f.Path, f.Flow, f.Kept)), " "))
		}
	}
	return out
}

func told(l diag.List) []string {
	var out []string
	for _, f := range l {
		out = append(out, f.Error())
	}
	return out
}

func wantFindings(t testing.TB, l *catalog.Live, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, told(l.Findings)); diff != "" {
		t.Errorf("Findings (-want +got):\n%s", diff)
	}
}

func wantRejected(t testing.TB, l *catalog.Live, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, rejected(l)); diff != "" {
		t.Errorf("rejected files (-want +got):\n%s", diff)
	}
	if l.InSync() != (len(want) == 0) {
		t.Errorf("InSync() = %t, want %t", l.InSync(), len(want) == 0)
	}
}

func wantHashes(t testing.TB, l *catalog.Live, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, hashes(l)); diff != "" {
		t.Errorf("versions of the flows (-want +got):\n%s", diff)
	}
}
