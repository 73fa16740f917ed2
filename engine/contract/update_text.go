package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// entry is one key of a block of YAML with the lines it takes, found by how far
// they are indented. Nothing else of the text is looked at, so that whatever a
// person wrote stays as it is.
type entry struct {
	key      string
	rest     string // what stands behind the colon
	indent   int
	from, to int // its lines, without blank lines and comments at the end
	kids     []*entry
}

var keyLine = regexp.MustCompile(`^( *)("[^"]*"|'[^']*'|[A-Za-z0-9_.$-]+):(?:[ \t]+(.*))?$`)

// linesOf returns the lines of a text without their ends, and the end they have.
func linesOf(data []byte) (lines []string, end string) {
	text := string(data)
	end = "\n"
	if strings.Contains(text, "\r\n") {
		end = "\r\n"
	}
	text = strings.TrimSuffix(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	return strings.Split(text, "\n"), end
}

// entriesOf returns the entries of the block that begins at a line and ends
// before another.
func entriesOf(lines []string, from, to int) []*entry {
	var out []*entry
	var last *entry
	for i := from; i < to; i++ {
		if silent(lines[i]) {
			continue
		}
		m := keyLine.FindStringSubmatch(lines[i])
		if last != nil && (m == nil || len(m[1]) > last.indent) {
			last.to = i + 1
			continue
		}
		if m == nil || last != nil && len(m[1]) < last.indent {
			return out // this is not the form such a file has
		}
		last = &entry{key: strings.Trim(m[2], `"'`), rest: strings.TrimSpace(m[3]), indent: len(m[1]), from: i, to: i + 1}
		out = append(out, last)
	}
	for _, e := range out {
		if e.rest == "" || strings.HasPrefix(e.rest, "#") {
			e.kids = entriesOf(lines, e.from+1, e.to)
		}
	}
	return out
}

// silent reports whether a line is blank or a comment.
func silent(line string) bool {
	text := strings.TrimSpace(line)
	return text == "" || text[0] == '#'
}

func entryOf(entries []*entry, key string) *entry {
	for _, e := range entries {
		if e.key == key {
			return e
		}
	}
	return nil
}

// text returns the lines of an entry as they would be without indentation.
func (e *entry) text(lines []string) string {
	out := make([]string, 0, e.to-e.from)
	for _, l := range lines[e.from:e.to] {
		l = strings.TrimRight(l, " \t")
		out = append(out, l[min(len(l)-len(strings.TrimLeft(l, " ")), e.indent):])
	}
	return strings.Join(out, "\n")
}

// lead returns the first of the comment lines directly above an entry.
func (e *entry) lead(lines []string) int {
	at := e.from
	for at > 0 && strings.HasPrefix(strings.TrimSpace(lines[at-1]), "#") && strings.Index(lines[at-1], "#") == e.indent {
		at--
	}
	return at
}

// indented returns a text as lines that are indented.
func indented(text string, by int) []string {
	var out []string
	for l := range strings.SplitSeq(text, "\n") {
		if l != "" {
			l = strings.Repeat(" ", by) + l
		}
		out = append(out, l)
	}
	return out
}

// hash is the mark by which a text is known again.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}

// group is a group's file with its units: the pieces an import writes, and a
// person may change one by one.
type group struct {
	lines   []string
	end     string
	entries []*entry
	actions map[string]*entry // as known says
	types   map[string]*entry
}

func readGroup(data []byte) *group {
	g := &group{actions: map[string]*entry{}, types: map[string]*entry{}}
	g.lines, g.end = linesOf(data)
	g.entries = entriesOf(g.lines, 0, len(g.lines))
	if a := entryOf(g.entries, "actions"); a != nil {
		for _, e := range a.kids {
			method, path := g.request(e)
			op := known(method, path)
			if g.actions[op] != nil { // two that differ by the names of their parameters
				op = method + " " + path
			}
			if method != "" {
				g.actions[op] = e
			}
		}
	}
	if t := entryOf(g.entries, "types"); t != nil {
		for _, e := range t.kids {
			g.types[e.key] = e
		}
	}
	return g
}

var requestValue = regexp.MustCompile(`\brequest:\s*["']?([A-Z]+) (/(?:\{[^}\s]*\}|[^\s"'{},])*)`)

// request returns the method and path of an action.
func (g *group) request(e *entry) (method, path string) {
	text := strings.Join(g.lines[e.from:e.to], "\n")
	if own := entryOf(e.kids, "request"); own != nil { // not one of those before it
		text = own.text(g.lines)
	}
	m := requestValue.FindStringSubmatch(text)
	if m == nil {
		return "", ""
	}
	return m[1], m[2]
}

// known is what an action is known by: its method, and its path whatever its
// parameters are called.
func known(method, path string) string { return method + " " + template(path) }

// units returns the units of an action or a type by their names in the record.
func units(e *entry, owner string) map[string]*entry {
	out := map[string]*entry{}
	if len(e.kids) == 0 {
		out[owner] = e
		return out
	}
	for _, k := range e.kids {
		switch {
		case k.key == "request" && !strings.HasPrefix(owner, "type "): // by which the action is known
		case k.key == "input" && len(k.kids) > 0 && !strings.HasPrefix(owner, "type "):
			for _, in := range k.kids {
				out[owner+" input "+in.key] = in
			}
		default:
			out[owner+" "+k.key] = k
		}
	}
	return out
}
