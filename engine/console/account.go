package console

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"patchbay/engine/call"
	"patchbay/engine/program"
	"patchbay/engine/value"
	"patchbay/engine/vault"
)

// connections lists the connections; with ?test=1 each is tried with a call.
func (c *Console) connections(w http.ResponseWriter, r *http.Request) {
	out, err := c.allConnections(r.Context(), r.URL.Query().Get("test") != "")
	if err != nil {
		c.internal(w, r, err)
		return
	}
	answer(w, http.StatusOK, out)
}

// Connections returns the connections and how each stands, without a call.
func (c *Console) Connections(ctx context.Context) ([]Connection, error) {
	return c.allConnections(ctx, false)
}

func (c *Console) allConnections(ctx context.Context, test bool) ([]Connection, error) {
	p, err := c.pausedNow(ctx)
	if err != nil {
		return nil, err
	}
	out := []Connection{}
	for _, name := range c.opt.Catalog.Set().WrittenConnections() {
		conn, ok := c.opt.Connection(ctx, name)
		if !ok {
			continue
		}
		said := ""
		if test {
			if said, err = c.try(ctx, conn); err != nil {
				return nil, err
			}
		}
		view, err := c.newConnection(ctx, conn, p)
		if err != nil {
			return nil, err
		}
		view.Test = said
		view.Accounts = c.accountsOf(conn) // after the test, which lists them
		out = append(out, view)
	}
	return out, nil
}

// try makes the connector's test call, and says what it brought.
func (c *Console) try(ctx context.Context, conn *program.Connection) (string, error) {
	state, err := c.opt.Vault.State(ctx, conn)
	if err == nil && state.Status != vault.Connected {
		// What the service said before may hold no longer.
		_ = c.opt.Vault.Heal(ctx, conn) // the state tells
		state, err = c.opt.Vault.State(ctx, conn)
	}
	t := conn.Connector.Test
	switch {
	case err != nil:
		return "", err
	case state.Status != vault.Connected:
		return state.Message, nil
	case conn.IsAgency():
		if err := c.opt.Members.Read(ctx, conn.Name); err != nil {
			return sentence(err), nil
		}
		return "ok", nil
	case t == nil, !conn.Sandbox && !conn.Auth.Serves(t.Action):
		return "", nil // nothing can be tried by this way in
	}
	if _, err := c.opt.Calls.Do(ctx, call.Request{Action: t.Action, Connection: conn, Input: t.With}); err != nil {
		return sentence(err), nil
	}
	return "ok", nil
}

// connect begins a sign-in and answers with the address to open.
func (c *Console) connect(w http.ResponseWriter, r *http.Request) {
	set := c.opt.Catalog.Set()
	name := r.PathValue("name")
	conn, ok := c.opt.Connection(r.Context(), name)
	if !ok {
		fail(w, http.StatusNotFound, "there is no connection "+strconv.Quote(name),
			nearest(name, slices.Sorted(maps.Keys(set.Connections)), "connections"))
		return
	}
	var req struct{}
	if !decode(w, r, &req) {
		return
	}
	if conn.Sandbox {
		fail(w, http.StatusConflict, "the connection "+strconv.Quote(name)+" is played by the sandbox and needs no sign-in", "without --sandbox it can be connected")
		return
	}
	if conn.Auth == nil || conn.Auth.Type != program.AuthOAuth2Code {
		fail(w, http.StatusConflict, "the connection "+strconv.Quote(name)+" needs no sign-in: its credentials stand in flows/connections.yaml", "patchbay connections --test tries it")
		return
	}
	callback := strings.TrimSuffix(c.opt.PublicURL(), "/") + "/oauth/callback"
	address, err := c.opt.Vault.Start(r.Context(), conn, callback, c.scopesOf(conn))
	if err != nil {
		c.refused(w, r, err)
		return
	}
	answer(w, http.StatusOK, ConnectAnswer{URL: address, Callback: callback})
}

