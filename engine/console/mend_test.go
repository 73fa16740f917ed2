package console_test

import (
	"fmt"
	"strings"
	"testing"
)

// visit rings twice, for somebody who is at home and for nobody.
const visit = `flow: 1
name: Visit
triggers:
  - on_demand: {}
use: { bell: bell }
limits: { queue: 4 }
steps:
  - id: before
    action: bell.state
  - id: who
    set: { first: "${{ steps.before.id }}", second: nobody }
  - id: first
    action: bell.ring
    with: { for: "${{ steps.who.first }}" }
  - id: aside
    set: { note: "${{ steps.before.id }}" }
  - id: second
    action: bell.ring
    with: { for: "${{ steps.who.second }}", count: 1 }
  - id: third
    if: steps.second.for != nil
    action: bell.ring
    with: { for: all }
output: { rings: "${{ steps.second.id }}" }
`

// TestAPIMend goes through what a person does with runs that went wrong.
func TestAPIMend(t *testing.T) {
	k := &talk{served: serve(t, false)}
	k.api("PUT", "/secrets/bell_key", `{"value": "k3y-of-the-bell"}`, nil)
	k.changed("visit", visit)
	k.changed("round", round)
	k.ask("GET", "/inbox", "")
	k.ask("GET", "/inbox?flow=nothing", "")

	// What a step is given.
	k.finish(k.start("visit", `{}`))
	k.ask("GET", "/inbox", "")
	k.ask("POST", "/runs/1/retry", `{"dry_run": true, "edit": ["second.for=007", "second.count=3"]}`)
	k.ask("POST", "/runs/1/retry", `{"edit": ["second.count=many"]}`)
	k.ask("POST", "/runs/1/retry", `{"edit": ["second.cuont=3"]}`)
	k.ask("POST", "/runs/1/retry", `{"edit": ["second.for.name=Ada"]}`)
	k.ask("POST", "/runs/1/retry", `{"edit": ["second.for=[Ada"]}`)
	k.ask("POST", "/runs/1/retry", `{"edit": ["who.second=Ada"]}`)
	k.ask("POST", "/runs/1/retry", `{"edit": "second.for=Ada"}`)

	// With the current version what only reads and computes is done anew where
	// it is needed, and what was written stays.
	k.changed("visit", strings.Replace(visit, "second: nobody", "second: Ada", 1))
	k.ask("POST", "/runs/1/retry", `{"dry_run": true, "with": "current"}`)
	k.changed("visit", strings.Replace(visit, `first: "${{ steps.before.id }}", second: nobody`, "first: Bo, second: Bo", 1))
	k.ask("POST", "/runs/1/retry", `{"with": "current", "by": "grace"}`)
	k.finish(1)
	k.ask("GET", "/runs/1", "")

	// Items of a loop.
	k.finish(k.start("round", `{}`))
	k.ask("GET", "/inbox", "")
	k.ask("POST", "/runs/2/retry", `{"items": ["each[7]"]}`)
	k.ask("POST", "/runs/2/retry", `{"items": ["each[1]"], "from": "start"}`)
	k.ask("POST", "/runs/2/dismiss", `{"path": "each[1]"}`)
	k.ask("POST", "/runs/2/dismiss", `{"path": "each[0]", "reason": "done"}`)
	k.ask("POST", "/runs/2/dismiss", `{"path": "each[1]", "reason": "nobody is nobody", "by": "grace"}`)
	k.ask("POST", "/runs/2/dismiss", `{"reason": "nobody is nobody"}`)
	k.ask("POST", "/runs/2/retry", `{"items": ["each[1]"]}`)
	k.ask("POST", "/runs/2/retry", `{}`)
	k.ask("POST", "/runs/1/dismiss", `{"reason": "done"}`)
	k.ask("GET", "/inbox", "")

	// A write of which nobody knows whether it happened.
	k.finish(k.start("greet", `{"inputs": {"name": "lost"}}`))
	k.ask("GET", "/inbox", "")
	k.ask("POST", "/runs/3/dismiss", `{"reason": "done"}`)
	k.ask("POST", "/runs/3/check", `{"action": "bell.ring", "with": {"for": "Ada"}}`)
	k.ask("POST", "/runs/3/check", `{"action": "bell.stat"}`)
	k.ask("POST", "/runs/3/check", `{"action": "bell.state", "connection": "spare", "by": "grace"}`)
	k.ask("POST", "/runs/3/check", `{"action": "bell.state", "by": "grace"}`)
	k.ask("POST", "/runs/3/answer", `{"happened": true, "output": {"number": 9}}`)
	k.ask("POST", "/runs/3/answer", `{"happened": true, "output": {"id": "r9"}, "by": "grace"}`)
	k.finish(3)
	k.ask("POST", "/runs/3/check", `{"action": "bell.state"}`)
	k.ask("GET", "/runs/3", "")
	k.golden("mend.txt")
}

