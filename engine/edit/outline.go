package edit

import (
	"cmp"
	"slices"

	"patchbay/engine/diag"
	"patchbay/engine/spec"
)

// Symbol is a part of a file that has a name.
type Symbol struct {
	Name   string
	Detail string // what it does
	Pos    diag.Pos
	Inside []Symbol
}

// Outline returns the triggers and steps of a flow, steps within steps.
func Outline(file string, source []byte) []Symbol {
	flow, _ := spec.ParseFlow(file, source)
	if flow == nil {
		return nil
	}
	var out []Symbol
	for _, t := range flow.Triggers {
		name := cmp.Or(t.ID.Value, t.Trigger.Value, t.Pos.Value)
		out = append(out, Symbol{Name: name, Detail: "trigger", Pos: t.Pos.Pos})
	}
	out = append(out, outlineOf(flow.Steps)...)
	return append(append(out, part("on_error", flow.OnError)...), part("finally", flow.Finally)...)
}

func part(name string, steps []*spec.Step) []Symbol {
	if len(steps) == 0 {
		return nil
	}
	return []Symbol{{Name: name, Pos: steps[0].Does.Pos, Inside: outlineOf(steps)}}
}

func outlineOf(steps []*spec.Step) []Symbol {
	var out []Symbol
	for _, s := range steps {
		does := cmp.Or(s.Action.Value, s.Call.Value, s.Does.Value)
		at := s.Does.Pos
		if s.ID.Given() {
			at = s.ID.Pos
		}
		symbol := Symbol{Name: cmp.Or(s.ID.Value, s.Name.Value, does), Detail: does, Pos: at, Inside: outlineOf(s.Steps)}
		for _, b := range slices.Concat(s.Parallel, s.Switch) {
			symbol.Inside = append(symbol.Inside, outlineOf(b.Steps)...)
		}
		out = append(out, symbol)
	}
	return out
}
