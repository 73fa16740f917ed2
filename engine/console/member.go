package console

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/vault"
)

// accountsOf returns how many accounts a connection serves, nil if it is to one.
func (c *Console) accountsOf(conn *program.Connection) *Accounts {
	if !conn.IsAgency() {
		return nil
	}
	out := &Accounts{}
	for _, m := range c.opt.Members.Set().MembersOf(conn.Name) {
		if m.Member.Retired.IsZero() {
			out.There++
		} else {
			out.Gone++
		}
	}
	for _, l := range c.opt.Members.Lists() {
		if l.Connection == conn.Name {
			out.Listed, out.Next, out.Error = l.Last, l.Next, l.Error
		}
	}
	return out
}

// agencyOf returns the connection that the address names, if its sign-in
// serves many accounts; it has answered if not.
func (c *Console) agencyOf(w http.ResponseWriter, r *http.Request) (*program.Connection, bool) {
	set, name := c.opt.Catalog.Set(), r.PathValue("name")
	conn, ok := set.Connections[name]
	switch {
	case !ok:
		fail(w, http.StatusNotFound, "there is no connection "+strconv.Quote(name), nearest(name, set.WrittenConnections(), "connections"))
		return nil, false
	case !conn.IsAgency():
		fail(w, http.StatusConflict, "the connection "+strconv.Quote(name)+" is to one account", "patchbay connections lists the connections")
		return nil, false
	}
	return conn, true
}

// members lists the accounts that a sign-in serves.
func (c *Console) members(w http.ResponseWriter, r *http.Request) {
	conn, ok := c.agencyOf(w, r)
	if !ok {
		return
	}
	found, err := c.membersOf(r.Context(), conn.Name)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	answer(w, http.StatusOK, found)
}

// listMembers reads the service's list of accounts first.
func (c *Console) listMembers(w http.ResponseWriter, r *http.Request) {
	conn, ok := c.agencyOf(w, r)
	var req struct{}
	if !ok || !decode(w, r, &req) {
		return
	}
	if err := c.opt.Members.Read(r.Context(), conn.Name); err != nil {
		fail(w, http.StatusBadGateway, sentence(err), "")
		return
	}
	c.members(w, r)
}

func (c *Console) membersOf(ctx context.Context, connection string) ([]Member, error) {
	next, problems := map[string]time.Time{}, map[string]string{}
	for _, p := range c.opt.Polls.Status() {
		if at, ok := next[p.Connection]; !ok || p.Next.Before(at) {
			next[p.Connection] = p.Next
		}
		if p.Error != "" && problems[p.Connection] == "" {
			problems[p.Connection] = p.Flow + "/" + p.Trigger + ": " + p.Error
		}
	}
	p, err := c.pausedNow(ctx)
	if err != nil {
		return nil, err
	}
	out := []Member{}
	for _, conn := range c.opt.Members.Set().MembersOf(connection) {
		state, err := c.opt.Vault.State(ctx, conn)
		if err != nil {
			return nil, err
		}
		m := Member{
			Connection: conn.Name, ID: conn.Member.ID, Name: conn.Member.Name, State: state,
			Seen: conn.Member.Seen, Left: conn.Member.Retired, Next: next[conn.Name], Problem: state.Message, Paused: p.of(conn.Name),
		}
		if m.Problem == "" {
			m.Problem = problems[conn.Name]
		}
		out = append(out, m)
	}
	return out, nil
}

// knowAccounts reads the lists of the accounts that a flow names where none
// was read before. What goes wrong is told when one is needed.
func (c *Console) knowAccounts(ctx context.Context, f *program.Flow) {
	for _, use := range f.Uses {
		written, account := program.SplitMember(use.Connection)
		if account != "" && len(c.opt.Members.Set().MembersOf(written)) == 0 {
			_ = c.opt.Members.Read(ctx, written)
		}
	}
}

// connectionsPage shows the connections and how each stands.
func (c *Console) connectionsPage(w http.ResponseWriter, r *http.Request) {
	all, err := c.Connections(r.Context())
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	c.render(w, r, http.StatusOK, "connections.html", view{Title: "Connections", Data: all})
}

// membersData are the accounts that a sign-in serves, and the flows that can be
// run by hand for one of them.
type membersData struct {
	Connection string
	Members    []Member
	Flows      []Flow
}

// membersPage shows the accounts that a sign-in serves.
func (c *Console) membersPage(w http.ResponseWriter, r *http.Request) {
	set, name := c.opt.Catalog.Set(), r.PathValue("name")
	if conn := set.Connections[name]; conn == nil || !conn.IsAgency() {
		c.message(w, r, http.StatusNotFound, "There is no connection "+strconv.Quote(name)+" that serves many accounts.", "")
		return
	}
	found, err := c.membersOf(r.Context(), name)
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	data := membersData{Connection: name, Members: found}
	for _, id := range slices.Sorted(maps.Keys(set.Flows)) {
		if f := newFlow(set.Flows[id], nil); fanned(f) == name && runnable(f) != "" {
			data.Flows = append(data.Flows, f)
		}
	}
	c.render(w, r, http.StatusOK, "members.html", view{Title: name, Data: data})
}

// fanned returns the connection whose accounts a flow runs for, "" if it runs
// for none.
func fanned(f Flow) string {
	for _, connection := range f.Uses {
		if written, account := program.SplitMember(connection); account == "*" {
			return written
		}
	}
	return ""
}

// shownAccount returns the account behind the name of a connection.
func shownAccount(connection string) string {
	_, account := program.SplitMember(connection)
	return account
}

func accountsAddress(connection string) string { return "/connections/" + url.PathEscape(connection) }

func runsOf(connection string) string {
	return "/runs?" + url.Values{"connection": {connection}}.Encode()
}

// stateTone says how good the state of a connection is: the colour of it.
func stateTone(s vault.Status) string {
	switch s {
	case vault.Connected:
		return "good"
	case vault.NeedsReconnecting:
		return "bad"
	default:
		return "dim"
	}
}
