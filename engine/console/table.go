package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// How many rows of a table are shown where nothing is said, and at the most.
const (
	usualRows = 100
	mostRows  = 10_000
)

func (c *Console) tables(w http.ResponseWriter, r *http.Request) {
	out, err := c.allTables(r.Context())
	if err != nil {
		c.internal(w, r, err)
		return
	}
	answer(w, http.StatusOK, out)
}

// allTables returns the tables that have a file or rows.
func (c *Console) allTables(ctx context.Context) ([]Table, error) {
	names, err := c.tableNames(ctx)
	if err != nil {
		return nil, err
	}
	set := c.opt.Catalog.Set()
	out := []Table{}
	for _, name := range names {
		n, err := c.opt.Store.CountRows(ctx, name)
		if err != nil {
			return nil, err
		}
		t := Table{Name: name, Rows: n}
		if shape := set.Tables[name]; shape != nil {
			t.Description = cmp.Or(shape.Description, shape.Name)
		}
		out = append(out, t)
	}
	return out, nil
}

// tableNames returns the names of the tables that have a file or rows, sorted.
func (c *Console) tableNames(ctx context.Context) ([]string, error) {
	names, err := c.opt.Store.TableNames(ctx)
	if err != nil {
		return nil, err
	}
	names = slices.Concat(names, slices.Collect(maps.Keys(c.opt.Catalog.Set().Tables)))
	slices.Sort(names)
	return slices.Compact(names), nil
}

// table shows the first rows of a table: ?limit=.
func (c *Console) table(w http.ResponseWriter, r *http.Request) {
	limit, ok := number(w, r.URL.Query(), "limit", usualRows, mostRows)
	if !ok {
		return
	}
	out, err := c.rows(r.Context(), r.PathValue("name"), limit)
	if none, ok := errors.AsType[*noTableError](err); ok {
		fail(w, http.StatusNotFound, none.Error(), none.hint)
		return
	}
	if err != nil {
		c.internal(w, r, err)
		return
	}
	answer(w, http.StatusOK, out)
}

// noTableError says that there is neither a file nor a row of a table.
type noTableError struct{ name, hint string }

func (e *noTableError) Error() string { return "there is no table " + strconv.Quote(e.name) }

// rows returns up to limit rows of a table, in the order they were added in.
// The error is a *noTableError for one that does not exist.
func (c *Console) rows(ctx context.Context, name string, limit int) (Rows, error) {
	names, err := c.tableNames(ctx)
	if err != nil {
		return Rows{}, err
	}
	if !slices.Contains(names, name) {
		return Rows{}, &noTableError{name: name, hint: nearest(name, names, "tables")}
	}
	found, err := c.opt.Store.FindRows(ctx, name, nil, "", false, limit)
	if err != nil {
		return Rows{}, err
	}
	total, err := c.opt.Store.CountRows(ctx, name)
	if err != nil {
		return Rows{}, fmt.Errorf("count the rows of %s: %w", name, err)
	}
	out := Rows{Table: name, Rows: found, Columns: []string{}, Total: total}
	if found == nil {
		out.Rows = []map[string]any{}
	}
	if shape := c.opt.Catalog.Set().Tables[name]; shape != nil {
		out.Columns = shape.Row.FieldNames()
		return out, nil
	}
	for _, row := range found {
		out.Columns = append(out.Columns, slices.Collect(maps.Keys(row))...)
	}
	slices.Sort(out.Columns)
	out.Columns = slices.Compact(out.Columns)
	return out, nil
}
