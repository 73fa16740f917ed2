package vault

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/value"
)

// token is what a service gave for a connection. It is immutable.
type token struct {
	access, refresh value.Secret
	issued          time.Time
	expires         time.Time      // zero where the service names no end
	granted         []string       // the scopes
	fields          map[string]any // what else the answer held
	refused         *refusal       // the service will give no other
	asked           time.Time      // when the next one was asked for, zero once the answer is known
}

// refusal is a service's word that it renews a token no more.
type refusal struct {
	Message string    `json:"message"` // its own sentence
	Code    string    `json:"code,omitempty"`
	At      time.Time `json:"at"`
	Client  string    `json:"client"` // the fingerprint of the client it was said to
	// Lost is when a renewal was begun whose answer never arrived; zero for none.
	Lost time.Time `json:"lost,omitzero"`
}

// storedToken is a token as it is sealed. Its keys are only ever added to: a
// key that an older version wrote keeps its meaning, one that is missing is
// the zero value, one that is unknown is ignored.
type storedToken struct {
	Access  string          `json:"access,omitempty"`
	Refresh string          `json:"refresh,omitempty"`
	Issued  time.Time       `json:"issued,omitzero"`
	Expires time.Time       `json:"expires,omitzero"`
	Granted []string        `json:"granted,omitempty"`
	Fields  json.RawMessage `json:"fields,omitempty"`
	Refused *refusal        `json:"refused,omitempty"`
	Asked   time.Time       `json:"asked,omitzero"`
}

func encodeToken(t *token) ([]byte, error) {
	fields, err := value.Encode(t.fields)
	if err != nil {
		return nil, fmt.Errorf("encode token: %w", err)
	}
	return json.Marshal(storedToken{
		Access: t.access.Reveal(), Refresh: t.refresh.Reveal(), Issued: t.issued, Expires: t.expires,
		Granted: t.granted, Fields: fields, Refused: t.refused, Asked: t.asked,
	})
}

func decodeToken(data []byte) (*token, error) {
	var s storedToken
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("decode token: %w", err)
	}
	t := &token{
		access: value.NewSecret(s.Access), refresh: value.NewSecret(s.Refresh), issued: s.Issued, expires: s.Expires,
		granted: s.Granted, refused: s.Refused, asked: s.Asked,
	}
	if len(s.Fields) > 0 {
		fields, err := value.Decode(s.Fields)
		if err != nil {
			return nil, fmt.Errorf("decode token: %w", err)
		}
		t.fields, _ = fields.(map[string]any)
	}
	return t, nil
}

// usable reports whether the service should still take the token.
func (t *token) usable(now time.Time) bool {
	return t != nil && !t.access.IsZero() && (t.expires.IsZero() || now.Before(t.expires))
}

// usualMargin is how long before its end a token is renewed unless the
// connector says otherwise.
const usualMargin = time.Minute

// due reports whether the token is to be renewed. A margin that is over half
// of the token's life is cut to that, or a short token would never be used.
func (t *token) due(now time.Time, margin time.Duration) bool {
	if t.expires.IsZero() {
		return t.access.IsZero()
	}
	if margin <= 0 {
		margin = usualMargin
	}
	margin = min(margin, t.expires.Sub(t.issued)/2)
	return t.access.IsZero() || !now.Before(t.expires.Add(-margin))
}

// refusedWith returns the token with the refusal on it.
func (t *token) refusedWith(r *refusal) *token {
	var next token
	if t != nil {
		next = *t
	}
	next.refused = r
	return &next
}

// tokenKeys are the keys of a token answer that are no further fields of it.
var tokenKeys = []string{"access_token", "refresh_token", "id_token", "expires_in"} //nolint:gochecknoglobals // never written

// newToken reads a token answer. What the answer leaves out, a renewed token
// has from its predecessor, which is nil for the first; asked are the scopes
// that stand where no answer names any.
func newToken(answer map[string]any, before *token, asked []string, now time.Time) *token {
	t := &token{
		access:  value.NewSecret(answerText(answer, "access_token")),
		refresh: value.NewSecret(answerText(answer, "refresh_token")),
		issued:  now,
		granted: asked,
		fields:  map[string]any{},
	}
	if before != nil {
		if t.refresh.IsZero() {
			t.refresh = before.refresh
		}
		if len(asked) == 0 {
			t.granted = before.granted
		}
		maps.Copy(t.fields, before.fields)
	}
	if life := lifetime(answerKey(answer, "expires_in")); life > 0 {
		t.expires = now.Add(life)
	}
	if scopes := scopesOf(answerKey(answer, "scope")); len(scopes) > 0 {
		t.granted = scopes
	}
	maps.Copy(t.fields, answer)
	for _, key := range tokenKeys {
		delete(t.fields, key)
		delete(t.fields, camel(key))
	}
	return t
}

// answerKey returns what an answer holds under a key, which some services
// write "access_token" and others "accessToken".
func answerKey(answer map[string]any, key string) any {
	if found, ok := answer[key]; ok {
		return found
	}
	return answer[camel(key)]
}

func answerText(answer map[string]any, key string) string {
	text, _ := answerKey(answer, key).(string)
	return text
}

// camel returns "access_token" as "accessToken".
func camel(key string) string {
	parts := strings.Split(key, "_")
	for i, p := range parts[1:] {
		parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
	}
	return strings.Join(parts, "")
}

// lifetime reads expires_in: seconds, as a number or as text. Zero is none.
func lifetime(v any) time.Duration {
	var seconds float64
	switch v := v.(type) {
	case int:
		seconds = float64(v)
	case float64:
		seconds = v
	case string:
		seconds, _ = strconv.ParseFloat(strings.TrimSpace(v), 64)
	}
	if !(seconds > 0) {
		return 0
	}
	return time.Duration(min(seconds, math.MaxInt32)) * time.Second
}

// scopesOf reads granted scopes: a list, or a text with spaces or commas
// between them.
func scopesOf(v any) []string {
	switch v := v.(type) {
	case string:
		return strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' })
	case []any:
		var scopes []string
		for _, e := range v {
			if s, ok := e.(string); ok && s != "" {
				scopes = append(scopes, s)
			}
		}
		return scopes
	}
	return nil
}

// parseAnswer reads the body of a token answer: JSON, or a form as some old
// services still send it.
func parseAnswer(body []byte) (map[string]any, bool) {
	if v, err := value.Decode(body); err == nil {
		answer, ok := v.(map[string]any)
		return answer, ok
	}
	form, err := url.ParseQuery(strings.TrimSpace(string(body)))
	if err != nil || form.Get("access_token") == "" && form.Get("error") == "" {
		return nil, false
	}
	answer := map[string]any{}
	for key := range form {
		answer[key] = form.Get(key)
	}
	return answer, true
}
