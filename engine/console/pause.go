package console

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/vault"
)

// paused are the runs that wait until connections are connected.
type paused []journal.Paused

func (c *Console) pausedNow(ctx context.Context) (paused, error) {
	all, err := c.opt.Store.Paused(ctx)
	return all, err
}

// of returns how many runs wait for a connection.
func (p paused) of(connection string) int {
	n := 0
	for _, some := range p {
		if some.Connection == connection {
			n += some.Runs
		}
	}
	return n
}

// byConnection returns how many runs of a flow wait for which connection, nil
// for none.
func (p paused) byConnection(flow string) map[string]int {
	var all map[string]int
	for _, some := range p {
		if some.Flow != flow {
			continue
		}
		if all == nil {
			all = map[string]int{}
		}
		all[some.Connection] = some.Runs
	}
	return all
}

// pausedBy returns the connection that a run waits for, "" for none.
func pausedBy(status journal.Status, s *journal.State) string {
	if status != journal.WaitingStatus {
		return ""
	}
	for _, path := range s.Paths() {
		if st, _ := s.Step(path); !st.Ended() && st.Failure != nil && st.Failure.Reconnect != "" {
			return st.Failure.Reconnect
		}
	}
	return ""
}

// pausedEntry is a connection that runs wait for, as the overview shows it.
type pausedEntry struct {
	Connection
	Flows []string
	Polls int // that wait, too
}

// pausedEntries returns the connections that runs or polls wait for, by name.
func (c *Console) pausedEntries(ctx context.Context, p paused) ([]pausedEntry, error) {
	flows, polls := map[string][]string{}, map[string]int{}
	for _, some := range p {
		flows[some.Connection] = append(flows[some.Connection], some.Flow)
	}
	for _, st := range c.opt.Polls.Status() {
		if st.Paused != "" {
			polls[st.Paused]++
			if !slices.Contains(flows[st.Paused], st.Flow) {
				flows[st.Paused] = append(flows[st.Paused], st.Flow)
			}
		}
	}
	var all []pausedEntry
	for _, name := range slices.Sorted(maps.Keys(flows)) {
		view, err := c.connectionNamed(ctx, name, p)
		if err != nil {
			return nil, err
		}
		slices.Sort(flows[name])
		all = append(all, pausedEntry{Connection: view, Flows: flows[name], Polls: polls[name]})
	}
	return all, nil
}

// Waiting returns the connections that need reconnecting, and those that runs
// wait for, by name.
func (c *Console) Waiting(ctx context.Context) ([]Connection, error) {
	p, err := c.pausedNow(ctx)
	if err != nil {
		return nil, err
	}
	names := c.opt.Catalog.Set().WrittenConnections()
	for _, some := range p {
		names = append(names, some.Connection)
	}
	slices.Sort(names)
	var all []Connection
	for _, name := range slices.Compact(names) {
		view, err := c.connectionNamed(ctx, name, p)
		if err != nil {
			return nil, err
		}
		if view.State.Status == vault.NeedsReconnecting || view.Paused > 0 {
			all = append(all, view)
		}
	}
	return all, nil
}

// connectionNamed returns how a connection stands, also one that there is none of.
func (c *Console) connectionNamed(ctx context.Context, name string, p paused) (Connection, error) {
	conn, ok := c.opt.Connection(ctx, name)
	if !ok {
		state := vault.State{Status: vault.NotConnected, Message: c.opt.Members.Set().NoConnection(name)}
		return Connection{Name: name, State: state, Paused: p.of(name)}, nil
	}
	return c.newConnection(ctx, conn, p)
}

// newConnection returns how a connection stands.
func (c *Console) newConnection(ctx context.Context, conn *program.Connection, p paused) (Connection, error) {
	state, err := c.opt.Vault.State(ctx, conn)
	view := Connection{
		Name: conn.Name, Connector: conn.Connector.ID, State: state, Paused: p.of(conn.Name),
		Lacks: lacks(c.opt.Catalog.Set(), conn.Name, state.Granted),
	}
	if conn.Auth != nil {
		view.Auth = conn.Auth.Name
		view.SignIn = !conn.Sandbox && conn.Member == nil && conn.Auth.Type == program.AuthOAuth2Code
	}
	return view, err
}

// testConnection tries one connection with a call. If it works, what waits for
// it goes on.
func (c *Console) testConnection(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	var req struct{}
	if !decode(w, r, &req) {
		return
	}
	conn, ok := c.opt.Connection(r.Context(), name)
	if !ok {
		fail(w, http.StatusNotFound, "there is no connection "+strconv.Quote(name),
			nearest(name, c.opt.Catalog.Set().WrittenConnections(), "connections"))
		return
	}
	test, err := c.try(r.Context(), conn)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	p, err := c.pausedNow(r.Context())
	if err != nil {
		c.internal(w, r, err)
		return
	}
	view, err := c.newConnection(r.Context(), conn, p)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	view.Test, view.Accounts = test, c.accountsOf(conn)
	answer(w, http.StatusOK, view)
}
