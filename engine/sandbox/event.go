package sandbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// Example is the payload of an event that is the example of its trigger, as if
// it had happened in the account with these fields.
type Example struct{ Account map[string]any }

// Event returns the signed request with which the vendor would deliver an
// event of the trigger to the address.
//
// With a nil payload or an [Example] it is the trigger's example, with an id of
// its own and the time of now. A payload of []byte is sent byte by byte; any
// other one is written as JSON, and gets an id and a time where it has none.
func (s *Sandbox) Event(ctx context.Context, t *program.Trigger, address string, payload any) (*http.Request, error) {
	if !t.Webhook {
		return nil, fmt.Errorf("event of %s: it is not delivered, Patchbay asks for it (type: poll)", t.ID)
	}
	d := &delivery{hooks: t.Connector.Webhooks, timeless: t.Timeless, now: s.now(), header: http.Header{"Content-Type": {"application/json"}}}
	raw, err := d.body(t, payload)
	if err != nil {
		return nil, fmt.Errorf("event of %s: %w", t.ID, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("event of %s: %w", t.ID, err)
	}
	req.Header = d.header
	if d.hooks == nil || len(d.hooks.Verify) == 0 {
		return req, nil
	}
	if err := s.sign(req, d, raw); err != nil {
		return nil, fmt.Errorf("event of %s: %w", t.ID, err)
	}
	return req, nil
}

// delivery is a webhook being written.
type delivery struct {
	hooks    *program.Webhooks
	timeless bool
	now      time.Time
	header   http.Header
}

func (d *delivery) body(t *program.Trigger, payload any) ([]byte, error) {
	if raw, ok := payload.([]byte); ok {
		d.identify(nil, false)
		d.stamp(nil)
		return raw, nil
	}
	played, example := payload.(Example)
	example = example || payload == nil
	if example {
		if t.Example == nil {
			return nil, errors.New("the trigger has no example, so the event must be given")
		}
		v, err := value.Decode(t.Example)
		if err != nil {
			return nil, err
		}
		payload = v
	}
	v, err := value.Normalize(payload)
	if err != nil {
		return nil, err
	}
	body, ok := v.(map[string]any)
	d.identify(body, example)
	d.stamp(body)
	if ok && example {
		d.refresh(body)
		d.renew(t, body)
		d.address(t, body, played.Account)
	}
	return value.Encode(v)
}

// address writes whose event it is where the example says it.
func (d *delivery) address(t *program.Trigger, body, account map[string]any) {
	if d.hooks == nil || t.Addressee() == nil {
		return
	}
	for _, by := range t.Addressee().By {
		for _, at := range by.At {
			root, path := split(at)
			_, there := value.Get(body, path)
			if own := account[by.Name]; root == "body" && there && own != nil && own != "" {
				value.Put(body, path, own)
			}
		}
	}
}

// identify gives the delivery an event id where the connector looks for it; in
// place of one that is there only if it shall be fresh.
func (d *delivery) identify(body map[string]any, fresh bool) {
	if d.hooks == nil {
		return
	}
	root, path := split(d.eventIDAt(body))
	switch {
	case len(path) == 0:
	case root == "headers":
		d.header.Set(path[0], newID())
	case root == "body" && body != nil:
		if old, ok := value.Get(body, path); !ok || fresh {
			value.Put(body, path, idLike(old))
		}
	}
}

// eventIDAt returns where the delivery has its event id, or should have it.
func (d *delivery) eventIDAt(body map[string]any) []string {
	for _, at := range d.hooks.EventID {
		if root, path := split(at); root == "body" && body != nil {
			if _, ok := value.Get(body, path); ok {
				return at
			}
		}
	}
	if len(d.hooks.EventID) == 0 {
		return nil
	}
	return d.hooks.EventID[0]
}

// stamp puts the time where the connector looks for it, if that is a header or
// a body without one.
func (d *delivery) stamp(body map[string]any) {
	if d.hooks == nil || d.timeless {
		return
	}
	root, path := split(d.hooks.TimestampAt)
	switch {
	case len(path) == 0:
	case root == "headers":
		d.header.Set(path[0], strconv.FormatInt(d.now.Unix(), 10))
	case root == "body" && body != nil:
		if _, ok := value.Get(body, path); !ok {
			value.Put(body, path, timeLike(nil, d.now))
		}
	}
}

// refresh puts the time of now in the place of the example's.
func (d *delivery) refresh(body map[string]any) {
	if d.hooks == nil {
		return
	}
	if root, path := split(d.hooks.TimestampAt); root == "body" && len(path) > 0 {
		old, there := value.Get(body, path)
		if !there && d.timeless {
			return
		}
		value.Put(body, path, timeLike(old, d.now))
	}
}

// renew makes an example another event than the one before: the times by which
// two events are known to be one become that of now.
func (d *delivery) renew(t *program.Trigger, body map[string]any) {
	for _, path := range t.Same {
		at := t.Output.Type
		wire := slices.Clone(t.Output.At)
		for _, name := range path {
			f, ok := at.Lookup(name)
			if !ok {
				break
			}
			if at = f.Type; f.Wire != nil {
				wire = append(wire, f.Wire...)
			} else {
				wire = append(wire, name)
			}
		}
		if root, rest := split(wire); at.Kind == value.Datetime && root == "body" {
			value.Put(body, rest, timeLike(nil, d.now))
		}
	}
}

// split parts a path of a delivery into its root and the rest.
func split(path []string) (root string, rest []string) {
	if len(path) == 0 {
		return "", nil
	}
	return path[0], path[1:]
}

// newID returns an identifier in the form of a UUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// idLike returns a fresh identifier of the kind of an old one.
func idLike(old any) any {
	switch old := old.(type) {
	case int, float64:
		var b [8]byte
		_, _ = rand.Read(b[:])                          // never fails
		return int(binary.BigEndian.Uint64(b[:]) >> 12) // a number that JSON holds exactly
	case string:
		const uuidLength = 36
		if old == "" || len(old) == uuidLength && strings.Count(old, "-") == 4 {
			return newID()
		}
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		return old + "-" + hex.EncodeToString(b[:])
	default:
		return newID()
	}
}

// timeLike returns the time in the form an old one has: RFC 3339, or seconds
// or milliseconds since 1970, as a number or as text.
func timeLike(old any, now time.Time) any {
	const firstMilliseconds = 100_000_000_000
	since := func(n int) int {
		if n >= firstMilliseconds {
			return int(now.UnixMilli())
		}
		return int(now.Unix())
	}
	switch old := old.(type) {
	case int:
		return since(old)
	case float64:
		return since(int(old))
	case string:
		if n, err := strconv.Atoi(old); err == nil {
			return strconv.Itoa(since(n))
		}
	}
	return now.UTC().Format("2006-01-02T15:04:05.000Z")
}
