package trigger_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"patchbay/engine/diag"
	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/trigger"
	"patchbay/engine/value"
)

// build checks a workspace: the connectors of those ids that lie in this
// repository, the connectors given as text, and the files of the folder flows.
func build(t *testing.T, opt program.Options, connectors []string, files map[string]string) *program.Set {
	t.Helper()
	src := program.Sources{Connectors: map[string][]program.File{}}
	for _, id := range connectors {
		root := filepath.Join("..", "..", "connectors")
		err := filepath.WalkDir(filepath.Join(root, id), func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			inside, err := filepath.Rel(root, path)
			src.Connectors[id] = append(src.Connectors[id], program.File{Path: "connectors/" + filepath.ToSlash(inside), Data: data})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, text := range files {
		file := program.File{Path: path, Data: []byte(text)}
		if dir := filepath.Dir(path); dir != "flows" {
			id := filepath.Base(dir)
			if filepath.Base(filepath.Dir(dir)) == "connectors" {
				src.Connectors[id] = append(src.Connectors[id], file)
			}
			continue
		}
		src.Flows = append(src.Flows, file)
	}
	set := program.Build(src, opt)
	if set.Findings.Err() != nil {
		var text strings.Builder
		err := diag.Print(&text, set.Findings, func(file string) string { return files[file] })
		t.Fatal(text.String(), err)
	}
	return set
}

// workspace is what is live in a test, with a store in memory behind it.
type workspace struct {
	set atomic.Pointer[program.Set]

	mu       sync.Mutex
	accepted []journal.Arrival // the runs, in the order of their ids
	seen     map[key]int64
	cursors  map[key]any
	rejected []journal.Rejection
	broken   error // what Accept and Cursor answer
	accepts  int   // calls that wrote something
}

// key is what an event or a cursor is known by.
type key struct{ flow, trigger, connection, event string }

func newWorkspace(set *program.Set) *workspace {
	w := &workspace{seen: map[key]int64{}, cursors: map[key]any{}}
	w.set.Store(set)
	return w
}

func (w *workspace) intake() trigger.Intake {
	return trigger.Intake{Live: w.set.Load, Accept: w.accept, Cursor: w.cursor}
}

func (w *workspace) accept(ctx context.Context, arrivals []journal.Arrival, cursor *journal.Cursor) ([]journal.Accepted, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return nil, w.broken
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w.accepts++
	all := make([]journal.Accepted, len(arrivals))
	for i, a := range arrivals {
		k := key{a.Flow, a.Trigger, a.Connection, a.EventID}
		if run, ok := w.seen[k]; ok {
			all[i] = journal.Accepted{Run: run, Duplicate: true}
			continue
		}
		if !a.SeenOnly {
			w.accepted = append(w.accepted, a)
			all[i].Run = int64(len(w.accepted))
		}
		w.seen[k] = all[i].Run
	}
	if cursor != nil {
		w.cursors[key{cursor.Flow, cursor.Trigger, cursor.Connection, ""}] = cursor.Value
	}
	return all, nil
}

func (w *workspace) cursor(_ context.Context, flow, trigger, connection string) (any, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return nil, false, w.broken
	}
	v, ok := w.cursors[key{flow, trigger, connection, ""}]
	return v, ok, nil
}

func (w *workspace) reject(_ context.Context, r journal.Rejection) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rejected = append(w.rejected, r)
	return nil
}

// breakDown makes everything the store is asked for fail with err, nil for
// nothing.
func (w *workspace) breakDown(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = err
}

// take returns the runs that were started since the last call.
func (w *workspace) take() []journal.Arrival {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.accepted
	w.accepted = nil
	return all
}

// events returns what the triggers of the runs since the last call brought.
func (w *workspace) events() []any {
	var all []any
	for _, a := range w.take() {
		all = append(all, a.Event)
	}
	return all
}

// scheduled returns the times of the ticks that started runs since the last
// call.
func (w *workspace) scheduled(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, e := range w.events() {
		text, ok := value.Get(e, []string{"scheduled"})
		if !ok {
			t.Fatalf("the event %v has no time", e)
		}
		all = append(all, text.(string))
	}
	return all
}

// rejections returns what was turned away since the last call, without times.
func (w *workspace) rejections() []journal.Rejection {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.Clone(w.rejected)
	w.rejected = nil
	for i := range all {
		all[i].At = time.Time{}
	}
	return all
}
