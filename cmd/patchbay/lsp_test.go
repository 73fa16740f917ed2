package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"
	"github.com/google/go-cmp/cmp"
)

// editor is a client of `patchbay lsp`, over pipes as an editor has them.
type editor struct {
	t      *testing.T
	client *jrpc2.Client
	dir    string
	told   chan json.RawMessage // the findings that were published
}

func newEditor(t *testing.T, files map[string]string) *editor {
	t.Helper()
	e := &editor{t: t, dir: t.TempDir(), told: make(chan json.RawMessage, 100)}
	for name, text := range files {
		file := filepath.Join(e.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	fromEditor, toServer := io.Pipe()
	fromServer, toEditor := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- Main(context.Background(), Process{
			Args: []string{"lsp"}, Stdin: fromEditor, Stdout: toEditor, Stderr: io.Discard,
			Env: func(string) (string, bool) { return "", false },
		})
	}()
	e.client = jrpc2.NewClient(channel.LSP(fromServer, toServer), &jrpc2.ClientOptions{
		OnNotify: func(r *jrpc2.Request) {
			var told json.RawMessage
			if err := r.UnmarshalParams(&told); err != nil {
				t.Error(err)
			}
			e.told <- told
		},
	})
	t.Cleanup(func() {
		e.ask("shutdown", nil)
		if err := e.client.Notify(context.Background(), "exit", nil); err != nil {
			t.Error(err)
		}
		if code := <-done; code != exitDone {
			t.Errorf("patchbay lsp ended with %d, want %d", code, exitDone)
		}
		if err := errors.Join(toEditor.Close(), e.client.Close()); err != nil {
			t.Error(err)
		}
	})
	e.ask("initialize", map[string]any{"rootUri": "file://" + filepath.ToSlash(e.dir)})
	e.tell("initialized", map[string]any{})
	return e
}

func (e *editor) uri(file string) string {
	return "file://" + filepath.ToSlash(filepath.Join(e.dir, filepath.FromSlash(file)))
}

// ask makes a request and returns the answer as indented JSON, the folder left
// out.
func (e *editor) ask(method string, params any) string {
	e.t.Helper()
	answer, err := e.client.Call(context.Background(), method, params)
	if err != nil {
		e.t.Fatalf("%s: %v", method, err)
	}
	return e.plain([]byte(answer.ResultString()))
}

func (e *editor) tell(method string, params any) {
	e.t.Helper()
	if err := e.client.Notify(context.Background(), method, params); err != nil {
		e.t.Fatal(err)
	}
}

func (e *editor) plain(data []byte) string {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		e.t.Fatal(err)
	}
	out, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		e.t.Fatal(err)
	}
	return strings.ReplaceAll(string(out), "file://"+filepath.ToSlash(e.dir), "")
}

// findings returns what the editor shows of a file after it was told next: one
// finding in a line.
func (e *editor) findings(file string) string {
	e.t.Helper()
	for {
		var told struct {
			URI         string          `json:"uri"`
			Diagnostics []lspDiagnostic `json:"diagnostics"`
		}
		if err := json.Unmarshal(<-e.told, &told); err != nil {
			e.t.Fatal(err)
		}
		if told.URI != e.uri(file) {
			continue
		}
		var b strings.Builder
		for _, d := range told.Diagnostics {
			fmt.Fprintf(&b, "%d:%d-%d %s %s\n", d.Range.Start.Line, d.Range.Start.Character, d.Range.End.Character, d.Code, d.Message)
		}
		return b.String()
	}
}

func (e *editor) at(file string, line, character int) map[string]any {
	return map[string]any{
		"textDocument": map[string]any{"uri": e.uri(file)},
		"position":     map[string]any{"line": line, "character": character},
	}
}

const typedFlow = `flow: 1
name: 😀 Accepted
triggers:
  - trigger: qwilr.page_accepted
steps:
  - id: page
    action: qwilr.get_page
    with: { pageId: "${{ event.page.idd }}" }
  - action: slack.post_message
    with: { channel: "#ops", text: "😀 ${{ steps.page.nam }}" }
`

func TestLSP(t *testing.T) {
	e := newEditor(t, map[string]string{
		"flows/it.yaml":          "flow: 1\n",
		"flows/connections.yaml": "connections: 1\nqwilr: { connector: qwilr, token: \"${{ env.QWILR }}\" }\nslack: { connector: slack, token: \"${{ env.SLACK }}\" }\n",
		"flows/other.yaml":       "flow: 1\ntriggers:\n  - on_demand: {}\nsteps:\n  - stop: done\n",
	})
	e.tell("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": e.uri("flows/it.yaml"), "text": typedFlow}})
	var found string
	for !strings.Contains(found, "F301") {
		found = e.findings("flows/it.yaml")
	}
	want := `7:36-39 F301 "idd" is not a field of qwilr.EventPage
fields: id, metadata
9:54-57 F301 "nam" is not a field of qwilr.Page
fields: id, name, status, tags, metadata, links, acceptance, previewAcceptance, ownerId, paymentSettings, expiry
`
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	wantAction := `[
 {
  "diagnostics": [
   {
    "code": "F301",
    "message": "\"idd\" is not a field of qwilr.EventPage\nfields: id, metadata",
    "range": {
     "end": {
      "character": 39,
      "line": 7
     },
     "start": {
      "character": 36,
      "line": 7
     }
    },
    "severity": 1,
    "source": "patchbay"
   }
  ],
  "edit": {
   "changes": {
    "/flows/it.yaml": [
     {
      "newText": "id",
      "range": {
       "end": {
        "character": 39,
        "line": 7
       },
       "start": {
        "character": 36,
        "line": 7
       }
      }
     }
    ]
   }
  },
  "isPreferred": true,
  "kind": "quickfix",
  "title": "Fix: id"
 }
]`
	got := e.ask("textDocument/codeAction", map[string]any{
		"textDocument": map[string]any{"uri": e.uri("flows/it.yaml")},
		"range":        lspRange{Start: lspPosition{7, 37}, End: lspPosition{7, 37}},
	})
	if diff := cmp.Diff(wantAction, got); diff != "" {
		t.Errorf("codeAction (-want +got):\n%s", diff)
	}
	e.meaning()
	e.change("flows/it.yaml", strings.NewReplacer("idd", "id", `nam }}" }`, `name }}" } # patchbay: allow W112`).Replace(typedFlow))
	if found := e.findings("flows/it.yaml"); found != "" && !strings.Contains(found, "F310") {
		t.Errorf("after the change there are findings:\n%s", found)
	}
	e.places()
}

