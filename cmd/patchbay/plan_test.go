package main

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/console"
)

// servedAt starts `serve` over a workspace and returns a client of its API.
func servedAt(t *testing.T, dir string, args ...string) *client {
	t.Helper()
	served := start(t, append([]string{"serve", "--dir", dir, "--listen", "127.0.0.1:0", "--hooks-listen", "127.0.0.1:0"}, args...)...)
	address, err := url.Parse(served.until(`^console   (http://127\.0\.0\.1:\d+/\?token=\w+)$`))
	if err != nil {
		t.Fatal(err)
	}
	served.ignore()
	return newClient("http://"+address.Host, address.Query().Get("token"))
}

// TestPlanBesideServe asks for the plan of a workspace that is served, of
// another one held against it, and of texts that lie nowhere.
func TestPlanBesideServe(t *testing.T) {
	dir := copied(t)
	slow := "flow: 1\nname: Slow\ntriggers: [{ on_demand: {} }]\nsteps: [{ wait: 1h }]\n"
	write(t, filepath.Join(dir, "flows", "slow.yaml"), slow)
	c := servedAt(t, dir, "--sandbox")

	got := said(t, exitDone, "plan", "--sandbox", "--dir", dir)
	if want := "compared with what is live: nothing is different: 3 flows stay as they are\n"; got != want {
		t.Errorf("the plan of what is live said\n%s\nwant\n%s", got, want)
	}

	said(t, exitFailed, "run", "slow", "--sandbox", "--dir", dir)
	other := copied(t)
	write(t, filepath.Join(other, "flows", "slow.yaml"), strings.Replace(slow, "1h", "2h", 1))
	rewrite(t, filepath.Join(other, "flows", "thing-made.yaml"), "acme.send_note", "acme.send_notes")
	got = said(t, exitFailed, "plan", "--sandbox", "--dir", other, "--data", filepath.Join(dir, ".patchbay", "sandbox"))
	want := `flows/thing-made.yaml:10:13: "acme.send_notes" is not an action of Acme [F242]
   10 |     action: acme.send_notes
      |             ^^^^^^^^^^^^^^^
      actions: acme.list_things, acme.rename_thing, acme.send_note
      fix:    acme.send_note

flows/thing-made.yaml has errors: the flow thing-made stays on its last good version

compared with what is live: 1 flow changes; 2 flows stay as they are

~ slow, changed: Slow
    ~ step #1 (wait 2h): wait is now 2h, was 1h
    1 run under way (1 waiting) ends on the version it began with
    about 1 run a day
      on_demand started 1 run in the last day
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the plan of another folder (-want +said):\n%s", diff)
	}

	fast := strings.Replace(slow, "1h", "1s", 1)
	var answer console.PlanAnswer
	req := console.PlanRequest{Files: map[string]*string{"flows/slow.yaml": &fast, "flows/thing-report.yaml": nil}}
	if err := c.post(t.Context(), "/plan", req, &answer); err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	if err := answer.Print(&printed); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1 flow changes, 1 flow goes; 1 flow stays as it is\n", "wait is now 1s, was 1h", "\n- thing-report, removed"} {
		if answer.Against != console.AgainstLive || !strings.Contains(printed.String(), want) {
			t.Errorf("the plan of texts said\n%s\nwant it to hold %q", printed.String(), want)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "flows", "slow.yaml")); err != nil || string(text) != slow {
		t.Errorf("after the plan the file says %q, %v, want what it said", text, err)
	}

	req = console.PlanRequest{Files: map[string]*string{"flows/../secret.yaml": &fast}}
	err := c.post(t.Context(), "/plan", req, &answer)
	if want := `"flows/../secret.yaml" is not the path of a file of the workspace`; err == nil || err.Error() != want {
		t.Errorf("a plan of no file of the workspace = %v, want %s", err, want)
	}
}

// TestCheckBesideServe holds what the API finds in a text against what `check`
// finds in a file that says the same: to the byte.
func TestCheckBesideServe(t *testing.T) {
	c := servedAt(t, copied(t))
	made, report := "flows/thing-made.yaml", "flows/thing-report.yaml"
	for _, test := range []struct{ name, path, old, text string }{
		{"nothing wrong", made, "New: ", "Now: "},
		{"an action", made, "acme.send_note", "acme.send_notes"},
		{"an expression", report, "len(steps.things) == 0", "len(steps.thingz) == 0 && <x>"},
		{"a warning", made, `event.name != "Chair"`, "1 == 1"},
		{"one that is allowed", made, `event.name != "Chair"`, "1 == 1 # patchbay: allow W101"},
		{"bad YAML", made, "  - id: note", "\t- id: note"},
		{"other lines", made, "\n", "\r\n"},
		{"a connector", "connectors/acme/connector.yaml", "effect: update", "effect: updat"},
		{"a connection", "flows/connections.yaml", "connector: acme", "connector: acne"},
		{"a table", "flows/things.yaml", "key: [id]", "key: [di]"},
		{"too large", made, "flow: 1\n", "flow: 1\n" + strings.Repeat("# much\n", 200_000)},
		{"much too large", made, "flow: 1\n", "flow: 1\n" + strings.Repeat("# much\n", 400_000)},
		{"a file that is new", "flows/new.yaml", "", "flow: 1\ntriggers: [{ trigger: acme.thing_mad }]\nsteps: [{ call: nothing }]\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := copied(t)
			file := filepath.Join(dir, filepath.FromSlash(test.path))
			if test.old == "" {
				write(t, file, test.text)
			} else {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				write(t, file, strings.Replace(string(data), test.old, test.text, 1))
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var told json.RawMessage
			if err := c.post(t.Context(), "/check", console.CheckRequest{Path: test.path, Text: string(text)}, &told); err != nil {
				t.Fatal(err)
			}
			if got, want := string(told), foundByCheck(t, dir, test.path); got != want {
				t.Errorf("POST /check = %s\nwant what check --json says\n%s", got, want)
			}
		})
	}
}

// foundByCheck returns the findings of `check --json` in a file, in one line.
func foundByCheck(t *testing.T, dir, path string) string {
	t.Helper()
	var out bytes.Buffer
	Main(t.Context(), Process{
		Args:  []string{"check", "--json", "--dir", dir, filepath.Join(dir, filepath.FromSlash(path))},
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: t.Output(), Env: noEnv,
	})
	var answer struct{ Findings json.RawMessage }
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		t.Fatalf("check --json: %v\n%s", err, out.String())
	}
	var line bytes.Buffer
	if err := json.Compact(&line, answer.Findings); err != nil {
		t.Fatal(err)
	}
	return line.String()
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
