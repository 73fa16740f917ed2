package store

import (
	"database/sql"
	"strings"
	"testing"

	"patchbay/engine/journal"
)

// TestPlans holds the queries that must stay quick with a million runs to
// their index: none reads the whole table or sorts it.
func TestPlans(t *testing.T) {
	s := openQuiet(t)
	list := func(f journal.Filter) string {
		text, _ := listing(f)
		return text
	}
	tests := []struct{ query, index string }{
		{laneDue, "run_lane"},
		{laneNext, "run_lane"},
		{laneBehind, "run_lane"},
		{`select id from run where flow = ? and queue = ? and queue <> '' and ended = 0 limit 1`, "run_queue"},
		{`select id from run where flow = ? and queue = ? and queue <> '' and ended = 0 and started = 1 and id <> ? limit 1`, "run_queue"},
		{`select min(id) from run where flow = ? and queue = ? and queue <> '' and ended = 0 and started = 0`, "run_queue"},
		{`select id from run where flow = ? and queue = ? and queue <> '' and ended = 0 and started = 0 order by id limit 1`, "run_queue"},
		{list(journal.Filter{Flow: "f"}), "run_flow"},
		{list(journal.Filter{Flow: "f", Before: 9}), "run_flow"},
		{list(journal.Filter{Flow: "f", Status: journal.Succeeded}), "run_flow"},
		{list(journal.Filter{Status: journal.FailedStatus}), "run_status"},
		{list(journal.Filter{Flow: "f", Status: journal.FailedStatus, Before: 9}), "run_status"},
		{list(journal.Filter{Undone: true}), "run_undone"},
		{list(journal.Filter{Undone: true, Flow: "f", Status: journal.FailedStatus, Before: 9}), "run_undone"},
		{list(journal.Filter{Connection: "c"}), "run_connection"},
		{list(journal.Filter{Flow: "f", Status: journal.FailedStatus, Connection: "c", Before: 9}), "run_connection"},
		{list(journal.Filter{Before: 9}), "INTEGER PRIMARY KEY"},
		{`select body from event where id >= ? and id < ? order by id`, "INTEGER PRIMARY KEY"},
		{flowRuns, "run_flow"},
		{failuresBehind, "INTEGER PRIMARY KEY"},
		{`delete from failure where run = ?`, "failure_run"},
		{`delete from record where tab = ? and written < ?`, "record_tab"},
		{`select body from record where tab = ? order by id`, "record_tab"},
		{`select id, at from point where trigger = ? and connection = ?`, "point_of"},
		{`select run from wait where point = ? and key = ? limit 1`, "wait_key"},
		{`insert into offer (run, path, event) select run, path, ? from wait where point = ? and key = ?`, "wait_key"},
		{`update run set due = ?, wake = ? where status = 'waiting' and id in (select run from wait where point = ? and key = ?) returning flow, connection, wake`, "wait_key"},
		{`select path from wait where run = ?`, "PRIMARY KEY"},
		{`select id, event from offer where run = ? and path = ?`, "offer_run"},
		{askedSteps, "wait_key"},
		{`select id, body from record where tab = ? and key = ? and key is not null`, "record_key"},
	}
	for _, test := range tests {
		plan := explain(t, s, test.query)
		if !strings.Contains(plan, "USING "+test.index) && !strings.Contains(plan, "INDEX "+test.index) {
			t.Errorf("%s\ndoes not use %s:\n%s", test.query, test.index, plan)
		}
		if strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s\nsorts:\n%s", test.query, plan)
		}
	}
}

// explain returns how SQLite goes about a query.
func explain(t *testing.T, s *Store, query string) string {
	t.Helper()
	args := make([]any, strings.Count(query, "?"))
	var plan strings.Builder
	err := s.tx.each(`explain query plan `+query, args, func(rows *sql.Rows) error {
		var id, parent, unused int
		var detail string
		err := rows.Scan(&id, &parent, &unused, &detail)
		plan.WriteString(detail + "\n")
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return plan.String()
}
