package edit_test

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"patchbay/connectors"
	"patchbay/engine/diag"
	"patchbay/engine/edit"
	"patchbay/flows"
)

// at is an edit; fix, the fix that makes edits.
func at(line, column, width int, text string) diag.Edit {
	return diag.Edit{Pos: diag.Pos{File: "a.yaml", Line: line, Column: column}, Width: width, Text: text}
}

func fix(edits ...diag.Edit) diag.Fix { return diag.Fix{Edits: edits} }

func TestApply(t *testing.T) {
	const text = "flow: 1\r\n\r\nné: ☃☃ bad # ☃\r\n\tlast: \"x\""
	for _, test := range []struct {
		name  string
		fixes []diag.Fix
		want  string
		made  []int
	}{
		{"nothing", nil, text, nil},
		{"a fix without edits", []diag.Fix{fix()}, text, nil},
		{"characters, not bytes", []diag.Fix{fix(at(3, 8, 3, "göod"))}, strings.Replace(text, "bad", "göod", 1), []int{0}},
		{"added at the end of a line", []diag.Fix{fix(at(1, 8, 0, "0"))}, strings.Replace(text, "1\r", "10\r", 1), []int{0}},
		{"added at the end of the file", []diag.Fix{fix(at(4, 11, 0, "!"))}, text + "!", []int{0}},
		{"taken away", []diag.Fix{fix(at(3, 5, 3, ""))}, strings.Replace(text, "☃☃ ", "", 1), []int{0}},
		{
			"two edits, the last one first",
			[]diag.Fix{fix(at(3, 11, 0, `"`), at(3, 5, 0, `"`))},
			strings.Replace(text, "☃☃ bad", `"☃☃ bad"`, 1),
			[]int{0},
		},
		{
			"side by side",
			[]diag.Fix{fix(at(3, 6, 1, "b")), fix(at(3, 5, 1, "a"))},
			strings.Replace(text, "☃☃", "ab", 1),
			[]int{0, 1},
		},
		{
			"of two at one place the first in the file",
			[]diag.Fix{fix(at(3, 6, 5, "late")), fix(at(3, 5, 2, "ab"))},
			strings.Replace(text, "☃☃", "ab", 1),
			[]int{1},
		},
		{
			"of two that begin at one place the first given",
			[]diag.Fix{fix(at(4, 2, 0, "a")), fix(at(4, 2, 4, "b"))},
			strings.Replace(text, "last", "alast", 1),
			[]int{0},
		},
		{
			"whole or not at all",
			[]diag.Fix{fix(at(1, 1, 4, "xxxx")), fix(at(1, 2, 1, "y"), at(4, 2, 4, "b"))},
			strings.Replace(text, "flow", "xxxx", 1),
			[]int{0},
		},
		{
			"edits of one fix at one place", []diag.Fix{fix(at(1, 1, 2, "a"), at(1, 2, 2, "b"))}, text, nil,
		},
		{
			"outside of the text",
			[]diag.Fix{
				fix(at(0, 1, 1, "a")), fix(at(9, 1, 1, "b")), fix(at(1, 0, 1, "c")), fix(at(1, 99, 0, "d")),
				fix(at(1, 1, 99, "e")), fix(at(1, 1, -1, "f")), fix(at(4, 1, 1, ""), at(4, 11, 1, "")),
			},
			text, nil,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, made := edit.Apply([]byte(text), test.fixes)
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("Apply (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.made, made); diff != "" {
				t.Errorf("made (-want +got):\n%s", diff)
			}
		})
	}
}

// TestApplyKeepsBytes holds every shipped file, and texts of all kinds of
// characters, against what is left of them: without fixes all bytes, with one
// all bytes but those it is about.
func TestApplyKeepsBytes(t *testing.T) {
	texts := [][]byte{nil, []byte("\n"), []byte("\ufeffflow: 1\r\n")}
	for _, fsys := range []fs.FS{connectors.Files, flows.Files} {
		texts = append(texts, textsIn(t, fsys)...)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		texts = append(texts, generated(random))
	}
	for _, text := range texts {
		if got, made := edit.Apply(text, nil); !bytes.Equal(got, text) || made != nil {
			t.Fatalf("Apply(%.60q, none) = %.60q, %v, want the same bytes", text, got, made)
		}
		lines := bytes.SplitAfter(text, []byte("\n"))
		n := random.IntN(len(lines))
		line := []rune(string(bytes.TrimRight(lines[n], "\r\n")))
		if len(line) == 0 || !utf8.Valid(text) {
			continue
		}
		from := random.IntN(len(line))
		width := random.IntN(len(line) - from + 1)
		same := string(line[from : from+width])
		got, made := edit.Apply(text, []diag.Fix{fix(at(n+1, from+1, width, same))})
		if !bytes.Equal(got, text) || len(made) != 1 {
			t.Fatalf("Apply(%q, %q at %d:%d for itself) = %q", text, same, n+1, from+1, got)
		}
		got, _ = edit.Apply(text, []diag.Fix{fix(at(n+1, from+1, width, "NEW"))})
		before := append(bytes.Join(lines[:n], nil), string(line[:from])...)
		if want := len(text) - len(same) + 3; len(got) != want || !bytes.HasPrefix(got, append(before, "NEW"...)) ||
			!bytes.HasSuffix(text, got[len(before)+3:]) {
			t.Fatalf("Apply(%q, NEW for %q at %d:%d) = %q", text, same, n+1, from+1, got)
		}
	}
}

func textsIn(t *testing.T, fsys fs.FS) [][]byte {
	t.Helper()
	var texts [][]byte
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		texts = append(texts, data)
		return err
	})
	if err != nil || len(texts) == 0 {
		t.Fatalf("%d files, %v", len(texts), err)
	}
	return texts
}

// generated returns a text of characters of all widths, some of them no text.
func generated(random *rand.Rand) []byte {
	pieces := []string{"a", " ", "\n", "\r\n", "\t", "é", "☃", "😀", "#", ": ", "\"", "\ufeff", "\u2028", "\xff", "\xc3"}
	var b bytes.Buffer
	for range random.IntN(60) {
		b.WriteString(pieces[random.IntN(len(pieces))])
	}
	return b.Bytes()
}
