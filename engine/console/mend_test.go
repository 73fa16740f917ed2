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

	// What was written for items is not taken for something else.
	k.finish(k.start("round", `{}`))
	k.changed("round", strings.Replace(round, "[Ada, nobody, Bo]", "[Bo, nobody, Ada]", 1))
	k.ask("POST", "/runs/4/retry", `{"with": "current"}`)
	k.changed("round", strings.Replace(round, "[Ada, nobody, Bo]", "[Ada, nobody, Bo], more: 1", 1))
	k.ask("POST", "/runs/4/retry", `{"with": "current", "dry_run": true}`)

	// What a turn worked out for its item is worked out for another one anew.
	k.changed("round", strings.Replace(round, "    action: bell.ring\n    with: { for: \"${{ name }}\" }",
		"    steps:\n      - id: whom\n        set: { name: \"${{ name }}\" }\n      - id: ring\n        action: bell.ring\n        with: { for: \"${{ steps.whom.name }}\" }", 1))
	k.finish(k.start("round", `{}`))
	k.ask("POST", "/runs/5/retry", `{"edit": ["each[1].name=Cy"]}`)
	k.finish(5)
	var mended struct{ Output, Status any }
	if k.api("GET", "/runs/5", "", &mended); mended.Status != "succeeded" {
		t.Errorf("run 5 is %v, want it to have succeeded", mended.Status)
	}

	// A connection that runs wait for.
	k.changed("alone", strings.Replace(visit, "bell: bell", "bell: spare", 1))
	k.finish(k.start("alone", `{}`))
	k.finish(k.start("alone", `{}`))
	k.ask("GET", "/inbox?flow=alone", "")
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

// TestMendPages looks at the pages on which runs that went wrong are dealt with.
func TestMendPages(t *testing.T) {
	s := serve(t, false)
	s.api("PUT", "/secrets/bell_key", `{"value": "k3y-of-the-bell"}`, nil)
	s.changed("round", round)
	if _, _, text := s.page("/inbox"); !strings.Contains(text, "Inbox Nothing needs you.") {
		t.Errorf("the first inbox = %s", text)
	}
	s.finish(s.start("greet", `{"inputs": {"name": "nobody"}}`))
	s.finish(s.start("round", `{}`))
	s.finish(s.start("greet", `{"inputs": {"name": "lost"}}`))
	s.api("POST", "/runs/3/check", `{"action": "bell.state", "by": "grace"}`, nil)

	tests := []struct {
		path  string
		wants []string // in the text
		marks []string // in the markup
	}{
		{"/", []string{
			"Waiting for an answer 1 3 greet outcome unknown ring: nobody knows whether bell.ring happened",
			"Failed, and not dealt with 2 2 round partly failed each[1]: nobody is not at home &#34;nobody&#34;",
			"1 greet failed nobody is not at home",
		}, []string{`href="/runs/2/retry?item=each%5B1%5D"`, `href="/runs/1/retry"`}},
		{"/inbox?flow=round", []string{
			"Inbox of round all flows greet round 2 round partly failed each[1]: nobody is not at home", "Retry all that failed in this flow",
		}, []string{`href="/replay?flow=round"`}},
		{"/runs/1", []string{"Nobody has dealt with this failure. Mend or dismiss it"}, []string{`<a href="/runs/1/retry">`}},
		{"/runs/1/retry", []string{
			"Retry run 1 greet failed ring : nobody is not at home what failed everything What it does",
			"ring bell.ring again writes (create), twice is not the same as once It makes 1 call, which writes.",
			"What the steps are given ring.for string ring.count integer, may be missing Who does it Show what that does Retry Or let it be Why nothing is to be done Dismiss",
		}, []string{
			`<input data-edit="ring.for" value="nobody">`, `<input data-edit="ring.count" value="" placeholder="not known yet">`,
			`data-post="/api/v1/runs/1/retry" data-from="failed" data-with="original" data-items="" data-to="/runs/1">Retry</button>`,
		}},
		{"/runs/1/retry?edit=ring.for%3DAda", []string{"Edited: ring for: &#34;nobody&#34; → &#34;Ada&#34;"}, []string{`<input data-edit="ring.for" data-edited value="Ada">`}},
		{"/runs/1/retry?edit=ring.who%3DAda", []string{"ring.who: &#34;who&#34; is nothing that bell.ring takes allowed: for, count Or let it be"}, nil},
		{"/runs/2/retry?item=each%5B1%5D", []string{
			"Retry run 2 round partly failed each[1].#1 : nobody is not at home The item: &#34;nobody&#34; what failed everything What it does",
			"all set kept each.#1 bell.ring kept 2, again 1 writes (create), twice is not the same as once sum set kept",
			"each[1].name string each[1].for string each[1].count integer",
		}, []string{`data-items="each[1]"`, `data-post="/api/v1/runs/2/dismiss" data-path="each[1]" data-takes="reason"`}},
		{"/runs/3", []string{
			"The answer to the write of step ring never arrived. Look at the service: did it happen? What was sent: POST " + s.bell + "/rings",
			"asked by grace { &#34;for&#34;: &#34;&#34;, &#34;id&#34;: &#34;r1&#34; }",
			"It happened It did not Look with an action Action bell.state What it is given, as JSON Look",
			"looked whether it happened ring bell.state by grace",
		}, []string{`<textarea name="output" rows="2">{&#34;for&#34;:&#34;&#34;,&#34;id&#34;:&#34;r1&#34;}</textarea>`}},
		{"/replay?flow=greet", []string{
			"Retry what failed in greet the last hour the last day the last week the last 30 days with the version each ran on with the current version 1 run",
			"ring bell.ring again writes (create), twice is not the same as once They make 1 call, which writes.", "Retry 1 run",
		}, []string{`data-replay data-flow="greet" data-since="24h" data-with="original" data-to="/runs?flow=greet&amp;status=">Retry 1 run</button>`}},
		{"/replay?flow=tidy&since=7d", []string{"0 runs"}, []string{`aria-current="true">the last week</a>`}},
		{"/replay", []string{"There is no such replay: the flow whose runs are replayed must be named."}, nil},
		{"/runs/9/retry", []string{"There is no run &#34;9&#34;."}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			_, html, text := s.page(tt.path)
			for _, want := range tt.wants {
				if !strings.Contains(text, want) {
					t.Errorf("%s has no %q in:\n%s", tt.path, want, text)
				}
			}
			for _, want := range tt.marks {
				if !strings.Contains(html, want) {
					t.Errorf("%s has no %s in:\n%s", tt.path, want, html)
				}
			}
			if strings.Contains(html, "k3y-of-the-bell") || strings.Contains(html, "ZgotmplZ") {
				t.Errorf("%s shows what it must not:\n%s", tt.path, html)
			}
		})
	}
}
