package enginetest_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"patchbay/engine/catalog"
	"patchbay/engine/console"
	"patchbay/engine/enginetest/fault"
	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// TestFaultReload edits a workspace all the time while events pour in: flows,
// one that is called, new ones, ones that go, and the connector, valid and
// broken. No event is lost or doubled, and every run ends on the versions it
// began with, which it tells itself.
func TestFaultReload(t *testing.T) {
	t.Parallel()
	dice := fault.Throw(t)
	l := newLedger(t)
	s := newStorm(t, dice.Lane(0), workspace(t, l.url))
	opt := options(s.dir, io.Discard) // what is broken is logged, all the time
	var reloads atomic.Int64
	opt.Reloaded = func(*catalog.Live) { reloads.Add(1) }
	c := serve(t, opt)
	edits, events := fault.Rounds(), 10*fault.Rounds()
	began := time.Now()
	edited := make(chan struct{})
	go func() {
		defer close(edited)
		for range edits {
			s.edit()
			pause := 10 * time.Millisecond // which goes live together with what follows
			if s.dice.IntN(6) == 0 {
				pause = 150 * time.Millisecond
			}
			time.Sleep(time.Duration(s.dice.Int64N(int64(pause))))
		}
		s.repair()
	}()
	again := deliverWhile(t, c.hook("ledger"), events, edited)
	took := time.Since(began)
	last := s.final(t, c, events)
	c.idle()
	c.stop()
	n := s.check(t, l)
	lost, doubled := events+1-n["storm"], n["doubled"]
	if lost != 0 || doubled != 0 {
		t.Errorf("events lost = %d, doubled = %d, want none", lost, doubled)
	}
	l.noFaults(t)
	t.Logf("seed %d: %d edits, %d versions live, in %s; %d events, %d times told to come again, lost %d, doubled %d; %d runs of %d definitions, the last on version %s; all ended after %s",
		dice.Seed, edits, reloads.Load(), took.Round(time.Millisecond), events, again, lost, doubled, n["runs"], n["definitions"], last, time.Since(began).Round(time.Millisecond))
}

// deliverWhile delivers that many events, the last ones not before the edits
// are over. It returns how often it had to come again.
func deliverWhile(t *testing.T, hook string, events int, edited <-chan struct{}) int64 {
	t.Helper()
	const senders = 8
	var over sync.WaitGroup
	var next, again atomic.Int64
	for range senders {
		over.Go(func() {
			for n := int(next.Add(1)); n <= events; n = int(next.Add(1)) {
				if n > events-events/20 {
					<-edited
				}
				id := nameOf("placed", n)
				again.Add(bring(t, http.DefaultClient, placed(hook, id, "order-"+id, lines)))
			}
		})
	}
	over.Wait()
	return again.Load()
}

// storm is what edits a workspace.
type storm struct {
	dir  string
	dice fault.Dice
	t    *testing.T

	flow, called, connector, extra int            // versions
	others                         map[string]int // extra flows that there are, and their versions
	service                        string         // the text of the connector
}

func newStorm(t *testing.T, dice fault.Dice, dir string) *storm {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "connectors/ledger/connector.yaml"))
	if err == nil {
		err = os.Remove(filepath.Join(dir, "flows", "order.yaml"))
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &storm{t: t, dir: dir, dice: dice, service: string(text), others: map[string]int{}}
	s.repair()
	return s
}

// stormy is the flow that runs for every event. It tells its version, that of
// the flow it calls, and through the ledger that of the connector, before and
// after a wait.
func (s *storm) stormy() string {
	return strings.ReplaceAll(`flow: 1
name: Storm
triggers:
  - trigger: ledger.placed
steps:
  - id: before
    set: { version: VERSION }
  - id: called
    call: called
  - action: ledger.put_order
    with: { order: "${{ event.order }}", state: open, amount: 1 }
  - wait: 1s
  - id: again
    call: called
  - action: ledger.put_order
    with: { order: "${{ event.order }}", state: closed, amount: 1 }
output: { began: "${{ steps.before.version }}", ended: VERSION, called: "${{ steps.called.version }}", again: "${{ steps.again.version }}" }
`, "VERSION", fmt.Sprintf("v%d", s.flow))
}

func (s *storm) callee() string {
	return fmt.Sprintf("flow: 1\nname: Called\ntriggers: [{ on_demand: {} }]\nsteps:\n  - set: { nothing: true }\noutput: { version: c%d }\n", s.called)
}

func (s *storm) ledger() string {
	return strings.Replace(s.service, "    request: PUT /orders/{order}\n",
		fmt.Sprintf("    request: PUT /orders/{order}\n    send: { body.version: k%d }\n", s.connector), 1)
}

func (s *storm) other(version int) string {
	return fmt.Sprintf("flow: 1\nname: Extra\ntriggers:\n  - trigger: ledger.placed\nsteps:\n  - id: it\n    set: { version: x%d }\noutput: { began: \"${{ steps.it.version }}\", ended: x%d }\n",
		version, version)
}

func (s *storm) write(name, text string) {
	if err := os.WriteFile(filepath.Join(s.dir, filepath.FromSlash(name)), []byte(text), 0o600); err != nil {
		s.t.Error(err)
	}
}

