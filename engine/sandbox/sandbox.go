package sandbox

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"patchbay/engine/program"
)

// State keeps what the played vendors know between two starts.
type State interface {
	// Load returns the document of that name, false where there is none.
	Load(ctx context.Context, name string) ([]byte, bool, error)
	// Save replaces the document of that name.
	Save(ctx context.Context, name string, data []byte) error
}

// Options of a [Sandbox].
type Options struct {
	// Connectors returns the connectors that are live. It is asked anew for
	// each request to the [Sandbox.Handler]. Nil plays only what [Sandbox.Transport]
	// is given.
	Connectors func() []*program.Connector
	// State keeps the vendors' data; nil keeps it in memory only.
	State State
	// Now is the clock; nil for the system's.
	Now func() time.Time
	// Logger is told what could not be kept; nil for nobody.
	Logger *slog.Logger
}

// Sandbox plays the services of connectors. It may be used by many goroutines
// at once, and starts none.
type Sandbox struct {
	connectors func() []*program.Connector
	state      State
	now        func() time.Time
	log        *slog.Logger
	sender     *http.Client // delivers webhooks
	keys       *keyring
	effects    *ring[Effect]
	mails      *ring[Mail]

	mu       sync.Mutex
	services map[string]*service // by the connector's id
	stages   map[*program.Connector]*stage
	failures []*Failure
}

const (
	mostEffects = 10_000
	mostMails   = 1_000
	mostStages  = 256
	sendingTime = 15 * time.Second
)

// New returns a sandbox. It reads and starts nothing.
func New(opt Options) *Sandbox {
	s := &Sandbox{
		connectors: opt.Connectors, state: opt.State, now: opt.Now, log: opt.Logger,
		sender:   &http.Client{Timeout: sendingTime},
		effects:  newRing[Effect](mostEffects),
		mails:    newRing[Mail](mostMails),
		services: map[string]*service{},
		stages:   map[*program.Connector]*stage{},
	}
	if s.connectors == nil {
		s.connectors = func() []*program.Connector { return nil }
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.keys = &keyring{state: s.state, log: s.log}
	return s
}

// Reset brings every vendor back to its fixtures, and forgets effects, e-mails,
// tokens and failures still to come. The keys that sign webhooks stay.
func (s *Sandbox) Reset(ctx context.Context) error {
	s.mu.Lock()
	s.failures = nil
	services := make([]*service, 0, len(s.services))
	for _, v := range s.services {
		services = append(services, v)
	}
	s.mu.Unlock()
	for _, k := range s.connectors() {
		if v := s.service(k.ID); !slices.Contains(services, v) {
			services = append(services, v)
		}
	}
	s.effects.clear()
	s.mails.clear()
	for _, v := range services {
		if err := v.reset(ctx, s.now()); err != nil {
			return fmt.Errorf("reset sandbox %s: %w", v.id, err)
		}
	}
	return nil
}

// Flush keeps what has changed and was not kept yet: large stores are saved at
// most once a second. It is called before the process ends.
func (s *Sandbox) Flush(ctx context.Context) error {
	s.mu.Lock()
	services := make([]*service, 0, len(s.services))
	for _, v := range s.services {
		services = append(services, v)
	}
	s.mu.Unlock()
	for _, v := range services {
		if err := v.flush(ctx, s.now()); err != nil {
			return fmt.Errorf("keep sandbox %s: %w", v.id, err)
		}
	}
	return nil
}

// connector returns the live connector of that id.
func (s *Sandbox) connector(id string) (*program.Connector, bool) {
	for _, k := range s.connectors() {
		if k.ID == id {
			return k, true
		}
	}
	return nil, false
}

// service returns the data of the vendor behind the connector of that id.
func (s *Sandbox) service(id string) *service {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.services[id]
	if !ok {
		v = newService(id, s.state, s.log)
		s.services[id] = v
	}
	return v
}

// stage returns the connector made ready to be played. Those of older versions
// are dropped now and then; who needs one again gets it anew.
func (s *Sandbox) stage(k *program.Connector) *stage {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st, ok := s.stages[k]; ok {
		return st
	}
	if len(s.stages) >= mostStages {
		clear(s.stages)
	}
	st := newStage(k)
	s.stages[k] = st
	return st
}

// live returns the live version of the connector that a stage plays. A run
// that is pinned to an older version makes its calls in that version's words,
// but the vendor behind them is the one of today, with its data.
func (s *Sandbox) live(st *stage) *stage {
	if k, ok := s.connector(st.connector.ID); ok {
		return s.stage(k)
	}
	return st
}

// ring keeps the newest entries.
type ring[T any] struct {
	most int

	mu      sync.Mutex
	entries []T
	next    int // where the next one goes once entries is full
}

func newRing[T any](most int) *ring[T] { return &ring[T]{most: most} }

func (r *ring[T]) add(e T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.entries) < r.most {
		r.entries = append(r.entries, e)
		return
	}
	r.entries[r.next] = e
	r.next = (r.next + 1) % r.most
}

// all returns the entries, the oldest first.
func (r *ring[T]) all() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]T, 0, len(r.entries))
	return append(append(all, r.entries[r.next:]...), r.entries[:r.next]...)
}

func (r *ring[T]) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries, r.next = nil, 0
}
