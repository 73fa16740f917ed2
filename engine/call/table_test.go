package call

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// noted is a store of rows that notes what is asked of it.
type noted struct {
	asked []any
	rows  []any
	err   error
}

func (n *noted) Upsert(_ context.Context, op Op, table string, row map[string]any) error {
	n.asked = append(n.asked, "upsert", op, table, row)
	return n.err
}

func (n *noted) Append(_ context.Context, op Op, table string, row map[string]any) error {
	n.asked = append(n.asked, "append", op, table, row)
	return n.err
}

func (n *noted) Find(_ context.Context, table string, q Query) ([]any, error) {
	n.asked = append(n.asked, "find", table, q)
	return n.rows, n.err
}

func (n *noted) Delete(_ context.Context, op Op, table string, where map[string]any) error {
	n.asked = append(n.asked, "delete", op, table, where)
	return n.err
}

func tableAction(method string) *program.Action {
	a := &program.Action{
		Connector: &program.Connector{ID: "table"}, ID: "table." + method, Effect: program.EffectUpdate,
		Transport: program.Table, Method: method, Input: []*program.Input{
			input("table", text(), ""), optional(input("row", value.Of(value.Map), "")), optional(input("where", value.Of(value.Map), "")),
			optional(input("order_by", text(), "")), optional(input("descending", value.Of(value.Boolean), "")),
		},
	}
	if method == "find" {
		a.Output = program.Output{Type: value.Of(value.Map), List: true}
	}
	return a
}

func TestTable(t *testing.T) {
	op := Op{Run: 3, Path: "keep"}
	row := map[string]any{"id": "a", "n": 1}
	for _, c := range []struct {
		method   string
		given    map[string]any
		rows     []any
		want     []any
		output   any
		exchange *journal.Exchange
	}{
		{
			"upsert",
			map[string]any{"table": "tags", "row": row},
			nil,
			[]any{"upsert", op, "tags", row},
			nil,
			&journal.Exchange{Method: "UPSERT", URL: "table:tags", Body: `{"row":{"id":"a","n":1}}`},
		},
		{
			"append",
			map[string]any{"table": "tags", "row": row},
			nil,
			[]any{"append", op, "tags", row},
			nil,
			&journal.Exchange{Method: "APPEND", URL: "table:tags", Body: `{"row":{"id":"a","n":1}}`},
		},
		{
			"delete",
			map[string]any{"table": "tags", "where": map[string]any{"id": "a"}},
			nil,
			[]any{"delete", op, "tags", map[string]any{"id": "a"}},
			nil,
			&journal.Exchange{Method: "DELETE", URL: "table:tags", Body: `{"where":{"id":"a"}}`},
		},
		{
			"find",
			map[string]any{"table": "tags", "where": map[string]any{"n": 1}, "order_by": "id", "descending": true, "limit": 5},
			[]any{row},
			[]any{"find", "tags", Query{Where: map[string]any{"n": 1}, OrderBy: "id", Descending: true, Limit: 5}},
			[]any{row},
			&journal.Exchange{Method: "FIND", URL: "table:tags", Body: `{"descending":true,"order_by":"id","where":{"n":1}}`},
		},
		{
			"find",
			map[string]any{"table": "tags"},
			nil,
			[]any{"find", "tags", Query{}},
			[]any{},
			&journal.Exchange{Method: "FIND", URL: "table:tags", Body: `{}`},
		},
	} {
		store := &noted{rows: c.rows}
		got := done(t, New(Options{Tables: store}), Request{Action: tableAction(c.method), Op: op, Input: c.given})
		if diff := cmp.Diff(c.want, store.asked); diff != "" {
			t.Errorf("%s asked (-want +got):\n%s", c.method, diff)
		}
		if diff := cmp.Diff(Result{Output: c.output, Exchange: c.exchange}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.method, diff)
		}
	}
}

func TestTableInPages(t *testing.T) {
	store := &noted{rows: []any{map[string]any{"id": "a"}}}
	r := Request{Action: tableAction("find"), Input: map[string]any{"table": "tags"}}
	var got []any
	for page, err := range New(Options{Tables: store}).Pages(t.Context(), r) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page...)
	}
	if diff := cmp.Diff(store.rows, got); diff != "" {
		t.Errorf("Pages (-want +got):\n%s", diff)
	}
}

func TestTableFails(t *testing.T) {
	r := Request{Action: tableAction("upsert"), Input: map[string]any{"table": "tags"}}
	for _, c := range []struct {
		opt  Options
		want string
	}{
		{Options{}, "table.upsert: there are no tables here (invalid)"},
		{Options{Tables: &noted{err: errors.New("disk is full")}}, "table.upsert: table tags: disk is full (transient)"},
		{Options{Tables: &noted{err: value.Fail(value.ClassInvalid, "no table tags")}}, "table.upsert: no table tags (invalid)"},
	} {
		if got := failed(t, New(c.opt), r).Error(); got != c.want {
			t.Errorf("failure = %s, want %s", got, c.want)
		}
	}
}
