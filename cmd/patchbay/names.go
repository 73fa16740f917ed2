package main

import (
	"regexp"

	"patchbay/engine/program"
)

// turn is the number of a turn in the path of a step: "each[3].apply".
var turn = regexp.MustCompile(`\[\d+\]`)

// stepNames gives the name of a step by its path.
type stepNames map[string]string

// of returns the path of a step as people know it: with its name, if it has one.
func (n stepNames) of(path string) string {
	if name := n[turn.ReplaceAllString(path, "")]; name != "" {
		return path + " " + name
	}
	return path
}

// stepNames returns the names of the steps of a flow at the version of that
// hash; nil if the files say something else by now.
func (a *app) stepNames(flow, hash string) stepNames {
	w, err := a.workspace()
	if err != nil {
		return nil
	}
	f, ok := w.set.Flows[flow]
	if !ok || f.Hash != hash {
		return nil
	}
	names := stepNames{}
	names.flow("", f)
	return names
}

func (n stepNames) flow(prefix string, f *program.Flow) {
	n.steps(prefix, f.Steps, f)
	n.steps(prefix+"on_error/", f.OnError, f)
	n.steps(prefix+"finally/", f.Finally, f)
}

func (n stepNames) steps(prefix string, steps []*program.Step, f *program.Flow) {
	for _, s := range steps {
		path := prefix + s.Path
		n[path] = s.Name
		n.steps(path+".", s.Steps, f)
		for _, b := range s.Branches {
			n.steps(path+"."+b.Path+".", b.Steps, f)
		}
		if called := f.Calls[s.Flow]; s.Kind == program.DoCall && called != nil {
			n.flow(path+"/", called)
		}
	}
}
