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
// and ended runs. Nobody waits for that person: while nothing can be written,
// or too much happens, lines are left out and counted.
type bulletin struct {
	out   io.Writer
	queue chan string
	over  chan struct{} // closed when the last line is written

	mu    sync.Mutex
	begun bool          // what is live at first has been told
	live  *catalog.Live // the snapshot that was told last
	lost  int           // lines left out since the last one
}

// waiting is how many lines may wait to be written.
const waiting = 1000

func newBulletin(out io.Writer) *bulletin {
	return &bulletin{out: out, queue: make(chan string, waiting), over: make(chan struct{})}
}

// begin tells what is live at first, and after it everything else as it comes.
func (b *bulletin) begin(tell func(live *catalog.Live)) {
	b.mu.Lock()
	live := b.live
	b.begun = true
	b.mu.Unlock()
	tell(live)
	go func() {
		defer close(b.over)
		for text := range b.queue {
			fmt.Fprint(b.out, text)
		}
	}()
}

// end writes what is still to be told. Nothing may be told after it.
func (b *bulletin) end() {
	close(b.queue)
	if b.begun {
		<-b.over
	}
}

// say hands a text to whoever writes. The caller holds mu.
func (b *bulletin) say(text string) {
	if b.lost > 0 {
		text = fmt.Sprintf("          %s left out\n%s", count(b.lost, "line"), text)
	}
	select {
	case b.queue <- text:
		b.lost = 0
	default:
		b.lost++
	}
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
	var text strings.Builder
	fmt.Fprintf(&text, "%s  reloaded: %s\n", live.At.Local().Format(time.TimeOnly), changes(before, live))
	fresh := slices.DeleteFunc(slices.Clone(live.Findings), func(f diag.Finding) bool {
		return slices.ContainsFunc(before.Findings, func(o diag.Finding) bool {
			return o.Pos == f.Pos && o.Code == f.Code && o.Message == f.Message
		})
	})
	_ = diag.Print(&text, fresh, live.Source) // writing to memory does not fail
	b.say(text.String())
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
	b.say(printable(line) + "\n")
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
			if stood(before, f.Path) == catalog.Rejected {
				said = append(said, f.Path+" is live as it stands")
			}
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
	return strings.Join(append(said, tally(errs, len(after.Findings)-errs)), "; ")
}

// stood returns what became of a file at an earlier reload, "" for one that
// was not there.
func stood(live *catalog.Live, path string) catalog.State {
	for _, f := range live.Files {
		if f.Path == path {
			return f.State
		}
	}
	return ""
}

// versions returns the hash of everything in a set that has a version, by name.
func versions(set *program.Set) map[string]string {
	out := map[string]string{}
	for id, f := range set.Flows {
		out[id] = f.Hash
	}
	for _, id := range set.ConnectorIDs() {
		out["connector "+id] = set.Sum(id)
	}
	return out
}
