package sandbox

import (
	"strings"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// Effect is one request that reached a vendor, and what came of it.
type Effect struct {
	Time      time.Time      `json:"time"`
	Connector string         `json:"connector"`
	Action    string         `json:"action,omitempty"` // "ghl.contacts.add_tags"; "" for what no action answers to
	Kind      program.Effect `json:"effect,omitempty"`
	Method    string         `json:"method"`
	Path      string         `json:"path"`
	Input     map[string]any `json:"input,omitempty"` // secrets masked, long parts cut
	Status    int            `json:"status"`          // 0 where no answer came
	// Done is true of a write that took effect, whether or not its answer
	// arrived.
	Done bool `json:"done"`
	// Replayed is true of a repeat the vendor knew by its key: it got the first
	// answer again and did nothing.
	Replayed bool        `json:"replayed,omitempty"`
	Failure  FailureKind `json:"failure,omitempty"`
}

// name is the action's name inside its connector.
func (e Effect) name(connector string) string { return strings.TrimPrefix(e.Action, connector+".") }

// Effects returns the newest 10,000 requests, the oldest first.
func (s *Sandbox) Effects() []Effect { return s.effects.all() }

const (
	mostText  = 4_000
	mostItems = 200
)

// logged returns the inputs as the log keeps them: long texts and lists are
// cut, of a file only its name and size stay.
func logged(inputs map[string]any) map[string]any {
	out, _ := cut(inputs).(map[string]any)
	for name, v := range out {
		if v == nil {
			delete(out, name)
		}
	}
	return out
}

func cut(v any) any {
	switch v := v.(type) {
	case string:
		if len(v) > mostText {
			return strings.ToValidUTF8(v[:mostText], "") + "…"
		}
		return v
	case value.File:
		return map[string]any{"file": v.Name, "bytes": len(v.Data)}
	case []any:
		out := make([]any, 0, min(len(v), mostItems))
		for _, e := range v[:min(len(v), mostItems)] {
			out = append(out, cut(e))
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = cut(e)
		}
		return out
	default:
		return v
	}
}
