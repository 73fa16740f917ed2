package contract

import (
	"bytes"
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"patchbay/engine/diag"
)

// Change is one thing that an import did to a group's file, or left alone.
type Change struct {
	Pos  diag.Pos // in the file as it is now; without a line where nothing stands any more
	Verb string   // added, updated, removed or kept
	What string   // the action or type, and the part of it
	Why  string   // of what was kept
}

// merging is a file that a person may have changed, on its way to what the
// description says now.
type merging struct {
	ours   *group // the file as it is
	theirs *group // the file as an import writes it now
	before record
	after  record
	edits  []*edit
	file   string
	other  bool // the description is another one than the last time
	made   []made
	opened map[string]bool // the sections that the file did not have
}

// edit replaces the lines from..to.
type edit struct {
	from, to int
	lines    []string
	begins   int // the line in the new text
}

// made is a change with where it is: in an edit, or at a line before the edits.
type made struct {
	edit *edit
	at   int // -1 for none
	Change
}

// merge brings a group's file up to date: what a person left alone takes the
// new value, what a person changed or deleted stays so. It returns the text,
// the record for the next time, and what was done.
func merge(file string, data, fresh []byte, before, after record) ([]byte, record, []Change) {
	m := &merging{ours: readGroup(data), theirs: readGroup(fresh), before: before, after: after, file: file, opened: map[string]bool{}}
	if entryOf(m.ours.entries, "group") == nil {
		return data, before, []Change{{Pos: diag.Pos{File: file}, Verb: "kept", What: "the file", Why: "it does not begin with  group: , as the file of a group does"}}
	}
	m.after.units = map[string]string{}
	if m.other = m.another(); m.other {
		maps.Copy(m.after.units, before.units)
		m.after.actions, m.after.types = both(before.actions, after.actions), both(before.types, after.types)
	}
	m.head()
	m.section("actions", func(g *group) map[string]*entry { return g.actions }, func(key string) string { return key })
	m.section("types", func(g *group) map[string]*entry { return g.types }, func(key string) string { return "type " + key })
	m.needed()
	m.emptied(entryOf(m.ours.entries, "types"))
	if len(m.edits) > 0 {
		data = m.apply(bytes.HasSuffix(data, []byte("\n")))
	}
	return data, m.after, m.changes()
}

// another reports whether this is another description than the last time, one
// that has none of the operations there are: it adds its own, and nothing goes.
func (m *merging) another() bool {
	for op := range m.before.actions {
		if m.theirs.actions[op] != nil {
			return false
		}
	}
	return len(m.before.actions) > 0
}

