package store

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/value"
)

// keepWaits writes down which waits of a run begin and end, and forgets the
// offers that were looked at.
func (t *tx) keepWaits(r *standing, p journal.Progress) error {
	// A step may wait for the same once more: the old wait ends first.
	for _, path := range p.Over {
		if err := t.leave(r.id, path); err != nil {
			return err
		}
	}
	for _, w := range p.Waits {
		point, err := t.point(r.id, w)
		if err != nil {
			return err
		}
		if err := t.exec(`insert into wait (run, path, point, key) values (?, ?, ?, ?) on conflict do nothing`,
			r.id, w.Path, point, w.Key); err != nil {
			return err
		}
	}
	for _, id := range p.Looked {
		if err := t.dropOffers(`select id, event from offer where run = ? and id = ?`, r.id, id); err != nil {
			return err
		}
	}
	return nil
}

// point returns the row of what is waited for.
func (t *tx) point(run int64, w journal.Await) (int64, error) {
	at, definition := strings.Join(w.At, "."), ""
	if w.Trigger != "" {
		if _, err := t.get(`select definition from run where id = ?`, []any{run}, &definition); err != nil {
			return 0, err
		}
	}
	var id int64
	found, err := t.get(`select id from point where trigger = ? and connection = ? and at = ? and definition = ?`,
		[]any{w.Trigger, w.Connection, at, definition}, &id)
	if err != nil || found {
		return id, err
	}
	return t.insert(`insert into point (definition, trigger, connection, at) values (?, ?, ?, ?)`, definition, w.Trigger, w.Connection, at)
}

// leave ends one wait of a run.
func (t *tx) leave(run int64, path string) error {
	var point int64
	found, err := t.get(`delete from wait where run = ? and path = ? returning point`, []any{run, path}, &point)
	if err != nil || !found {
		return err
	}
	if err := t.dropOffers(`select id, event from offer where run = ? and path = ?`, run, path); err != nil {
		return err
	}
	return t.exec(`delete from point where id = ? and not exists (select 1 from wait where wait.point = point.id)`, point)
}

// leaveWaits ends all waits of a run.
func (t *tx) leaveWaits(run int64) error {
	var paths []string
	err := t.each(`select path from wait where run = ?`, []any{run}, func(rows *sql.Rows) error {
		paths = append(paths, "")
		return rows.Scan(&paths[len(paths)-1])
	})
	for _, path := range paths {
		if err == nil {
			err = t.leave(run, path)
		}
	}
	return err
}

// dropOffers removes the offers that a query finds.
func (t *tx) dropOffers(text string, args ...any) error {
	type offer struct{ id, event int64 }
	var offers []offer
	err := t.each(text, args, func(rows *sql.Rows) error {
		var o offer
		err := rows.Scan(&o.id, &o.event)
		offers = append(offers, o)
		return err
	})
	for _, o := range offers {
		if err == nil {
			err = t.exec(`delete from offer where id = ?`, o.id)
		}
		if err == nil {
			err = t.release(sql.NullInt64{Int64: o.event, Valid: true})
		}
	}
	return err
}