// scopesOf returns what the enabled flows need of a connection, beside what
// its connector always asks for.
func (c *Console) scopesOf(conn *program.Connection) []string {
	out := slices.Clone(conn.Auth.Scopes)
	if conn.Auth.ScopesAuto {
		for _, n := range c.opt.Catalog.Set().Scopes() {
			if n.Connection == conn.Name {
				out = append(out, n.Scope)
			}
		}
		if t := conn.Connector.Test; t != nil && !conn.IsAgency() {
			out = append(out, t.Action.Scopes...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// finishConnect ends a sign-in with the address the vendor sent the browser to.
func (c *Console) finishConnect(w http.ResponseWriter, r *http.Request) {
	var req FinishRequest
	if !decode(w, r, &req) {
		return
	}
	back, err := vault.Pasted(req.URL)
	if err != nil {
		c.refused(w, r, err)
		return
	}
	name, err := c.opt.Vault.Finish(r.Context(), back)
	if err != nil {
		c.refused(w, r, err)
		return
	}
	c.opt.Members.Sooner(name)
	c.opt.Subscriptions.Connected(name)
	answer(w, http.StatusOK, FinishAnswer{Connection: name})
}

// Callback is the page at /oauth/callback, to which a vendor sends the browser
// back. It belongs to the listener for vendors.
func (c *Console) Callback(w http.ResponseWriter, r *http.Request) {
	secure(w)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	name, err := c.opt.Vault.Finish(r.Context(), r.URL.Query())
	if err != nil {
		message := "The sign-in could not be finished: the log of patchbay serve says why."
		if f, ok := errors.AsType[*value.Failure](err); ok {
			message = f.Message
		} else {
			c.opt.Logger.Error("finish a sign-in", "error", err)
		}
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintln(w, message)
		return
	}
	c.opt.Members.Sooner(name)
	c.opt.Subscriptions.Connected(name)
	fmt.Fprintln(w, "The connection "+name+" is connected. You can close this page.")
}

func (c *Console) secrets(w http.ResponseWriter, r *http.Request) {
	names, err := c.opt.Vault.Secrets(r.Context())
	if err != nil {
		c.internal(w, r, err)
		return
	}
	if names == nil {
		names = []string{}
	}
	answer(w, http.StatusOK, names)
}

// setSecret seals a secret; it is never shown again.
func (c *Console) setSecret(w http.ResponseWriter, r *http.Request) {
	var req SecretRequest
	if !decode(w, r, &req) {
		return
	}
	if req.Value == "" {
		fail(w, http.StatusUnprocessableEntity, "the secret is empty", "")
		return
	}
	name := r.PathValue("name")
	if err := c.opt.Vault.SetSecret(r.Context(), name, value.NewSecret(req.Value)); err != nil {
		c.internal(w, r, err)
		return
	}
	answer(w, http.StatusOK, SecretAnswer{Secret: name})
}

func (c *Console) removeSecret(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	names, err := c.opt.Vault.Secrets(r.Context())
	if err != nil {
		c.internal(w, r, err)
		return
	}
	if !slices.Contains(names, name) {
		fail(w, http.StatusNotFound, "there is no secret "+strconv.Quote(name), nearest(name, names, "secrets"))
		return
	}
	if err := c.opt.Vault.RemoveSecret(r.Context(), name); err != nil {
		c.internal(w, r, err)
		return
	}
	answer(w, http.StatusOK, SecretAnswer{Secret: name})
}

func (c *Console) scopes(w http.ResponseWriter, _ *http.Request) {
	needs := c.opt.Catalog.Set().Scopes()
	if needs == nil {
		needs = []program.ScopeNeed{}
	}
	answer(w, http.StatusOK, needs)
}

// addresses lists where vendors deliver their webhooks.
func (c *Console) addresses(w http.ResponseWriter, _ *http.Request) {
	out := []Address{}
	for _, a := range c.opt.Hooks.Addresses(c.opt.PublicURL()) {
		out = append(out, Address{
			URL: a.URL, Connector: a.Connector, Connection: a.Connection, Triggers: append([]string{}, a.Triggers...),
		})
	}
	answer(w, http.StatusOK, out)
}

// send delivers a played event.
func (c *Console) send(w http.ResponseWriter, r *http.Request) {
	var req SendRequest
	if !decode(w, r, &req) {
		return
	}
	if c.opt.SendEvent == nil {
		fail(w, http.StatusConflict, "events can be played only in the sandbox", "patchbay serve --sandbox")
		return
	}
	set := c.opt.Catalog.Set()
	t, hint, ok := set.FindTrigger(req.Trigger)
	if !ok {
		fail(w, http.StatusNotFound, "there is no trigger "+strconv.Quote(req.Trigger), hint)
		return
	}
	if !t.Webhook {
		fail(w, http.StatusConflict, t.ID+" is found by asking, not delivered", "it fires when its list changes")
		return
	}
	event, err := value.Normalize(req.Event)
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, "event: "+err.Error(), "")
		return
	}
	if err := c.opt.SendEvent(r.Context(), t, event); err != nil {
		fail(w, http.StatusBadGateway, "the event was not taken: "+err.Error(), "")
		return
	}
	flows := []string{}
	for flow := range set.Waiting(t) {
		flows = append(flows, flow.ID)
	}
	answer(w, http.StatusOK, SendAnswer{Trigger: t.ID, Flows: slices.Compact(flows)})
}

// rejections lists the requests that came to a webhook's address and were
// turned away, the newest first.
func (c *Console) rejections(w http.ResponseWriter, r *http.Request) {
	const most = 100
	found, err := c.opt.Store.Rejections(r.Context(), most)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	out := []Rejection{}
	for _, f := range found {
		out = append(out, Rejection(f))
	}
	answer(w, http.StatusOK, out)
}
