package call

import (
	"context"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// ahead makes the requests that come before the action's own, and keeps their
// answers for its expressions. They only prepare: one that fails leaves
// nothing behind that another attempt would do twice.
func (o *operation) ahead(ctx context.Context) *value.Failure {
	o.answers = map[string]any{}
	for _, b := range o.Action.Before {
		part := o.part(b)
		d, f := part.firstDraft()
		if f == nil {
			o.answers[b.ID], f = part.fetch(ctx, d, patience)
			o.exchange, o.took, o.secrets = part.exchange, part.exchange.Took, part.secrets
		}
		if f != nil {
			f.Message = "request " + b.ID + ", which comes before the action's own: " + f.Message
			f.Unsettled = false
			return f
		}
	}
	return nil
}

// part is the operation of a request before: its own request line and errors,
// with everything else of the action it belongs to.
func (o *operation) part(b *program.Before) *operation {
	part := *o
	part.Action = b.Action
	part.exchange = nil
	return &part
}