// offer shows the ith arrival to the runs that wait for it, and wakes them.
func (a *acceptance) offer(t *tx, i int) error {
	arrival := &a.arrivals[i]
	type point struct {
		id int64
		at string
	}
	var points []point
	err := t.each(`select id, at from point where trigger = ? and connection = ?`, []any{arrival.Trigger, arrival.Connection},
		func(rows *sql.Rows) error {
			var p point
			err := rows.Scan(&p.id, &p.at)
			points = append(points, p)
			return err
		})
	if err != nil {
		return err
	}
	for _, p := range points {
		keys := []any{""}
		if key, ok := keyAt(arrival.Event, p.at); ok {
			keys = append(keys, key)
		}
		for _, key := range keys {
			if err := a.offerTo(t, i, p.id, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// offerTo shows the ith arrival to the waits with this key.
func (a *acceptance) offerTo(t *tx, i int, point int64, key any) error {
	waiting, err := t.get(`select run from wait where point = ? and key = ? limit 1`, []any{point, key}, new(int64))
	if err != nil || !waiting {
		return err
	}
	event, err := a.payload(t, a.events[i])
	if err != nil {
		return err
	}
	n, err := t.change(`insert into offer (run, path, event) select run, path, ? from wait where point = ? and key = ?`, event, point, key)
	if err != nil {
		return err
	}
	if err := t.exec(`update payload set uses = uses + ? where id = ?`, n-1, event); err != nil {
		return err
	}
	const those = ` and id in (select run from wait where point = ? and key = ?)`
	at := nanos(a.arrivals[i].At)
	if err := t.wake(`update run set due = ?, wake = ? where status = 'waiting'`+those, at, at, point, key); err != nil {
		return err
	}
	return t.exec(`update run set nudged = 1 where status = 'running'`+those, point, key)
}

// keyAt returns the text at a dotted path of an event. Anything else is no key.
func keyAt(event any, at string) (string, bool) {
	if at == "" {
		return "", false
	}
	v, _ := value.Get(event, strings.Split(at, "."))
	text, ok := v.(string)
	return text, ok && text != ""
}

// Answer gives a step that waits for a person their answer, and wakes its run.
// It fails with a [*journal.AnsweredError] if somebody answered before, and
// with [journal.ErrNotWaiting] if the step does not wait.
func (s *Store) Answer(ctx context.Context, run int64, path string, answer any) error {
	text, err := encode(answer)
	if err == nil {
		err = s.perform(ctx, func(t *tx) error { return t.answer(run, path, text) })
	}
	return wrap(err, "answer step %s of run %d", path, run)
}

func (t *tx) answer(run int64, path, answer string) error {
	waits, err := t.get(`select run from wait join point on point.id = wait.point where run = ? and path = ? and trigger = '' and connection = ''`,
		[]any{run, path}, new(int64))
	if err != nil {
		return err
	}
	if !waits {
		return journal.ErrNotWaiting
	}
	var earlier []byte
	answered, err := t.get(`select body from offer join payload on payload.id = offer.event where run = ? and path = ? limit 1`,
		[]any{run, path}, &earlier)
	if err != nil {
		return err
	}
	if answered {
		given, err := value.Decode(earlier)
		if err != nil {
			return err
		}
		return &journal.AnsweredError{Answer: given}
	}
	event, err := t.insert(`insert into payload (uses, body) values (1, ?)`, answer)
	if err != nil {
		return err
	}
	if err := t.exec(`insert into offer (run, path, event) values (?, ?, ?)`, run, path, event); err != nil {
		return err
	}
	return t.nudge(run, nanos(time.Now()))
}

// Offers returns what the waiting steps of a run are to look at, in the order
// of arrival.
func (s *Store) Offers(ctx context.Context, run int64) ([]journal.Offered, error) {
	var offers []journal.Offered
	err := s.queries.each(ctx, `select offer.id, path, body from offer join payload on payload.id = offer.event where run = ? order by offer.id`,
		[]any{run}, func(rows *sql.Rows) error {
			var o journal.Offered
			var body []byte
			if err := rows.Scan(&o.ID, &o.Path, &body); err != nil {
				return err
			}
			event, err := value.Decode(body)
			o.Event = event
			offers = append(offers, o)
			return err
		})
	return offers, wrap(err, "load what run %d is offered", run)
}

// Awaited returns the triggers that runs wait for, each with the version of the
// flow that does. It costs nothing for each run.
func (s *Store) Awaited(ctx context.Context) ([]journal.Awaited, error) {
	var all []journal.Awaited
	err := s.queries.each(ctx, `select distinct definition, trigger, connection from point where trigger <> ''`, nil, func(rows *sql.Rows) error {
		var a journal.Awaited
		err := rows.Scan(&a.Definition, &a.Trigger, &a.Connection)
		all = append(all, a)
		return err
	})
	return all, wrap(err, "look for what is waited for")
}

// askedSteps finds the steps that wait for a person and were not answered.
const askedSteps = `select run, path from wait
	where point = (select id from point where trigger = '' and connection = '' and at = '' and definition = '') and key = ''
	and not exists (select 1 from offer where offer.run = wait.run and offer.path = wait.path)
	order by run desc limit ?`

// Asked returns the steps that wait for a person and were not answered yet, the
// latest runs first, at most so many.
func (s *Store) Asked(ctx context.Context, limit int) ([]journal.Waiter, error) {
	type place struct {
		run  int64
		path string
	}
	var places []place
	var ids []int64
	err := s.queries.each(ctx, askedSteps, []any{limit}, func(rows *sql.Rows) error {
		var p place
		err := rows.Scan(&p.run, &p.path)
		places, ids = append(places, p), append(ids, p.run)
		return err
	})
	if err != nil {
		return nil, wrap(err, "look for open questions")
	}
	runs, err := s.load(ctx, ids...)
	if err != nil {
		return nil, wrap(err, "load the runs that ask")
	}
	var all []journal.Waiter
	for _, p := range places {
		if r, ok := runs[p.run]; ok {
			all = append(all, journal.Waiter{Run: r, Path: p.path})
		}
	}
	return all, nil
}
