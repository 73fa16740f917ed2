package contract_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"testing"

	"patchbay/connectors"
	"patchbay/engine/contract"
	"patchbay/engine/program"
)

// descriptions is where the services' own descriptions lie beside the
// repository. They are not part of it.
const descriptions = "../../../shared/specs"

// described skips a test where there are no descriptions.
func described(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(descriptions); err != nil {
		t.Skipf("the services' descriptions are not here, so nothing is compared with them: %v", err)
	}
}

// load reads the descriptions below some folders or files.
func load(t *testing.T, names ...string) *contract.Description {
	t.Helper()
	var files []contract.File
	for _, name := range names {
		err := filepath.WalkDir(filepath.Join(descriptions, name), func(p string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || path.Ext(p) != ".json" && path.Ext(p) != ".yaml" {
				return err
			}
			data, err := os.ReadFile(p)
			files = append(files, contract.File{Path: filepath.ToSlash(p), Data: data})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	d, _ := contract.Load(files, os.ReadFile)
	return d
}

// shipped returns the connectors that Patchbay brings along.
func shipped(t *testing.T) *program.Set {
	t.Helper()
	src := program.Sources{Connectors: map[string][]program.File{}}
	err := fs.WalkDir(connectors.Files, ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || path.Dir(p) == "." {
			return err
		}
		data, err := fs.ReadFile(connectors.Files, p)
		id := p[:len(p)-len(path.Base(p))-1]
		for path.Dir(id) != "." {
			id = path.Dir(id)
		}
		src.Connectors[id] = append(src.Connectors[id], program.File{Path: "connectors/" + p, Data: data})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	set := program.Build(src, program.Options{})
	if err := set.Findings.Err(); err != nil {
		t.Fatal(err)
	}
	return set
}

func TestShippedConnectorsAgree(t *testing.T) {
	described(t)
	set := shipped(t)
	for _, test := range []struct {
		connector string
		files     []string
		matched   int // at least
	}{
		{"ghl", []string{"ghl/apps", "ghl/apps-v3"}, 700},
		{"qwilr", []string{"qwilr/spec3.json"}, 600},
		{"qonto", []string{"qonto/qonto-business-api.derived.openapi.json"}, 600},
		{"slack", []string{"slack"}, 70},
	} {
		matched := 0
		for _, a := range contract.Compare(set.Connectors[test.connector], load(t, test.files...)) {
			matched += a.Count(contract.Matched)
			for _, p := range a.Points {
				if p.Verdict == contract.Differs {
					t.Errorf("%s: %s %s: %s\n  %s", a.Ours, a.Action, p.What, p.Message, p.Theirs)
				}
			}
		}
		if matched < test.matched {
			t.Errorf("Compare(%s) matches in %d points, want at least %d", test.connector, matched, test.matched)
		}
	}
}
