package trigger

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
)

const (
	// grace is how long a subscription stays that no flow needs any more: a
	// file that is renamed, or written in two steps, changes nothing at the
	// service.
	grace = time.Minute
	// lookEvery is how often the subscriptions at a service are held against
	// those that were made.
	lookEvery = 24 * time.Hour
	// settleAfter is how long a request whose answer was lost may still be on
	// its way: before, what the service lists says nothing about it.
	settleAfter = 30 * time.Second
	// subscribeRest is the longest pause after an attempt that failed.
	subscribeRest = time.Hour
)

// SubscriptionStore keeps what is known of the subscriptions, by name. What a
// call wrote is on disk when it returns.
type SubscriptionStore interface {
	Subscriptions(ctx context.Context) (map[string][]byte, error)
	SaveSubscription(ctx context.Context, name string, data []byte) error
	RemoveSubscription(ctx context.Context, name string) error
}

// SubscriptionOptions are what [Subscriptions] work with. All are required;
// of Intake only Live and Logger are used.
type SubscriptionOptions struct {
	Intake

	Store SubscriptionStore
	// Call makes one call, List brings the items of a list page by page.
	Call func(ctx context.Context, action *program.Action, conn *program.Connection, input map[string]any) (any, error)
	List func(ctx context.Context, action *program.Action, conn *program.Connection, input map[string]any) iter.Seq2[[]any, error]
	// PublicURL returns the address under which services reach us, "" where
	// none is known.
	PublicURL func() string
	// Address returns the unguessable part of a connection's address.
	Address func(name string) string
	// Secret returns what a service is told to sign with for a connection.
	Secret func(ctx context.Context, conn *program.Connection) (string, error)
	// Ready returns why a connection cannot be used now, "" if it can.
	Ready func(ctx context.Context, conn *program.Connection) (string, error)
}

// Subscriptions keep services told where to deliver the events that the flows
// wait for.
//
// What should be is the events that the triggers of the enabled flows name,
// for each connection whose service takes subscriptions and that may make
// them. What is, is written down before a request is sent and again once it
// was answered, and held against the list of the service at each start, once a
// day, and whenever an answer was lost: one that got lost on the way is found
// there by its address and kept or ended, one that vanished is made anew.
//
// A subscription of a flow that was switched off ends at once, one of a flow
// that is gone after a minute. One that changes, as when the public address
// does, is made anew before the old one ends.
type Subscriptions struct {
	opt     SubscriptionOptions
	log     *slog.Logger
	changed chan struct{}
	settled chan struct{} // closed after the first turn

	// Only Run touches these.
	loaded   bool
	looked   map[string]sight     // by connection: when the service's list was last read
	rests    map[task]*rest       // what failed, and when it is tried again
	unwanted map[string]time.Time // by name: since when nothing needs it

	mu     sync.Mutex
	kept   map[string]*kept // by name; its values are never changed in place
	status []SubscriptionStatus
	again  map[string]bool // connections that were signed in since the last turn
}

// slot is what there is one subscription of: an event at a connection, or all
// events of it ("").
type slot struct{ connection, event string }

// task is something to do about a slot, or, with a zero slot event and the
// kind look, about a connection.
type task struct {
	slot
	kind taskKind
}

type taskKind string

const (
	taskOn   taskKind = "on"
	taskOff  taskKind = "off"
	taskLook taskKind = "look"
)

// rest is a pause after failures.
type rest struct {
	failures int
	next     time.Time
	message  string
	hint     string
	of       string // the sum of what the service was given
}

// kept is what is known of a subscription, as it is stored: JSON. Keys may be
// added, and never change their meaning; one that is missing has its zero
// value.
type kept struct {
	name string

	Connection string    `json:"connection"`
	Base       string    `json:"base"` // the address of the service
	Event      string    `json:"event"`
	Events     []string  `json:"events"`
	Address    string    `json:"address"` // where it delivers
	Of         string    `json:"of"`      // the sum of what the service was given
	Asked      bool      `json:"asked"`   // no answer came yet, or none that helps
	ID         string    `json:"id"`
	Secret     string    `json:"secret,omitempty"` // that the service chose
	At         time.Time `json:"at"`
	// Renamed is the last rename that Connection goes by.
	Renamed int64 `json:"renamed,omitempty"`
}

func (k *kept) slot() slot { return slot{k.Connection, k.Event} }

// SubscriptionState says how a subscription stands.
type SubscriptionState string

// The states of a subscription.
const (
	Subscribed    SubscriptionState = "subscribed"
	Subscribing   SubscriptionState = "subscribing" // about to be made, or nobody knows whether it was
	Unsubscribed  SubscriptionState = "not_subscribed"
	Unsubscribing SubscriptionState = "unsubscribing" // no flow needs it, it is about to end
)

