package main

import "patchbay/engine/program"

// stepNames gives the name of a step by its path.
type stepNames map[string]string

// of returns the path of a step as people know it: with its name, if it has one.
func (n stepNames) of(path string) string {
	if name := n[program.WrittenPath(path)]; name != "" {
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
	for path, s := range f.Standings() {
		names[path] = s.Name
	}
	return names
}
