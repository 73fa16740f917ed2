package trigger

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

const (
	// within is how long a delivery may wait to be stored. The tightest vendor
	// wants its answer within a second.
	within = 900 * time.Millisecond
	// comeAgain is after how many seconds a sender may try once more.
	comeAgain = "5"

	usualBody   = 1 << 20
	usualAtOnce = 256
	// notesPerSecond is how many rejections are written down, so that a flood
	// of them leaves the store to those who have something to say.
	notesPerSecond = 20
)

// HookOptions are what [Hooks] work with. All up to Reject but Signing
// are required.
type HookOptions struct {
	Intake

	// Address returns the unguessable part of an address, always the same for
	// the same name.
	Address func(name string) string
	// Secrets returns the secret fields of a connection, as many as there are
	// beside an error.
	Secrets func(ctx context.Context, conn *program.Connection) (map[string]string, error)
	// Signing returns further secrets with which the service of a connection
	// may sign: those of its subscriptions. nil means none.
	Signing func(conn *program.Connection) []string
	// FlowSecret returns the secret that a flow's own webhook names.
	FlowSecret func(ctx context.Context, name string) (string, error)
	// Map brings what a vendor sent into the form of its type.
	Map func(t *value.Type, wire any) (any, error)
	// Reject writes down what was turned away.
	Reject func(ctx context.Context, r journal.Rejection) error

	// Accounts is told of those that come and go; nil tells nobody.
	Accounts Accounts
	// PublicKey returns the key, as PEM, that signs for a connection; nil
	// means the one of the connector.
	PublicKey func(conn *program.Connection, v *program.Verify) []byte
	MaxBody   int64 // bytes of a delivery; 0 means 1 MiB
	AtOnce    int   // deliveries that are worked on at once; 0 means 256
}

// Hooks takes what vendors deliver to the addresses below /hooks/: an
// [http.Handler] that answers once the events are stored, with
//
//	200  stored, or nothing here wants it (or the status the vendor expects)
//	400  not JSON, or not what the connector describes
//	401  wrong signature, or too old
//	404  no such address
//	405  not a POST
//	413  too large
//	503  nothing can be stored, or there is too much to do: to be sent again
//
// How long a sender may take to send is the business of the server.
type Hooks struct {
	opt   HookOptions
	log   *slog.Logger
	slots chan struct{}
	notes *rate.Limiter
}

// NewHooks returns a handler. It starts nothing.
func NewHooks(opt HookOptions) *Hooks {
	if opt.MaxBody == 0 {
		opt.MaxBody = usualBody
	}
	if opt.AtOnce == 0 {
		opt.AtOnce = usualAtOnce
	}
	return &Hooks{
		opt: opt, log: opt.log(), slots: make(chan struct{}, opt.AtOnce),
		notes: rate.NewLimiter(notesPerSecond, 5*notesPerSecond),
	}
}

// answer is what the sender of a delivery gets.
type answer struct {
	status int
	text   string
}

// ServeHTTP takes one delivery.
func (h *Hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A sender that hangs up early sends again: what it began is finished.
	ctx := context.WithoutCancel(r.Context())
	at := time.Now()
	set := h.opt.Live()
	t := h.find(set, r.URL.Path)
	a, err := h.take(ctx, w, r, work{set: set, target: t, at: at})
	if err != nil {
		shown := shownPath(r.URL.Path)
		if t != nil {
			shown = t.shown
		}
		a = h.turnAway(ctx, shown, at, err)
	}
	switch a.status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", comeAgain)
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.text)
}

// work is a delivery on its way through the handler.
type work struct {
	set    *program.Set
	target *target
	at     time.Time
}

// take reads the request and waits for its turn. The error is a refusal, or
// why nothing could be stored.
func (h *Hooks) take(ctx context.Context, w http.ResponseWriter, r *http.Request, job work) (answer, error) {
	switch {
	case job.target == nil:
		return answer{}, refuse(http.StatusNotFound, "there is no such address")
	case r.Method != http.MethodPost:
		return answer{}, refuse(http.StatusMethodNotAllowed, "a delivery is a POST, this was a %s", r.Method)
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.opt.MaxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return answer{}, refuse(http.StatusRequestEntityTooLarge, "the delivery is larger than %d bytes", h.opt.MaxBody)
	}
	if err != nil {
		return answer{}, refuse(http.StatusBadRequest, "the delivery ended before it was complete")
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return answer{}, errors.New("too many deliveries at once")
	}
	d := newDelivery(r, raw, job.at)
	if job.target.flow != nil {
		return h.takeForFlow(ctx, job, d)
	}
	return h.takeForVendor(ctx, job, d)
}

// turnAway writes down why a delivery was not taken, and returns what its
// sender is told.
func (h *Hooks) turnAway(ctx context.Context, path string, at time.Time, err error) answer {
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		// What cannot be stored cannot be written down there either.
		h.log.Warn("delivery not stored", "path", path, "error", err)
		return answer{http.StatusServiceUnavailable, "come again later\n"}
	}
	h.log.Info("delivery turned away", "path", path, "status", r.status, "reason", r.reason)
	if h.notes.Allow() {
		h.note(ctx, journal.Rejection{At: at, Address: path, Status: r.status, Reason: r.reason})
	}
	return answer{r.status, told(r.status)}
}

func (h *Hooks) note(ctx context.Context, r journal.Rejection) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := h.opt.Reject(ctx, r); err != nil {
		h.log.Warn("note a rejected delivery", "path", r.Address, "error", err)
	}
}

// told is the sentence a sender gets. The reason stays here: it helps whoever
// guesses as much as whoever errs.
func told(status int) string {
	switch status {
	case http.StatusOK:
		return ""
	case http.StatusBadRequest:
		return "the delivery is not what is expected here\n"
	case http.StatusUnauthorized:
		return "the delivery is not signed as it must be, or too old\n"
	case http.StatusNotFound:
		return "there is no such address\n"
	case http.StatusMethodNotAllowed:
		return "only POST\n"
	case http.StatusRequestEntityTooLarge:
		return "the delivery is too large\n"
	default:
		return "come again later\n"
	}
}
