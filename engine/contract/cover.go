package contract

import (
	"slices"

	"patchbay/engine/program"
)

// Coverage says how much of a description a connector can do.
type Coverage struct {
	Covered    int         `json:"covered"`
	Operations int         `json:"operations"` // one method of one path, whatever its versions
	Missing    []Uncovered `json:"missing"`
}

// Uncovered is an operation that no action does.
type Uncovered struct {
	Request string `json:"request"`
	Theirs  string `json:"theirs"`
}

// Cover returns which operations of the description the actions of a connector
// do. Two actions may do one; where several files describe one method of one
// path, for several versions of it, they are one operation.
func Cover(c *program.Connector, d *Description) Coverage {
	sum := Coverage{Missing: []Uncovered{}}
	actions, seen := c.Actions(), map[string]bool{}
	for _, op := range d.operations {
		key := op.method + " " + template(op.path)
		if seen[key] {
			continue
		}
		seen[key] = true
		sum.Operations++
		if slices.ContainsFunc(actions, func(a *program.Action) bool { return a.Transport == program.HTTP && op.does(a) }) {
			sum.Covered++
			continue
		}
		sum.Missing = append(sum.Missing, Uncovered{Request: op.method + " " + op.path, Theirs: op.place()})
	}
	return sum
}

// does reports whether the action asks for this operation, in any version.
func (o *operation) does(a *program.Action) bool {
	return o.method == a.Method && (o.at(template(whole(a))) || o.at(template(a.Path)))
}
