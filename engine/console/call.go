package console

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"patchbay/engine/call"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// call makes one call outside of any flow. The answer is 200 when the call was
// made, whatever the service said to it.
func (c *Console) call(w http.ResponseWriter, r *http.Request) {
	var req CallRequest
	if !decode(w, r, &req) {
		return
	}
	made, refused := c.toCall(r, req)
	if refused != nil {
		refused.tell(w)
		return
	}
	answer(w, http.StatusOK, c.callNow(r.Context(), made))
}

// toCall finds what a call by hand is made of.
func (c *Console) toCall(r *http.Request, req CallRequest) (call.Request, *refusal) {
	set := c.opt.Catalog.Set()
	action, hint, ok := set.FindAction(req.Action)
	if !ok {
		return call.Request{}, &refusal{http.StatusNotFound, "there is no action " + strconv.Quote(req.Action), hint}
	}
	conn, reason, hint := c.connectionFor(r, set, action.Connector, req.Connection)
	if reason != "" {
		return call.Request{}, &refusal{http.StatusUnprocessableEntity, reason, hint}
	}
	input, err := object(req.With)
	if err != nil {
		return call.Request{}, &refusal{http.StatusUnprocessableEntity, "with: " + err.Error(), ""}
	}
	path := "call/" + strconv.FormatInt(time.Now().UnixNano(), 36)
	return call.Request{
		// A call by hand is no repeat of any other, so its key is a new one.
		Action: action, Connection: conn, Input: input, Key: value.UUID(rand.Text() + path), Op: call.Op{Path: path},
	}, nil
}

// callNow makes a call by hand.
func (c *Console) callNow(ctx context.Context, made call.Request) CallAnswer {
	res, err := c.opt.Calls.Do(ctx, made)
	out := CallAnswer{Output: res.Output, Request: res.Exchange}
	if err != nil {
		failure, ok := errors.AsType[*value.Failure](err)
		if !ok {
			failure = value.Fail(value.ClassUnknown, "%s", err)
		}
		out.Failure = failure
	}
	return out
}

// connectionFor returns the connection of that name, or the connector's
// default one: the one that bears its name, else the only one.
func (c *Console) connectionFor(r *http.Request, set *program.Set, k *program.Connector, name string) (conn *program.Connection, reason, hint string) {
	if name == "" {
		if name, reason = set.DefaultConnection(k); reason != "" || name == "" {
			return nil, reason, ""
		}
	}
	conn, ok := c.opt.Connection(r.Context(), name)
	if !ok {
		names := slices.Sorted(maps.Keys(set.Connections))
		return nil, "there is no connection " + strconv.Quote(name), nearest(name, names, "connections")
	}
	if conn.Connector.ID != k.ID {
		return nil, "the connection " + strconv.Quote(name) + " is one to " + conn.Connector.Name + ", not to " + k.Name, ""
	}
	return conn, "", ""
}
