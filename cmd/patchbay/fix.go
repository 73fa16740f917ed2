package main

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"patchbay/engine"
	"patchbay/engine/diag"
	"patchbay/engine/edit"
	"patchbay/engine/program"
)

// The values of `check --fix`.
const (
	fixSafe = "safe" // without a value
	fixAll  = "all"
)

func (o checkOptions) sound() error {
	if o.fix != "" && o.fix != fixSafe && o.fix != fixAll {
		return usagef("it is --fix, or --fix=all", "--fix cannot be %q", o.fix)
	}
	return nil
}

// fixAnswer is a fix that was made, in the JSON of `check --fix`.
type fixAnswer struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Code   string `json:"code"`
	From   string `json:"from"` // "" where something was only added
	To     string `json:"to"`   // "" where something was only taken away
}

// String is the line that `check --fix` prints.
func (f fixAnswer) String() string {
	at := diag.Pos{File: f.File, Line: f.Line, Column: f.Column}
	change := f.From + " → " + f.To
	switch {
	case f.From == "":
		change = "added " + f.To
	case f.To == "":
		change = "taken away " + f.From
	}
	return fmt.Sprintf("%s: %s [%s]", at, change, f.Code)
}

// fix makes the fixes within paths, in w and in its files, as far as which
// allows: "" is none.
func (a *app) fix(w *workspace, within []string, which string) ([]fixAnswer, error) {
	if which == "" {
		return nil, nil
	}
	root, err := os.OpenRoot(a.dir)
	if err != nil {
		return nil, fmt.Errorf("open the workspace: %w", err)
	}
	defer root.Close() //nolint:errcheck // nothing is written by it
	fixed := edit.Fix(w.src, program.Options{Sandbox: a.sandbox}, func(f diag.Finding) bool {
		return (f.Fix.Safe || which == fixAll) && covers(within, f.Pos.File) && engine.IsOwn(root, f.Pos.File)
	})
	for _, file := range slices.Sorted(maps.Keys(fixed.Files)) {
		if err := engine.ReplaceFile(root, file, []byte(w.source(file)), fixed.Files[file]); err != nil {
			return nil, fmt.Errorf("fix %s: %w", file, err)
		}
	}
	w.src, w.set = fixed.Sources, fixed.Set
	var made []fixAnswer
	for _, c := range fixed.Changes {
		made = append(made, fixAnswer{c.Pos.File, c.Pos.Line, c.Pos.Column, c.Code, c.From, c.To})
	}
	return made, nil
}
