package member

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"patchbay/engine/expr"
	"patchbay/engine/value"
)

const (
	// mostAccounts is how many accounts one sign-in may serve.
	mostAccounts = 100_000
	// apart is the least time between two lists that deliveries ask for: a
	// hundred accounts that join at once are one reason to look.
	apart = time.Minute
	// firstRetry is the pause after a list that could not be read. It doubles
	// up to the usual one.
	firstRetry = 30 * time.Second
	// longestRead is when the reading of a list is given up.
	longestRead = 10 * time.Minute
	// longestSleep is after how long the clock is looked at anyway.
	longestSleep = time.Minute
)

// list is how the list of one connection stands. Its fields but gate are
// guarded by the mutex of [Roster].
type list struct {
	gate   chan struct{} // held by whoever reads
	wanted time.Time     // when somebody last asked for it before its time
	status ListStatus
}

// ListStatus is how the list of the accounts of a connection stands.
type ListStatus struct {
	Connection string
	Last       time.Time // when it was last read, zero for never
	Next       time.Time // when it is read again, zero for at once
	Failures   int       // readings that failed since one went well
	Error      string    // what was wrong with the last one, "" for nothing
}

// Lists returns how each list stands, sorted by connection.
func (r *Roster) Lists() []ListStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []ListStatus
	for _, name := range slices.Sorted(maps.Keys(r.lists)) {
		all = append(all, r.lists[name].status)
	}
	return all
}

// Sooner has the list of a connection read soon, whenever it would be due.
func (r *Roster) Sooner(connection string) {
	l := r.list(connection)
	r.mu.Lock()
	l.wanted = time.Now()
	l.hasten()
	r.mu.Unlock()
	r.Refresh()
}

// hasten brings the next reading forward if somebody has asked for it since the
// last one began. The mutex of the roster is held.
func (l *list) hasten() {
	if !l.wanted.After(l.status.Last) {
		return
	}
	at := l.wanted
	if earliest := l.status.Last.Add(apart); earliest.After(at) {
		at = earliest
	}
	if at.Before(l.status.Next) {
		l.status.Next = at
	}
}

// Refresh says that something else may be live now.
func (r *Roster) Refresh() {
	select {
	case r.awake <- struct{}{}:
	default:
	}
}

func (r *Roster) list(connection string) *list {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.lists[connection]
	if l == nil {
		l = &list{gate: make(chan struct{}, 1), status: ListStatus{Connection: connection}}
		r.lists[connection] = l
	}
	return l
}

// Run reads the lists whenever they are due, until ctx ends, and returns when
// every reading it began is over. It always returns nil.
func (r *Roster) Run(ctx context.Context) error {
	var readings sync.WaitGroup
	defer readings.Wait()
	for {
		wake := time.NewTimer(r.begin(ctx, &readings))
		select {
		case <-ctx.Done():
		case <-r.awake:
		case <-wake.C:
		}
		wake.Stop()
		if ctx.Err() != nil {
			return nil
		}
	}
}

