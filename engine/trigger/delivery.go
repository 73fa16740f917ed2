package trigger

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"patchbay/engine/value"
)

// delivery is a request to a webhook's address.
type delivery struct {
	at     time.Time
	raw    []byte // the body, byte for byte
	header http.Header
	query  url.Values

	signature map[string]any // the parts of the signature's header, once verified
	body      any            // once decoded
	decoded   bool
}

func newDelivery(r *http.Request, raw []byte, at time.Time) *delivery {
	return &delivery{at: at, raw: raw, header: r.Header, query: r.URL.Query(), signature: map[string]any{}}
}

// decode reads the body: JSON, or a form, whose fields become those of an
// object. The error is a refusal.
func (d *delivery) decode() error {
	if d.decoded {
		return nil
	}
	text := d.raw
	if d.isForm() {
		form, err := url.ParseQuery(string(d.raw))
		if err != nil {
			return refuse(http.StatusBadRequest, "the body is not a form: %s", err)
		}
		// Slack puts what a button sends, as JSON, into the field payload.
		if len(form) != 1 || !form.Has("payload") {
			d.body, d.decoded = fieldsOf(form), true
			return nil
		}
		text = []byte(form.Get("payload"))
	}
	body, err := value.Decode(text)
	if err != nil {
		return refuse(http.StatusBadRequest, "the body is not JSON: %s", err)
	}
	d.body, d.decoded = body, true
	return nil
}

// isForm reports whether the body is a form. Programs that do not say what
// they send, curl among them, call JSON a form; a form never begins with the
// bracket of an object or a list, since it writes it as %7B or %5B.
func (d *delivery) isForm() bool {
	kind, _, err := mime.ParseMediaType(d.header.Get("Content-Type"))
	text := bytes.TrimLeft(d.raw, " \t\r\n")
	return err == nil && kind == "application/x-www-form-urlencoded" &&
		!bytes.HasPrefix(text, []byte("{")) && !bytes.HasPrefix(text, []byte("["))
}

// fieldsOf returns a form as an object: a field that comes more than once is a
// list.
func fieldsOf(form url.Values) map[string]any {
	m := make(map[string]any, len(form))
	for name, values := range form {
		if len(values) == 1 {
			m[name] = values[0]
			continue
		}
		list := make([]any, len(values))
		for i, v := range values {
			list[i] = v
		}
		m[name] = list
	}
	return m
}

// names returns what expressions and paths of a connector see of the delivery.
func (d *delivery) names() map[string]any {
	headers := make(map[string]any, len(d.header))
	for name, values := range d.header {
		headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return map[string]any{"body": d.body, "headers": headers, "signature": d.signature}
}

// refusal is why a delivery is turned away, and what it is answered. Its
// reason is for the log and holds no secret.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return r.reason }

// sentence returns what an error says, of a failure without its class.
func sentence(err error) string {
	if f, ok := errors.AsType[*value.Failure](err); ok {
		return f.Message
	}
	return err.Error()
}

// longestReason is how many characters of a reason are kept: parts of it come
// from whoever sent the delivery.
const longestReason = 500

func refuse(status int, format string, args ...any) error {
	reason := []rune(fmt.Sprintf(format, args...))
	if len(reason) > longestReason {
		reason = append(reason[:longestReason-1], '…')
	}
	return &refusal{status: status, reason: string(reason)}
}
