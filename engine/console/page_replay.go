package console

import (
	"net/http"
	"net/url"
	"time"
)

// replayData is the page on which a replay is looked at before it begins.
type replayData struct {
	Request ReplayRequest
	Plan    ReplayAnswer
	Since   []retryWay
	With    []retryWay
}

// usualSince is how far back the page of a replay looks where nothing is said.
const usualSince = "24h"

func (c *Console) replayPage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	req := ReplayRequest{Flow: q.Get("flow"), Since: q.Get("since"), With: q.Get("with"), From: fromFailed, DryRun: true}
	if req.Since == "" {
		req.Since = usualSince
	}
	if req.With == "" {
		req.With = withOriginal
	}
	p, refused := newReplay(req, time.Now())
	if refused != nil {
		c.message(w, r, http.StatusUnprocessableEntity, "There is no such replay: "+refused.message+".", refused.hint)
		return
	}
	if err := c.goThrough(r.Context(), p); err != nil {
		c.trouble(w, r, err)
		return
	}
	data := replayData{Request: req, Plan: p.told}
	for _, since := range []struct{ label, text string }{{"the last hour", "1h"}, {"the last day", usualSince}, {"the last week", "7d"}, {"the last 30 days", "30d"}} {
		data.Since = append(data.Since, retryWay{Label: since.label, Address: replayAddress(req.Flow, since.text, req.With), Now: since.text == req.Since})
	}
	for _, with := range []struct{ label, text string }{{"with the version each ran on", withOriginal}, {"with the current version", withCurrent}} {
		data.With = append(data.With, retryWay{Label: with.label, Address: replayAddress(req.Flow, req.Since, with.text), Now: with.text == req.With})
	}
	c.render(w, r, http.StatusOK, "replay.html", view{Title: "Replay " + req.Flow, Rest: true, Data: data})
}

func replayAddress(flow, since, with string) string {
	return "/replay?" + url.Values{"flow": {flow}, "since": {since}, "with": {with}}.Encode()
}
