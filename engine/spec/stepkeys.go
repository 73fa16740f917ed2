package spec

import (
	"fmt"
	"slices"
	"strings"

	"patchbay/engine/diag"
)

// stepKinds are the keys that say what a step does.
func stepKinds() []string {
	return []string{
		"action", "set", "for_each", "parallel", "switch", "call",
		"wait", "wait_until", "wait_for", "approve", "stop", "fail",
	}
}

func stepSection() section[Step] {
	return section[Step]{name: "step", noun: "a step", sound: soundStep, notes: map[string]string{
		"needs":  "steps are done one after another, in the order of the file",
		"else":   "a choice is written switch: [ { if: …, steps: [ … ] }, { else: true, steps: [ … ] } ]",
		"then":   "a choice is written switch: [ { if: …, steps: [ … ] }, { else: true, steps: [ … ] } ]",
		"output": "the output of a step is what its action brings; set builds another",
	}, rows: slices.Concat([]row[Step]{
		scalar("id", Name, "the name by which later steps refer to this one", "contact", func(s *Step) *Text { return &s.ID }),
		scalar("name", Line, "what people call the step", "Find the contact", func(s *Step) *Text { return &s.Name }),
		scalar("if", Expression, "the step is left out where this is not true", "steps.contact != nil", func(s *Step) *Text { return &s.If }).
			not("when", "condition", "conditions"),
		block("retry", "retry", retrySection, "how often the step is tried again", func(s *Step, r *Retry) { s.Retry = r }),
		scalar("timeout", Duration, "how long one attempt may take", "30s", func(s *Step) *Text { return &s.Timeout }),
		word("on_error", "stop continue collect", "what happens when the step has failed for good; collect is for a loop", func(s *Step) *Text { return &s.OnError }),
	}, callRows(), loopRows(), waitRows())}
}

func callRows() []row[Step] {
	return []row[Step]{
		scalar("action", Line, "one call to a service", "ghl.contacts.upsert", func(s *Step) *Text { return &s.Action }).
			not("uses", "use", "do", "service", "run"),
		scalar("call", Line, "runs another flow and waits for its output", "enrich-contact", func(s *Step) *Text { return &s.Call }).not("flow"),
		custom(Key{Name: "with", Form: Pairs, Names: Line, Help: "what the action or the flow is given", Example: "{ email: \"${{ event.email }}\" }"},
			func(p *parser, s *Step, at spot) {
				s.HasWith, s.WithLost = true, at.value.Kind != Map
				s.With = p.entries(at)
			}).not("args", "params", "parameters", "data", "input", "inputs"),
		pairs("set", "builds data, field by field", "{ full_name: \"${{ event.first }} ${{ event.last }}\" }", func(s *Step) *[]Entry { return &s.Set }),
	}
}

func loopRows() []row[Step] {
	return []row[Step]{
		scalar("for_each", Expression, "does its steps once for each item of a list", "steps.tags", func(s *Step) *Text { return &s.ForEach }).
			not("foreach", "loop", "each", "for", "repeat"),
		scalar("as", Identifier, "the name of the item inside the loop, without it item", "tag", func(s *Step) *Text { return &s.As }),
		scalar("at_once", Whole, "how many items are worked on at the same time", "5", func(s *Step) *Text { return &s.AtOnce }).least(1),
		blocks("steps", "step", stepSection, "what is done for each item", func(s *Step, inner *Step) { s.Steps = append(s.Steps, inner) }),
		custom(Key{Name: "parallel", Form: Blocks, Section: "branch", Help: "branches side by side, each a step or { steps: [ … ] }"}, readParallel),
		blocks("switch", "case", caseSection, "the first branch whose condition is true", func(s *Step, b *Branch) { s.Switch = append(s.Switch, b) }).
			not("choose", "branches"),
	}
}

func waitRows() []row[Step] {
	return []row[Step]{
		scalar("wait", Duration, "waits that long", "2h", func(s *Step) *Text { return &s.Wait }).not("delay", "sleep"),
		scalar("wait_until", Expression, "waits until that time", "date(event.due_at)", func(s *Step) *Text { return &s.WaitUntil }),
		block("wait_for", "wait_for", waitForSection, "waits for a later event", func(s *Step, w *WaitFor) { s.WaitFor = w }),
		block("approve", "approve", approveSection, "waits for a person", func(s *Step, a *Approve) { s.Approve = a }),
		scalar("stop", Line, "ends the run well, with the reason", `"nothing to do"`, func(s *Step) *Text { return &s.Stop }),
		scalar("fail", Line, "ends the run as failed, with the reason", `"no such contact"`, func(s *Step) *Text { return &s.Fail }),
	}
}

