package program

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"patchbay/engine/diag"
	"patchbay/engine/spec"
)

// kinds are the words with which a file among the flows begins.
func kinds() []string { return []string{"flow", "table", "connections", "test", "dashboard"} }

// kindOf returns what the first key of a file says that it is. A file named
// connections.yaml that begins with something else entirely lacks its first
// line.
func kindOf(f File) string {
	kind := spec.KindOf(f.Data)
	known := append(kinds(), "connector", "group")
	if idOf(f.Path) == "connections" && kind != "" && !slices.Contains(known, kind) && diag.Nearest(kind, kinds()) == "" {
		return "connections"
	}
	return kind
}

// isFlowKey reports whether a file that begins with this key is meant as a
// flow: then it is read as one, and the finding is that its first line is
// missing.
func isFlowKey(word string) bool {
	return slices.ContainsFunc(spec.Keys("flow"), func(k spec.Key) bool { return k.Name == word })
}

// unknownKind is the finding about a file among the flows whose first key says
// nothing about what the file is.
func unknownKind(f File, word string) diag.Finding {
	found := diag.Finding{
		Pos: firstKey(f), Width: width(word), Code: "F122",
		Message: fmt.Sprintf("%q is not a kind of file, and the first key of a file says of what kind it is", word), Hint: namesHint("kind", word, kinds()),
	}
	if near := diag.Nearest(word, kinds()); near != "" {
		found.Fix = replacement(found.Pos, found.Width, near, diag.Sure(word, near))
	}
	return found
}

// misplaced is the finding about the file of a connector among the flows.
func misplaced(f File, word string) diag.Finding {
	return diag.Finding{
		Pos: firstKey(f), Width: width(word), Code: "F123", Message: "this is the file of a connector, and it lies in the folder flows",
		Hint: "the files of a connector lie in connectors/<id>/",
	}
}

// firstKey returns the place of the key that [spec.KindOf] reads.
func firstKey(f File) diag.Pos {
	pos := diag.Pos{File: f.Path}
	for line := range strings.Lines(string(f.Data)) {
		pos.Line++
		trimmed := strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if trimmed == "" || trimmed == "---" || trimmed[0] == '#' {
			continue
		}
		at := strings.IndexFunc(line, func(r rune) bool { return r == '_' || unicode.IsLetter(r) })
		pos.Column = 1 + utf8.RuneCountInString(line[:max(at, 0)])
		break
	}
	return pos
}
