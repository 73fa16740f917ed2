package diag

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPrint(t *testing.T) {
	files := map[string]string{
		"flows/a.yaml": "flow: 1\nsteps:\n  - tags: ${{ steps.page.tagz }}\n\té: ☃☃ bad\n" +
			strings.Repeat("x", 200) + "HERE" + strings.Repeat("y", 200) + "\nlast\r\nctrl \x01 end",
	}
	at := func(line, column int) Pos { return Pos{File: "flows/a.yaml", Line: line, Column: column} }
	for _, test := range []struct {
		name string
		list List
		want string
	}{
		{"nothing", nil, ""},
		{
			"hint and fix",
			List{{
				Pos: at(3, 26), Width: 4, Code: "F301", Message: `"tagz" is not a field of qwilr.Page`,
				Hint: "fields: id, name, tags\nwritten as in the connector", Fix: &Fix{Label: "tags", Safe: true, Edits: []Edit{{Pos: at(3, 26), Width: 4, Text: "tags"}}},
			}},
			`flows/a.yaml:3:26: "tagz" is not a field of qwilr.Page [F301]
    3 |   - tags: ${{ steps.page.tagz }}
      |                          ^^^^
      fields: id, name, tags
      written as in the connector
      fix:    tags   (patchbay check --fix)
`,
		},
		{
			"a fix that is only offered",
			List{{
				Pos: at(2, 1), Width: 5, Code: "S101", Message: `"steps" is bad`,
				Fix: &Fix{Label: "stops", Edits: []Edit{{Pos: at(2, 1), Width: 5, Text: "stops"}}},
			}},
			`flows/a.yaml:2:1: "steps" is bad [S101]
    2 | steps:
      | ^^^^^
      fix:    stops
`,
		},
		{
			"a second place",
			List{{
				Pos: at(2, 1), Code: "Y104", Message: `"steps" is given twice`,
				Related: []Related{{Pos: at(1, 1), Message: "first here"}},
			}},
			`flows/a.yaml:2:1: "steps" is given twice [Y104]
    2 | steps:
      | ^
      see:    flows/a.yaml:1:1: first here
`,
		},
		{
			"characters, not bytes; a tab is one column",
			List{{Pos: at(4, 8), Width: 3, Code: "S001", Message: "bad"}},
			`flows/a.yaml:4:8: bad [S001]
    4 |  é: ☃☃ bad
      |        ^^^
`,
		},
		{
			"a long line",
			List{{Pos: at(5, 201), Width: 4, Code: "S001", Message: "long"}},
			"flows/a.yaml:5:201: long [S001]\n    5 | " + strings.Repeat("x", 80) + "HERE" + strings.Repeat("y", 76) +
				"\n      | " + strings.Repeat(" ", 80) + "^^^^\n",
		},
		{
			"past the end of the line",
			List{{Pos: at(6, 99), Width: 9, Code: "S001", Message: "end"}},
			"flows/a.yaml:6:99: end [S001]\n    6 | last\n      |     ^\n",
		},
		{
			"what cannot be printed",
			List{{Pos: at(7, 6), Width: 1, Code: "Y001", Message: "a control character"}},
			"flows/a.yaml:7:6: a control character [Y001]\n    7 | ctrl · end\n      |      ^\n",
		},
		{
			"no line, and a file that cannot be shown",
			List{
				{Pos: Pos{File: "flows/a.yaml"}, Code: "S002", Message: "whole file"},
				{Pos: Pos{File: "gone.yaml", Line: 3, Column: 1}, Code: "S003", Message: "unreadable"},
			},
			"flows/a.yaml: whole file [S002]\n\ngone.yaml:3:1: unreadable [S003]\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b strings.Builder
			if err := Print(&b, test.list, func(file string) string { return files[file] }); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, b.String()); diff != "" {
				t.Errorf("Print (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListSort(t *testing.T) {
	at := func(file string, line, column int) Pos { return Pos{file, line, column} }
	list := List{
		{Pos: at("b", 1, 1), Code: "S1", Message: "x"},
		{Pos: at("a", 2, 1), Code: "S1", Message: "x"},
		{Pos: at("a", 1, 9), Code: "S1", Message: "x"},
		{Pos: at("a", 1, 2), Code: "S2", Message: "x"},
		{Pos: at("a", 1, 2), Code: "S1", Message: "y"},
		{Pos: at("a", 1, 2), Code: "S1", Message: "x"},
		{Pos: at("a", 1, 2), Code: "S1", Message: "x", Hint: "again"},
	}
	list.Sort()
	var got []string
	for _, f := range list {
		got = append(got, f.Error())
	}
	want := []string{
		"a:1:2: x [S1]", "a:1:2: y [S1]", "a:1:2: x [S2]", "a:1:9: x [S1]", "a:2:1: x [S1]", "b:1:1: x [S1]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Sort (-want +got):\n%s", diff)
	}
}

func TestListErr(t *testing.T) {
	var list List
	list.Addf(Pos{"a.yaml", 3, 1}, 4, "W104", "%s is always true", "this")
	if err := list.Err(); err != nil {
		t.Errorf("Err() with only a warning = %v, want nil", err)
	}
	list.Addf(Pos{"a.yaml", 7, 2}, 1, "F300", "no %q", "x")
	list.Addf(Pos{"a.yaml", 9, 2}, 1, "F300", "no %q", "y")
	err := list.Err()
	if want := `a.yaml:7:2: no "x" [F300] (and 1 more)`; err == nil || err.Error() != want {
		t.Errorf("Err() = %v, want %s", err, want)
	}
	if got := (List{}).Error(); got != "no findings" {
		t.Errorf("Error() of none = %q, want %q", got, "no findings")
	}
	if len(list) != 3 {
		t.Errorf("Err() left %d findings, want 3", len(list))
	}
}

func TestNearest(t *testing.T) {
	fields := []string{"id", "name", "status", "tags", "metadata", "ownerId", "first_name"}
	for _, test := range []struct{ got, want string }{
		{"tagz", "tags"},
		{"Tags", "tags"},
		{"tag", "tags"},
		{"nmae", "name"},
		{"stauts", "status"},
		{"ownerID", "ownerId"},
		{"first-name", "first_name"},
		{"metdata", "metadata"},
		{"xyz", ""},
		{"di", "id"},
		{"", ""},
		{"tigs", ""}, // tags, or togs
	} {
		if got := Nearest(test.got, append(fields, "togs")); got != test.want {
			t.Errorf("Nearest(%q) = %q, want %q", test.got, got, test.want)
		}
	}
}

func TestSure(t *testing.T) {
	for _, test := range []struct {
		got, name string
		want      bool
	}{
		{"tagz", "tags", true},
		{"nmae", "name", true},
		{"first-Name", "first_name", true},
		{"ID", "id", true},
		{"di", "id", false}, // half of its letters
		{"cc", "bcc", false},
		{"stattuus", "status", true},
		{"staattuus", "status", false}, // three letters
		{"page1", "page2", false},
		{"ghl.contacts.ad_tag", "ghl.contacts.add_tag", true},
		{"qwilr.pages.get", "qwilr.pages.put", false},
		{"ghl", "ghl_b", false},
	} {
		if got := Sure(test.got, test.name); got != test.want {
			t.Errorf("Sure(%q, %q) = %t, want %t", test.got, test.name, got, test.want)
		}
	}
}
