package call

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// resolve checks the inputs, applies the defaults and brings everything into
// the form the service wants.
func (o *operation) resolve() *value.Failure {
	if o.Connection == nil && o.Action.Connector.NeedsConnection() {
		return value.Fail(value.ClassInvalid, "no connection: %s needs one", o.Action.Connector.ID)
	}
	if auth := o.auth(); o.Action.Transport == program.HTTP && !auth.Serves(o.Action) {
		return value.Fail(value.ClassInvalid, "connection %q cannot be used for %s: %s", o.Connection.Name, o.Action.ID, auth.Reach(o.Action))
	}
	if f := o.resolveLimit(); f != nil {
		return f
	}
	if f := o.refuseUnknown(); f != nil {
		return f
	}
	o.inputs = make(map[string]any, len(o.Action.Input))
	for _, in := range o.Action.Input {
		o.inputs[in.Name] = o.Input[in.Name]
	}
	for _, in := range o.Action.Input {
		v, f := o.resolveInput(in)
		if f != nil {
			f.Field = cmp.Or(f.Field, in.Name)
			return f
		}
		o.inputs[in.Name] = v
	}
	return nil
}

func (o *operation) resolveInput(in *program.Input) (any, *value.Failure) {
	v := o.inputs[in.Name]
	if v == nil && in.Default != nil {
		d, err := in.Default.Eval(o.env())
		if err != nil && o.awaitsSignIn() {
			f := value.Fail(value.ClassAuth, "connection %q is not signed in to %s: run \"patchbay connect %s\"",
				o.Connection.Name, o.Connection.Connector.Name, o.Connection.Name)
			f.Reconnect = o.Connection.Name
			return nil, f
		}
		if err != nil {
			return nil, value.Fail(value.ClassInvalid, "the default of input %s: %v", in.Name, err)
		}
		v = d
	}
	v, err := value.Normalize(v)
	if err != nil {
		return nil, value.Fail(value.ClassInvalid, "input %s: %v", in.Name, err)
	}
	if v == nil {
		if in.Required() || in.Default != nil && !in.Optional {
			return nil, value.Fail(value.ClassInvalid, "input %s is missing", in.Name)
		}
		return nil, nil //nolint:nilnil // an input that was left out is nil
	}
	v, wrong := toWire(in.Type, v)
	if wrong != nil {
		return nil, wrong.within(in.Name).failure("input ")
	}
	if reason := in.OutOfBounds(v); reason != "" {
		return nil, value.Fail(value.ClassInvalid, "input %s is %s, %s", in.Name, describe(v), reason)
	}
	return v, nil
}

// auth is the way in of the connection, nil for none.
func (o *operation) auth() *program.Auth {
	if o.Connection == nil {
		return nil
	}
	return o.Connection.Auth
}

// awaitsSignIn reports whether the connection lacks a field that the answer to
// a sign-in fills.
func (o *operation) awaitsSignIn() bool {
	if o.Connection == nil || o.Connection.Sandbox || o.Connection.Auth == nil || o.Connection.Auth.Type != program.AuthOAuth2Code {
		return false
	}
	return slices.ContainsFunc(o.Connection.Connector.Fields, func(in *program.Input) bool {
		return in.FromToken != "" && o.Connection.Fields[in.Name] == nil
	})
}

// resolveLimit reads the input `limit`, which every list has undeclared.
func (o *operation) resolveLimit() *value.Failure {
	o.limit = o.Limit
	if !o.Action.Output.List || o.Input["limit"] == nil || o.declares("limit") {
		return nil
	}
	n, ok := o.Input["limit"].(int)
	if !ok || n < 1 {
		f := value.Fail(value.ClassInvalid, "input limit is %s, a whole number from 1 is expected", describe(o.Input["limit"]))
		f.Field = "limit"
		return f
	}
	if o.limit == 0 || n < o.limit {
		o.limit = n
	}
	return nil
}

func (o *operation) refuseUnknown() *value.Failure {
	for _, name := range slices.Sorted(maps.Keys(o.Input)) {
		if o.declares(name) || name == "limit" && o.Action.Output.List {
			continue
		}
		var names []string
		for _, in := range o.Action.Input {
			names = append(names, in.Name)
		}
		f := value.Fail(value.ClassInvalid, "%q is not an input; the inputs are: %s", name, strings.Join(names, ", "))
		f.Field = name
		return f
	}
	return nil
}

func (o *operation) declares(name string) bool {
	return slices.ContainsFunc(o.Action.Input, func(in *program.Input) bool { return in.Name == name })
}

// env is what the expressions of an action see.
func (o *operation) env() *expr.Env {
	connection := map[string]any{}
	if o.Connection != nil && o.Connection.Fields != nil {
		connection = o.Connection.Fields
	}
	return &expr.Env{Names: map[string]any{"input": o.inputs, "connection": connection, "before": o.answers}}
}

func isSecret(in *program.Input) bool {
	return in.Secret || in.Type != nil && in.Type.Kind == value.SecretText
}
