package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"

	"patchbay/engine/journal"
)

// Accept stores events and queues their runs, and moves the cursor if there is
// one, all or nothing. The result has one entry for each arrival, in order. An
// event that this trigger of the flow accepted before starts nothing; one
// without an EventID is always new.
func (s *Store) Accept(ctx context.Context, arrivals []journal.Arrival, cursor *journal.Cursor) ([]journal.Accepted, error) {
	a := acceptance{arrivals: arrivals, cursor: cursor}
	if err := a.encode(); err != nil {
		return nil, err
	}
	if err := s.perform(ctx, a.store); err != nil {
		return nil, fmt.Errorf("accept events: %w", err)
	}
	return a.accepted, nil
}

// acceptance is one call of Accept.
type acceptance struct {
	arrivals []journal.Arrival
	events   []string // as JSON, one for each arrival
	inputs   []string // "" for none
	cursor   *journal.Cursor
	position string // of the cursor, as JSON

	payloads map[string]int64 // rows of payload written in this transaction
	accepted []journal.Accepted
}

// encode prepares the texts, which is work the writing goroutine need not do.
func (a *acceptance) encode() error {
	a.events = make([]string, len(a.arrivals))
	a.inputs = make([]string, len(a.arrivals))
	var err error
	for i := range a.arrivals {
		arrival := &a.arrivals[i]
		if a.events[i], err = encode(arrival.Event); err != nil {
			return fmt.Errorf("accept event %s for flow %s: %w", arrival.EventID, arrival.Flow, err)
		}
		if len(arrival.Inputs) == 0 {
			continue
		}
		if a.inputs[i], err = encode(arrival.Inputs); err != nil {
			return fmt.Errorf("accept inputs of flow %s: %w", arrival.Flow, err)
		}
	}
	if a.cursor != nil {
		if a.position, err = encode(a.cursor.Value); err != nil {
			return fmt.Errorf("accept the cursor of flow %s: %w", a.cursor.Flow, err)
		}
	}
	return nil
}

func (a *acceptance) store(t *tx) error {
	a.payloads = map[string]int64{}
	a.accepted = make([]journal.Accepted, len(a.arrivals))
	for i := range a.arrivals {
		accepted, err := a.storeOne(t, i)
		if err != nil {
			return err
		}
		a.accepted[i] = accepted
	}
	if a.cursor == nil {
		return nil
	}
	return t.setCursor(*a.cursor, a.position)
}

// storeOne stores the ith arrival.
func (a *acceptance) storeOne(t *tx, i int) (journal.Accepted, error) {
	arrival := &a.arrivals[i]
	id := t.lastRun + 1
	if arrival.SeenOnly || arrival.IsOffer() {
		id = 0
	}
	if arrival.EventID != "" {
		earlier, seen, err := t.see(arrival, id)
		if err != nil || seen {
			return journal.Accepted{Run: earlier, Duplicate: seen}, err
		}
	}
	if arrival.SeenOnly {
		return journal.Accepted{}, nil
	}
	if arrival.IsOffer() {
		return journal.Accepted{}, a.offer(t, i)
	}
	t.lastRun = id
	event, err := a.payload(t, a.events[i])
	if err != nil {
		return journal.Accepted{}, err
	}
	var inputs sql.NullInt64
	if a.inputs[i] != "" {
		inputs.Valid = true
		if inputs.Int64, err = a.payload(t, a.inputs[i]); err != nil {
			return journal.Accepted{}, err
		}
	}
	accepted, err := t.makeRoom(arrival)
	if err != nil {
		return journal.Accepted{}, err
	}
	if err := t.queue(id, arrival, event, inputs); err != nil {
		return journal.Accepted{}, err
	}
	if accepted.Status != "" {
		err = t.breakOff(id, accepted.Status, accepted.Reason)
	}
	accepted.Run = id
	return accepted, err
}

