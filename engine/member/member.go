// Package member knows the accounts that a sign-in serves beside others: the
// locations of an agency, say. A [Roster] reads the list of each such
// connection again and again, hears of deliveries that say that an account has
// come or gone, keeps what it knows in the store, and adds a connection for
// each account to what is live ([Roster.Set]).
//
// An account that left is kept: what was done in it stays known under its
// name, and if it comes back it goes on where it was.
package member

import (
	"context"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// Store keeps the accounts.
type Store interface {
	// Accounts returns all accounts that were kept.
	Accounts(ctx context.Context) ([]journal.Account, error)
	// KeepAccounts writes accounts down, in place of what was known of them.
	KeepAccounts(ctx context.Context, accounts []journal.Account) error
}

// Options are what a [Roster] works with. All but Changed and Logger are
// required.
type Options struct {
	Store Store
	// Live returns the checked workspace that is live now.
	Live func() *program.Set
	// List calls an action that lists, and brings its items page by page. It
	// ends after the first error.
	List func(ctx context.Context, action *program.Action, conn *program.Connection, input map[string]any) iter.Seq2[[]any, error]
	// Fields returns the fields of a connection that are no secrets, those
	// that a sign-in filled among them.
	Fields func(ctx context.Context, conn *program.Connection) map[string]any
	// Changed is told when accounts have come or gone.
	Changed func()
	Logger  *slog.Logger
}

// Roster knows the accounts of all sign-ins that serve many.
type Roster struct {
	opt   Options
	log   *slog.Logger
	awake chan struct{}

	// changing is held while accounts are changed, also while the store is
	// written: what is known here is what is on disk.
	changing sync.Mutex

	mu       sync.Mutex
	accounts map[key]account
	lists    map[string]*list // by connection
	base     *program.Set     // which set was made from
	set      *program.Set     // nil: to be made anew
}

// key is an account of a connection.
type key struct{ connection, id string }

// account is what is known of one, and when a delivery last spoke of it: a
// list that was asked for before then may be older than that.
type account struct {
	journal.Account

	told time.Time
}

// Open returns a roster with the accounts that the store holds. It reads no
// list before Run or Read.
func Open(ctx context.Context, opt Options) (*Roster, error) {
	r := &Roster{
		opt: opt, log: opt.Logger, awake: make(chan struct{}, 1),
		accounts: map[key]account{}, lists: map[string]*list{},
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	kept, err := opt.Store.Accounts(ctx)
	for _, a := range kept {
		r.accounts[key{a.Connection, a.ID}] = account{Account: a}
	}
	return r, err
}

// Set returns what is live now, with a connection for each account. It is the
// same set until something changes.
func (r *Roster) Set() *program.Set {
	base := r.opt.Live()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.set == nil || r.base != base {
		all := make([]journal.Account, 0, len(r.accounts))
		for a := range maps.Values(r.accounts) {
			all = append(all, a.Account)
		}
		r.base, r.set = base, base.WithMembers(all)
	}
	return r.set
}

// Join notes that an account has come, and returns the connection to it. The
// list is read soon, for its name.
func (r *Roster) Join(ctx context.Context, of *program.Connection, id string) (*program.Connection, error) {
	if err := r.told(ctx, of.Name, id, time.Time{}); err != nil {
		return nil, err
	}
	r.Sooner(of.Name)
	return r.Set().Connections[program.MemberName(of.Name, id)], nil
}

// Leave notes that an account has gone. One that was never known is no error.
func (r *Roster) Leave(ctx context.Context, of *program.Connection, id string) error {
	r.mu.Lock()
	_, known := r.accounts[key{of.Name, id}]
	r.mu.Unlock()
	if !known {
		return nil
	}
	return r.told(ctx, of.Name, id, time.Now())
}

// told takes in what a delivery says of an account.
func (r *Roster) told(ctx context.Context, connection, id string, retired time.Time) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	now := time.Now()
	r.mu.Lock()
	a, known := r.accounts[key{connection, id}]
	r.mu.Unlock()
	same := known && a.Retired.IsZero() == retired.IsZero()
	if !known {
		a.Account = journal.Account{Connection: connection, ID: id, Seen: now}
	}
	a.told = now
	if !same {
		a.Retired = retired
	}
	return r.keep(ctx, []account{a}, !same)
}

// keep writes accounts down and only then lets them count. The lock changing
// is held.
func (r *Roster) keep(ctx context.Context, changed []account, write bool) error {
	if write {
		rows := make([]journal.Account, len(changed))
		for i, a := range changed {
			rows[i] = a.Account
		}
		if err := r.opt.Store.KeepAccounts(ctx, rows); err != nil {
			return err
		}
	}
	r.mu.Lock()
	for _, a := range changed {
		r.accounts[key{a.Connection, a.ID}] = a
	}
	if write {
		r.set = nil
	}
	r.mu.Unlock()
	if write && r.opt.Changed != nil {
		r.opt.Changed()
	}
	return nil
}

// agencies returns the connections that serve many accounts, by name.
func (r *Roster) agencies() map[string]*program.Connection {
	all := map[string]*program.Connection{}
	for name, c := range r.opt.Live().Connections {
		if c.IsAgency() {
			all[name] = c
		}
	}
	return all
}

// ReadAll reads the lists of all connections that serve many accounts, and
// returns when each was read or could not be, which is told by Lists.
func (r *Roster) ReadAll(ctx context.Context) {
	for _, name := range slices.Sorted(maps.Keys(r.agencies())) {
		_ = r.Read(ctx, name) // told by Lists and the log
	}
}
