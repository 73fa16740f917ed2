package contract_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"patchbay/engine/contract"
)

// imported imports a description into a group that may be there already.
func imported(desc *contract.Description, held, record []byte) (data, next []byte, made contract.Imported) {
	made = contract.Import(desc, contract.Target{
		Connector: "imported", Group: "orders", Fields: []string{"locationId"}, Held: held, Record: record,
	})
	for _, f := range made.Files {
		if f.Path == ".import/orders" {
			next = f.Data
		} else {
			data = f.Data
		}
	}
	return data, next, made
}

func one(name string, data []byte) *contract.Description {
	desc, _ := contract.Load([]contract.File{{Path: name, Data: data}}, os.ReadFile)
	return desc
}

// TestUpdate imports the first description of each archive, has a person change
// the group's file to what is in the archive, and imports the second one. "want"
// is what was done, and the file.
func TestUpdate(t *testing.T) {
	names, err := filepath.Glob("testdata/update/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string][]byte{}
			for _, f := range archive.Files {
				files[f.Name] = f.Data
			}
			var b strings.Builder
			held, record := files["held.yaml"], []byte(nil)
			if before, ok := files["before.json"]; ok {
				var first []byte
				first, record, _ = imported(one("shop.json", before), nil, nil)
				if len(held) == 0 {
					held = first
				}
			}
			after := one("shop.json", files["after.json"])
			data, next, made := imported(after, held, record)
			for _, c := range made.Changes {
				fmt.Fprintf(&b, "%s %s: %s", c.Pos, c.Verb, c.What)
				if c.Why != "" {
					fmt.Fprintf(&b, ": %s", c.Why)
				}
				fmt.Fprintln(&b)
			}
			fmt.Fprintf(&b, "own: %s\n=== orders.yaml\n%s", strings.Join(made.Own, ", "), data)
			again, _, _ := imported(after, data, next)
			if !bytes.Equal(again, data) {
				t.Errorf("imported once more, the file changes:\n%s", cmp.Diff(string(data), string(again)))
			}
			last := len(archive.Files) - 1
			if *update {
				archive.Files[last].Data = []byte(b.String())
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(archive.Files[last].Data), b.String()); diff != "" {
				t.Errorf("Import (-want +got):\n%s", diff)
			}
		})
	}
}

// TestImportAgain imports the same description twice, with changes of a person
// in between: not a byte changes.
func TestImportAgain(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/import/shop.txtar")
	if err != nil {
		t.Fatal(err)
	}
	descriptions := map[string]*contract.Description{"shop": one("shop.json", archive.Files[0].Data)}
	vendors, _ := filepath.Glob("../../../shared/specs/ghl/apps/[a-i]*.json")
	for _, name := range vendors {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		descriptions[filepath.Base(name)] = one(filepath.ToSlash(name), data)
	}
	for name, desc := range descriptions {
		random := rand.New(rand.NewPCG(1, 2))
		data, record, _ := imported(desc, nil, nil)
		for round := range 4 {
			again, next, made := imported(desc, data, record)
			if !bytes.Equal(again, data) || !bytes.Equal(next, record) {
				t.Fatalf("%s, round %d: imported again, %d changes (-before +after):\n%s", name, round, len(made.Changes), cmp.Diff(string(data)+string(record), string(again)+string(next)))
			}
			data = edited(data, random)
		}
	}
}

// TestImportIntoForms imports into files of forms that an import does not write.
func TestImportIntoForms(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/import/yaml.txtar")
	if err != nil {
		t.Fatal(err)
	}
	desc := one("shop.yaml", archive.Files[0].Data)
	const added = "  list:\n    name: List orders\n    effect: read\n    request: GET /orders\n    output: { list: Order, at: body }\n"
	const types = "types:\n  Order:\n    id: { type: string, optional: true }\n    \"on\": { type: boolean, optional: true }\n"
	for _, test := range []struct{ held, want string }{
		{"group: orders\nactions: {}\n", "group: orders\n\n" + types + "\nactions:\n" + added},
		{"group: orders\n", "group: orders\n\nactions:\n" + added + "\n" + types},
		{"group: orders\nactions: { all: { effect: read, request: GET /orders } }\n", "group: orders\nactions: { all: { effect: read, request: GET /orders } }\n"},
		{"group: orders\r\nactions:\r\n    mine: { effect: read, request: GET /mine }\r\n", strings.ReplaceAll("group: orders\n\n"+types+"\nactions:\n    mine: { effect: read, request: GET /mine }\n\n"+
			"    list:\n      name: List orders\n      effect: read\n      request: GET /orders\n      output: { list: Order, at: body }\n", "\n", "\r\n")},
		{"- this is\n- no group\n", "- this is\n- no group\n"},
	} {
		if got, _, _ := imported(desc, []byte(test.held), nil); string(got) != test.want {
			t.Errorf("Import into %q (-want +got):\n%s", test.held, cmp.Diff(test.want, string(got)))
		}
	}
}

// edited changes some lines of a group's file as a person would.
func edited(data []byte, random *rand.Rand) []byte {
	lines := strings.Split(string(data), "\n")
	for range 5 {
		i := random.IntN(len(lines))
		flow := strings.Contains(lines[i], ": {")
		switch random.IntN(7) {
		case 0:
			lines = slices.Insert(lines, i, "      # what we found out about it")
		case 1:
			lines = slices.Insert(lines, i, "")
		case 2:
			if strings.Contains(lines[i], "# settle:") || flow && strings.HasPrefix(lines[i], "      ") {
				lines = slices.Delete(lines, i, i+1)
			}
		case 3:
			if strings.HasPrefix(lines[i], "    name: ") {
				lines[i] = `    name:   "By hand"   # as people call it`
			}
		case 4:
			if flow {
				lines[i] = strings.Replace(lines[i], "{ type", "{   type", 1) + "  # odd"
			}
		case 5:
			if k := strings.TrimSpace(lines[i]); strings.HasPrefix(lines[i], "  ") && !strings.HasPrefix(lines[i], "   ") && strings.HasSuffix(k, ":") && k[0] > 'Z' {
				lines[i] = "  by_hand_" + fmt.Sprint(random.IntN(1000)) + ":"
			}
		case 6:
			if strings.HasPrefix(lines[i], "    help: ") {
				lines[i] = "    help: |\n      Several lines\n\n      of help."
			}
		}
	}
	return []byte(strings.Join(lines, "\n"))
}
