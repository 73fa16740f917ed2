//go:build unix

package enginetest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"patchbay/connectors"
	"patchbay/engine/catalog"
	"patchbay/engine/console"
	"patchbay/engine/enginetest/fault"
	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// renamable are the names that the tests change, each to its other one and back.
var renamable = []struct{ kind, name, other string }{
	{"flow", "order", "new-order"},
	{"connection", "ledger", "ledger_main"},
	{"connector", "ledger", "books"},
}

// named is what the things of the workspace are called now.
type named map[string]string // by kind

// namesOf reads what the files call things. They must be whole, and say each
// name everywhere: a workspace that mixes two names does not check.
func namesOf(t *testing.T, dir string) named {
	t.Helper()
	src, err := catalog.Read(os.DirFS(dir), connectors.Files)
	if err != nil {
		t.Fatal(err)
	}
	set := program.Build(src, program.Options{})
	if errs := set.Findings.Errors(); len(errs) > 0 || len(set.Flows) != 1 || len(set.Connections) != 1 {
		t.Fatalf("the workspace has %d flows, %d connections and errors: %v", len(set.Flows), len(set.Connections), errs.Err())
	}
	own := slices.DeleteFunc(slices.Collect(maps.Keys(src.Connectors)), func(id string) bool { return src.AsNeeded[id] })
	n := named{"connector": own[0]}
	for id := range set.Flows {
		n["flow"] = id
	}
	for name, c := range set.Connections {
		n["connection"] = name
		if len(own) != 1 || c.Connector.ID != own[0] {
			t.Fatalf("connection %s is to %s, and the connectors are %v", name, c.Connector.ID, own)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "flows", ".*")); len(left) > 0 || err != nil {
		t.Errorf("left in the folder flows: %v, %v", left, err)
	}
	return n
}

// next returns a rename of one of the names to the one it has not.
func (n named) next(i int) console.RenameRequest {
	r := renamable[i%len(renamable)]
	if n[r.kind] == r.name {
		return console.RenameRequest{Kind: r.kind, From: r.name, To: r.other}
	}
	return console.RenameRequest{Kind: r.kind, From: r.other, To: r.name}
}

// rename asks for a rename and returns whether it was answered, and how.
func (c *client) rename(r console.RenameRequest) (status int, answer string, err error) {
	data, err := json.Marshal(r)
	if err != nil {
		return 0, "", err
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, c.base+"/api/v1/rename", bytes.NewReader(data))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	var text bytes.Buffer
	_, err = text.ReadFrom(res.Body)
	return res.StatusCode, text.String(), err
}

// TestRenameUnderWay gives the flow, its connection and its connector other
// names, again and again, while orders come in and are worked on: no request is
// broken off, every order is worked on once, and the address stays.
func TestRenameUnderWay(t *testing.T) {
	l := newLedger(t)
	l.slow(dawdle)
	dir := workspace(t, l.url)
	c := serve(t, options(dir, t.Output()))
	address := c.hook("ledger")
	s := &senders{url: address, acked: map[string]bool{}}
	ctx, stop := context.WithCancel(t.Context())
	s.begin(ctx, 8)
	for i := range 9 {
		target := l.requests.Load() + 100
		await(t, "the engine makes requests", func() bool { return l.requests.Load() >= target })
		r := namesOf(t, dir).next(i)
		status, text, err := c.rename(r)
		if status != http.StatusOK || err != nil {
			t.Fatalf("rename %+v: %d, %s, %v", r, status, text, err)
		}
		if now := namesOf(t, dir)[r.Kind]; now != r.To {
			t.Errorf("rename %+v: the files say %s", r, now)
		}
	}
	stop()
	s.over.Wait()
	now := namesOf(t, dir)
	if got := c.hook(now["connection"]); got != address {
		t.Errorf("the address = %s, want %s", got, address)
	}
	counts := c.settled(now["flow"])
	c.stop()
	runs := allRuns(t, dir)
	s.check(t, runs)
	for order := range runs {
		l.check(t, order, lines)
	}
	l.noFaults(t)
	checkRows(t, dir, len(runs))
	if counts[journal.Succeeded] != len(runs) {
		t.Errorf("runs = %v, want all %d succeeded", counts, len(runs))
	}
	t.Logf("%d renames among %d runs and %d requests, asked again: %v", 9, len(runs), l.requests.Load(), l.repeats)
}

