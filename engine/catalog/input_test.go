package catalog_test

import (
	"os"
	"strings"
	"testing"

	"patchbay/engine/catalog"
)

// Whatever lies in a file is at most a finding, and stops nothing that runs.
func TestBadInput(t *testing.T) {
	const start = "flow: 1\ntriggers: [{ on_demand: {} }]\n"
	for _, test := range []struct {
		name, file, text string
		rejected         string
		findings         []string
	}{
		{"no YAML", "flows/x.yaml", "flow: 1\nsteps: [", "flows/x.yaml x kept=false", []string{`flows/x.yaml:2:8: [ is not closed [Y117]`}},
		{"empty", "flows/x.yaml", "", "flows/x.yaml x kept=false", []string{`flows/x.yaml:1:1: the file is empty [S106]`}},
		{"large", "flows/x.yaml", strings.Repeat("flow: 1\n", 10<<20/8), "flows/x.yaml x kept=false", []string{`flows/x.yaml: the file has 10240 KB, more than 1 MB is not read [Y103]`}},
		{"binary", "flows/x.yaml", "\x00\x01\xff\xfe flow: 1", "flows/x.yaml x kept=false", []string{`flows/x.yaml:1:1: the character U+0000 stands here, which no text has [Y102]`}},
		{"deep", "flows/x.yaml", "flow: 1\noutput: " + strings.Repeat("[", 20000) + strings.Repeat("]", 20000), "flows/x.yaml x kept=false", []string{`flows/x.yaml:2:109: lists and maps stand more than 100 deep inside one another [Y104]`}},
		{"calls itself", "flows/x.yaml", start + "steps: [{ call: x }]\n", "flows/x.yaml x kept=false", []string{`flows/x.yaml:3:17: the flow "x" calls itself [F246]`}},
		{"calls what is not", "flows/x.yaml", start + "steps: [{ call: taggre }]\n", "flows/x.yaml x kept=false", []string{`flows/x.yaml:3:17: "taggre" is not a flow [F245]`}},
		{"unknown connector", "flows/x.yaml", start + "steps: [{ action: crn.add_tag }]\n", "flows/x.yaml x kept=false", []string{`flows/x.yaml:3:19: "crn" is not a connector [F203]`}},
		{"misspelt kind", "flows/x.yaml", "# a flow\nflwo: 1\n", "flows/x.yaml x kept=false", []string{`flows/x.yaml:2:1: "flwo" is not a kind of file, and the first key of a file says of what kind it is [F122]`}},
		{"unknown kind", "flows/x.yaml", "workflow: 1\n", "flows/x.yaml x kept=false", []string{`flows/x.yaml:1:1: "workflow" is not a kind of file, and the first key of a file says of what kind it is [F122]`}},
		{"no kind", "flows/x.yaml", "name: x\ntriggers: [{ on_demand: {} }]\nsteps: [{ stop: x }]\n", "flows/x.yaml x kept=false", []string{`flows/x.yaml:1:1: flow is missing: it says that this is a flow [S106]`}},
		{"connector among the flows", "flows/x.yaml", crm, "flows/x.yaml x kept=false", []string{`flows/x.yaml:1:1: this is the file of a connector, and it lies in the folder flows [F123]`}},
		{"flow of the same id", "flows/tagger.yml", tagger + "# another\n", "flows/tagger.yml tagger kept=false", []string{`flows/tagger.yml: there are two flows with the id "tagger" [F120]`}},
		{"an editor's ending", "flows/x.yaml.txt", start, "flows/x.yaml.txt x.yaml.txt kept=false", []string{`flows/x.yaml.txt: a file of this name is not read: its name must end in .yaml [Y127]`}},
		{"capital ending", "flows/x.YML", start, "flows/x.YML x.YML kept=false", []string{`flows/x.YML: a file of this name is not read: its name must end in .yaml [Y127]`}},
		{"second connector of the id", "connectors/crm2/connector.yaml", crm, "connectors/crm2 kept=false", []string{`connectors/crm2/connector.yaml:2:5: the id is "crm", but the folder is "crm2" [C102]`}},
		{"connector without connector.yaml", "connectors/new/actions.yaml", "group: actions\n", "connectors/new kept=false", []string{`connectors/new: the folder has no connector.yaml [C101]`}},
		{"large fixture", "connectors/crm/fixtures/x.json", strings.Repeat("[", 3<<20), "connectors/crm kept=true", []string{`connectors/crm/fixtures/x.json: the file has 3072 KB, more than 2 MB is not read [Y103]`}},
		{"binary connector", "connectors/crm/connector.yaml", "\xff\xfe\x00", "connectors/crm kept=true", []string{`connectors/crm/connector.yaml: the file is saved as UTF-16 [Y102]`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, sound())
			before := hashes(b.catalog.Live())
			b.write(test.file, test.text)
			for _, live := range []*catalog.Live{b.reload(), b.restart()} {
				wantHashes(t, live, before)
				wantRejected(t, live, test.rejected)
				wantFindings(t, live, test.findings...)
			}
		})
	}
}

// What is no plain file is told, or is nothing.
func TestNoPlainFile(t *testing.T) {
	b := newBench(t, sound())
	before := hashes(b.catalog.Live())
	b.must(os.Symlink("circle.yaml", b.path("flows/circle.yaml")))
	b.must(os.Symlink("nowhere.yaml", b.path("flows/dangling.yaml")))
	b.must(os.Mkdir(b.path("flows/folder.yaml"), 0o700))
	b.must(os.Symlink("..", b.path("connectors/crm/up")))
	b.write("flows/README.md", "not read")
	live := b.reload()
	wantHashes(t, live, before)
	wantRejected(t, live, "flows/circle.yaml circle kept=false")
	wantFindings(t, live, "flows/circle.yaml: the file cannot be read: too many levels of symbolic links [Y126]")
}