func both(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// head merges what stands above types and actions.
func (m *merging) head() {
	for _, e := range m.theirs.entries {
		if e.key != "headers" {
			continue
		}
		if m.before.units[e.key] == "" {
			continue // the group has its own, or none on purpose
		}
		m.after.units[e.key] = hash(e.text(m.theirs.lines))
		m.unit(e.key, entryOf(m.ours.entries, e.key), e, "headers")
	}
}

// section merges the actions, or the types.
func (m *merging) section(name string, of func(*group) map[string]*entry, owner func(string) string) {
	ours, theirs := of(m.ours), of(m.theirs)
	for _, key := range inOrder(theirs) {
		own, fresh := ours[key], theirs[key]
		switch known := m.before.knows(owner(key)); {
		case own == nil && known: // deleted
			m.remember(owner(key), fresh)
		case own == nil && name == "actions":
			m.remember(owner(key), fresh)
			m.appendTo(name, fresh)
		case own != nil && known:
			m.owned(owner(key), own, fresh)
		}
	}
	for _, key := range inOrder(ours) {
		if theirs[key] == nil && m.before.knows(owner(key)) && !m.other {
			m.gone(owner(key), ours[key])
		}
	}
}

func inOrder(entries map[string]*entry) []string {
	return slices.SortedFunc(maps.Keys(entries), func(a, b string) int { return cmp.Compare(entries[a].from, entries[b].from) })
}

// remember puts the units of an action or a type into the new record.
func (m *merging) remember(owner string, fresh *entry) {
	for unit, e := range units(fresh, owner) {
		m.after.units[unit] = hash(e.text(m.theirs.lines))
	}
}

// owned merges an action or a type that both sides have, unit by unit.
func (m *merging) owned(owner string, own, fresh *entry) {
	m.remember(owner, fresh)
	ours, theirs := units(own, owner), units(fresh, owner)
	label := own.key
	var inserts []string
	for _, unit := range inOrder(theirs) {
		e, what := theirs[unit], label+strings.TrimPrefix(unit, owner)
		switch {
		case ours[unit] == nil && m.before.units[unit] == "":
			inserts = append(inserts, unit)
		default:
			m.unit(unit, ours[unit], e, what)
		}
	}
	for _, unit := range inserts {
		m.insert(owner, unit, own, fresh, label+strings.TrimPrefix(unit, owner))
	}
	for _, unit := range inOrder(ours) {
		if theirs[unit] == nil && m.before.units[unit] != "" {
			m.unit(unit, ours[unit], nil, label+strings.TrimPrefix(unit, owner))
		}
	}
	m.emptied(entryOf(own.kids, "input"))
}

// emptied deletes a map all of whose entries are deleted.
func (m *merging) emptied(parent *entry) {
	if parent == nil || len(parent.kids) == 0 {
		return
	}
	inside := func(d *edit) bool { return d.from > parent.from && d.to <= parent.to }
	left := len(parent.kids)
	for _, d := range m.edits {
		if inside(d) && len(d.lines) > 0 {
			return
		}
		if inside(d) {
			left--
		}
	}
	if left == 0 {
		m.edits = append(slices.DeleteFunc(m.edits, inside), &edit{from: parent.from, to: parent.to})
	}
}

// unit merges one piece. fresh is nil where the description has it no more.
func (m *merging) unit(unit string, own, fresh *entry, what string) {
	before := m.before.units[unit]
	if own == nil {
		return // deleted, or of another form
	}
	text := own.text(m.ours.lines)
	touched := hash(text) != before
	switch {
	case fresh == nil && touched:
		m.tell(own.from, "kept", what, "the description has it no more, and you changed it")
	case fresh == nil:
		m.edits = append(m.edits, &edit{from: own.from, to: own.to})
		m.tell(-1, "removed", what, "")
	case text == fresh.text(m.theirs.lines), before == hash(fresh.text(m.theirs.lines)):
	case touched:
		m.tell(own.from, "kept", what, "you changed it, and so did the service: it now says  "+oneLine(fresh.text(m.theirs.lines)))
	default:
		m.edit("updated", what, own.from, own.to, indented(fresh.text(m.theirs.lines), own.indent))
	}
}

func oneLine(text string) string { return shortened(strings.Join(strings.Fields(text), " ")) }

// tell notes what was left alone, or is gone.
func (m *merging) tell(at int, verb, what, why string) {
	m.made = append(m.made, made{at: at, Change: Change{Verb: verb, What: what, Why: why}})
}

// edit makes an edit, and notes it.
func (m *merging) edit(verb, what string, from, to int, lines []string) {
	e := &edit{from: from, to: to, lines: lines}
	m.edits = append(m.edits, e)
	m.made = append(m.made, made{edit: e, Change: Change{Verb: verb, What: what}})
}

// insert puts a new unit behind those that stand before it in a fresh file.
func (m *merging) insert(owner, unit string, own, fresh *entry, what string) {
	e := units(fresh, owner)[unit]
	parent, beside := own, fresh
	if strings.HasPrefix(unit, owner+" input ") {
		parent, beside = entryOf(own.kids, "input"), entryOf(fresh.kids, "input")
		if parent == nil && len(own.kids) > 0 {
			m.input(own, beside, e, what)
			return
		}
	}
	if parent == nil || len(parent.kids) == 0 {
		m.tell(own.from, "kept", what, "it is new, and there is no place for it in the form you gave to "+own.key+":  "+oneLine(e.text(m.theirs.lines)))
		return
	}
	at := parent.from + 1
	for _, k := range beside.kids {
		if k == e {
			break
		}
		if before := entryOf(parent.kids, k.key); before != nil {
			at = before.to
		}
	}
	m.edit("added", what, at, at, indented(e.text(m.theirs.lines), parent.kids[0].indent))
}

// input adds the first input of an action that has none.
func (m *merging) input(own, fresh, e *entry, what string) {
	by := own.kids[0].indent
	at := own.kids[len(own.kids)-1].to
	for _, k := range own.kids {
		if k.key == "request" {
			at = k.to
		}
	}
	lines := indented(e.text(m.theirs.lines), 2*by-own.indent)
	already := slices.ContainsFunc(m.edits, func(d *edit) bool { return d.from == at && d.to == at })
	if !already {
		lines = append([]string{strings.Repeat(" ", by) + fresh.key + ":"}, lines...)
	}
	m.edit("added", what, at, at, lines)
}

// gone deletes an action or a type that the description has no more, unless a
// person changed something in it.
func (m *merging) gone(owner string, own *entry) {
	from := own.lead(m.ours.lines)
	for _, l := range m.ours.lines[from:own.from] {
		if !strings.HasPrefix(strings.TrimSpace(l), strings.TrimSpace(settle)) {
			from = -1
			break
		}
	}
	found := units(own, owner)
	recorded := 0
	for unit := range m.before.units {
		if unit == owner || strings.HasPrefix(unit, owner+" ") {
			recorded++
		}
	}
	same := from >= 0 && recorded == len(found)
	for unit, e := range found {
		same = same && hash(e.text(m.ours.lines)) == m.before.units[unit]
	}
	if !same {
		m.tell(own.from, "kept", own.key, "the description has it no more, and you changed it")
		return
	}
	if strings.HasPrefix(owner, "type ") && m.spokenOf(own) {
		m.tell(own.from, "kept", own.key, "the description has it no more, and other parts of the file speak of it")
		return
	}
	to := own.to
	blank := func(i int) bool { return i >= 0 && i < len(m.ours.lines) && strings.TrimSpace(m.ours.lines[i]) == "" }
	switch {
	case blank(from - 1):
		from--
	case blank(to) && to+1 < len(m.ours.lines) && strings.HasPrefix(m.ours.lines[to+1], " "): // the first one, with another behind it
		to++
	}
	m.edits = append(m.edits, &edit{from: from, to: to})
	m.tell(-1, "removed", own.key, "")
}

// spokenOf reports whether a line that a person wrote names a type.
func (m *merging) spokenOf(own *entry) bool {
	name := regexp.MustCompile(`\b` + regexp.QuoteMeta(own.key) + `\b`)
	theirs := strings.Join(m.theirs.lines, "\n")
	for i, l := range m.ours.lines {
		if (i < own.from || i >= own.to) && name.MatchString(l) && !silent(l) {
			changed := slices.ContainsFunc(m.edits, func(e *edit) bool { return i >= e.from && i < e.to })
			if !changed || name.MatchString(theirs) {
				return true
			}
		}
	}
	return false
}

// appendTo adds an action or a type at the end of its section.
func (m *merging) appendTo(section string, fresh *entry) {
	lead := fresh.lead(m.theirs.lines)
	parent := entryOf(m.ours.entries, section)
	by, at := 2, len(m.ours.lines)
	var lines []string
	switch {
	case parent != nil && len(parent.kids) > 0:
		by, at = parent.kids[0].indent, parent.to
		lines = []string{""}
	case parent != nil && parent.rest != "" && parent.rest[0] != '#': // actions: {}
		if parent.rest != "{}" {
			m.tell(parent.from, "kept", fresh.key, "it is new, and there is no place for it in the form you gave to "+section)
			return
		}
		at = parent.to
		if !slices.ContainsFunc(m.edits, func(e *edit) bool { return e.from == parent.from }) {
			m.edits = append(m.edits, &edit{from: parent.from, to: parent.to, lines: []string{strings.Repeat(" ", parent.indent) + section + ":"}})
		}
	case parent != nil:
		at = parent.from + 1
	default:
		if a := entryOf(m.ours.entries, "actions"); a != nil && section == "types" {
			at = a.lead(m.ours.lines)
		}
		if !m.opened[section] {
			lines = []string{section + ":"}
			if at > 0 && strings.TrimSpace(m.ours.lines[at-1]) != "" {
				lines = []string{"", section + ":"}
			}
		}
		m.opened[section] = true
		defer func() {
			if section == "types" && at < len(m.ours.lines) {
				m.edits[len(m.edits)-1].lines = append(m.edits[len(m.edits)-1].lines, "")
			}
		}()
	}
	for _, l := range m.theirs.lines[lead:fresh.from] {
		lines = append(lines, strings.Repeat(" ", by)+strings.TrimSpace(l))
	}
	lines = append(lines, indented(fresh.text(m.theirs.lines), by)...)
	m.edit("added", fresh.key, at, at, lines)
}

// needed adds the types that the file speaks of now and does not have.
func (m *merging) needed() {
	done := map[string]bool{}
	for again := true; again; {
		again = false
		var text strings.Builder
		for _, e := range m.edits {
			text.WriteString(strings.Join(e.lines, "\n") + "\n")
		}
		for _, key := range inOrder(m.theirs.types) {
			if done[key] || m.ours.types[key] != nil || !regexp.MustCompile(`(?:type|of|one|list): `+regexp.QuoteMeta(key)+`\b`).MatchString(text.String()) {
				continue
			}
			done[key], again = true, true
			m.remember("type "+key, m.theirs.types[key])
			m.appendTo("types", m.theirs.types[key])
		}
	}
	for key, e := range m.theirs.types { // one that nothing in the file needs yet
		if m.ours.types[key] == nil && !done[key] && m.before.knows("type "+key) {
			m.remember("type "+key, e)
		}
	}
}

// apply makes the edits.
func (m *merging) apply(ended bool) []byte {
	slices.SortStableFunc(m.edits, func(a, b *edit) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	var out []string
	done := 0
	for _, e := range m.edits {
		out = append(out, m.ours.lines[done:e.from]...)
		e.begins, done = len(out)+1, e.to
		out = append(out, e.lines...)
	}
	out = append(out, m.ours.lines[done:]...)
	text := strings.Join(out, m.ours.end)
	if ended {
		text += m.ours.end
	}
	return []byte(text)
}

// changes returns what was done, with the lines as they are now.
func (m *merging) changes() []Change {
	var out []Change
	for _, c := range m.made {
		c.Pos = diag.Pos{File: m.file}
		switch {
		case c.edit != nil:
			c.Pos.Line, c.Pos.Column = c.edit.begins, 1
			for i, l := range c.edit.lines {
				if k := keyLine.FindStringSubmatch(l); k != nil && strings.HasSuffix(" "+c.What, " "+strings.Trim(k[2], `"'`)) {
					c.Pos.Line += i
					break
				}
			}
		case c.at >= 0:
			c.Pos.Line, c.Pos.Column = c.at+1, 1
			for _, e := range m.edits {
				if e.to <= c.at {
					c.Pos.Line += len(e.lines) - (e.to - e.from)
				}
			}
		}
		out = append(out, c.Change)
	}
	slices.SortStableFunc(out, func(a, b Change) int { return cmp.Compare(a.Pos.Line, b.Pos.Line) })
	return out
}
