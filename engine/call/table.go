package call

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"patchbay/engine/journal"
	"patchbay/engine/value"
)

// Tables keeps the rows of the tables that flows declare. A write carries the
// place it is made from: made again from the same place it changes nothing.
type Tables interface {
	// Upsert puts a row in place of the one with the same key.
	Upsert(ctx context.Context, op Op, table string, row map[string]any) error
	// Append adds a row.
	Append(ctx context.Context, op Op, table string, row map[string]any) error
	// Find returns the rows a query asks for.
	Find(ctx context.Context, table string, q Query) ([]any, error)
	// Delete removes the rows whose fields have the given values.
	Delete(ctx context.Context, op Op, table string, where map[string]any) error
}

// Query asks for rows of a table.
type Query struct {
	Where      map[string]any // the values fields must have; empty for every row
	OrderBy    string         // a field; "" for the order of writing
	Descending bool
	Limit      int // 0 for all
}

// table makes a call to the tables.
func (o *operation) table(ctx context.Context) (any, *value.Failure) {
	if f := o.describeTable(); f != nil {
		return nil, f
	}
	if o.opt.Tables == nil {
		return nil, value.Fail(value.ClassInvalid, "there are no tables here")
	}
	name, _ := o.inputs["table"].(string)
	row, _ := o.inputs["row"].(map[string]any)
	where, _ := o.inputs["where"].(map[string]any)
	var found []any
	var err error
	switch o.Action.Method {
	case "upsert":
		err = o.opt.Tables.Upsert(ctx, o.Op, name, row)
	case "append":
		err = o.opt.Tables.Append(ctx, o.Op, name, row)
	case "delete":
		err = o.opt.Tables.Delete(ctx, o.Op, name, where)
	default:
		q := Query{Where: where, Limit: o.limit}
		q.OrderBy, _ = o.inputs["order_by"].(string)
		q.Descending, _ = o.inputs["descending"].(bool)
		found, err = o.opt.Tables.Find(ctx, name, q)
	}
	switch f, ok := errors.AsType[*value.Failure](err); {
	case ok:
		return nil, copied(f)
	case err != nil:
		return nil, value.Fail(value.ClassTransient, "table %s: %v", name, err)
	case o.Action.Output.Type == nil:
		return nil, nil //nolint:nilnil // the action brings nothing
	case !o.Action.Output.List && len(found) == 0:
		return nil, nil //nolint:nilnil // no row is there
	case !o.Action.Output.List:
		return found[0], nil
	case found == nil:
		return []any{}, nil
	default:
		return found, nil
	}
}

// describeTable notes a call to the tables as the exchange.
func (o *operation) describeTable() *value.Failure {
	shownInputs := map[string]any{}
	for name, v := range o.inputs {
		if v != nil && name != "table" {
			shownInputs[name] = v
		}
	}
	body, err := value.Encode(shownInputs)
	if err != nil {
		return value.Fail(value.ClassInvalid, "the row: %v", err) // unreachable: the inputs have been normalized
	}
	name, _ := o.inputs["table"].(string)
	o.exchange = &journal.Exchange{
		Method: strings.ToUpper(o.Action.Method),
		URL:    "table:" + url.PathEscape(name),
		Body:   shown(body),
	}
	return nil
}
