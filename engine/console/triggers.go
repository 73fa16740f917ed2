package console

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/trigger"
)

// TriggerState is how a trigger of a live flow stands: a schedule, a poll, a
// webhook whose events are subscribed to, or the catch_up behind one.
type TriggerState struct {
	Flow    string `json:"flow"`
	Trigger string `json:"trigger"` // its id in the flow
	Kind    string `json:"kind"`    // schedule, poll, webhook or catch_up

	Connection string    `json:"connection,omitempty"`
	Next       time.Time `json:"next,omitzero"` // when it is due, left out for never
	Last       time.Time `json:"last,omitzero"` // when a poll last looked
	Items      int       `json:"items"`         // in the list, at the last look that went well
	Failures   int       `json:"failures"`      // looks that failed since one went well
	Error      string    `json:"error,omitempty"`
	// Paused is the connection that must be connected before a poll looks again.
	Paused string `json:"paused,omitempty"`

	// State is how the subscription of a webhook stands: subscribed,
	// subscribing or not_subscribed. Since is when it was made, Hint what to do
	// about the error.
	State string    `json:"state,omitempty"`
	Since time.Time `json:"since,omitzero"`
	Hint  string    `json:"hint,omitempty"`
}

// Subscription is what a service is asked to deliver. GET
// /api/v1/subscriptions answers those that there are, and those that the live
// flows need, by connection and event.
type Subscription struct {
	Connection string   `json:"connection"`
	Connector  string   `json:"connector,omitempty"`
	Events     []string `json:"events"` // in the words of the service
	// State is subscribed, subscribing, not_subscribed, or unsubscribing for
	// one that nothing needs any more.
	State    string    `json:"state"`
	Since    time.Time `json:"since,omitzero"` // when it was made
	Next     time.Time `json:"next,omitzero"`  // when something is tried again, or it ends
	Error    string    `json:"error,omitempty"`
	Hint     string    `json:"hint,omitempty"` // what to do about the error
	Triggers []string  `json:"triggers"`       // "flow/trigger id"
}

// triggers lists the schedules, polls and subscribed webhooks that are at work.
func (c *Console) triggers(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, c.triggerStates())
}

func (c *Console) triggerStates() []TriggerState {
	out := []TriggerState{}
	for _, u := range c.opt.Schedules.Upcoming() {
		out = append(out, TriggerState{Flow: u.Flow, Trigger: u.Trigger, Kind: "schedule", Next: u.Next})
	}
	for _, st := range c.opt.Subscriptions.Status() {
		for _, name := range st.Triggers {
			flow, id, _ := strings.Cut(name, "/")
			out = append(out, TriggerState{
				Flow: flow, Trigger: id, Kind: "webhook", Connection: st.Connection, Next: st.Next,
				State: string(st.State), Since: st.Since, Error: st.Message, Hint: st.Hint,
			})
		}
	}
	for _, p := range c.opt.Polls.Status() {
		out = append(out, c.pollState(p))
	}
	return out
}

func (c *Console) pollState(p trigger.PollStatus) TriggerState {
	st := TriggerState{
		Flow: p.Flow, Trigger: p.Trigger, Kind: "poll", Connection: p.Connection,
		Next: p.Next, Last: p.Last, Items: p.Items, Failures: p.Failures, Error: p.Error, Paused: p.Paused,
	}
	if flow := c.opt.Catalog.Set().Flows[p.Flow]; flow != nil {
		for _, t := range flow.Triggers {
			if t.ID == p.Trigger && t.Event != nil && t.Event.Webhook {
				st.Kind = "catch_up"
			}
		}
	}
	return st
}

// subscriptions lists what services are asked to deliver.
func (c *Console) subscriptions(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, c.subscriptionsNow())
}

func (c *Console) subscriptionsNow() []Subscription {
	out := []Subscription{}
	for _, st := range c.opt.Subscriptions.Status() {
		out = append(out, Subscription{
			Connection: st.Connection, Connector: st.Connector, Events: st.Events, State: string(st.State),
			Since: st.Since, Next: st.Next, Error: st.Message, Hint: st.Hint, Triggers: append([]string{}, st.Triggers...),
		})
	}
	return out
}

// look lets a poll look at once, and answers with how it stands then.
func (c *Console) look(w http.ResponseWriter, r *http.Request) {
	flow, ok := c.flowOf(w, r)
	if !ok {
		return
	}
	id := r.PathValue("trigger")
	for _, t := range flow.Triggers {
		if t.ID == id && t.Event != nil && t.Event.Poll != nil {
			if err := c.opt.Polls.PollNow(r.Context(), flow.ID, id); err != nil {
				fail(w, http.StatusBadGateway, err.Error(), "")
				return
			}
			states := []TriggerState{}
			for _, p := range c.opt.Polls.Status() {
				if p.Flow == flow.ID && p.Trigger == id {
					states = append(states, c.pollState(p))
				}
			}
			answer(w, http.StatusOK, states)
			return
		}
	}
	fail(w, http.StatusNotFound, "the flow "+strconv.Quote(flow.ID)+" has no poll "+strconv.Quote(id), "GET /api/v1/triggers lists them")
}