func (e *editor) change(file, text string) {
	e.t.Helper()
	e.tell("textDocument/didChange", map[string]any{
		"textDocument": map[string]any{"uri": e.uri(file)}, "contentChanges": []any{map[string]any{"text": text}},
	})
}

// places asks about places of the flow that was opened.
func (e *editor) places() {
	t := e.t
	items := e.ask("textDocument/completion", e.at("flows/it.yaml", 9, 54))
	for _, want := range []string{`"label": "previewAcceptance"`, `"newText": "previewAcceptance"`} {
		if !strings.Contains(items, want) {
			t.Errorf("completion has no %s:\n%s", want, items)
		}
	}
	want := `{
 "contents": {
  "kind": "markdown",
  "value": "**Get a page**\n\nWith its metadata and, once somebody has accepted, the acceptance.\n\nNeeds:\n- ` + "`pageId`" + `: string\n\nBrings: qwilr.Page"
 },
 "range": {
  "end": {
   "character": 26,
   "line": 6
  },
  "start": {
   "character": 12,
   "line": 6
  }
 }
}`
	if diff := cmp.Diff(want, e.ask("textDocument/hover", e.at("flows/it.yaml", 6, 20))); diff != "" {
		t.Errorf("hover (-want +got):\n%s", diff)
	}
	want = `{
 "range": {
  "end": {
   "character": 8,
   "line": 5
  },
  "start": {
   "character": 8,
   "line": 5
  }
 },
 "uri": "/flows/it.yaml"
}`
	if diff := cmp.Diff(want, e.ask("textDocument/definition", e.at("flows/it.yaml", 9, 50))); diff != "" {
		t.Errorf("definition (-want +got):\n%s", diff)
	}
	e.names()
	symbols := e.ask("textDocument/documentSymbol", map[string]any{"textDocument": map[string]any{"uri": e.uri("flows/it.yaml")}})
	for _, want := range []string{`"name": "qwilr.page_accepted"`, `"name": "page"`, `"name": "slack.post_message"`} {
		if !strings.Contains(symbols, want) {
			t.Errorf("documentSymbol has no %s:\n%s", want, symbols)
		}
	}
}

// meaning asks what stands where a finding is.
func (e *editor) meaning() {
	e.t.Helper()
	hover := e.ask("textDocument/hover", e.at("flows/it.yaml", 7, 38))
	for _, want := range []string{"**F301: a field that is not there**\\n\\nWhat stands before the dot is known", "`patchbay explain F301` shows examples."} {
		if !strings.Contains(hover, want) {
			e.t.Errorf("hover has no %s:\n%s", want, hover)
		}
	}
	if strings.Contains(hover, "## Wrong") {
		e.t.Errorf("hover has the examples:\n%s", hover)
	}
}

// names gives a step another name, from a place that names it.
func (e *editor) names() {
	t := e.t
	t.Helper()
	named := `{
 "placeholder": "page",
 "range": {
  "end": {
   "character": 53,
   "line": 9
  },
  "start": {
   "character": 49,
   "line": 9
  }
 }
}`
	if diff := cmp.Diff(named, e.ask("textDocument/prepareRename", e.at("flows/it.yaml", 9, 50))); diff != "" {
		t.Errorf("prepareRename (-want +got):\n%s", diff)
	}
	if got := e.ask("textDocument/prepareRename", e.at("flows/it.yaml", 6, 20)); got != "null" {
		t.Errorf("prepareRename of an action = %s, want null", got)
	}
	rename := e.at("flows/it.yaml", 9, 50)
	rename["newName"] = "site"
	var changes struct{ Changes map[string][]lspEdit }
	if err := json.Unmarshal([]byte(e.ask("textDocument/rename", rename)), &changes); err != nil {
		t.Fatal(err)
	}
	want := []lspEdit{
		{lspRange{lspPosition{5, 8}, lspPosition{5, 12}}, "site"},
		{lspRange{lspPosition{9, 49}, lspPosition{9, 53}}, "site"},
	}
	if diff := cmp.Diff(map[string][]lspEdit{"/flows/it.yaml": want}, changes.Changes); diff != "" {
		t.Errorf("rename (-want +got):\n%s", diff)
	}
	rename["newName"] = "Site"
	_, err := e.client.Call(context.Background(), "textDocument/rename", rename)
	if want := "\"Site\" cannot be the id of a step (names are written in snake_case: small letters, digits and _)"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("rename to Site = %v, want %s", err, want)
	}
}
