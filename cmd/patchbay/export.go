package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"patchbay/engine/console"
	"patchbay/engine/value"
)

// exportFlags are the flags of `runs export`.
type exportFlags struct {
	since, flow, format, out string
	steps                    bool
}

func newRunsExport(a *app) *cobra.Command {
	var f exportFlags
	c := &cobra.Command{
		Use:   "export",
		Short: "Write the runs as lines of JSON or CSV",
		Long: `Writes one line for each run, the newest first, and with --steps one for each step behind that of its run. Secrets are
masked as everywhere. The columns stay as they are; new ones come last:

` + exportColumns(),
		Example: `  patchbay runs export --since 7d > runs.jsonl
  patchbay runs export --flow tag-hygiene --steps --format csv --out steps.csv`,
		Args:              nothing,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.export(cmd.Context(), f)
		},
	}
	c.Flags().StringVar(&f.since, "since", "", "only runs that began within this `time`, such as 7d, or since this date")
	c.Flags().StringVar(&f.flow, "flow", "", "only runs of this flow")
	c.Flags().StringVar(&f.format, "format", "jsonl", "jsonl or csv")
	c.Flags().BoolVar(&f.steps, "steps", false, "a line for each step, too")
	c.Flags().StringVar(&f.out, "out", "", "write to this `file`, which appears when it is whole")
	return c
}

// exportLine is one line of an export. In CSV every column is there; in JSON
// one without a value is left out.
type exportLine struct {
	Kind       string     `json:"kind" help:"run or step"`
	Run        int64      `json:"run" help:"the number of the run"`
	Flow       string     `json:"flow" help:"the id of the flow"`
	Status     string     `json:"status" help:"of the run; of a step done, skipped, caught, failed, unknown, or under_way"`
	Reason     string     `json:"reason,omitempty" help:"why it was skipped or failed"`
	Trigger    string     `json:"trigger,omitempty" help:"the id of the trigger in its flow"`
	Connection string     `json:"connection,omitempty" help:"that the event came through"`
	EventID    string     `json:"event_id,omitempty" help:"the id of the event"`
	Parent     int64      `json:"parent,omitempty" help:"the run that called it"`
	Definition string     `json:"definition,omitempty" help:"the version of the flow it runs on"`
	Created    *time.Time `json:"created,omitempty" help:"when its event was accepted"`
	Due        *time.Time `json:"due,omitempty" help:"until when it waits"`
	Ended      *time.Time `json:"ended,omitempty" help:"when it ended"`
	TookMS     *int64     `json:"took_ms,omitempty" help:"milliseconds from created to ended"`
	Step       string     `json:"step,omitempty" help:"the path of the step"`
	Action     string     `json:"action,omitempty" help:"the action of the step"`
	Attempts   int        `json:"attempts,omitempty" help:"how often the step was tried"`
	Class      string     `json:"class,omitempty" help:"the class of its failure"`
}

// columns returns the names of the columns and, in the same order, what they
// hold in words.
func columns() (names, help []string) {
	for f := range reflect.TypeFor[exportLine]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names, help = append(names, name), append(help, f.Tag.Get("help"))
	}
	return names, help
}

func exportColumns() string {
	var b strings.Builder
	g := grid(&b)
	names, help := columns()
	for i, name := range names {
		row(g, "  "+name, help[i])
	}
	_ = g.Flush() // into memory
	return strings.TrimSuffix(b.String(), "\n")
}

func (a *app) export(ctx context.Context, f exportFlags) error {
	if f.format != "jsonl" && f.format != "csv" {
		return usagef("allowed: jsonl, csv", "--format cannot be %q", f.format)
	}
	since, err := sinceWhen(f.since, time.Now())
	if err != nil {
		return err
	}
	q := url.Values{"flow": {f.flow}, "limit": {"1000"}}
	if !since.IsZero() {
		q.Set("since", since.Format(time.RFC3339Nano))
	}
	if f.steps { // pages that fit into memory with their journals
		q.Set("limit", "100")
		q.Set("steps", "1")
	}
	return a.engine(ctx, func(ctx context.Context, c *client) error {
		if f.out == "" {
			return exportRuns(ctx, c, q, f.format, a.Stdout)
		}
		return writeWhole(f.out, func(w *os.File) error { return exportRuns(ctx, c, q, f.format, w) })
	})
}