// TestFaultRename kills the engine around renames, and in the middle of them:
// the next one finds the old name or the new one everywhere, in the files and in
// all that it knows.
func TestFaultRename(t *testing.T) {
	dice := fault.Throw(t)
	l := newLedger(t)
	l.slow(dawdle)
	dir := workspace(t, l.url)
	p := spawn(t, dir)
	address := p.hook("ledger")
	_, path, _ := strings.Cut(address, "/hooks/")
	s := &senders{url: address, acked: map[string]bool{}}
	ctx, stop := context.WithCancel(t.Context())
	s.begin(ctx, 4)
	outcomes := map[string]int{}
	for i := range max(1, fault.Rounds()/13) {
		target := l.requests.Load() + 20
		await(t, "the engine makes requests", func() bool { return l.requests.Load() >= target })
		r := namesOf(t, dir).next(i)
		done := make(chan string, 1)
		go func() {
			status, text, err := p.rename(r)
			if err != nil {
				text = "no answer"
			} else if status == http.StatusOK {
				text = "done"
			}
			done <- text
		}()
		time.Sleep(time.Duration(dice.Int64N(int64(250 * time.Millisecond))))
		p.kill()
		told := <-done
		p = spawn(t, dir)
		now := namesOf(t, dir)[r.Kind]
		switch {
		case now != r.From && now != r.To, told == "done" && now != r.To, told != "done" && told != "no answer":
			t.Fatalf("rename %+v: %s, and the files say %s", r, told, now)
		}
		outcomes[fmt.Sprintf("%s, renamed: %t", told, now == r.To)]++
		s.to(p.vendors + "/hooks/" + path)
	}
	stop()
	s.over.Wait()
	now := namesOf(t, dir)
	if got := p.hook(now["connection"]); got != p.vendors+"/hooks/"+path {
		t.Errorf("the address = %s, want it to end with %s", got, path)
	}
	p.settled(now["flow"])
	asked, _ := answerUnknown(p, l)
	counts := p.settled(now["flow"])
	p.terminate()
	runs := allRuns(t, dir)
	s.check(t, runs)
	for order := range runs {
		l.check(t, order, lines)
	}
	l.noFaults(t)
	checkRows(t, dir, len(runs))
	if counts[journal.Succeeded] != len(runs) {
		t.Errorf("runs of %s = %v, want all %d succeeded", now["flow"], counts, len(runs))
	}
	t.Logf("seed %d: %v; %d runs, %d questions answered", dice.Seed, outcomes, len(runs), asked)
}

// TestRenameBrokenOff lets a file not be written after the store went over to
// the new name: the engine ends, and the next one goes on where it was.
func TestRenameBrokenOff(t *testing.T) {
	l := newLedger(t)
	dir := workspace(t, l.url)
	p := spawn(t, dir)
	if code, _, err := post(t.Context(), placed(p.hook("ledger"), "e1", "order-e1", lines)); code != http.StatusOK {
		t.Fatalf("deliver = %d, %v", code, err)
	}
	p.settled("order")
	write(t, dir, "flows/.order.yaml.fixed/in-the-way", "")
	status, text, err := p.rename(console.RenameRequest{Kind: "connector", From: "ledger", To: "books"})
	if status != http.StatusInternalServerError || err != nil {
		t.Errorf("rename = %d, %s, %v, want 500", status, text, err)
	}
	if <-p.over; p.err == nil {
		t.Error("the engine went on under two names")
	}
	p = launch(t, dir)
	if <-p.over; p.err == nil {
		t.Error("another engine began under two names")
	}
	if err := os.RemoveAll(filepath.Join(dir, "flows/.order.yaml.fixed")); err != nil {
		t.Fatal(err)
	}
	p = spawn(t, dir)
	if now := namesOf(t, dir)["connector"]; now != "books" {
		t.Errorf("the connector is named %s, want books", now)
	}
	if code, _, err := post(t.Context(), placed(p.hook("ledger"), "e1", "order-e1", lines)); code != http.StatusOK {
		t.Fatalf("deliver again = %d, %v", code, err)
	}
	if counts := p.settled("order"); counts[journal.Succeeded] != 1 {
		t.Errorf("runs = %v, want the one of before", counts)
	}
	p.terminate()
}
