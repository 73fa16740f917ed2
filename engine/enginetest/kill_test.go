//go:build unix

package enginetest_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"patchbay/engine/enginetest/fault"
	"patchbay/engine/journal"
)

// kinds are the events of the mixed workspace, each of which starts the flow
// beside it.
var kinds = map[string]string{"placed": "order", "billed": "bill", "shipped": "parcel", "returned": "return"}

// mixed makes a workspace whose flows have steps of every nature.
func mixed(t *testing.T, url string) string {
	t.Helper()
	dir := workspace(t, url)
	if err := os.CopyFS(dir, os.DirFS("testdata/mixed")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestFaultKill kills engines again and again, in the middle of runs, of
// deliveries and of starts, and holds the books of the service against what was
// promised: what happens exactly once, at most once, or is asked about.
func TestFaultKill(t *testing.T) {
	const lanes = 4 // engines that die side by side
	dice := fault.Throw(t)
	var over sync.WaitGroup
	for i := range lanes {
		over.Go(func() {
			t.Run(strconv.Itoa(i+1), func(t *testing.T) { killOften(t, dice.Lane(i), max(1, fault.Rounds()/lanes)) })
		})
	}
	over.Wait()
}

// killing is an engine that is killed, and those it works with.
type killing struct {
	t    *testing.T
	dice fault.Dice
	l    *ledger
	dir  string
	p    *process
	s    *senders
	v    *visitors

	moments map[string]int // how often it was killed at which kind of moment
	longest time.Duration  // from a kill until it served again
}

func killOften(t *testing.T, dice fault.Dice, rounds int) {
	k := &killing{t: t, dice: dice, l: newLedger(t), v: &visitors{t: t}, moments: map[string]int{}}
	k.l.slow(dawdle)
	k.dir = mixed(t, k.l.url)
	k.p = spawn(t, k.dir)
	k.v.to(k.p)
	k.s = &senders{url: k.p.hook("ledger"), acked: map[string]bool{}, kinds: slices.Sorted(maps.Keys(kinds)), pause: 60 * time.Millisecond, sending: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	k.s.begin(ctx, 4)
	visits := k.v.visit(t.Context())
	k.l.make(t, true)
	for i := range rounds {
		k.kill()
		if i == rounds-1 {
			stop()
			k.l.drain(t) // so that the person who is asked knows
		}
		k.revive()
	}
	k.s.over.Wait()
	k.l.make(t, false)
	began := time.Now()
	questions, happened := k.answerAll()
	took := time.Since(began)
	fresh := k.freshEvents()
	visits()
	k.p.terminate()
	runs, lost := k.checkBooks()
	checkLeft(t, k.dir)
	t.Logf("seed %d: killed %d times %v; %d events acknowledged, %d not; %d runs, lost %d, doubled %d; %d questions, of which %d had happened; "+
		"%d requests, asked again: %v; longest recovery %s, all ended %s after the last, a fresh event took at most %s",
		dice.Seed, rounds, k.moments, len(k.s.acked), k.s.gone, runs, lost, k.l.doubled(), questions, happened, k.l.requests.Load(), k.l.repeats,
		k.longest.Round(time.Millisecond), took.Round(time.Millisecond), fresh.Round(time.Millisecond))
}

// revive starts the engine once more.
func (k *killing) revive() {
	k.t.Helper()
	began := time.Now()
	k.p = spawn(k.t, k.dir)
	k.longest = max(k.longest, time.Since(began))
	k.s.to(k.p.hook("ledger"))
	k.v.to(k.p)
}

// answerAll tells the engine what became of each unknown outcome, as a person
// does who looks it up at the service, until all runs have ended. It returns
// how many questions there were and how many of the writes had happened.
func (k *killing) answerAll() (questions, happened int) {
	k.t.Helper()
	before, since := -1, time.Now()
	for time.Since(since) < patience {
		n, yes := answerUnknown(k.p, k.l)
		questions, happened = questions+n, happened+yes
		open := 0
		for _, flow := range append(slices.Collect(maps.Values(kinds)), "alarm", "item") {
			for status, n := range k.p.counts(flow) {
				if !status.HasEnded() {
					open += n
				}
			}
		}
		if open == 0 {
			return questions, happened
		}
		if open != before {
			before, since = open, time.Now()
		}
		time.Sleep(10 * time.Millisecond)
	}
	k.t.Errorf("%d runs have not ended, and none did for %s", before, patience)
	return questions, happened
}

// checkBooks holds the runs and the books of the service against each other,
// and returns how many runs there are, and how many are missing.
func (k *killing) checkBooks() (runs, lost int) {
	k.t.Helper()
	all := allRuns(k.t, k.dir)
	lost = k.s.check(k.t, all)
	k.checkOthers(all)
	rows := 0
	for order, r := range all {
		checkRun(k.t, k.l, order, r)
		if r.Flow == "order" || r.Flow == "bill" {
			rows++
		}
	}
	k.l.noFaults(k.t)
	checkRows(k.t, k.dir, rows)
	return len(all), lost
}

// checkOthers holds what was started by something else than a delivery against
// what there was: an alarm for each return, and a run for each thing.
func (k *killing) checkOthers(all map[string]ended) {
	k.t.Helper()
	var alarms, returns, items, things []string
	for _, r := range all {
		switch r.Flow {
		case "alarm":
			alarms = append(alarms, fmt.Sprint(r.Output))
		case "return":
			returns = append(returns, strconv.FormatInt(r.ID, 10))
		case "item":
			items = append(items, fmt.Sprint(r.Output))
		}
	}
	k.l.mu.Lock()
	defer k.l.mu.Unlock()
	for _, item := range k.l.items {
		things = append(things, item["id"])
	}
	for _, list := range [][]string{alarms, returns, items, things} {
		slices.Sort(list)
	}
	if !slices.Equal(alarms, returns) {
		k.t.Errorf("alarms = %v, want one for each of the returns %v", alarms, returns)
	}
	if !slices.Equal(items, things) {
		k.t.Errorf("runs of things = %v, want one for each of %v", items, things)
	}
}

// checkRun holds one run that has ended against the books.
func checkRun(t *testing.T, l *ledger, order string, r ended) {
	t.Helper()
	want := map[string]map[string]int{
		"order": {"pay": 1, "tell": 1}, "bill": {"pay": 1}, "parcel": {"reserve": 1}, "return": {"pay": 1, "tell": 1},
	}[r.Flow]
	for _, action := range []string{"pay", "reserve", "tell"} {
		if got := l.effects(action, order); got != want[action] {
			t.Errorf("%s: ledger.%s happened %d times, want %d", order, action, got, want[action])
		}
	}
	output, _ := r.Output.(map[string]any)
	switch r.Flow {
	case "order":
		l.check(t, order, lines)
	case "return":
		l.check(t, order, lines)
		if got, want := fmt.Sprint(output["lines"]), fmt.Sprint(lines); got != want || output["payment"] == "" || output["token"] == "" {
			t.Errorf("%s: output = %v, want the lines %s, a payment and a token", order, output, want)
		}
	case "bill":
		if output["paid"] != order || output["by"] != "grace" || output["why"] != order {
			t.Errorf("%s: output = %v, want that %s was paid and agreed to by grace", order, output, order)
		}
	}
	done := map[string]int{}
	for _, e := range r.events {
		if e.Kind == journal.Done {
			if done[e.Path]++; done[e.Path] > 1 {
				t.Errorf("run %d: step %s has %d outcomes", r.ID, e.Path, done[e.Path])
			}
		}
	}
}

// freshEvents sends one event to each flow: nothing that is left over holds it
// up. It returns how long the slowest took.
func (k *killing) freshEvents() time.Duration {
	k.t.Helper()
	began := time.Now()
	for kind := range kinds {
		id := nameOf(kind, 99_999)
		if code, _, err := post(k.t.Context(), eventOf(k.p.hook("ledger"), kind, id)); code != http.StatusOK {
			k.t.Errorf("deliver %s = %d, %v, want 200", id, code, err)
		}
		k.s.acked[id] = true
	}
	k.answerAll()
	return time.Since(began)
}

// TestFaultKillAtStart kills engines while they make their data folder: the
// next one over the same folder serves.
func TestFaultKillAtStart(t *testing.T) {
	dice := fault.Throw(t)
	l := newLedger(t)
	rounds := max(1, fault.Rounds()/10)
	for i := range rounds {
		dir := workspace(t, l.url)
		p := launch(t, dir)
		time.Sleep(time.Duration(dice.Int64N(int64(200 * time.Millisecond))))
		p.kill()
		p = spawn(t, dir)
		id := fmt.Sprintf("e%d", i)
		if code, _, err := post(t.Context(), placed(p.hook("ledger"), id, "order-"+id, lines)); code != http.StatusOK {
			t.Fatalf("deliver after a kill at the start = %d, %v, want 200", code, err)
		}
		await(t, "the run begins", func() bool { return l.told("order-"+id) == 1 })
		p.kill()
	}
	t.Logf("seed %d: killed %d times at the first start", dice.Seed, rounds)
}
