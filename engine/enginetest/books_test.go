//go:build unix

package enginetest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// answerUnknown tells the engine what became of each unknown outcome, as a
// person does who looks it up at the service. It returns how many questions
// there were, and how many of the writes had happened.
func answerUnknown(p *process, l *ledger) (questions, happened int) {
	p.t.Helper()
	var open []struct {
		ID int64 `json:"id"`
	}
	p.api(http.MethodGet, "/runs?limit=1000&status=outcome_unknown", nil, &open)
	for _, o := range open {
		run := p.run(o.ID)
		arrived, _ := run.Event.(map[string]any)
		order, _ := arrived["order"].(string)
		action := ""
		for _, asked := range []string{"tell", "reserve"} {
			if strings.Contains(run.Reason, "."+asked+" may or may not have happened") {
				action = asked
			}
		}
		if action == "" {
			p.t.Errorf("run %d asks %q, want a question about what must not be repeated", run.ID, run.Reason)
		}
		n := l.effects(action, order)
		if n > 1 {
			p.t.Errorf("%s: ledger.%s happened %d times before the answer, want at most once", order, action, n)
		}
		happened += min(n, 1)
		if code := p.api(http.MethodPost, fmt.Sprintf("/runs/%d/answer", o.ID), map[string]any{"happened": n > 0}, nil); code != http.StatusOK {
			p.t.Errorf("answer for run %d: status %d", o.ID, code)
		}
	}
	return len(open), happened
}

// ended is a run that is over, with its journal.
type ended struct {
	journal.Run

	events []journal.Event
}

// allRuns returns every run of the data folder that an order began, by that
// order; two of one order fail the test, and so does one with another end than
// its flow has.
func allRuns(t *testing.T, dir string) map[string]ended {
	t.Helper()
	all := map[string]ended{}
	everyRun(t, dir, func(s *store.Store, r journal.Run) error {
		order := "order-" + r.EventID
		if _, twice := all[order]; twice {
			t.Errorf("event %s has two runs", r.EventID)
		}
		want := journal.Succeeded
		if r.Flow == "return" {
			want = journal.PartlyFailed // for the bad line
		}
		if r.Status != want {
			t.Errorf("run %d of event %s = %s %q, want %s", r.ID, r.EventID, r.Status, r.Reason, want)
		}
		events, err := s.Events(t.Context(), r.ID)
		if err != nil {
			return err
		}
		if r, err = s.RunByID(t.Context(), r.ID); err != nil {
			return err
		}
		all[order] = ended{r, events}
		return nil
	})
	return all
}

// checkRows holds the rows of the table, one for each order, against the runs.
func checkRows(t *testing.T, dir string, want int) {
	t.Helper()
	var rows []map[string]any
	inStore(t, dir, func(s *store.Store) (err error) {
		rows, err = s.FindRows(t.Context(), "orders", nil, "", false, 1_000_000)
		return err
	})
	seen := map[any]bool{}
	for _, row := range rows {
		if seen[row["order"]] {
			t.Errorf("table orders: two rows of order %v", row["order"])
		}
		seen[row["order"]] = true
	}
	if len(rows) != want {
		t.Errorf("table orders: rows = %d, want %d", len(rows), want)
	}
}

// checkLeft looks for what a dead worker could have left behind in the data
// folder: leases, places in queues, waits, and counts that are wrong.
func checkLeft(t *testing.T, dir string) {
	t.Helper()
	db := openDatabase(t, options(dir, t.Output()).DataDir())
	for what, query := range map[string]string{
		"runs that have not ended":              `select count(*) from run where ended = 0`,
		"leases and places in queues":           `select count(*) from run where wake is not null`,
		"waits":                                 `select count(*) from wait`,
		"offers":                                `select count(*) from offer`,
		"events that started two runs":          `select count(*) from (select 1 from run group by flow, event_id having count(*) > 1)`,
		"payloads nobody uses":                  `select count(*) from payload where uses < 1`,
		"statuses that are counted wrongly":     `select count(*) from (select flow, status, runs from tally where runs <> 0 except select flow, status, count(*) from run group by flow, status)`,
		"statuses that are not counted":         `select count(*) from (select flow, status, count(*) from run group by flow, status except select flow, status, runs from tally)`,
		"rows of tables that one step wrote":    `select count(*) - count(distinct record) from record_op`,
		"lines of the database that are broken": `select count(*) from pragma_integrity_check where integrity_check <> 'ok'`,
	} {
		var n int
		if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s = %d, %v, want 0", what, n, err)
		}
	}
}
