package engine_test

import (
	"errors"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "patchbay/"

// layers lists the packages from the bottom up. A package may import only
// packages on the lines above its own: two on one line never meet.
var layers = []string{
	"connectors flows engine/value engine/diag",
	"engine/expr engine/spec engine/journal",
	"engine/program",
	"engine/edit engine/plan",
	"engine/contract",
	"engine/catalog engine/trigger engine/run engine/call engine/vault engine/store engine/sandbox engine/member",
	"engine/console",
	"engine",
	"cmd/patchbay",
	"engine/enginetest engine/enginetest/fault", // last, so that only tests can import them
}

// pure lists the packages that compute and nothing else; impure, what that rules out.
var (
	pure   = strings.Fields("engine/value engine/diag engine/expr engine/spec engine/journal engine/program engine/edit engine/plan engine/contract")
	impure = strings.Fields("database/sql io/fs log/slog net net/http os os/exec")
)

// owners names, for a module that only one package may know, that package.
var owners = map[string]string{
	"github.com/expr-lang/expr":     "engine/expr",
	"gopkg.in/yaml.v3":              "engine/spec",
	"github.com/fsnotify/fsnotify":  "engine/catalog",
	"github.com/getkin/kin-openapi": "engine/contract",
	"golang.org/x/oauth2":           "engine/vault",
	"modernc.org/sqlite":            "engine/store",
}

func TestLayers(t *testing.T) {
	level := map[string]int{}
	for i, line := range layers {
		for p := range strings.FieldsSeq(line) {
			level[p] = i
		}
	}
	imports := goList(t)
	for _, p := range slices.Sorted(maps.Keys(level)) {
		if _, exists := imports[p]; !exists {
			t.Errorf("layers names %s, which is no package", p)
		}
	}
	for _, from := range slices.Sorted(maps.Keys(imports)) {
		at, known := level[from]
		if !known {
			t.Errorf("%s has no place in layers", from)
			continue
		}
		for _, path := range imports[from] {
			if to, ours := strings.CutPrefix(path, module); ours && level[to] >= at {
				t.Errorf("%s imports %s, which is not below it", from, to)
			}
			if slices.Contains(pure, from) && slices.Contains(impure, path) {
				t.Errorf("%s imports %s, but must stay pure", from, path)
			}
			if owner := ownerOf(path); owner != "" && owner != from {
				t.Errorf("%s imports %s, which only %s may", from, path, owner)
			}
		}
	}
}

// TestFaultFlags holds that every test binary of the engine takes the flags of
// the fault suite, so that it can be run with those of all packages at once.
func TestFaultFlags(t *testing.T) {
	const flags = module + "engine/enginetest/fault"
	tests := goListed(t, `{{.ImportPath}} {{join .TestImports " "}} {{join .XTestImports " "}}`, module+"engine/...")
	for _, p := range slices.Sorted(maps.Keys(tests)) {
		if len(tests[p]) > 0 && !slices.Contains(tests[p], flags) {
			t.Errorf("no test of %s imports %s: its test binary would refuse -fault.rounds", p, flags)
		}
	}
}

// ownerOf returns the one package that may import path, or "" if any may.
func ownerOf(path string) string {
	for library, owner := range owners {
		if path == library || strings.HasPrefix(path, library+"/") {
			return owner
		}
	}
	return ""
}

// goList returns what each package of this module imports outside its tests.
func goList(t *testing.T) map[string][]string {
	t.Helper()
	return goListed(t, `{{.ImportPath}} {{join .Imports " "}}`, module+"...")
}

// goListed returns what go list says of each package: words behind its name.
func goListed(t *testing.T, format, packages string) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", format, packages).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("go list: %v\n%s", err, exit.Stderr)
	}
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	said := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		said[strings.TrimPrefix(words[0], module)] = words[1:]
	}
	return said
}
