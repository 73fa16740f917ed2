package console

import (
	"net/http"
	"strconv"
	"time"

	"patchbay/engine/trigger"
)

// TriggerState is how a schedule or a poll of a live flow stands.
type TriggerState struct {
	Flow    string `json:"flow"`
	Trigger string `json:"trigger"` // its id in the flow
	Kind    string `json:"kind"`    // schedule or poll

	Connection string    `json:"connection,omitempty"`
	Next       time.Time `json:"next,omitzero"` // when it is due, left out for never
	Last       time.Time `json:"last,omitzero"` // when a poll last looked
	Items      int       `json:"items"`         // in the list, at the last look that went well
	Failures   int       `json:"failures"`      // looks that failed since one went well
	Error      string    `json:"error,omitempty"`
}

// triggers lists the schedules and polls that are at work.
func (c *Console) triggers(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, c.triggerStates())
}

func (c *Console) triggerStates() []TriggerState {
	out := []TriggerState{}
	for _, u := range c.opt.Schedules.Upcoming() {
		out = append(out, TriggerState{Flow: u.Flow, Trigger: u.Trigger, Kind: "schedule", Next: u.Next})
	}
	for _, p := range c.opt.Polls.Status() {
		out = append(out, pollState(p))
	}
	return out
}

func pollState(p trigger.PollStatus) TriggerState {
	return TriggerState{
		Flow: p.Flow, Trigger: p.Trigger, Kind: "poll", Connection: p.Connection,
		Next: p.Next, Last: p.Last, Items: p.Items, Failures: p.Failures, Error: p.Error,
	}
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
					states = append(states, pollState(p))
				}
			}
			answer(w, http.StatusOK, states)
			return
		}
	}
	fail(w, http.StatusNotFound, "the flow "+strconv.Quote(flow.ID)+" has no poll "+strconv.Quote(id), "GET /api/v1/triggers lists them")
}
