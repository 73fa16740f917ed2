package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"patchbay/engine/catalog"
	"patchbay/engine/diag"
	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// bulletin tells the person who serves what happens, one line each: reloads
// and ended runs.
type bulletin struct {
	out io.Writer

	mu    sync.Mutex
	begun bool // false while what is live at first has not been told
	live  *catalog.Live
}

// begin tells what is live at first; everything else is told after it.
func (b *bulletin) begin(tell func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	tell()
	b.begun = true
}

// reloaded tells what a reload changed.
func (b *bulletin) reloaded(live *catalog.Live) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.live
	b.live = live
	if !b.begun || before == nil {
		return
	}
	fmt.Fprintf(b.out, "%s  reloaded: %s\n", live.At.Local().Format(time.TimeOnly), changes(before, live))
	fresh := slices.DeleteFunc(slices.Clone(live.Findings), func(f diag.Finding) bool {
		return slices.ContainsFunc(before.Findings, func(o diag.Finding) bool {
			return o.Pos == f.Pos && o.Code == f.Code && o.Message == f.Message
		})
	})
	_ = diag.Print(b.out, fresh, live.Source) // the writer of a person at a console; there is nobody else to tell
}

// ended tells how a run ended.
func (b *bulletin) ended(r *journal.Run, e journal.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	line := fmt.Sprintf("%s  run %d of %s %s after %s", e.At.Local().Format(time.TimeOnly), r.ID, r.Flow,
		strings.ReplaceAll(string(e.Status), "_", " "), span(e.At.Sub(r.Created)))
	if e.Text != "" {
		line += ": " + strings.ReplaceAll(e.Text, "\n", " ")
	}
	fmt.Fprintln(b.out, printable(line))
}

// changes says in one line what is different between two snapshots.
func changes(before, after *catalog.Live) string {
	var said []string
	say := func(what string, names []string) {
		if len(names) > 0 {
			said = append(said, what+" "+strings.Join(names, ", "))
		}
	}
	old, now := versions(before.Set), versions(after.Set)
	var added, changed, removed []string
	for _, name := range slices.Sorted(maps.Keys(now)) {
		switch hash, known := old[name]; {
		case !known:
			added = append(added, name)
		case hash != now[name]:
			changed = append(changed, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if _, still := now[name]; !still {
			removed = append(removed, name)
		}
	}
	say("new", added)
	say("changed", changed)
	say("gone", removed)
	for _, f := range after.Files {
		switch {
		case f.State == catalog.Loaded:
		case f.Kept:
			said = append(said, f.Path+" has errors, its last good version stays live")
		default:
			said = append(said, f.Path+" has errors and is not live")
		}
	}
	if len(said) == 0 {
		said = append(said, "no flow is different")
	}
	errs := len(after.Findings.Errors())
	if n := len(after.Findings) - errs; errs == 0 && n == 0 {
		said = append(said, "no findings")
	} else {
		said = append(said, count(errs, "error")+" and "+count(n, "warning"))
	}
	return strings.Join(said, "; ")
}

// versions returns the hash of everything in a set that has a version, by name.
func versions(set *program.Set) map[string]string {
	out := map[string]string{}
	for id, f := range set.Flows {
		out[id] = f.Hash
	}
	for id, k := range set.Connectors {
		out["connector "+id] = k.Sum
	}
	return out
}