func soundStep(p *parser, st *Step, s spot) {
	given := givenKeys(s, stepKinds())
	loop := s.has("for_each")
	if loop {
		p.soundLoop(st, s, given)
	} else {
		p.soundPlainStep(st, s, given)
	}
	if with, ok := keyOf(s, "with"); ok && len(given) > 0 && !s.has("action") && !s.has("call") {
		p.strays(with, "action or call", given[0])
	}
	if st.OnError.Value == "collect" && !loop {
		p.found.Add(diag.Finding{
			Pos: st.OnError.Pos, Width: st.OnError.width(), Code: "S110",
			Message: `on_error can be "collect" only beside for_each`, Hint: "allowed: stop, continue",
		})
	}
}

func (p *parser) soundPlainStep(st *Step, s spot, given []Text) {
	switch {
	case len(given) == 0 && s.means(stepKinds()):
		return
	case len(given) == 0:
		pos, width := s.place()
		f := diag.Finding{
			Pos: pos, Width: width, Code: "S130", Message: "this step does not say what it does",
			Hint: "one of: " + listed(stepKinds()),
		}
		if steps, ok := keyOf(s, "steps"); ok {
			f.Pos, f.Width, f.Message = steps.Pos, steps.width(), "steps inside a step need for_each, parallel or switch around them"
		}
		p.absent(s, f)
		return
	case len(given) > 1:
		p.several("S130", given, "a step does one thing: make them two steps")
	}
	st.Does = given[0]
	for _, name := range []string{"as", "at_once", "steps"} {
		if key, ok := keyOf(s, name); ok {
			p.strays(key, "for_each", given[0])
		}
	}
}

// soundLoop looks at a step with for_each, which may have one action or call
// beside it instead of steps.
func (p *parser) soundLoop(st *Step, s spot, given []Text) {
	st.Does, _ = keyOf(s, "for_each")
	inner := slices.DeleteFunc(given, func(t Text) bool { return t.Value == "for_each" })
	body := slices.DeleteFunc(slices.Clone(inner), func(t Text) bool { return t.Value != "action" && t.Value != "call" })
	others := slices.DeleteFunc(inner, func(t Text) bool { return t.Value == "action" || t.Value == "call" })
	if steps, ok := keyOf(s, "steps"); ok {
		body = append(body, steps)
	}
	switch {
	case len(others) > 0:
		p.several("S130", []Text{st.Does, others[0]}, "put it into the steps: of for_each")
	case len(body) == 0 && s.means([]string{"action", "call", "steps"}):
	case len(body) == 0:
		p.absent(s, diag.Finding{
			Pos: st.Does.Pos, Width: st.Does.width(), Code: "S132", Message: "for_each does not say what to do with each item",
			Hint: "one of: steps, action, call",
		})
	case len(body) > 1:
		p.several("S132", body, "for_each has steps, or one action or call beside it")
	}
}

func retrySection() section[Retry] {
	return section[Retry]{name: "retry", noun: "retry", rows: []row[Retry]{
		scalar("max", Whole, "how many more attempts are made", "3", func(r *Retry) *Text { return &r.Max }).not("attempts", "times", "count", "limit"),
		scalar("wait", Duration, "how long to wait before the next attempt", "2s", func(r *Retry) *Text { return &r.Wait }).not("delay", "interval"),
		word("backoff", "exponential fixed", "whether the wait grows", func(r *Retry) *Text { return &r.Backoff }),
	}}
}

func branchSection() section[Branch] {
	return section[Branch]{
		name: "branch", noun: "a branch of parallel",
		rows: []row[Branch]{
			blocks("steps", "step", stepSection, "what is done in this branch", func(b *Branch, s *Step) { b.Steps = append(b.Steps, s) }).must(),
		},
	}
}

// readParallel reads the branches of parallel: each is a map with nothing but
// steps, or a single step.
func readParallel(p *parser, st *Step, s spot) {
	for _, item := range p.items(s) {
		if len(item.value.Entries) == 1 && item.has("steps") {
			if b := read(p, branchSection(), item); b != nil {
				b.Pos = firstKey(item)
				st.Parallel = append(st.Parallel, b)
			}
			continue
		}
		if one := read(p, stepSection(), item); one != nil {
			st.Parallel = append(st.Parallel, &Branch{Pos: firstKey(item), Steps: []*Step{one}})
		}
	}
}

// caseKinds are the keys of which a branch of switch has exactly one.
func caseKinds() []string { return []string{"if", "else"} }

