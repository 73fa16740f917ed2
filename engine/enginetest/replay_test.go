//go:build unix

package enginetest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"patchbay/engine/console"
	"patchbay/engine/journal"
)

// doomed always fails, so that a run which is taken up twice tells.
const doomed = `flow: 1
name: Doomed
triggers:
  - on_demand: {}
steps:
  - id: no
    fail: Never.
`

// TestKillReplay kills the engine in the middle of replays and asks for the
// same one again until it is over: every run was taken up once.
func TestKillReplay(t *testing.T) {
	const runs, kills = 330, 4
	l := newLedger(t)
	dir := workspace(t, l.url)
	write(t, dir, "flows/doomed.yaml", doomed)
	p := spawn(t, dir)
	for range runs {
		p.start("doomed")
	}
	p.settled("doomed")
	request := console.ReplayRequest{Flow: "doomed", Since: "1h", By: "grace"}
	for range kills {
		asked := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go func(c client) {
			defer close(asked)
			askReplay(ctx, c, request)
		}(p.client)
		time.Sleep(rand.N(60 * time.Millisecond))
		p.kill()
		cancel()
		<-asked
		p = spawn(t, dir)
	}
	var done console.ReplayAnswer
	if code := p.api(http.MethodPost, "/replays", request, &done); code != http.StatusOK {
		t.Fatalf("the replay is answered %d", code)
	}
	if len(done.Runs) != runs || done.Before+done.Taken != runs || done.Refusals != 0 {
		t.Errorf("the replay took up %d of %d runs, %d of them before, and refused %d", len(done.Runs), runs, done.Before, done.Refusals)
	}
	counts := p.settled("doomed")
	if counts[journal.FailedStatus] != runs {
		t.Errorf("runs = %v, want %d failed", counts, runs)
	}
	for _, id := range done.Runs {
		taken := 0
		for _, e := range p.run(id).Journal {
			if e.Kind == journal.Retried {
				taken++
			}
		}
		if taken != 1 {
			t.Errorf("run %d was taken up %d times, want once", id, taken)
		}
	}
	if code := p.api(http.MethodPost, "/replays/close", request, nil); code != http.StatusOK {
		t.Fatalf("closing the replay is answered %d", code)
	}
	request.DryRun = true
	var anew console.ReplayAnswer
	if p.api(http.MethodPost, "/replays", request, &anew); anew.Taken != runs || anew.Before != 0 {
		t.Errorf("after it was closed, %d of %d runs would be taken up, %d before", anew.Taken, runs, anew.Before)
	}
	p.terminate()
	t.Logf("killed %d times", kills)
}

// askReplay asks for a replay of an engine that may be killed meanwhile.
func askReplay(ctx context.Context, c client, request console.ReplayRequest) {
	data, err := json.Marshal(request)
	if err != nil {
		return // unreachable: it is plain data
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/api/v1/replays", bytes.NewReader(data))
	if err != nil {
		return
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	if res, err := http.DefaultClient.Do(req); err == nil {
		_ = res.Body.Close()
	}
}
