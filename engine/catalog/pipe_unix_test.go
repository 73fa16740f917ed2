//go:build unix

package catalog_test

import (
	"syscall"
	"testing"
)

// A pipe without a writer would keep its reader waiting for ever.
func TestPipe(t *testing.T) {
	b := newBench(t, sound())
	before := hashes(b.catalog.Live())
	b.must(syscall.Mkfifo(b.path("flows/pipe.yaml"), 0o600))
	live := b.reload()
	wantHashes(t, live, before)
	wantRejected(t, live, "flows/pipe.yaml pipe kept=false")
	wantFindings(t, live, "flows/pipe.yaml: the file cannot be read: it is no plain file [Y126]")
}