// SubscriptionStatus is how a subscription stands, or why there is none.
type SubscriptionStatus struct {
	Connection, Connector string

	Events   []string // in the service's words
	State    SubscriptionState
	Since    time.Time // when it was made, zero while there is none
	Next     time.Time // when what failed is tried again, zero for nothing
	Message  string    // why there is none, or why it does not end; "" for nothing
	Hint     string    // what to do about it
	Triggers []string  // those that wait for it, as "flow/trigger id"
}

// NewSubscriptions returns subscriptions that stand still until Run.
func NewSubscriptions(opt SubscriptionOptions) *Subscriptions {
	return &Subscriptions{
		opt: opt, log: opt.log(), changed: make(chan struct{}, 1), settled: make(chan struct{}),
		looked: map[string]sight{}, rests: map[task]*rest{}, unwanted: map[string]time.Time{}, kept: map[string]*kept{}, again: map[string]bool{},
	}
}

// Refresh says that something else is live now.
func (s *Subscriptions) Refresh() { signal(s.changed) }

// Connected says that a connection was signed in: what it was refused before
// is tried at once, and what its service has is looked at anew.
func (s *Subscriptions) Connected(connection string) {
	s.mu.Lock()
	s.again[connection] = true
	s.mu.Unlock()
	signal(s.changed)
}

// Settled returns a channel that is closed once all was tried for the first
// time.
func (s *Subscriptions) Settled() <-chan struct{} { return s.settled }

// Status returns how each subscription stands, by connection and event.
func (s *Subscriptions) Status() []SubscriptionStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.status)
}

// Secrets returns the secrets that a service chose for the subscriptions of a
// connection.
func (s *Subscriptions) Secrets(connection string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, name := range slices.Sorted(maps.Keys(s.kept)) {
		if k := s.kept[name]; k.Connection == connection && k.Secret != "" {
			all = append(all, k.Secret)
		}
	}
	return all
}

// SubscribedAt returns where the service of a connector delivers an event, as
// far as it was asked to: one address for each connection, sorted by its name.
func (s *Subscriptions) SubscribedAt(connector *program.Connector, event string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := s.opt.Live()
	var all []string
	for _, k := range inOrder(s.kept) {
		conn := set.Connections[k.Connection]
		if conn != nil && conn.Connector.ID == connector.ID && !k.Asked && slices.Contains(k.Events, event) {
			all = append(all, k.Address)
		}
	}
	return all
}

// Run keeps the subscriptions as they should be until ctx ends. It always
// returns nil. Nothing is ended because Run is: what is delivered meanwhile is
// for the next start.
func (s *Subscriptions) Run(ctx context.Context) error {
	first := true
	for {
		next := s.turn(ctx, time.Now())
		if first && ctx.Err() == nil {
			first = false
			close(s.settled)
		}
		wake := time.NewTimer(max(time.Until(next), 0))
		select {
		case <-ctx.Done():
		case <-s.changed:
		case <-wake.C:
		}
		wake.Stop()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of ctx is the end of the work, not an error
		}
	}
}

// load reads what the run before knew.
func (s *Subscriptions) load(ctx context.Context) error {
	if s.loaded {
		return nil
	}
	all, err := s.opt.Store.Subscriptions(ctx)
	if err != nil {
		return err
	}
	found := map[string]*kept{}
	for name, data := range all {
		k := &kept{name: name}
		if err := json.Unmarshal(data, k); err != nil {
			return err
		}
		k.Connection = s.opt.Renames.Since(k.Renamed).Now(journal.ConnectionName, k.Connection)
		found[name] = k
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept, s.loaded = found, true
	return nil
}

// save puts what is known of a subscription on disk, also while the engine
// stops.
func (s *Subscriptions) save(ctx context.Context, k kept) error {
	k.Renamed = s.opt.Renames.Last()
	data, err := json.Marshal(k)
	if err != nil {
		return err
	}
	if err := s.opt.Store.SaveSubscription(context.WithoutCancel(ctx), k.name, data); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[k.name] = &k
	return nil
}

// forget removes what is known of a subscription.
func (s *Subscriptions) forget(ctx context.Context, k *kept) error {
	if err := s.opt.Store.RemoveSubscription(context.WithoutCancel(ctx), k.name); err != nil {
		return err
	}
	delete(s.unwanted, k.name)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, k.name)
	return nil
}

// of returns the subscriptions of a connection, the oldest first.
func (s *Subscriptions) of(connection string) []*kept {
	return slices.DeleteFunc(inOrder(s.kept), func(k *kept) bool { return k.Connection != connection })
}

func inOrder(all map[string]*kept) []*kept {
	return slices.SortedFunc(maps.Values(all), func(a, b *kept) int {
		return cmp.Or(cmp.Compare(a.Connection, b.Connection), cmp.Compare(a.Event, b.Event), a.At.Compare(b.At), cmp.Compare(a.name, b.name))
	})
}
