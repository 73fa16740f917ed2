package edit_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"patchbay/engine/catalog"
	"patchbay/engine/diag"
	"patchbay/engine/edit"
	"patchbay/engine/expr"
	"patchbay/engine/program"
)

var (
	plantedMistakes = flag.Int("planted.mistakes", 50, "how many mistakes TestPlanted makes in the flows")
	plantedSeed     = flag.Uint64("planted.seed", 1, "where the chance of TestPlanted begins")
)

// spot is a word of a flow that a mistake can be made in.
type spot struct {
	kind  string
	at    diag.Pos
	width int
}

// TestPlanted makes mistakes at random in the flows that Patchbay brings along,
// one at a time: a letter dropped, doubled, exchanged with its neighbour or
// replaced, in a key, in the id of an action or trigger, in a name within an
// expression. Each must be found. How many are found at their very place, and
// how many are mended by the fixes, is told:
//
//	go test ./engine/edit -run Planted -v -planted.mistakes=1000 -planted.seed=7
func TestPlanted(t *testing.T) {
	src, err := catalog.Read(os.DirFS("../.."), nil)
	if err != nil {
		t.Fatal(err)
	}
	opt, held := options(src)
	defer runtime.KeepAlive(held)
	opt.Sandbox = false
	spots := spotsIn(src, opt)
	before := program.Build(src, opt)
	if len(before.Findings) > 0 {
		t.Fatalf("the flows have findings before anything was planted: %v", before.Findings)
	}
	chance := rand.New(rand.NewPCG(*plantedSeed, 0))
	planted, line, column, safe, mended := 0, 0, 0, 0, 0
	for planted < *plantedMistakes {
		s := spots[chance.IntN(len(spots))]
		text := textOf(src, s.at.File)
		from := offsetOf(text, s.at)
		word := string([]rune(text[from:])[:s.width])
		wrong := misspelt(chance, word)
		if wrong == word {
			continue
		}
		planted++
		broken := withText(src, s.at.File, text[:from]+wrong+text[from+len(word):])
		found := program.Build(broken, opt).Findings
		if len(found) == 0 {
			t.Errorf("%s: %s %q instead of %q is not found", s.at, s.kind, wrong, word)
			continue
		}
		if slices.ContainsFunc(found, func(f diag.Finding) bool { return f.Pos.File == s.at.File && f.Pos.Line == s.at.Line }) {
			line++
		}
		if slices.ContainsFunc(found, func(f diag.Finding) bool { return covers(f, s, wrong) }) {
			column++
		} else {
			t.Logf("not at its place: %s %q for %q: %v", s.at, wrong, word, found)
		}
		if repaired(broken, opt, s.at.File, text, func(f diag.Finding) bool { return f.Fix != nil && f.Fix.Safe }) {
			safe++
		} else {
			t.Logf("not mended by --fix: %s %q for %q: %v", s.at, wrong, word, found)
		}
		if repaired(broken, opt, s.at.File, text, func(f diag.Finding) bool { return f.Fix != nil }) {
			mended++
		}
	}
	t.Logf("%d mistakes in %d places: %d in the right line, %d at the very place; mended by --fix %d, by --fix=all %d",
		planted, len(spots), line, column, safe, mended)
}

// covers reports whether a finding speaks of the word, or of the name it is a
// part of.
func covers(f diag.Finding, s spot, wrong string) bool {
	end := s.at.Column + utf8.RuneCountInString(wrong)
	return f.Pos.File == s.at.File && f.Pos.Line == s.at.Line && f.Pos.Column <= s.at.Column && f.Pos.Column+f.Width >= end
}

func repaired(src program.Sources, opt program.Options, file, want string, pick func(diag.Finding) bool) bool {
	fixed := edit.Fix(src, opt, pick)
	return textOf(fixed.Sources, file) == want
}

var (
	keyInLine = regexp.MustCompile(`^(\s*(?:- )?)([a-z_]+):( |$)`)
	idInLine  = regexp.MustCompile(`\b(?:action|trigger): ([a-z_.]+)`)
)

// spotsIn returns the words in which mistakes are made: the keys of the
// language, ids, and the names in expressions.
func spotsIn(src program.Sources, opt program.Options) []spot {
	var out []spot
	for _, f := range src.Flows {
		if strings.HasSuffix(f.Path, "connections.yaml") || !strings.HasPrefix(string(f.Data), "flow: 1") {
			continue
		}
		for i, line := range strings.Split(string(f.Data), "\n") {
			at := diag.Pos{File: f.Path, Line: i + 1}
			if m := keyInLine.FindStringSubmatch(line); m != nil && ofTheLanguage[m[2]] {
				at.Column = utf8.RuneCountInString(m[1]) + 1
				out = append(out, spot{"the key", at, len(m[2])})
			}
			for _, m := range idInLine.FindAllStringSubmatchIndex(line, -1) {
				at.Column = utf8.RuneCountInString(line[:m[2]]) + 1
				out = append(out, spot{"the id", at, m[3] - m[2]})
			}
		}
	}
	opt.Named = func(at diag.Pos, width int, n expr.Named) {
		if !n.Open { // nobody can know that another key was meant
			out = append(out, spot{"the name", at, width})
		}
	}
	program.Build(src, opt)
	slices.SortFunc(out, func(a, b spot) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return out
}

// ofTheLanguage are the keys that stand in the flows and are not names of
// their author's choice.
var ofTheLanguage = map[string]bool{
	"name": true, "description": true, "triggers": true, "trigger": true, "steps": true, "action": true, "with": true, "if": true,
	"for_each": true, "schedule": true, "conditions": true, "on_error": true, "retry": true, "inputs": true, "output": true, "use": true,
}

// misspelt returns a word with one slip of the finger in it.
func misspelt(chance *rand.Rand, word string) string {
	r := []rune(word)
	i := chance.IntN(len(r))
	switch chance.IntN(4) {
	case 0:
		if len(r) > 3 {
			return string(slices.Delete(r, i, i+1))
		}
	case 1:
		return string(slices.Insert(r, i, r[i]))
	case 2:
		if i+1 < len(r) {
			r[i], r[i+1] = r[i+1], r[i]
		}
	default:
		r[i] = rune('a' + chance.IntN(26))
	}
	return string(r)
}

func textOf(src program.Sources, file string) string {
	for _, f := range src.Flows {
		if f.Path == file {
			return string(f.Data)
		}
	}
	return ""
}

func withText(src program.Sources, file, text string) program.Sources {
	src.Flows = slices.Clone(src.Flows)
	for i, f := range src.Flows {
		if f.Path == file {
			src.Flows[i].Data = []byte(text)
		}
	}
	return src
}

func offsetOf(text string, at diag.Pos) int {
	offset := 0
	for range at.Line - 1 {
		offset += strings.IndexByte(text[offset:], '\n') + 1
	}
	for range at.Column - 1 {
		_, size := utf8.DecodeRuneInString(text[offset:])
		offset += size
	}
	return offset
}