// repair leaves every file as it should be.
func (s *storm) repair() {
	s.flow, s.called, s.connector = s.flow+1, s.called+1, s.connector+1
	s.write("flows/storm.yaml", s.stormy())
	s.write("flows/called.yaml", s.callee())
	s.write("connectors/ledger/connector.yaml", s.ledger())
}

// edit makes one edit.
func (s *storm) edit() {
	switch s.dice.IntN(10) {
	case 0, 1:
		s.flow++
		s.write("flows/storm.yaml", s.stormy())
	case 2:
		s.called++
		s.write("flows/called.yaml", s.callee())
	case 3:
		s.connector++
		s.write("connectors/ledger/connector.yaml", s.ledger())
	case 4: // a mistake
		s.write("flows/storm.yaml", strings.Replace(s.stormy(), "ledger.put_order", "ledger.put_odrer", 1))
	case 5: // half of it was written
		name, text := s.one()
		s.write(name, text[:s.dice.IntN(len(text))])
		if s.dice.IntN(2) == 0 {
			s.write(name, text)
		}
	case 6: // the connector no longer has what the flows use
		s.write("connectors/ledger/connector.yaml", strings.Replace(s.ledger(), "  put_order:", "  put_an_order:", 1))
	case 7: // an editor that writes through a rename
		s.flow++
		s.write("flows/.storm.yaml.tmp", s.stormy())
		if err := os.Rename(filepath.Join(s.dir, "flows/.storm.yaml.tmp"), filepath.Join(s.dir, "flows/storm.yaml")); err != nil {
			s.t.Error(err)
		}
	case 8:
		s.extra++
		name := fmt.Sprintf("extra-%d", s.dice.IntN(3))
		s.others[name] = s.extra
		s.write("flows/"+name+".yaml", s.other(s.extra))
	default:
		for name := range s.others {
			delete(s.others, name)
			if err := os.Remove(filepath.Join(s.dir, "flows", name+".yaml")); err != nil && !errors.Is(err, fs.ErrNotExist) {
				s.t.Error(err)
			}
			break
		}
	}
}

// one returns one of the files, as it should be.
func (s *storm) one() (name, text string) {
	switch s.dice.IntN(3) {
	case 0:
		return "flows/storm.yaml", s.stormy()
	case 1:
		return "flows/called.yaml", s.callee()
	default:
		return "connectors/ledger/connector.yaml", s.ledger()
	}
}

// final waits until the last edits are live and sends one more event, which
// runs on them. It returns the version that the run told.
func (s *storm) final(t *testing.T, c *client, events int) string {
	t.Helper()
	want := fmt.Sprintf("v%d", s.flow)
	var status console.Status
	await(t, "the last edits are live", func() bool {
		c.api(http.MethodGet, "/status", nil, &status)
		return status.InSync
	})
	id := nameOf("placed", events+1)
	bring(t, http.DefaultClient, placed(c.hook("ledger"), id, "order-"+id, lines))
	run := c.ended("the last run", func(r console.Run) bool { return r.Flow == "storm" && r.EventID == id })
	if output, _ := run.Output.(map[string]any); output["began"] != want {
		t.Errorf("the last run = %s %v, want version %s", run.Status, run.Output, want)
	}
	return want
}

// check holds each run against its definition, and counts.
func (s *storm) check(t *testing.T, l *ledger) map[string]int {
	t.Helper()
	n := map[string]int{}
	seen := map[string]bool{}
	told := map[string]string{} // by definition: the versions its runs told
	everyRun(t, s.dir, func(st *store.Store, r journal.Run) error {
		n[r.Flow]++
		n["runs"]++
		key := r.Flow + " " + r.EventID
		if seen[key] {
			n["doubled"]++
			t.Errorf("event %s has two runs of %s", r.EventID, r.Flow)
		}
		seen[key] = true
		r, err := st.RunByID(t.Context(), r.ID)
		if err != nil {
			return err
		}
		versions := versionsOf(t, l, r)
		if before := told[r.Definition]; before != "" && before != versions {
			t.Errorf("runs of definition %s told the versions %s and %s", r.Definition, before, versions)
		}
		told[r.Definition] = versions
		return nil
	})
	n["definitions"] = len(told)
	return n
}

// versionsOf returns the versions of the flow, the called flow and the connector
// on which a run was at its beginning, if it was on the same ones at its end.
func versionsOf(t *testing.T, l *ledger, r journal.Run) string {
	t.Helper()
	o, _ := r.Output.(map[string]any)
	if r.Status != journal.Succeeded || o["began"] == nil || o["began"] != o["ended"] {
		t.Errorf("run %d of %s = %s %q %v, want succeeded on the version it began with", r.ID, r.Flow, r.Status, r.Reason, o)
	}
	versions := fmt.Sprint(o["began"])
	if r.Flow != "storm" {
		return versions
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	put := l.versions["order-"+r.EventID]
	if len(put) != 2 || put[0] != put[1] || o["called"] != o["again"] {
		t.Errorf("run %d of %s: versions put = %v, called = %v and %v, want two of each that are the same", r.ID, r.EventID, put, o["called"], o["again"])
		return versions
	}
	return versions + fmt.Sprint(" ", o["called"], " ", put[0])
}
