package program

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Answer returns what an approve step gives when a person has answered. given
// are the fields of the form; who says no may leave all of them out. An error
// is a sentence for the person.
func (a *Approve) Answer(approved bool, by string, at time.Time, given map[string]any) (map[string]any, error) {
	by = strings.TrimSpace(by)
	switch {
	case by == "":
		return nil, fmt.Errorf("it must be said who answers")
	case len(a.By) > 0 && !slices.Contains(a.By, by):
		return nil, fmt.Errorf("%q may not answer; who may: %s", by, strings.Join(a.By, ", "))
	}
	form := a.Form
	if !approved {
		form = make([]*Input, len(a.Form))
		for i, in := range a.Form {
			loose := *in
			loose.Optional = true
			form[i] = &loose
		}
	}
	out, err := FillInputs(form, given)
	if err != nil {
		return nil, err
	}
	out["approved"], out["by"], out["at"] = approved, by, at.UTC().Format(time.RFC3339)
	return out, nil
}

// Unanswered returns what an approve step gives when its time is over.
func (a *Approve) Unanswered(at time.Time) map[string]any {
	out := map[string]any{}
	for _, in := range a.Form {
		out[in.Name] = nil
		if in.Default != nil {
			out[in.Name] = in.Default.Const
		}
	}
	out["approved"], out["by"], out["at"] = false, nil, at.UTC().Format(time.RFC3339)
	return out
}
