package edit_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"patchbay/connectors"
	"patchbay/engine/catalog"
	"patchbay/engine/diag"
	"patchbay/engine/edit"
)

const lookedAt = `flow: 1
name: Looked at
inputs:
  who: { type: string }
triggers:
  - trigger: qwilr.page_accepted
steps:
  - id: page
    action: qwilr.get_page
    with: { pageId: "${{ event.page.id }}" }
  - if: len(steps.page.tags) > 0
    action: slack.post_message
    with: { channel: "#ops", text: "${{ steps.page.name ?? "?" }} ${{ steps.page.status }}" }
  - call: other
`

func TestLookAt(t *testing.T) {
	src, err := catalog.Read(fstest.MapFS{
		"flows/it.yaml":    {Data: []byte(lookedAt)},
		"flows/other.yaml": {Data: []byte("flow: 1\nname: Another\ntriggers:\n  - on_demand: {}\nsteps:\n  - stop: done\n")},
	}, connectors.Files)
	if err != nil {
		t.Fatal(err)
	}
	opt, held := shipped()
	defer runtime.KeepAlive(held)
	for _, test := range []struct{ at, want string }{
		{"qwilr.page_acc", "A page was accepted by everybody who must accept it 6:14+19"},
		{"qwilr.get_p", "Get a page 9:13+14"},
		{"event.pa", "event.page: qwilr.EventPage 10:32+4"},
		{"steps.page.ta", "steps.page.tags: list of string 11:24+4 → flows/it.yaml:8:9"},
		{"len", "len(x) → integer 11:9+3"},
		{"steps.pa", "steps.page: qwilr.Page 11:19+4 → flows/it.yaml:8:9"},
		{"    acti", "action 9:5+6"},
		{"chan", "channel: string 13:13+7"},
		{"call: oth", "Another 14:11+5 → flows/other.yaml:1:1"},
		{"nam", "name 2:1+4"},
		{"page_accepted\nst", "steps 7:1+5"},
	} {
		before, _, ok := strings.Cut(lookedAt, test.at)
		if !ok {
			t.Fatalf("%q does not stand in the flow", test.at)
		}
		before += test.at
		line := before[strings.LastIndexByte(before, '\n')+1:]
		at := diag.Pos{File: "flows/it.yaml", Line: strings.Count(before, "\n") + 1, Column: utf8.RuneCountInString(line) + 1}
		got := "nothing"
		if look, ok := edit.LookAt(src, opt, at); ok {
			got = fmt.Sprintf("%s %d:%d+%d", look.Title, look.Pos.Line, look.Pos.Column, look.Width)
			if look.Defined != (diag.Pos{}) && strings.HasPrefix(look.Defined.File, "flows/") {
				got += " → " + look.Defined.String()
			}
		}
		if got != test.want {
			t.Errorf("LookAt(%q) = %s, want %s", test.at, got, test.want)
		}
	}
}
