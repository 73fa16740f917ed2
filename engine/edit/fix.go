package edit

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/program"
)

// rounds is how often a workspace is checked and fixed again: a fix may bring
// to light what stood behind its finding.
const rounds = 10

// Fixed is a workspace after its fixes.
type Fixed struct {
	Sources program.Sources
	// Set is what the Sources make. The fix of a finding that was tried and
	// taken back is not marked as safe in it.
	Set     *program.Set
	Changes []Change // by file and line
	// Files are the new texts of the files that changed, by their paths.
	Files map[string][]byte
}

// Change is a fix that was made.
type Change struct {
	Pos  diag.Pos // of the finding, in the text as it was before this change
	Code string
	From string // the text that was changed, "" where some was only added
	To   string // what stands there now, "" where it was only taken away
}

// Fix makes the fixes of a workspace that want picks. A fix stays only if the
// workspace checks better with it: its finding is gone, and no other has come
// that is not settled by a further fix.
func Fix(src program.Sources, opt program.Options, want func(diag.Finding) bool) Fixed {
	x := &fixer{opt: opt, want: want, refused: map[key]bool{}}
	now := x.check(state{src: src})
	for range rounds {
		before := len(now.changes)
		now = x.settle(now, x.fixable(now.set.Findings))
		if len(now.changes) == before {
			break
		}
	}
	for i, f := range now.set.Findings {
		if f.Fix != nil && x.refused[keyOf(f)] {
			offered := *f.Fix
			offered.Safe = false
			now.set.Findings[i].Fix = &offered
		}
	}
	slices.SortStableFunc(now.changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line))
	})
	return Fixed{Sources: now.src, Set: now.set, Changes: now.changes, Files: now.files}
}

type fixer struct {
	opt     program.Options
	want    func(diag.Finding) bool
	refused map[key]bool
}

// state is a workspace on its way. It is never changed, so that one can go
// back to it.
type state struct {
	src     program.Sources
	set     *program.Set
	changes []Change
	files   map[string][]byte
}

// key tells one finding from another, whatever a fix in its line did to the
// columns.
type key struct {
	file          string
	line          int
	code, message string
}

func keyOf(f diag.Finding) key { return key{f.Pos.File, f.Pos.Line, f.Code, f.Message} }

// check fills in what the sources of a state make.
func (x *fixer) check(s state) state {
	opt := x.opt
	if s.set != nil {
		opt.Previous = append([]*program.Set{s.set}, opt.Previous...)
	}
	s.set = program.Build(s.src, opt)
	return s
}

// fixable returns the findings whose fixes are to be made.
func (x *fixer) fixable(found diag.List) diag.List {
	var out diag.List
	for _, f := range found {
		if f.Fix != nil && inItsFile(f) && !x.refused[keyOf(f)] && x.want(f) {
			out.Add(f)
		}
	}
	return out
}

// inItsFile reports whether the fix of a finding changes only the file that
// the finding is in.
func inItsFile(f diag.Finding) bool {
	return !slices.ContainsFunc(f.Fix.Edits, func(e diag.Edit) bool { return e.Pos.File != f.Pos.File })
}

// settle makes as many of the fixes of found as stay: all of them, else those
// of each half by itself.
func (x *fixer) settle(now state, found diag.List) state {
	if len(found) == 0 {
		return now
	}
	if next, ok := x.try(now, found); ok {
		return next
	}
	if len(found) == 1 {
		x.refused[keyOf(found[0])] = true
		return now
	}
	half := len(found) / 2
	second := map[key]bool{}
	for _, f := range found[half:] {
		second[keyOf(f)] = true
	}
	now = x.settle(now, found[:half])
	// The places of the others may have moved.
	return x.settle(now, slices.DeleteFunc(x.fixable(now.set.Findings), func(f diag.Finding) bool { return !second[keyOf(f)] }))
}

