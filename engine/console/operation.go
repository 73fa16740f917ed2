package console

import (
	"net/http"
	"slices"
	"strconv"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// operations lists every action and trigger, or those of ?connector=.
func (c *Console) operations(w http.ResponseWriter, r *http.Request) {
	set := c.opt.Catalog.Set()
	only := r.URL.Query().Get("connector")
	if _, known := set.Connector(only); only != "" && !known {
		fail(w, http.StatusNotFound, "there is no connector "+strconv.Quote(only), nearest(only, set.ConnectorIDs(), "connectors"))
		return
	}
	answer(w, http.StatusOK, Operations(set, only))
}

// Operations returns the actions and triggers of a workspace in the form of
// the API: of one connector, or of all with "".
func Operations(set *program.Set, connector string) []Operation {
	out := []Operation{}
	for _, id := range set.ConnectorIDs() {
		if connector != "" && id != connector {
			continue
		}
		k, ok := set.Connector(id)
		if !ok {
			continue
		}
		actions, triggers := k.Actions(), k.Triggers() // both in hand, so that no group is read twice
		for _, a := range actions {
			out = append(out, newAction(a))
		}
		for _, t := range triggers {
			out = append(out, newTrigger(t))
		}
	}
	return out
}

func newAction(a *program.Action) Operation {
	o := Operation{
		ID: a.ID, Kind: "action", Connector: a.Connector.ID, Name: a.Title, Help: a.Help, Effect: a.Effect,
		Scopes: a.Scopes, Deprecated: a.Deprecated, Inputs: newInputs(a.Input),
		Output: describe(a.Output), Fields: recordFields(a.Output.Type),
	}
	if o.Scopes == nil {
		o.Scopes = []string{}
	}
	if a.Output.List {
		o.Inputs = append(o.Inputs, Input{Name: "limit", Type: "integer", Help: "the most items to bring"})
	}
	switch a.Transport {
	case program.HTTP:
		o.Request = a.Method + " " + a.Path
	default:
		o.Request = string(a.Transport) + " " + a.Method
	}
	o.Repeat = repeatOf(a)
	return o
}

// repeatOf says of a write whether it may be sent twice, "" of what is none.
func repeatOf(a *program.Action) string {
	switch {
	case a.Effect == program.EffectRead:
		return ""
	case a.Repeat.Header != "":
		return a.Repeat.Header
	case a.Repeat.Part != "":
		return "multipart." + a.Repeat.Part
	case a.Repeat.Safe:
		return "safe"
	default:
		return "unsafe"
	}
}

func newTrigger(t *program.Trigger) Operation {
	o := Operation{
		ID: t.ID, Kind: "trigger", Connector: t.Connector.ID, Name: t.Title, Help: t.Help, Type: "poll",
		Scopes: t.Scopes, Deprecated: t.Deprecated, Inputs: newInputs(t.Input),
		Output: describe(t.Output), Fields: recordFields(t.Output.Type),
	}
	if t.Webhook {
		o.Type = "webhook"
	}
	if t.Poll != nil {
		o.Scopes = append(slices.Clone(o.Scopes), t.Poll.Action.Scopes...)
		slices.Sort(o.Scopes)
		o.Scopes = slices.Compact(o.Scopes)
	}
	if o.Scopes == nil {
		o.Scopes = []string{}
	}
	return o
}

func describe(o program.Output) string {
	if o.Type == nil {
		return "nothing"
	}
	return o.Whole().String()
}

func newInputs(inputs []*program.Input) []Input {
	out := []Input{}
	for _, in := range inputs {
		out = append(out, Input{
			Name: in.Name, Type: in.Type.String(), Required: in.Required(), Label: in.Label, Help: in.Help,
			Example: in.Example, Secret: in.Secret,
		})
	}
	return out
}

func recordFields(t *value.Type) []Input {
	if t == nil {
		return nil
	}
	var out []Input
	for _, f := range t.Fields {
		out = append(out, Input{
			Name: f.Name, Type: f.Type.AsPresent().String(), Required: !f.Type.MayBeNil(),
			Label: f.Label, Help: f.Help, Example: f.Example,
		})
	}
	return out
}
