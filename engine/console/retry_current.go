package console

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// fitsCurrent says why what a run keeps does not make sense in the current
// version of its flow; nil if it does. kept is the state after the retry.
func fitsCurrent(flow, original *program.Flow, chosen *journal.Retry, kept *journal.State) *refusal {
	now := flow.Standings()
	names := slices.Sorted(maps.Keys(now))
	for _, path := range chosen.From {
		p := program.WrittenPath(path)
		if _, ok := now[p]; !ok && !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, p+"/") }) {
			return conflict(nearest(p, names, "steps"), "the current version of %s has no step %q", flow.ID, p)
		}
	}
	if missing := missingName(flow, kept); missing != "" {
		return conflict("--from start works it out", "the current version of %s has %s, which this run never had", flow.ID, missing)
	}
	if len(kept.Paths()) == 0 {
		return nil
	}
	return compareKept(original.Standings(), now, kept)
}

// missingName returns an input or a var of the flow that a run began without,
// "" if there is none.
func missingName(flow *program.Flow, kept *journal.State) string {
	if !kept.Begun {
		return ""
	}
	began, _ := kept.Data.(map[string]any)
	inputs, _ := began["inputs"].(map[string]any)
	vars, _ := began["vars"].(map[string]any)
	for _, in := range flow.Inputs {
		if _, ok := inputs[in.Name]; !ok && (in.Required() || in.Default != nil) {
			return "the input " + in.Name
		}
	}
	for _, v := range flow.Vars {
		if _, ok := vars[v.Name]; !ok {
			return "the var " + v.Name
		}
	}
	return ""
}

// compareKept says which kept step is another one in the current version.
func compareKept(before, now map[string]program.Standing, kept *journal.State) *refusal {
	for _, path := range kept.Paths() {
		st, _ := kept.Step(path)
		for u := path; u != ""; u = journal.Around(u) {
			was, is := before[program.WrittenPath(u)], now[program.WrittenPath(u)]
			if was.Step == nil || is.Step == nil || strings.HasSuffix(u, "]") {
				continue // what the current version lacks is not asked for; a turn is as its loop is
			}
			if told := differs(was, is); told != "" {
				return conflict("--from "+u+" does it once more; a step with an id is found wherever it stands",
					"the run keeps step %s, but in the current version it is %s", u, told)
			}
		}
		is := now[program.WrittenPath(path)]
		if is.Step == nil || is.Output == nil || st.Outcome != journal.Done || st.Output == nil {
			continue
		}
		if wrong := value.MismatchValue(st.Output, is.Output); wrong != "" {
			return conflict("--from "+path+" does it once more", "the run keeps step %s, but in the current version it gives something else: %s", path, wrong)
		}
	}
	return nil
}

// differs says what a step is now that was another one; "" if it is the same.
// A step without an id is found by its position, so that it must be the same in
// more where another one may have been put before it.
func differs(was, is program.Standing) string {
	before, now := was.Does(), is.Does()
	switch {
	case before != now:
		return fmt.Sprintf("%s and not %s", now, before)
	case is.ID != "" || is.Of == was.Of:
		return ""
	case is.Name != was.Name:
		return fmt.Sprintf("%q and not %q", is.Name, was.Name)
	case is.With.Source() != was.With.Source():
		return now + " with something else"
	default:
		return ""
	}
}