// sinceWhen reads a duration back from now, a date or a time.
func sinceWhen(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := value.ParseMoment(text, now, time.Local)
	if err != nil {
		return at, usagef("write a duration such as 24h or 7d, or a date such as 2026-03-01", "--since cannot be %q", text)
	}
	return at, nil
}

// exportRuns writes page after page of the runs, so that no more than one is
// in memory.
func exportRuns(ctx context.Context, c *client, q url.Values, format string, w io.Writer) error {
	out := bufio.NewWriter(w)
	write, flush := jsonLines(out), out.Flush
	if format == "csv" {
		write, flush = csvLines(w)
	}
	for {
		var page []console.Run
		if err := c.get(ctx, "/runs?"+q.Encode(), &page); err != nil {
			return err
		}
		for i := range page {
			if err := write(linesOf(&page[i])); err != nil {
				return err
			}
		}
		if strconv.Itoa(len(page)) != q.Get("limit") {
			return flush()
		}
		q.Set("before", strconv.FormatInt(page[len(page)-1].ID, 10))
	}
}

func jsonLines(out io.Writer) func([]exportLine) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return func(lines []exportLine) error {
		for i := range lines {
			if err := e.Encode(lines[i]); err != nil {
				return err
			}
		}
		return nil
	}
}

// csvLines returns what writes lines as CSV, below a head, and what is called
// behind the last one.
func csvLines(out io.Writer) (write func([]exportLine) error, flush func() error) {
	w := csv.NewWriter(out)
	names, _ := columns()
	_ = w.Write(names) // flush tells
	write = func(lines []exportLine) error {
		for i := range lines {
			if err := w.Write(lines[i].cells()); err != nil {
				return err
			}
		}
		return nil
	}
	return write, func() error {
		w.Flush()
		return w.Error()
	}
}

// linesOf returns the lines of a run: its own, and those of its steps.
func linesOf(r *console.Run) []exportLine {
	l := exportLine{
		Kind: "run", Run: r.ID, Flow: r.Flow, Status: string(r.Status), Reason: r.Reason, Trigger: r.Trigger,
		Connection: r.Connection, EventID: r.EventID, Parent: r.Parent, Definition: r.Definition,
		Created: known(r.Created), Due: known(r.Due), Ended: known(r.Ended),
	}
	if l.Ended != nil {
		took := r.Ended.Sub(r.Created).Milliseconds()
		l.TookMS = &took
	}
	lines := []exportLine{l}
	for _, s := range r.Steps {
		lines = append(lines, exportLine{
			Kind: "step", Run: r.ID, Flow: r.Flow, Status: s.Status, Reason: s.Reason, Ended: known(s.Ended),
			Step: s.Path, Action: s.Action, Attempts: s.Attempts, Class: s.Class,
		})
	}
	return lines
}

// known returns a time, nil for none.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// writeWhole writes a file that appears under its name only when it is whole.
func writeWhole(path string, write func(*os.File) error) error {
	draft, err := os.CreateTemp(filepath.Dir(path), ".patchbay-*")
	if err != nil {
		return usagef("", "%s cannot be written: %v", path, errors.Unwrap(err))
	}
	defer os.Remove(draft.Name()) //nolint:errcheck // it has its own name where all went well
	if err := errors.Join(write(draft), draft.Sync(), draft.Close()); err != nil {
		return err
	}
	if err := os.Rename(draft.Name(), path); err != nil {
		return fmt.Errorf("name the file: %w", err)
	}
	return nil
}

// cells returns the values of a line as text, in the order of the columns.
func (l *exportLine) cells() []string {
	moment := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return t.Format(time.RFC3339Nano)
	}
	number := func(n int64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	took := ""
	if l.TookMS != nil {
		took = strconv.FormatInt(*l.TookMS, 10)
	}
	return []string{
		l.Kind, number(l.Run), l.Flow, l.Status, l.Reason, l.Trigger, l.Connection, l.EventID, number(l.Parent), l.Definition,
		moment(l.Created), moment(l.Due), moment(l.Ended), took, l.Step, l.Action, number(int64(l.Attempts)), l.Class,
	}
}
