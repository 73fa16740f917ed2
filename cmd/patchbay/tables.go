package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine/console"
)

// tableFlags are the flags of `tables`.
type tableFlags struct {
	format string
	limit  int
}

func newTables(a *app) *cobra.Command {
	var f tableFlags
	c := &cobra.Command{
		Use:   "tables [NAME]",
		Short: "List the tables that flows keep, or the rows of one",
		Example: `  patchbay tables
  patchbay tables social-tags
  patchbay tables social-statistics --format csv > statistics.csv`,
		Args: atMost("NAME"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			w, err := a.workspace()
			if err != nil || len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return beginning(begun, slices.Sorted(maps.Keys(w.set.Tables)))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch f.format {
			case "table", "csv", "json":
			default:
				return usagef("allowed: table, csv, json", "--format cannot be %q", f.format)
			}
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				if len(args) == 0 {
					return a.listTables(ctx, c, f)
				}
				return a.printTable(ctx, c, args[0], f)
			})
		},
	}
	c.Flags().StringVar(&f.format, "format", "table", "table, csv or json")
	c.Flags().IntVar(&f.limit, "limit", 1000, "how many rows at the most")
	a.sandboxFlag(c)
	return c
}

// tableEntry is one table in the list of tables.
type tableEntry struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Rows        int    `json:"rows"`
}

func (a *app) listTables(ctx context.Context, c *client, f tableFlags) error {
	var tables []tableEntry
	if err := c.get(ctx, "/tables", &tables); err != nil {
		return err
	}
	switch f.format {
	case "json":
		return a.printJSON(tables)
	case "csv":
		w := csv.NewWriter(a.Stdout)
		_ = w.Write([]string{"table", "rows"}) // Flush tells
		for _, t := range tables {
			_ = w.Write([]string{t.Name, strconv.Itoa(t.Rows)})
		}
		w.Flush()
		return w.Error()
	}
	if len(tables) == 0 {
		fmt.Fprintln(a.Stdout, "no tables")
		return nil
	}
	g := grid(a.Stdout)
	row(g, "TABLE", "ROWS", "WHAT IT KEEPS")
	for _, t := range tables {
		row(g, t.Name, strconv.Itoa(t.Rows), compact(t.Description, 100))
	}
	return g.Flush()
}

func (a *app) printTable(ctx context.Context, c *client, name string, f tableFlags) error {
	var rows console.Rows
	if err := c.get(ctx, "/tables/"+url.PathEscape(name)+"?limit="+strconv.Itoa(f.limit), &rows); err != nil {
		return err
	}
	switch f.format {
	case "json":
		return a.printJSON(rows)
	case "csv":
		w := csv.NewWriter(a.Stdout)
		_ = w.Write(rows.Columns) // Flush tells
		for _, r := range rows.Rows {
			_ = w.Write(cells(r, rows.Columns))
		}
		w.Flush()
		return w.Error()
	}
	g := grid(a.Stdout)
	row(g, upper(rows.Columns)...)
	for _, r := range rows.Rows {
		texts := cells(r, rows.Columns)
		for i := range texts {
			texts[i] = compact(texts[i], 60)
		}
		row(g, texts...)
	}
	if more := rows.Total - len(rows.Rows); more > 0 {
		fmt.Fprintf(g, "and %s more: --limit %d shows all\n", count(more, "row"), rows.Total)
	}
	return g.Flush()
}

// cells returns the values of a row as text, in the order of the columns.
func cells(r map[string]any, columns []string) []string {
	texts := make([]string, len(columns))
	for i, name := range columns {
		switch v := r[name].(type) {
		case nil:
		case string:
			texts[i] = v
		default:
			data, err := json.Marshal(v)
			if err != nil {
				texts[i] = "…"
				continue
			}
			texts[i] = string(data)
		}
	}
	return texts
}

func upper(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.ToUpper(n)
	}
	return out
}