func caseSection() section[Branch] {
	return section[Branch]{name: "case", noun: "a branch of switch", one: caseKinds(), sound: soundCase, rows: []row[Branch]{
		scalar("if", Expression, "the branch is taken where this is true", "event.amount > 1000", func(b *Branch) *Text { return &b.If }).not("when", "case", "condition"),
		scalar("else", Switch, "the last branch, taken where no other is", "true", func(b *Branch) *Text { return &b.Else }).not("default", "otherwise"),
		blocks("steps", "step", stepSection, "what is done in this branch", func(b *Branch, s *Step) { b.Steps = append(b.Steps, s) }).
			must().not("then", "do"),
	}}
}

func soundCase(p *parser, b *Branch, s spot) {
	b.Pos = firstKey(s)
	given := givenKeys(s, caseKinds())
	switch {
	case len(given) == 0 && s.means(caseKinds()):
	case len(given) == 0:
		pos, width := s.place()
		p.absent(s, diag.Finding{
			Pos: pos, Width: width, Code: "S134", Message: "this branch does not say when it is taken",
			Hint: "one of: if: <expression>, else: true",
		})
	case len(given) > 1:
		p.several("S134", given, "a branch has if or else")
	case b.Else.Value == "false":
		p.found.Addf(b.Else.Pos, b.Else.width(), "S134", "else can only be true")
	}
}

func waitForSection() section[WaitFor] {
	return section[WaitFor]{name: "wait_for", noun: "wait_for", rows: []row[WaitFor]{
		scalar("trigger", Line, "the event that is waited for", "qwilr.page_accepted", func(w *WaitFor) *Text { return &w.Trigger }).must().not("event", "on"),
		pairs("with", "what the trigger is given", "{ channel: \"#sales\" }", func(w *WaitFor) *[]Entry { return &w.With }),
		scalar("match", Expression, "which of these events is meant", "arriving.page.id == event.page.id", func(w *WaitFor) *Text { return &w.Match }).not("when", "where", "if", "condition", "filter"),
		scalar("timeout", Duration, "how long it is waited for; then the step gives nil. Without it the step fails after 90 days", "7d", func(w *WaitFor) *Text { return &w.Timeout }),
	}}
}

func approveSection() section[Approve] {
	return section[Approve]{name: "approve", noun: "approve", rows: []row[Approve]{
		lines("by", OneOrLines, "who may answer: names or addresses; without it everybody who has the link", "[grace@example.com, linus@example.com]", func(a *Approve) *[]Text { return &a.By }).not("who", "to", "approvers", "assignees", "users"),
		fields("form", "what the person fills in", func(a *Approve) *[]Field { return &a.Form }).not("fields", "inputs", "questions"),
		scalar("timeout", Duration, "how long it is waited for; then it counts as not approved. Without it 90 days", "3d", func(a *Approve) *Text { return &a.Timeout }),
	}}
}

// firstKey returns the first key of the map of s.
func firstKey(s spot) Text {
	if len(s.value.Entries) == 0 {
		return Text{Pos: s.value.Pos}
	}
	return s.value.Entries[0].Key
}

// keyOf returns the key of that name in the map of s.
func keyOf(s spot, name string) (Text, bool) {
	for _, e := range s.value.Entries {
		if e.Key.Value == name {
			return e.Key, true
		}
	}
	return Text{}, false
}

// givenKeys returns those of the names that are keys of the map of s, in the
// order of the file.
func givenKeys(s spot, names []string) []Text {
	var given []Text
	for _, e := range s.value.Entries {
		if slices.Contains(names, e.Key.Value) {
			given = append(given, e.Key)
		}
	}
	return given
}

func listed(names []string) string { return strings.Join(names, ", ") }

// several reports the second of keys that exclude each other.
func (p *parser) several(code string, given []Text, hint string) {
	first, second := given[0], given[1]
	p.found.Add(diag.Finding{
		Pos: second.Pos, Width: second.width(), Code: code,
		Message: fmt.Sprintf("%s and %s cannot stand side by side", first.Value, second.Value), Hint: hint,
		Related: []diag.Related{{Pos: first.Pos, Message: first.Value + " stands here"}},
	})
}

// strays reports a key that has no meaning beside what the map does.
func (p *parser) strays(key Text, belongs string, does Text) {
	p.found.Add(diag.Finding{
		Pos: key.Pos, Width: key.width(), Code: "S133",
		Message: fmt.Sprintf("%s goes with %s, here stands %s", key.Value, belongs, does.Value),
	})
}
