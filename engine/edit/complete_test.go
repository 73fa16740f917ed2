package edit_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"patchbay/connectors"
	"patchbay/engine/catalog"
	"patchbay/engine/diag"
	"patchbay/engine/edit"
	"patchbay/engine/program"
)

// completed returns the items at the place of "|" in a flow, one in a line.
func completed(t *testing.T, text string) string {
	t.Helper()
	before, after, ok := strings.Cut(text, "|")
	if !ok {
		t.Fatal("the text has no |")
	}
	line := strings.LastIndexByte(before, '\n') + 1
	at := diag.Pos{File: "flows/it.yaml", Line: strings.Count(before, "\n") + 1, Column: utf8.RuneCountInString(before[line:]) + 1}
	src, err := catalog.Read(fstest.MapFS{
		"flows/it.yaml":    {Data: []byte(before + after)},
		"flows/other.yaml": {Data: []byte("flow: 1\ntriggers:\n  - on_demand: {}\nsteps:\n  - stop: done\n")},
	}, connectors.Files)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	opt, held := shipped()
	defer runtime.KeepAlive(held)
	for _, item := range edit.Complete(src, opt, at) {
		fmt.Fprintf(&b, "%s %s [%d:%d]\n", item.Kind, item.Label, item.Pos.Column, item.Width)
	}
	return b.String()
}

// options are those of an editor, which has read all connectors and keeps them.
func options(src program.Sources) (opt program.Options, held []*program.Action) {
	set := program.Build(src, program.Options{Sandbox: true})
	opt = program.Options{Sandbox: true, Previous: []*program.Set{set}}
	for k := range set.AllConnectors() {
		held = append(held, k.Actions()...)
	}
	return opt, held
}

// shipped are the connectors that Patchbay brings along, read once.
var shipped = sync.OnceValues(func() (program.Options, []*program.Action) {
	src, err := catalog.Read(fstest.MapFS{}, connectors.Files)
	if err != nil {
		panic(err)
	}
	return options(src)
})

// BenchmarkComplete completes the field of a step's output in the workspace
// that Patchbay brings along.
func BenchmarkComplete(b *testing.B) {
	src, err := catalog.Read(os.DirFS("../.."), nil)
	if err != nil {
		b.Fatal(err)
	}
	const text = "flow: 1\ntriggers:\n  - trigger: qwilr.page_accepted\nsteps:\n  - if: event.page.\n    stop: done\n"
	src.Flows = append(src.Flows, program.File{Path: "flows/it.yaml", Data: []byte(text)})
	opt, held := options(src)
	defer runtime.KeepAlive(held)
	at := diag.Pos{File: "flows/it.yaml", Line: 5, Column: 20}
	for b.Loop() {
		if items := edit.Complete(src, opt, at); len(items) != 2 {
			b.Fatalf("%d items, want 2", len(items))
		}
	}
}

func TestComplete(t *testing.T) {
	const head = "flow: 1\ntriggers:\n  - trigger: qwilr.page_accepted\nsteps:\n  - id: page\n    action: qwilr.get_page\n    with: { pageId: \"${{ event.page.id }}\" }\n"
	for _, test := range []struct {
		name, text string
		has        []string
		not        string
	}{
		{"a key of the file", "flow: 1\ntri|\n", []string{"key triggers [1:3]", "key steps [1:3]"}, "key action"},
		{"a key of a step", head + "  - |\n", []string{"key action [5:0]", "key for_each [5:0]"}, "key triggers"},
		{"a further key of a step", head + "  - action: slack.post_message\n    re|\n", []string{"key retry [5:2]"}, ""},
		{"an action", head + "  - action: |\n", []string{"action slack.post_message [13:0]"}, "key "},
		{"an action of a connector", head + "  - action: slack.po|\n", []string{"action slack.post_message [13:8]"}, "action qwilr"},
		{"a trigger", "flow: 1\ntriggers:\n  - trigger: qwi|\n", []string{"trigger qwilr.page_accepted [14:3]"}, ""},
		{"an input", head + "  - action: slack.post_message\n    with: { ch| }\n", []string{"name channel [13:2]"}, ""},
		{"a name", head + "  - action: slack.post_message\n    with: { channel: x, text: \"${{ ev| }}\" }\n", []string{"name event [36:2]", "name steps [36:2]", "function len [36:2]"}, ""},
		{"a field", head + "  - action: slack.post_message\n    with: { channel: x, text: \"${{ event.page.| }}\" }\n", []string{"name id [47:0]"}, "name page "},
		{"a field, nothing closed", head + "  - action: slack.post_message\n    with:\n      channel: x\n      text: ${{ steps.page.na|\n", []string{"name name [28:2]"}, ""},
		{"a field in a condition", head + "  - if: steps.page.st|\n    stop: done\n", []string{"name status [20:2]"}, ""},
		{"a step", head + "  - if: steps.|\n    stop: done\n", []string{"name page [15:0]"}, ""},
		{"a value of an enum", "flow: 1\ntriggers:\n  - flow_failed: other\nsteps:\n  - if: event.status == \"|\"\n    stop: done\n", []string{"name failed [26:0]", "name partly_failed [26:0]"}, ""},
		{"a flow", head + "  - call: |\n", []string{"name other [11:0]"}, ""},
		{"a word of a key", "flow: 1\nmode: |\n", []string{"name queued [7:0]"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := completed(t, test.text)
			for _, want := range test.has {
				if !strings.Contains("\n"+got, "\n"+want) {
					t.Errorf("no %q among\n%s", want, got)
				}
			}
			if test.not != "" && strings.Contains("\n"+got, "\n"+test.not) {
				t.Errorf("%q is among\n%s", test.not, got)
			}
		})
	}
}
