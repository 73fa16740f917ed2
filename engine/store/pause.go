package store

import (
	"context"
	"database/sql"
	"time"

	"patchbay/engine/journal"
)

// A run that waits for a connection has a wait whose point names the connection
// and no trigger.

const (
	// goOnPage is how many waits end in one transaction.
	goOnPage = 500
	// goOnPause is the time between two runs that go on because a connection
	// was connected: all at once they would stand before everything else.
	goOnPause = 5 * time.Millisecond
)

// PausedConnections returns the connections that runs wait for, sorted. It
// costs nothing for each run.
func (s *Store) PausedConnections(ctx context.Context) ([]string, error) {
	names, err := s.names(ctx, `select distinct connection from point where trigger = '' and connection <> '' order by connection`)
	return names, wrap(err, "look for connections that are waited for")
}

// Paused returns how many runs of which flow wait for which connection, sorted
// by connection and flow.
func (s *Store) Paused(ctx context.Context) ([]journal.Paused, error) {
	var all []journal.Paused
	err := s.queries.each(ctx, `select point.connection, run.flow, count(distinct run.id), min(run.id)
		from point join wait on wait.point = point.id and wait.key = '' join run on run.id = wait.run
		where point.trigger = '' and point.connection <> ''
		group by point.connection, run.flow order by point.connection, run.flow`, nil, func(rows *sql.Rows) error {
		var p journal.Paused
		err := rows.Scan(&p.Connection, &p.Flow, &p.Runs, &p.First)
		all = append(all, p)
		return err
	})
	return all, wrap(err, "count paused runs")
}

// GoOn has the runs that wait for a connection go on, from that time on one
// after the other in the order of their numbers, and returns how many did.
func (s *Store) GoOn(ctx context.Context, connection string, at time.Time) (int, error) {
	g := goingOn{connection: connection, at: nanos(at)}
	for {
		var next goingOn
		err := s.perform(ctx, func(t *tx) error {
			next = g
			return next.page(t)
		})
		if err != nil {
			return g.runs, wrap(err, "go on with the runs that wait for %s", connection)
		}
		if g = next; g.ended < goOnPage {
			return g.runs, nil
		}
	}
}

// goingOn is how far the runs that wait for a connection have gone on.
type goingOn struct {
	connection string
	at         int64
	ended      int   // waits, with the last page
	runs       int   // that have gone on
	last       int64 // of them
}

// page ends one page of the waits.
func (g *goingOn) page(t *tx) error {
	type wait struct {
		run  int64
		path string
	}
	var waits []wait
	err := t.each(`select run, path from wait
		where point = (select id from point where trigger = '' and connection = ? and at = '' and definition = '') and key = ''
		order by run limit ?`, []any{g.connection, goOnPage}, func(rows *sql.Rows) error {
		var w wait
		err := rows.Scan(&w.run, &w.path)
		waits = append(waits, w)
		return err
	})
	for _, w := range waits {
		if err == nil {
			err = t.leave(w.run, w.path)
		}
		if err == nil && w.run != g.last {
			err = t.nudge(w.run, g.at+int64(g.runs)*int64(goOnPause))
			g.runs, g.last = g.runs+1, w.run
		}
	}
	g.ended = len(waits)
	return err
}

// pauses reports whether a run is the first of its flow to wait for a
// connection: that is told as its failure would be, once for all of them.
func (t *tx) pauses(r *standing, p journal.Progress) (bool, error) {
	for _, w := range p.Waits {
		if w.Trigger != "" || w.Connection == "" {
			continue
		}
		known, err := t.get(`select wait.run from wait join run on run.id = wait.run
			where point = (select id from point where trigger = '' and connection = ? and at = '' and definition = '') and key = '' and run.flow = ? limit 1`,
			[]any{w.Connection, r.flow}, new(int64))
		if err != nil || !known {
			return err == nil, err
		}
	}
	return false, nil
}
