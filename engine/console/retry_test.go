package console_test

import (
	"net/http"
	"strings"
	"testing"
)

// round rings for three, one of whom is not at home.
const round = `flow: 1
name: Round
triggers:
  - on_demand: {}
use: { bell: bell }
steps:
  - id: all
    set: { names: [Ada, nobody, Bo] }
  - id: each
    for_each: steps.all.names
    as: name
    on_error: collect
    action: bell.ring
    with: { for: "${{ name }}" }
  - id: sum
    set: { rings: "${{ len(steps.each) }}" }
`

const names = `flow: 1
name: Names
triggers:
  - on_demand: {}
steps:
  - id: found
    set: { names: [Cy] }
output: { names: "${{ steps.found.names }}" }
`

// changed writes the file of a flow and waits until the new version is live.
func (s *served) changed(flow, text string) {
	s.t.Helper()
	was, _ := s.version(flow)
	s.write("flows/"+flow+".yaml", text)
	for {
		if now, rejected := s.version(flow); !rejected && now != was {
			return
		}
	}
}

// broken writes a file that has errors and waits until it is rejected.
func (s *served) broken(flow, text string) {
	s.t.Helper()
	s.write("flows/"+flow+".yaml", text)
	for rejected := false; !rejected; {
		_, rejected = s.version(flow)
	}
}

// version returns the hash of the live version of a flow, and whether its file
// is rejected.
func (s *served) version(flow string) (string, bool) {
	s.t.Helper()
	var status struct{ Files []struct{ Flow string } }
	var live struct{ Hash string }
	s.api(http.MethodGet, "/status", "", &status)
	s.api(http.MethodGet, "/flows/"+flow, "", &live)
	for _, f := range status.Files {
		if f.Flow == flow {
			return live.Hash, true
		}
	}
	return live.Hash, false
}

// TestAPIRetry takes runs up again.
func TestAPIRetry(t *testing.T) {
	k := &talk{served: serve(t, false)}
	k.api("PUT", "/secrets/bell_key", `{"value": "k3y-of-the-bell"}`, nil)
	k.changed("names", names)
	k.changed("round", round)
	again := func(run int64, path, body string) {
		k.ask("POST", path, body)
		k.finish(run)
	}

	k.finish(k.start("greet", `{"inputs": {"name": "nobody"}}`))
	again(1, "/runs/1/retry", `{}`)
	again(1, "/runs/1/retry", `{"from": "start", "with": "current"}`)
	k.ask("POST", "/runs/1/retry", `{"from": "rang"}`)
	k.ask("POST", "/runs/1/retry", `{"with": "currant"}`)
	k.ask("POST", "/runs/9/retry", `{}`)
	k.ask("GET", "/runs/1", "")

	// The items of a loop that failed.
	k.finish(k.start("round", `{}`))
	again(2, "/runs/2/retry", `{}`)
	k.changed("round", strings.Replace(round, "for: \"${{ name }}\"", "for: \"friend ${{ name }}\"", 1))
	again(2, "/runs/2/retry", `{"with": "current"}`)
	k.ask("POST", "/runs/2/retry", `{}`)
	k.ask("GET", "/runs/2", "")

	// What is kept must make sense in the current version.
	k.changed("round", strings.Replace(round, "steps.all.names", `'filter(steps.all.names, # != "nobody")'`, 1))
	k.ask("POST", "/runs/2/retry", `{"from": "sum", "with": "current"}`)
	k.changed("round", strings.Replace(round, "id: all\n    set: { names: [Ada, nobody, Bo] }", "id: all\n    call: names", 1))
	k.ask("POST", "/runs/2/retry", `{"from": "sum", "with": "current"}`)
	k.changed("round", strings.Replace(round, "names: [Ada, nobody, Bo]", "names: [Ada], more: true", 1))
	k.ask("POST", "/runs/2/retry", `{"from": "sum", "with": "current"}`)
	k.changed("round", strings.Replace(round, "id: sum", "id: sums", 1))
	k.ask("POST", "/runs/2/retry", `{"from": "sum", "with": "current"}`)
	k.changed("round", strings.Replace(round, "steps:", "vars: { day: today }\nsteps:", 1))
	k.ask("POST", "/runs/2/retry", `{"from": "sum", "with": "current"}`)
	k.broken("round", "flow: 1\n")
	k.ask("POST", "/runs/2/retry", `{"from": "sum", "with": "current"}`)
	again(2, "/runs/2/retry", `{"from": "sum"}`)

	// A step without an id is known by what it does.
	const unnamed = "  - action: bell.ring\n    with: { for: Di }\n"
	k.changed("round", round+unnamed+"  - id: end\n    fail: Enough.\n")
	k.finish(k.start("round", `{}`))
	k.changed("round", round+strings.Replace(unnamed, "Di", "Ed", 1)+unnamed+"  - id: end\n    set: { done: true }\n")
	k.ask("POST", "/runs/3/retry", `{"with": "current"}`)
	k.changed("round", round+unnamed+"  - id: end\n    set: { done: true }\n")
	again(3, "/runs/3/retry", `{"with": "current"}`)

	// A write whose outcome is open is asked about, not done once more.
	slow := k.start("greet", `{"inputs": {"name": "slow"}}`)
	<-k.waits
	k.ask("POST", "/runs/4/retry", `{}`)
	k.api("POST", "/runs/4/cancel", `{}`, nil)
	k.ask("POST", "/runs/4/retry", `{"from": "start"}`)
	again(slow, "/runs/4/retry", `{}`)
	k.ask("POST", "/runs/4/retry", `{}`)
	k.ask("GET", "/runs/4", "")
	close(k.gate)
	k.golden("retry.txt")
}