// TestAPIReplay takes many runs up again, in parts where the flow lets no more of
// them wait.
func TestAPIReplay(t *testing.T) {
	k := &talk{served: serve(t, false)}
	k.api("PUT", "/secrets/bell_key", `{"value": "k3y-of-the-bell"}`, nil)
	k.changed("visit", visit)
	for i := range 4 {
		k.finish(k.start("visit", `{}`))
		if i == 1 {
			k.api("POST", "/runs/2/dismiss", `{"reason": "done"}`, nil)
		}
	}
	k.ask("POST", "/replays", `{}`)
	k.ask("POST", "/replays", `{"flow": "visit"}`)
	k.ask("POST", "/replays", `{"flow": "visit", "since": "yesterday"}`)
	k.ask("POST", "/replays", `{"flow": "visit", "since": "1h", "until": "never"}`)
	k.ask("POST", "/replays", `{"flow": "visit", "since": "1h", "status": "succeeded"}`)
	k.ask("POST", "/replays", `{"flow": "visit", "since": "1h", "from": "second"}`)
	k.ask("POST", "/replays", `{"flow": "visit", "since": "1h", "with": "new"}`)
	k.ask("POST", "/replays", `{"flow": "visits", "since": "1h"}`)
	k.ask("POST", "/replays", `{"flow": "visit", "since": "1h", "until": "30m"}`)
	k.ask("POST", "/replays", `{"flow": "visit", "since": "1h", "dry_run": true}`)

	// The same request goes on behind the runs that were taken up, also where
	// these have failed again.
	const again = `{"flow": "visit", "since": "1h", "by": "grace"}`
	k.ask("POST", "/replays", again)
	k.finish(1)
	k.finish(3)
	k.ask("POST", "/replays", again)
	k.finish(4)
	for run, want := range map[int64]int{1: 1, 2: 0, 3: 1, 4: 1} {
		_, text := k.do(k.request("GET", fmt.Sprintf("/api/v1/runs/%d/events", run), ""))
		if got := strings.Count(text, `"kind":"retried","path":"second","by":"grace"`); got != want {
			t.Errorf("run %d was taken up %d times, want %d:\n%s", run, got, want, text)
		}
	}

	// Once it is closed, one more request is a new replay.
	k.ask("POST", "/replays", again)
	k.ask("POST", "/replays/close", again)
	k.ask("POST", "/replays", strings.Replace(again, "{", `{"dry_run": true, `, 1))

	// A version that does not fit is told.
	k.changed("visit", strings.Replace(visit, "id: first\n    action: bell.ring\n    with: { for: \"${{ steps.who.first }}\" }", "id: first\n    set: { none: 1 }", 1))
	k.ask("POST", "/replays", `{"flow": "visit", "since": "1h", "with": "current"}`)
	k.ask("POST", "/replays", `{"flow": "visit", "since": "1h", "from": "start", "with": "current", "status": "failed", "dry_run": true}`)
	k.golden("replay.txt")
}
