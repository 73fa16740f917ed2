package vault

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// endpoint is where a service gives tokens, and to which client. It is stored
// with a sign-in that was begun; its keys are only ever added to.
type endpoint struct {
	Vendor     string            `json:"vendor"`
	Connection string            `json:"connection"`
	URL        string            `json:"url"`
	Params     map[string]string `json:"params,omitempty"` // sent with every request
	ID         string            `json:"id"`
	Secret     string            `json:"secret,omitempty"` // empty for a public client
	Header     bool              `json:"header,omitempty"` // the client proves itself in the Authorization header
}

// endpoint returns where the tokens of a connection come from.
func (v *Vault) endpoint(ctx context.Context, conn *program.Connection) (endpoint, error) {
	texts, missing := v.reveal(ctx, conn, func(field string) bool { return authorizes(conn, field) })
	if len(missing) > 0 {
		return endpoint{}, missing[0]
	}
	e := endpoint{
		Vendor: vendor(conn), Connection: conn.Name, URL: conn.Auth.TokenURL, Params: conn.Auth.TokenParams,
		ID: texts["client_id"], Secret: texts["client_secret"], Header: conn.Auth.ClientAuthHeader,
	}
	if e.ID == "" {
		e.ID, _ = conn.Fields["client_id"].(string)
	}
	if e.ID == "" {
		return endpoint{}, lacking(conn, "connection %q has no client_id: write there the one %s gave for your app", conn.Name, e.Vendor)
	}
	if u, err := url.Parse(e.URL); err != nil || u.Scheme != "https" && !isLoopback(u.Hostname()) {
		return endpoint{}, value.Fail(value.ClassInvalid, "the token_url %s of %s is no https address, and tokens are not asked for in the open", e.URL, e.Vendor)
	}
	return e, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// fingerprint tells one client from another without telling its secret.
func (e endpoint) fingerprint() string {
	sum := sha256.Sum256([]byte(e.URL + "\x00" + e.ID + "\x00" + e.Secret))
	return hex.EncodeToString(sum[:8])
}

// request returns the request that asks for a token. What the connector adds
// never takes the place of what the grant itself says.
func (e endpoint) request(ctx context.Context, grant url.Values) (*http.Request, error) {
	form := url.Values{}
	for key, text := range e.Params {
		form.Set(key, text)
	}
	maps.Copy(form, grant)
	if !e.Header {
		form.Set("client_id", e.ID)
		if e.Secret != "" {
			form.Set("client_secret", e.Secret)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "patchbay")
	if e.Header {
		// RFC 6749 has both parts escaped before they are joined.
		req.SetBasicAuth(url.QueryEscape(e.ID), url.QueryEscape(e.Secret))
	}
	return req, nil
}

// lostError says that no answer came, though the request may have arrived.
type lostError struct{ failure *value.Failure }

func (e *lostError) Error() string { return e.failure.Error() }

// maxAnswer is the most of a token answer that is read.
const maxAnswer = 1 << 20

// exchange asks for a token, for as long as limit, and returns the answer, which holds an access
// token. The error is an *oauth2.RetrieveError if the service refused, a
// *lostError if no answer came, else a *value.Failure. None holds a secret.
func (v *Vault) exchange(ctx context.Context, e endpoint, grant url.Values, limit time.Duration) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := e.request(ctx, grant)
	if err != nil {
		return nil, value.Fail(value.ClassInvalid, "the token_url of %s: %v", e.Vendor, err)
	}
	secrets := []string{e.Secret, grant.Get("refresh_token"), grant.Get("code"), grant.Get("code_verifier")}
	resp, err := v.client.Do(req)
	if err != nil {
		return nil, unanswered(ctx, e, limit, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, unanswered(ctx, e, limit, err)
	}
	answer, ok := parseAnswer(body)
	if resp.StatusCode >= 200 && resp.StatusCode < 300 && answerText(answer, "access_token") != "" {
		return answer, nil
	}
	secrets = append(secrets, answerText(answer, "access_token"), answerText(answer, "refresh_token"))
	return nil, judge(e, resp, answer, ok, secrets)
}

func unanswered(ctx context.Context, e endpoint, limit time.Duration, err error) error {
	reason := err.Error()
	if u, ok := errors.AsType[*url.Error](err); ok {
		reason = u.Err.Error()
	}
	if ctx.Err() != nil {
		reason = fmt.Sprintf("no answer within %v", limit)
	}
	f := value.Fail(value.ClassTransient, "%s cannot be asked for a token at %s: %s", e.Vendor, hostOf(e.URL), mask(reason, e.Secret))
	return &lostError{f}
}

// judge says what an answer without a token means: an *oauth2.RetrieveError
// for a refusal, else a failure.
func judge(e endpoint, resp *http.Response, answer map[string]any, readable bool, secrets []string) error {
	status := resp.StatusCode
	code, said := refusalWords(answer)
	code, said = mask(code, secrets...), mask(said, secrets...)
	words := saying(code, said)
	switch {
	case status == http.StatusTooManyRequests || slices.Contains(busyCodes, code):
		f := value.Fail(value.ClassRateLimit, "%s gives no token for connection %q now%s", e.Vendor, e.Connection, led(words))
		f.Status, f.NotBefore = status, retryAfter(resp.Header.Get("Retry-After"), time.Now())
		return f
	case status >= 500 || status == http.StatusRequestTimeout || slices.Contains(failingCodes, code):
		f := value.Fail(value.ClassTransient, "%s gives no token for connection %q now: status %d%s", e.Vendor, e.Connection, status, led(words))
		f.Status = status
		return f
	case code != "" && (status >= 400 || status < 300),
		said != "" && (status == http.StatusBadRequest || status == http.StatusUnauthorized):
		return &oauth2.RetrieveError{Response: resp, ErrorCode: code, ErrorDescription: said}
	case status >= 300 && status < 400:
		return &value.Failure{Class: value.ClassInvalid, Status: status, Message: fmt.Sprintf(
			"%s sends a request for a token on to another address (status %d): the token_url of the connector must be the last one", e.Vendor, status)}
	case status < 300 && readable:
		return &value.Failure{Class: value.ClassInvalid, Status: status, Message: e.Vendor + " answered a request for a token without an access_token"}
	default:
		return &value.Failure{Class: value.ClassTransient, Status: status, Message: fmt.Sprintf(
			"%s answered a request for a token for connection %q with status %d and no reason that can be read", e.Vendor, e.Connection, status)}
	}
}

// The error codes that say nothing about the client or its token.
//
//nolint:gochecknoglobals // never written
var (
	busyCodes    = []string{"slow_down", "ratelimited", "rate_limited"}
	failingCodes = []string{"temporarily_unavailable", "server_error", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)

// refusalWords returns the error code of an answer and the sentence with it,
// each "" if there is none. Beside the form of RFC 6749 it knows the usual
// others: "message", and an error that is an object.
func refusalWords(answer map[string]any) (code, said string) {
	switch e := answerKey(answer, "error").(type) {
	case string:
		code = e
	case map[string]any:
		code, said = answerText(e, "code"), answerText(e, "message")
		if code == "" {
			code = answerText(e, "type")
		}
	}
	if text := answerText(answer, "error_description"); text != "" {
		return code, text
	}
	switch m := answer["message"].(type) {
	case string:
		said = m
	case []any:
		var texts []string
		for _, e := range m {
			if text, ok := e.(string); ok {
				texts = append(texts, text)
			}
		}
		said = strings.Join(texts, "; ")
	}
	return code, said
}

// saying joins a service's sentence with its code.
func saying(code, said string) string {
	switch {
	case said == "":
		return code
	case code == "" || code == said:
		return said
	default:
		return said + " (" + code + ")"
	}
}

func led(words string) string {
	if words == "" {
		return ""
	}
	return ": " + words
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(header string, now time.Time) time.Time {
	if seconds, err := strconv.Atoi(header); err == nil && seconds >= 0 {
		return now.Add(time.Duration(seconds) * time.Second)
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return time.Time{}
	}
	return at
}
