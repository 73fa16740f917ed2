package main

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"patchbay/flows"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"patchbay": main})
}

var update = flag.Bool("update", false, "rewrite the expected output in the scripts")

// TestScripts runs the command lines of testdata/script, each script in a
// folder of its own. Beside the commands of testscript there are:
//
//	workspace           puts the workspace of testdata there
//	flows               puts the flows that Patchbay brings along there
//	exits CODE PROGRAM  runs a program and wants that exit code
//	steady              writes the last standard output to the file "out", with
//	                    times and ids that differ from run to run replaced
func TestScripts(t *testing.T) {
	workspace, err := filepath.Abs("testdata/workspace")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"workspace": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Check(os.CopyFS(ts.Getenv("WORK"), os.DirFS(workspace)))
			},
			"flows": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Check(os.CopyFS(filepath.Join(ts.Getenv("WORK"), "flows"), flows.Files))
			},
			"exits":  exits,
			"steady": steady,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code = %d, want %d", got, want)
	}
}

func steady(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: steady")
	}
	ts.Check(os.WriteFile(ts.MkAbs("out"), []byte(steadied(ts.ReadFile("stdout"))), 0o600))
}

// steadied replaces what differs from run to run.
func steadied(text string) string {
	for _, r := range []struct{ form, with string }{
		{` · [0-9.]+m?s\b`, ""}, // how long a step took is left out where it was nothing
		{`after (\d+m)?[0-9.]+(µs|ms|s)\b`, "after 1ms"},
		{`(\d\d:\d\d:\d\d)  (\d+m)?[0-9.]+m?s\b`, "$1  1ms"}, // in a grid, whose columns must not depend on it
		{`1ms +(\S)`, "1ms  $1"},
		{`TOOK +WHY`, "TOOK  WHY"},
		{`next at \d{4}-\d\d-\d\d \d\d:\d\d`, "next at 2026-01-01 00:00"},
		{`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`, "2026-01-01 00:00:00"},
		{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`, "2026-01-01T00:00:00Z"},
		{`-> (status \d+, )?(\d+m)?[0-9.]+(µs|ms|s)\b`, "-> ${1}1ms"},
		{`"took": \d+`, `"took": 1`},
		{`"(hash|definition)": "[0-9a-f]+"`, `"$1": "…"`},
		{`"definition":"[0-9a-f]+"`, `"definition":"…"`},
		{`"took_ms":\d+`, `"took_ms":1`},
		{`demand-[A-Z0-9]{26}`, "demand-…"},
		{`,[0-9a-f]{32},`, ",…,"},
		{`(00:00:00Z),\d+,`, "$1,1,"},
		{`\bkey [0-9a-f]{16}\b`, "key 0123456789abcdef"},
		{`before-restore-\d{8}-\d{6}`, "before-restore-20260101-000000"},
		{`[0-9.]+ (KB|MB)\b`, "1.0 MB"},
		{`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`, "00000000-0000-0000-0000-000000000000"},
	} {
		text = regexp.MustCompile(r.form).ReplaceAllString(text, r.with)
	}
	return text
}
