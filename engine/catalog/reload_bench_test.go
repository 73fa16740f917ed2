package catalog_test

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"patchbay/connectors"
	"patchbay/flows"
)

// BenchmarkReload is an edit of one flow with all connectors the binary
// carries, stored on disk.
func BenchmarkReload(b *testing.B) {
	benchmark(b, "flows/qwilr-page-accepted.yaml")
}

// BenchmarkReloadConnector is the same for an edit of the largest connector.
func BenchmarkReloadConnector(b *testing.B) {
	benchmark(b, "connectors/ghl/connector.yaml")
}

func benchmark(b *testing.B, file string) {
	w := newBench(b, nil)
	w.builtin = connectors.Files
	w.must(os.RemoveAll(w.path("flows")))
	w.must(os.CopyFS(w.path("flows"), flows.Files))
	ghl, err := fs.Sub(connectors.Files, "ghl")
	w.must(err)
	w.must(os.CopyFS(w.path("connectors/ghl"), ghl))
	wantRejected(b, w.restart())
	text, err := os.ReadFile(w.path(file))
	w.must(err)
	i := 0
	for b.Loop() {
		i++
		w.write(file, fmt.Sprintf("%s\n# %d\n", text, i))
		w.reload()
	}
}

// BenchmarkReloadCompany is an edit of one of 1,000 flows of 20 steps.
func BenchmarkReloadCompany(b *testing.B) {
	files := sound()
	for i := range 1000 {
		var text strings.Builder
		text.WriteString("flow: 1\ntriggers: [{ on_demand: {} }]\nsteps:\n")
		for step := range 20 {
			fmt.Fprintf(&text, "  - id: tag_%d\n    action: crm.add_tag\n    with: { tag: \"number ${{ %d }} of ${{ flow.id }}\" }\n", step, i)
		}
		files[fmt.Sprintf("flows/flow-%04d.yaml", i)] = text.String()
	}
	w := newBench(b, files)
	w.builtin = connectors.Files
	wantRejected(b, w.restart())
	text := files["flows/flow-0500.yaml"]
	i := 0
	for b.Loop() {
		i++
		w.write("flows/flow-0500.yaml", fmt.Sprintf("%s# %d\n", text, i))
		w.reload()
	}
}
