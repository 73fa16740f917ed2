// Package call is one operation against a remote service: the request is built
// from an action and its inputs, sent once, and what comes back is either the
// typed output of the action or a [value.Failure] with a class.
//
// A call never decides about another attempt; whoever made it does, from the
// class and the time in the failure. Three things are no other attempt: the
// pages of a list, the one repeat after refused credentials were renewed, and
// a wait of a few seconds for a place in a rate limit.
//
// What a call promises:
//
//   - Inputs are checked before anything is sent.
//   - A connector talks only to its own hosts, also on redirects and on the
//     links to further pages, and credentials go to the first host only.
//   - The rate limits of a connection are shared by everything that uses the
//     same [Client].
//   - A secret appears neither in a failure nor in an exchange.
//
// The transports are HTTP, SMTP (see mail.go) and the tables of flows (see
// table.go).
package call

import (
	"context"
	"crypto/x509"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// Credentials proves to a service who is calling.
type Credentials interface {
	// Authorize adds the credentials of conn to req.
	Authorize(ctx context.Context, conn *program.Connection, req *http.Request) error
	// Renew is called after the service refused the credentials in the given
	// request. The request is made once more if it returns nil.
	Renew(ctx context.Context, conn *program.Connection, refused *http.Request) error
	// Reveal returns the fields of conn, the secret ones included, as text by
	// their names: for services that are not reached by HTTP.
	Reveal(ctx context.Context, conn *program.Connection) (map[string]string, error)
	// Token returns the access token of a connection that signs in with one,
	// "" of any other: for services that are not reached by HTTP.
	Token(ctx context.Context, conn *program.Connection) (string, error)
}

// Options are the parts of a [Client] that have a default: the zero value
// calls real services without credentials.
type Options struct {
	Credentials Credentials
	// Transport gives the way to the service of a connector; nil, or a nil
	// answer, means the network.
	Transport func(*program.Connector) http.RoundTripper
	Tables    Tables
	// Deliver takes a finished mail in place of a mail server.
	Deliver func(ctx context.Context, conn *program.Connection, from string, to []string, message []byte) error
	// AllowPrivate lets connectors for any host reach this machine and
	// private networks.
	AllowPrivate bool
	// Roots are the certificates that services prove themselves by; nil for
	// those of the system.
	Roots  *x509.CertPool
	Logger *slog.Logger
}

// Client makes calls. It is safe for use by several goroutines; the rate
// limits of a connection are known to one Client only.
type Client struct {
	opt     Options
	log     *slog.Logger
	budgets *budgets
	network network
}

// New returns a client. It starts nothing.
func New(opt Options) *Client {
	log := opt.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Client{opt: opt, log: log, budgets: newBudgets(), network: newNetwork(opt.Roots)}
}

// Op is the place a call is made from: it makes a repeat recognisable.
type Op struct {
	Run  int64
	Path string // of the step
}

// Request is one call to make.
type Request struct {
	Action     *program.Action
	Connection *program.Connection // nil where none is needed
	Input      map[string]any      // evaluated, defaults not applied
	Key        string              // by which the service knows a repeat; "" for none
	Op         Op
	Flow       string // whose calls stand in line together where a rate limit is used up
	Limit      int    // the most items a list brings; 0 leaves it to the input `limit`
	// Secrets leaves the secrets in the output, which are masked otherwise: for
	// a caller that keeps them sealed.
	Secrets bool
	// Trial leaves credentials that are refused as they are, and repeats nothing.
	Trial bool
}

// Result is what a call brought.
type Result struct {
	Output any
	// Exchange is the first request and the last status, with secrets masked.
	// It is nil only if there was no request to speak of.
	Exchange *journal.Exchange
}

// Do makes the call. The error is nil or a *value.Failure; the exchange is
// there beside a failure too.
func (c *Client) Do(ctx context.Context, r Request) (Result, error) {
	o, f := c.operation(r)
	if f != nil {
		return Result{}, f
	}
	var out any
	switch r.Action.Transport {
	case program.SMTP:
		out, f = o.mail(ctx)
	case program.Table:
		out, f = o.table(ctx)
	default:
		out, f = o.http(ctx)
	}
	if f != nil {
		return Result{Exchange: o.exchange}, o.named(f)
	}
	if of := r.Action.Output.Whole(); !r.Secrets && holdsSecret(of, map[*value.Type]bool{}) {
		out = veiled(of, out)
	}
	return Result{Output: out, Exchange: o.exchange}, nil
}

// Prepare returns the request as Do would send it, with secrets masked, and
// sends nothing. Of a list it is the request for the first page.
func (c *Client) Prepare(_ context.Context, r Request) (*journal.Exchange, error) {
	o, f := c.operation(r)
	if f == nil {
		f = o.describe()
	}
	if f != nil {
		return nil, o.named(f)
	}
	return o.exchange, nil
}

// Pages makes the call of a list and hands over one page of mapped items
// after the other, holding no more than one of them. It ends after the first
// error, which is a *value.Failure.
func (c *Client) Pages(ctx context.Context, r Request) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		o, f := c.operation(r)
		if f == nil {
			f = o.eachPage(ctx, func(items []any) bool { return yield(items, nil) })
		}
		if f != nil {
			yield(nil, o.named(f))
		}
	}
}

func (o *operation) eachPage(ctx context.Context, yield func([]any) bool) *value.Failure {
	switch {
	case !o.Action.Output.List:
		return value.Fail(value.ClassInvalid, "the action brings no list")
	case o.Action.Transport == program.HTTP:
		return o.pages(ctx, yield)
	}
	rows, f := o.table(ctx)
	if items, ok := rows.([]any); ok && len(items) > 0 {
		yield(items)
	}
	return f
}

// operation is a call under way: a request whose inputs have been checked.
type operation struct {
	*Client

	Request
	inputs   map[string]any // every declared input, nil where it was left out
	limit    int            // of a list; 0 for none
	answers  map[string]any // of the requests before, by their ids
	took     time.Duration  // for the requests before
	exchange *journal.Exchange
	secrets  []string      // what must not appear in a message
	proof    *http.Request // the credentials that a mail server was shown; nil for none
}

func (c *Client) operation(r Request) (*operation, *value.Failure) {
	o := &operation{Client: c, Request: r}
	if r.Action.Transport == program.HTTP {
		o.Connection = r.Connection.Playing(r.Action)
	}
	if f := o.resolve(); f != nil {
		return o, o.named(f)
	}
	return o, nil
}

// named completes a failure with the action it is about.
func (o *operation) named(f *value.Failure) *value.Failure {
	if f.Action == "" && o.Action != nil {
		f.Action = o.Action.ID
	}
	f.Message = o.scrub(f.Message)
	return f
}

// account is the name under which the budgets of a connection are kept.
func (o *operation) account() string {
	if o.Connection != nil {
		return o.Connection.Name
	}
	return "(" + o.Action.Connector.ID + ")"
}