// try makes the fixes of found, and then those of what comes to light. It
// reports whether that leaves nothing behind that was not there before. Where
// errors go, warnings may come: some can be seen only in a file without errors.
func (x *fixer) try(before state, found diag.List) (state, bool) {
	now, made := x.apply(before, found)
	if len(made) == 0 {
		return before, false
	}
	limit := len(before.set.Findings) - len(made)
	errs := len(before.set.Findings.Errors()) - len(made.Errors())
	repairs := len(made.Errors()) > 0
	for range rounds {
		fresh := missing(before.set.Findings, now.set.Findings)
		if repairs {
			fresh = fresh.Errors()
		}
		if len(fresh) == 0 {
			return now, (repairs || len(now.set.Findings) <= limit) && len(now.set.Findings.Errors()) <= errs
		}
		further := x.fixable(fresh)
		if len(further) < len(fresh) {
			break
		}
		if now, made = x.apply(now, further); len(made) == 0 {
			break
		}
	}
	return before, false
}

// missing returns the findings of b that a does not have.
func missing(a, b diag.List) diag.List {
	had := map[key]int{}
	for _, f := range a {
		had[keyOf(f)]++
	}
	var out diag.List
	for _, f := range b {
		if had[keyOf(f)]--; had[keyOf(f)] < 0 {
			out.Add(f)
		}
	}
	return out
}

// apply makes the fixes of found that do not touch each other, and returns the
// findings whose fixes those are.
func (x *fixer) apply(s state, found diag.List) (state, diag.List) {
	var made diag.List
	texts := map[string][]byte{}
	for _, file := range filesOf(found) {
		source := text(s.src, file)
		var list diag.List
		var fixes []diag.Fix
		for _, f := range found {
			if f.Pos.File == file {
				list.Add(f)
				fixes = append(fixes, *f.Fix)
			}
		}
		result, places := Apply(source, fixes)
		for _, i := range places {
			made.Add(list[i])
			s.changes = append(slices.Clip(s.changes), changeOf(source, list[i]))
		}
		if !bytes.Equal(result, source) {
			texts[file] = result
		}
	}
	if len(made) == 0 {
		return s, nil
	}
	s.src = withTexts(s.src, texts)
	s.files = maps.Clone(s.files)
	if s.files == nil {
		s.files = map[string][]byte{}
	}
	maps.Copy(s.files, texts)
	return x.check(s), made
}

// filesOf returns the files that findings are in.
func filesOf(found diag.List) []string {
	var files []string
	for _, f := range found {
		files = append(files, f.Pos.File)
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// changeOf describes a fix by what stands from its first edit to its last,
// before and after.
func changeOf(source []byte, f diag.Finding) Change {
	spans, _ := spansOf(source, lineOffsets(source), f.Fix.Edits)
	c := Change{Pos: f.Pos, Code: f.Code}
	at := spans[0].from
	var from, to strings.Builder
	for _, s := range spans {
		from.Write(source[at:s.from])
		to.Write(source[at:s.from])
		from.Write(source[s.from:s.to])
		to.WriteString(s.text)
		at = s.to
	}
	c.From, c.To = from.String(), to.String()
	return c
}

// text returns the text of a file.
func text(src program.Sources, file string) []byte {
	for _, files := range folders(src) {
		for _, f := range files {
			if f.Path == file {
				return f.Data
			}
		}
	}
	return nil
}

func folders(src program.Sources) [][]program.File {
	return append(slices.Collect(maps.Values(src.Connectors)), src.Flows)
}

// withTexts returns the sources with other texts of some files.
func withTexts(src program.Sources, texts map[string][]byte) program.Sources {
	changed := func(files []program.File) []program.File {
		files = slices.Clone(files)
		for i, f := range files {
			if t, ok := texts[f.Path]; ok {
				files[i].Data = t
			}
		}
		return files
	}
	out := program.Sources{Connectors: map[string][]program.File{}, Flows: changed(src.Flows), AsNeeded: src.AsNeeded}
	for id, files := range src.Connectors {
		out.Connectors[id] = changed(files)
	}
	return out
}