// makeRoom treats the earlier runs of the arrival's queue as it asks for. It
// returns how the arrival's own run ends if it is not to begin. One that there
// is no room for has failed: somebody has to know, and may take it up again.
func (t *tx) makeRoom(a *journal.Arrival) (refused journal.Accepted, err error) {
	earlier, err := t.makeWay(a)
	if err != nil || earlier {
		return journal.Accepted{Status: journal.SkippedStatus, Reason: "an earlier run of this flow was still at work"}, err
	}
	full, err := t.full(a)
	if err != nil || !full {
		return journal.Accepted{}, err
	}
	return journal.Accepted{
		Status: journal.FailedStatus,
		Reason: "the queue of this flow is full: limits.queue is " + strconv.Itoa(a.Most),
	}, nil
}

// makeWay cancels the earlier runs of the arrival's queue if it asks for that.
// It reports whether there is one that it must not begin beside.
func (t *tx) makeWay(a *journal.Arrival) (bool, error) {
	for a.Busy != journal.Wait {
		var earlier int64
		found, err := t.get(`select id from run where flow = ? and queue = ? and queue <> '' and ended = 0 limit 1`,
			[]any{a.Flow, a.Queue}, &earlier)
		if err != nil || !found || a.Busy == journal.Skip {
			return found, err
		}
		if err := t.breakOff(earlier, journal.Cancelled, "a newer event began the flow anew"); err != nil {
			return false, err
		}
	}
	return false, nil
}

// full reports whether the flow has as many runs that have not ended as the
// arrival allows.
func (t *tx) full(a *journal.Arrival) (bool, error) {
	if a.Most == 0 {
		return false, nil
	}
	var open int
	if _, err := t.get(`select coalesce(sum(runs), 0) from tally where flow = ? and status in ('queued', 'running', 'waiting', 'outcome_unknown')`,
		[]any{a.Flow}, &open); err != nil {
		return false, err
	}
	for key, n := range t.tally {
		if key.flow == a.Flow && !key.status.HasEnded() {
			open += n
		}
	}
	return open >= a.Most, nil
}

// payload returns the row that holds the text, which equal texts of one Accept share.
func (a *acceptance) payload(t *tx, text string) (int64, error) {
	if id, ok := a.payloads[text]; ok {
		return id, t.exec(`update payload set uses = uses + 1 where id = ?`, id)
	}
	id, err := t.insert(`insert into payload (uses, body) values (1, ?)`, text)
	a.payloads[text] = id
	return id, err
}

// see marks the event as seen by its trigger, or returns the run it started before.
func (t *tx) see(a *journal.Arrival, run int64) (earlier int64, seen bool, err error) {
	n, err := t.change(`insert into seen (flow, trigger, connection, event_id, run) values (?, ?, ?, ?, ?) on conflict do nothing`,
		a.Flow, a.Trigger, a.Connection, a.EventID, run)
	if err != nil || n == 1 {
		return 0, false, err
	}
	_, err = t.get(`select run from seen where flow = ? and trigger = ? and connection = ? and event_id = ?`,
		[]any{a.Flow, a.Trigger, a.Connection, a.EventID}, &earlier)
	return earlier, true, err
}

// queue inserts the run of an arrival.
func (t *tx) queue(id int64, a *journal.Arrival, event int64, inputs sql.NullInt64) error {
	due := max(nanos(a.At), nanos(a.Due))
	wake := sql.NullInt64{Int64: due, Valid: true}
	if a.Queue != "" {
		behind, err := t.get(`select id from run where flow = ? and queue = ? and queue <> '' and ended = 0 limit 1`,
			[]any{a.Flow, a.Queue}, new(int64))
		if err != nil {
			return err
		}
		wake.Valid = !behind
	}
	t.expect(a.Flow, a.Connection, wake)
	t.move(a.Flow, "", journal.Queued)
	return t.exec(`insert into run (id, flow, definition, trigger, connection, event_id, event, inputs,
		parent, parent_path, queue, created, status, due, wake) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?)`,
		id, a.Flow, a.Definition, a.Trigger, a.Connection, a.EventID, event, inputs,
		a.Parent, a.ParentPath, a.Queue, nanos(a.At), due, wake)
}
