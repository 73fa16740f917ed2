package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"patchbay/engine/value"
)

// entry is the stored form of an [Event]: one JSON object.
//
// Compatibility: a journal is read by every later version, so a key is never
// renamed, never given another meaning and never used again once it is gone;
// new keys are optional. Keys that are not known here were written by a later
// version and are ignored, and so is, by the fold, an event of an unknown
// kind. testdata holds a journal of each version that added something.
type entry struct {
	At      time.Time       `json:"at"`
	Kind    string          `json:"kind"`
	Path    string          `json:"path,omitempty"`
	Attempt int             `json:"attempt,omitempty"`
	Action  string          `json:"action,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
	Text    string          `json:"text,omitempty"`
	Failure *failureEntry   `json:"failure,omitempty"`
	Until   time.Time       `json:"until,omitzero"`
	Worked  time.Duration   `json:"worked,omitempty"` // in nanoseconds
	Status  string          `json:"status,omitempty"`
	Request *exchangeEntry  `json:"request,omitempty"`
	By      string          `json:"by,omitempty"`
}

// failureEntry is the stored form of a [value.Failure]. The two convert into
// each other as long as their fields are the same: where that stops compiling,
// the rule above decides what is stored.
type failureEntry struct {
	Class     value.Class `json:"class"`
	Message   string      `json:"message"`
	Action    string      `json:"action,omitempty"`
	Step      string      `json:"step,omitempty"`
	Field     string      `json:"field,omitempty"`
	Status    int         `json:"status,omitempty"`
	NotBefore time.Time   `json:"not_before,omitzero"`
	Unsettled bool        `json:"unsettled,omitempty"`
	Reconnect string      `json:"reconnect,omitempty"`
}

// exchangeEntry is the stored form of an [Exchange]; Took is in nanoseconds.
type exchangeEntry struct {
	Method  string        `json:"method,omitempty"`
	URL     string        `json:"url,omitempty"`
	Headers []string      `json:"headers,omitempty"`
	Body    string        `json:"body,omitempty"`
	Status  int           `json:"status,omitempty"`
	Took    time.Duration `json:"took,omitempty"`
	Pages   int           `json:"pages,omitempty"`
}

// Encode writes an event as it is stored. It fails for Data that is no value,
// and for an event without a kind.
func Encode(e Event) ([]byte, error) {
	if e.Kind == "" {
		return nil, errors.New("encode event: it has no kind")
	}
	stored := entry{
		At: stamp(e.At), Kind: string(e.Kind), Path: e.Path, Attempt: e.Attempt, Action: e.Action,
		Text: e.Text, Until: stamp(e.Until), Worked: e.Worked, Status: string(e.Status),
		Request: (*exchangeEntry)(e.Request), By: e.By,
	}
	if e.Failure != nil {
		f := failureEntry(*e.Failure)
		f.NotBefore = stamp(f.NotBefore)
		stored.Failure = &f
	}
	if e.Data != nil {
		data, err := encodeValue(e.Data)
		if err != nil {
			return nil, fmt.Errorf("encode event %s %s: %w", e.Kind, e.Path, err)
		}
		stored.Data = data
	}
	text, err := value.Encode(stored)
	if err != nil {
		return nil, fmt.Errorf("encode event %s %s: %w", e.Kind, e.Path, err)
	}
	return text, nil
}

// Decode reads an event that [Encode] of this or an earlier version wrote, or
// of a later one, as far as it is known here.
func Decode(text []byte) (Event, error) {
	var stored entry
	if err := json.Unmarshal(text, &stored); err != nil {
		return Event{}, fmt.Errorf("decode event: %w", err)
	}
	if stored.Kind == "" {
		return Event{}, errors.New("decode event: it has no kind")
	}
	e := Event{
		At: stamp(stored.At), Kind: Kind(stored.Kind), Path: stored.Path, Attempt: stored.Attempt, Action: stored.Action,
		Text: stored.Text, Until: stamp(stored.Until), Worked: stored.Worked, Status: Status(stored.Status),
		Request: (*Exchange)(stored.Request), By: stored.By,
	}
	if stored.Failure != nil {
		f := value.Failure(*stored.Failure)
		f.NotBefore = stamp(f.NotBefore)
		e.Failure = &f
	}
	if stored.Data != nil {
		data, err := value.Decode(stored.Data)
		if err != nil {
			return Event{}, fmt.Errorf("decode event %s %s: %w", e.Kind, e.Path, err)
		}
		e.Data = data
	}
	return e, nil
}

// Normalize returns the event as it will be read back from the store: times in
// UTC, data as its JSON is decoded. A worker folds the events it appends in
// this form, so that going on after a crash sees what going on at once sees.
func Normalize(e Event) (Event, error) {
	text, err := Encode(e)
	if err != nil {
		return Event{}, err
	}
	return Decode(text)
}

// encodeValue writes v, which is refused if it holds something that would not
// be read back, such as a secret.
func encodeValue(v any) ([]byte, error) {
	v, err := value.Normalize(v)
	if err != nil {
		return nil, err
	}
	return value.Encode(v)
}

// stamp returns t in UTC and without the monotonic reading, which is not stored.
func stamp(t time.Time) time.Time { return t.Round(0).UTC() }