// begin begins to read what is due and returns how long nothing else is.
func (r *Roster) begin(ctx context.Context, readings *sync.WaitGroup) time.Duration {
	live, sleep := r.agencies(), longestSleep
	for _, name := range slices.Sorted(maps.Keys(live)) {
		l := r.list(name)
		r.mu.Lock()
		wait := time.Until(l.status.Next)
		r.mu.Unlock()
		if wait > 0 {
			sleep = min(sleep, wait)
			continue
		}
		select {
		case l.gate <- struct{}{}:
			readings.Go(func() {
				_ = r.look(ctx, name, l) // told by Lists and the log
				r.Refresh()
			})
		default: // somebody reads it already
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.lists, func(name string, l *list) bool { return live[name] == nil && len(l.gate) == 0 })
	return sleep
}

// Read reads the list of a connection now.
func (r *Roster) Read(ctx context.Context, connection string) error {
	l := r.list(connection)
	select {
	case l.gate <- struct{}{}:
		return r.look(ctx, connection, l)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// look reads a list whose gate the caller has taken, and gives it back.
func (r *Roster) look(ctx context.Context, connection string, l *list) error {
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, longestRead)
	defer cancel()
	every, err := r.read(limited, connection, began)
	r.mu.Lock()
	defer func() {
		<-l.gate
		r.mu.Unlock()
	}()
	if err != nil && ctx.Err() != nil {
		return err // cut off, which says nothing about the service
	}
	s := &l.status
	s.Last, s.Next, s.Error = began, began.Add(every), ""
	if err == nil {
		s.Failures = 0
		l.hasten()
		return nil
	}
	s.Failures++
	s.Error, s.Next = sentence(err), retryAt(err, s.Failures, every)
	r.log.Warn("list of accounts", "connection", connection, "failures", s.Failures, "error", err)
	return err
}

func sentence(err error) string {
	if f, ok := errors.AsType[*value.Failure](err); ok {
		return f.Message
	}
	return err.Error()
}

// retryAt returns when to read again after so many failures in a row.
func retryAt(err error, failures int, every time.Duration) time.Time {
	pause := firstRetry
	for range failures - 1 {
		if pause *= 2; pause >= every {
			break
		}
	}
	at := time.Now().Add(min(pause, max(every, firstRetry)))
	if f, ok := errors.AsType[*value.Failure](err); ok && f.NotBefore.After(at) {
		return f.NotBefore
	}
	return at
}

// read reads the list of a connection and takes in what it says. It returns
// how often that is to be done.
func (r *Roster) read(ctx context.Context, connection string, began time.Time) (time.Duration, error) {
	conn := r.opt.Live().Connections[connection]
	if conn == nil || !conn.IsAgency() {
		return longestRead, fmt.Errorf("the connection %q serves no accounts", connection)
	}
	m := conn.Auth.Members
	fields := r.opt.Fields(ctx, conn)
	with, err := m.With.Eval(&expr.Env{Names: map[string]any{"connection": fields}, Now: began})
	if err != nil {
		return m.Every, fmt.Errorf("with of %s: %w", m.List.ID, err)
	}
	input, _ := with.(map[string]any)
	names := map[string]string{}
	for page, err := range r.opt.List(ctx, m.List, conn, input) {
		if err != nil {
			return m.Every, err
		}
		for _, item := range page {
			if id, ok := textAt(item, m.ID); ok {
				names[id], _ = textAt(item, m.Title)
			}
		}
		if len(names) > mostAccounts {
			return m.Every, fmt.Errorf("the list of %s has more than %d accounts", m.List.ID, mostAccounts)
		}
	}
	return m.Every, r.listed(ctx, connection, names, began)
}

// textAt returns the text or number at a path of an item.
func textAt(item any, path []string) (string, bool) {
	if path == nil {
		return "", false
	}
	found, _ := value.Get(item, path)
	switch v := found.(type) {
	case string:
		return v, v != ""
	case int, float64:
		text, err := json.Marshal(v)
		return string(text), err == nil
	default:
		return "", false
	}
}

// listed takes in the accounts of a list that was asked for at that time. What
// a delivery said since then is newer.
func (r *Roster) listed(ctx context.Context, connection string, names map[string]string, began time.Time) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	var changed []account
	r.mu.Lock()
	for _, id := range slices.Sorted(maps.Keys(names)) {
		a, known := r.accounts[key{connection, id}]
		switch {
		case !known:
			a.Connection, a.ID, a.Seen = connection, id, began
		case a.told.After(began) && !a.Retired.IsZero(), a.Retired.IsZero() && a.Name == names[id]:
			continue
		}
		a.Name, a.Retired = names[id], time.Time{}
		changed = append(changed, a)
	}
	for at, a := range r.accounts {
		_, there := names[at.id]
		if at.connection == connection && !there && a.Retired.IsZero() && !a.told.After(began) {
			a.Retired = began
			changed = append(changed, a)
		}
	}
	r.mu.Unlock()
	if len(changed) == 0 {
		return nil
	}
	r.log.Info("accounts changed", "connection", connection, "listed", len(names), "changed", len(changed))
	return r.keep(ctx, changed, true)
}
