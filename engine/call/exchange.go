package call

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

const (
	mask = "[secret]"
	// shownBody is how much of a body an exchange keeps.
	shownBody = 64 << 10
)

// describe notes the request as it would be sent.
func (o *operation) describe() *value.Failure {
	switch o.Action.Transport {
	case program.SMTP:
		_, f := o.compose()
		return f
	case program.Table:
		return o.describeTable()
	case program.HTTP:
	}
	if len(o.Action.Before) == 0 {
		_, f := o.firstDraft()
		return f
	}
	// What the later ones send is known once the first is answered.
	o.answers = map[string]any{}
	first := o.part(o.Action.Before[0])
	_, f := first.firstDraft()
	o.exchange = first.exchange
	return f
}

// note makes the exchange of a draft. The credentials are not in a draft; the
// places they go to are shown with the mask. Secret inputs are masked by
// building the request a second time without them.
func (o *operation) note(d *draft, further []placed) {
	if masked, some := o.maskedInputs(); some {
		if safe, f := o.build(masked, further); f == nil {
			d = safe
		}
	}
	address := *d.url
	if address.User != nil {
		address.User = url.User(mask)
	}
	header := d.header.Clone()
	if o.trusts(d) {
		showCredentials(o.Connection, header, &address)
	}
	o.exchange = &journal.Exchange{
		Took:   o.took,
		Method: d.method,
		URL:    strings.ReplaceAll(address.String(), url.QueryEscape(mask), mask),
		Body:   shown(d.body),
	}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, text := range header[name] {
			if isCredential(name) {
				text = mask
			}
			o.exchange.Headers = append(o.exchange.Headers, name+": "+text)
		}
	}
}

// showCredentials puts the mask where the credentials of a connection go.
func showCredentials(conn *program.Connection, header http.Header, address *url.URL) {
	if conn == nil || conn.Auth == nil || conn.Auth.Type == program.AuthNone {
		return
	}
	switch auth := conn.Auth; {
	case auth.Type != program.AuthAPIKey:
		header.Set("Authorization", mask)
	case auth.Path != "":
		address.Path = strings.ReplaceAll(address.Path, "{"+auth.Path+"}", mask)
		address.RawPath = ""
	case auth.Header != "":
		header.Set(auth.Header, mask)
	case auth.Query != "":
		query := auth.Query + "=" + url.QueryEscape(mask)
		if address.RawQuery != "" {
			query = address.RawQuery + "&" + query
		}
		address.RawQuery = query
	}
}

// isCredential reports whether a header usually carries a secret, also where
// somebody typed it into a flow.
func isCredential(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "Api-Key", "X-Auth-Token":
		return true
	default:
		return false
	}
}

// maskedInputs returns the inputs with the secret ones masked; the second
// result is false if there are none.
func (o *operation) maskedInputs() (map[string]any, bool) {
	var masked map[string]any
	for _, in := range o.Action.Input {
		if !isSecret(in) || o.inputs[in.Name] == nil {
			continue
		}
		if masked == nil {
			masked = maps.Clone(o.inputs)
		}
		masked[in.Name] = mask
		if text, ok := o.inputs[in.Name].(string); ok {
			if u, err := url.Parse(text); err == nil && u.Host != "" {
				masked[in.Name] = u.Scheme + "://" + u.Host + "/" + mask
			}
		}
	}
	return masked, masked != nil
}

// shown returns a body as text for people.
func shown(body []byte) string {
	switch {
	case !utf8.Valid(body):
		return fmt.Sprintf("(%d bytes)", len(body))
	case len(body) > shownBody:
		return strings.ToValidUTF8(string(body[:shownBody]), "") + fmt.Sprintf("… (%d bytes in all)", len(body))
	default:
		return string(body)
	}
}

// remember notes what the credentials added to a request, so that a service
// that repeats it in an answer does not bring it into a message.
func (o *operation) remember(d *draft, req *http.Request) {
	for name, texts := range req.Header {
		for _, text := range texts {
			if slices.Contains(d.header[name], text) {
				continue
			}
			o.secrets = append(o.secrets, text)
			if _, token, ok := strings.Cut(text, " "); ok {
				o.secrets = append(o.secrets, token)
			}
		}
	}
	if left, right, ok := strings.Cut(d.url.Path, "{"+o.Connection.Auth.Path+"}"); ok {
		key := strings.TrimSuffix(strings.TrimPrefix(req.URL.Path, left), right)
		o.secrets = append(append(o.secrets, key, url.PathEscape(key)), strings.Split(key, "/")...)
	}
	before := d.url.Query()
	for name, texts := range req.URL.Query() {
		for _, text := range texts {
			if !slices.Contains(before[name], text) {
				o.secrets = append(o.secrets, text)
			}
		}
	}
	// The longest first: one may be a part of another.
	slices.SortFunc(o.secrets, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	o.secrets = slices.Compact(o.secrets)
}

// scrub masks the known secrets in a text.
func (o *operation) scrub(text string) string {
	const shortest = 6 // what is shorter is found in ordinary words
	for _, in := range o.actionInputs() {
		if s, ok := o.inputs[in.Name].(string); ok && isSecret(in) && len(s) >= shortest {
			text = strings.ReplaceAll(text, s, mask)
		}
	}
	for _, s := range o.secrets {
		if len(s) >= shortest {
			text = strings.ReplaceAll(text, s, mask)
		}
	}
	return text
}

func (o *operation) actionInputs() []*program.Input {
	if o.Action == nil {
		return nil
	}
	return o.Action.Input
}
