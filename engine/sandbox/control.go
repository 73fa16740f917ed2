package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// tell answers with a sentence.
func tell(w http.ResponseWriter, status int, format string, args ...any) {
	writeJSON(w, status, map[string]any{"error": fmt.Sprintf(format, args...)})
}

type indexEntry struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	API     string   `json:"api"`
	Actions []string `json:"actions"`
}

func (s *Sandbox) serveIndex(w http.ResponseWriter, r *http.Request) {
	entries := []indexEntry{}
	for _, k := range s.connectors() {
		e := indexEntry{ID: k.ID, Name: k.Name, API: "http://" + r.Host + APIPath(k), Actions: []string{}}
		for _, a := range k.Actions() {
			e.Actions = append(e.Actions, strings.TrimSpace(a.Name+": "+a.Method+" "+a.Path))
		}
		entries = append(entries, e)
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"sandbox":    "every service played back from its connector file",
		"connectors": entries,
		"steering":   []string{"GET /_effects", "GET /_mail", "POST /_fail", "POST /_reset", "POST /_send"},
	})
}

// mostOrder is how large an order to the sandbox may be.
const mostOrder = 4 << 20

// order reads the JSON of a request that steers the sandbox. Only JSON is
// taken: a page of the web cannot send it unasked.
func order(w http.ResponseWriter, r *http.Request, into any) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		tell(w, http.StatusUnsupportedMediaType, "Content-Type must be application/json")
		return false
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostOrder))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		tell(w, http.StatusBadRequest, "%v", err)
		return false
	}
	return true
}

func (s *Sandbox) serveFail(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Connector string      `json:"connector"`
		Action    string      `json:"action"`
		Kind      FailureKind `json:"kind"`
		Status    int         `json:"status"`
		Count     int         `json:"count"`
		After     bool        `json:"after"`
		Delay     string      `json:"delay"`
	}
	if !order(w, r, &in) {
		return
	}
	var delay time.Duration
	if in.Delay != "" {
		d, err := value.ParseDuration(in.Delay)
		if err != nil {
			tell(w, http.StatusBadRequest, "%v", err)
			return
		}
		delay = d
	}
	k, ok := s.connector(in.Connector)
	if !ok {
		tell(w, http.StatusNotFound, "there is no connector %q", in.Connector)
		return
	}
	if _, known := k.Action(strings.TrimPrefix(in.Action, k.ID+".")); in.Action != "" && !known && in.Action != tokenAction {
		tell(w, http.StatusNotFound, "%s has no action %q", k.ID, in.Action)
		return
	}
	err := s.Fail(Failure{
		Connector: in.Connector, Action: in.Action, Kind: in.Kind, Status: in.Status,
		Count: in.Count, After: in.After, Delay: delay,
	})
	if err != nil {
		tell(w, http.StatusBadRequest, "%v", err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"ok": true})
}

func (s *Sandbox) serveReset(w http.ResponseWriter, r *http.Request) {
	var none struct{}
	if !order(w, r, &none) {
		return
	}
	if err := s.Reset(contextOf(r)); err != nil {
		s.log.Error("sandbox not reset", "error", err)
		tell(w, http.StatusInternalServerError, "the sandbox was not reset; the log says why")
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"ok": true})
}

func (s *Sandbox) serveSend(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Trigger string          `json:"trigger"`
		URL     string          `json:"url"`
		Event   json.RawMessage `json:"event"`
	}
	if !order(w, r, &in) {
		return
	}
	t, ok := s.trigger(in.Trigger)
	if !ok {
		tell(w, http.StatusNotFound, "there is no trigger %q", in.Trigger)
		return
	}
	var event any
	if len(in.Event) > 0 {
		v, err := value.Decode(in.Event)
		if err != nil {
			tell(w, http.StatusBadRequest, "event: %v", err)
			return
		}
		event = v
	}
	got, err := s.Send(r.Context(), t, in.URL, event)
	if err != nil {
		tell(w, http.StatusBadGateway, "%v", err)
		return
	}
	writeJSON(w, http.StatusOK, got)
}

// trigger returns the trigger of that id, such as "qwilr.page_accepted".
func (s *Sandbox) trigger(id string) (*program.Trigger, bool) {
	connector, name, _ := strings.Cut(id, ".")
	k, ok := s.connector(connector)
	if !ok {
		return nil, false
	}
	return k.Trigger(name)
}

// Receipt is what the receiver of a webhook answered.
type Receipt struct {
	Status int    `json:"status"`
	Body   string `json:"body"`
}

// Send delivers an event of a trigger to an address: the request [Sandbox.Event] makes.
func (s *Sandbox) Send(ctx context.Context, t *program.Trigger, address string, payload any) (Receipt, error) {
	req, err := s.Event(ctx, t, address, payload)
	if err != nil {
		return Receipt{}, err
	}
	resp, err := s.sender.Do(req)
	if err != nil {
		return Receipt{}, fmt.Errorf("send %s: %w", t.ID, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostText))
	if err != nil {
		return Receipt{}, fmt.Errorf("send %s: %w", t.ID, err)
	}
	return Receipt{Status: resp.StatusCode, Body: string(body)}, nil
}
