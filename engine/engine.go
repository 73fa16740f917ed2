package engine

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"patchbay/engine/call"
	"patchbay/engine/catalog"
	"patchbay/engine/console"
	"patchbay/engine/journal"
	"patchbay/engine/member"
	"patchbay/engine/program"
	"patchbay/engine/run"
	"patchbay/engine/sandbox"
	"patchbay/engine/store"
	"patchbay/engine/trigger"
	"patchbay/engine/vault"
)

// Options say where an engine works and whom it reaches.
type Options struct {
	// Dir is the workspace folder, Data the data folder; "" means .patchbay
	// in Dir, and for the sandbox .patchbay/sandbox.
	Dir, Data string
	// Sandbox plays every service in process; nothing leaves the machine.
	Sandbox bool
	// Builtin holds the connectors the binary carries.
	Builtin fs.FS
	// Listen is the address for people, HooksListen that for vendors.
	Listen, HooksListen string
	// PublicURL is the address under which vendors reach HooksListen. With ""
	// none is asked to deliver there, but for the played ones of a sandbox.
	PublicURL string
	// ConsoleURL is the address under which people reach Listen, "" for
	// http:// and Listen itself.
	ConsoleURL string
	// AllowPrivate lets http.* actions reach this machine and private networks.
	AllowPrivate bool
	// Workers is how many runs are worked on at the same time; 0 means 256.
	Workers int
	// Keep says how much history Serve keeps; the zero Keep keeps all.
	Keep Keep
	// Version is shown to people.
	Version string
	// Env looks up an environment variable; nil sees none.
	Env func(string) (string, bool)
	// Reloaded is told of each snapshot that goes live; Ended of each run that
	// ended. Both may be nil.
	Reloaded func(*catalog.Live)
	Ended    func(*journal.Run, journal.Event)
	Logger   *slog.Logger
}

// Engine is everything put together over one data folder.
type Engine struct {
	opt       Options
	log       *slog.Logger
	store     *store.Store
	key       []byte
	catalog   *catalog.Catalog
	vault     *vault.Vault
	members   *member.Roster
	calls     *call.Client
	sandbox   *sandbox.Sandbox // nil where the services are real
	runner    *run.Runner
	hooks     *trigger.Hooks
	schedules *trigger.Schedules
	polls     *trigger.Polls
	failures  *trigger.Failures
	// subscriptions keep services told where to deliver.
	subscriptions *trigger.Subscriptions
	pauses        *pauses
	console       *console.Console
	token         string
	publicURL     atomic.Pointer[string]
	// renames are the names that were given up for others.
	renames journal.Renames
	// people and vendors let requests through, asks has the renames that were
	// asked for: of Serve.
	people, vendors *door
	asks            chan asking
	renaming        sync.Mutex // held while one waits
}

// DataDir returns the data folder that the options name.
func (o Options) DataDir() string {
	switch {
	case o.Data != "":
		return o.Data
	case o.Sandbox:
		return filepath.Join(o.Dir, ".patchbay", "sandbox")
	default:
		return filepath.Join(o.Dir, ".patchbay")
	}
}

// Open takes the data folder. Nothing runs before Serve, Local or Still, one of
// which must be called: they give the folder back. The error is a *store.LockedError
// if another process has the folder.
func Open(ctx context.Context, opt Options) (*Engine, error) {
	e := &Engine{opt: opt, log: opt.Logger}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if opt.Env == nil {
		e.opt.Env = func(string) (string, bool) { return "", false }
	}
	e.publicURL.Store(&opt.PublicURL)
	var err error
	if e.store, err = store.Open(ctx, opt.DataDir(), store.Options{Sandbox: opt.Sandbox, Finish: e.finishRename}); err != nil {
		return nil, err
	}
	return e, nil
}

// assemble introduces the parts to each other.
func (e *Engine) assemble(ctx context.Context) error {
	var err error
	if e.key, err = e.loadKey(ctx); err != nil {
		return err
	}
	if e.renames, err = e.store.Renames(ctx); err != nil {
		return err
	}
	e.token = e.secretText("console token")
	if e.opt.Sandbox {
		e.sandbox = sandbox.New(sandbox.Options{Connectors: e.connectors, State: sandboxState{e.store}, Logger: e.log})
	}
	e.catalog = catalog.New(catalog.Options{
		Dir: e.opt.Dir, Workspace: os.DirFS(e.opt.Dir), Builtin: e.opt.Builtin, Sandbox: e.opt.Sandbox,
		Store: e.store, Renames: e.renames, Changed: e.reloaded, Logger: e.log,
	})
	e.pauses = newPauses(e)
	e.vault, err = vault.Open(ctx, vault.Options{
		Store: e.store, Key: e.key, Env: e.opt.Env, Mint: e.mint, Renames: e.renames, Try: e.try, Changed: e.pauses.Refresh, Logger: e.log,
	})
	if err != nil {
		return err
	}
	calls := call.Options{Credentials: e.vault, Tables: tables{e.store, e.catalog}, AllowPrivate: e.opt.AllowPrivate, Logger: e.log}
	if e.sandbox != nil {
		calls.Transport, calls.Deliver = e.sandbox.Transport, e.sandbox.Deliver
	}
	e.calls = call.New(calls)
	if err := e.accounts(ctx); err != nil {
		return err
	}
	e.triggers()
	e.console = console.New(console.Options{
		Catalog: e.catalog, Store: e.store, Vault: e.vault, Calls: e.calls, Hooks: e.hooks, Intake: e.intake(), Sandbox: e.sandbox,
		Schedules: e.schedules, Polls: e.polls, Members: e.members, Subscriptions: e.subscriptions,
		Backup: e.Backup, Examine: e.examineServing, Rename: e.askRename, Connection: e.connection, SendEvent: e.sender(), Dir: e.opt.Dir, Version: e.opt.Version,
		PublicURL: func() string { return *e.publicURL.Load() }, ConsoleURL: e.opt.ConsoleURL, Token: e.token, Link: e.link, Look: e.look, Logger: e.log,
	})
	e.runner = run.New(run.Options{
		Store: e.store, Notify: e.store.Notify(), Identity: e.store.Identity(),
		Definition: e.catalog.Definition, Connection: e.connectionNow,
		Call: e.attempt, Prepare: e.prepare, URL: e.runURL, Offers: e.store.Offers, Link: e.link, Paused: e.pauses.Refresh,
		Observe: e.observe, Logger: e.log, Workers: e.opt.Workers, AtOnce: e.atOnce,
	})
	return nil
}

func (e *Engine) triggers() {
	intake := e.intake()
	e.hooks = trigger.NewHooks(trigger.HookOptions{
		Intake: intake, Accounts: e.members, Map: call.Map, Reject: e.store.Reject, Secrets: e.vault.Reveal, Signing: e.signing,
		FlowSecret: func(ctx context.Context, name string) (string, error) {
			s, err := e.vault.Secret(ctx, name)
			return s.Reveal(), err
		},
		Address: e.hookAddress,
		PublicKey: func(conn *program.Connection, v *program.Verify) []byte {
			if e.sandbox != nil {
				return e.sandbox.PublicKey(conn.Connector, v)
			}
			return v.PublicKey
		},
	})
	e.schedules = trigger.NewSchedules(intake)
	polls := trigger.PollOptions{Intake: intake, List: e.list, Paused: e.pauses.Refresh}
	if e.sandbox != nil {
		polls.SandboxEvery = sandboxPoll
	}
	e.polls = trigger.NewPolls(polls)
	e.subscriptions = trigger.NewSubscriptions(e.subscribing(intake))
	e.failures = trigger.NewFailures(trigger.FailureOptions{
		Intake: intake, Store: e.store, Notify: e.store.Failed(), URL: e.runURL,
	})
}

// intake is the way of all triggers into the store.
func (e *Engine) intake() trigger.Intake {
	return trigger.Intake{
		Live: e.members.Set, Accept: e.accept, Cursor: e.store.Cursor, Fields: e.fields, Awaited: e.awaited, Renames: e.renames,
		Logger: e.log,
	}
}

// accept stores events and tells of the runs that ended with it.
func (e *Engine) accept(ctx context.Context, arrivals []journal.Arrival, cursor *journal.Cursor) ([]journal.Accepted, error) {
	accepted, err := e.store.Accept(ctx, arrivals, cursor)
	for i, a := range accepted {
		if a.Status != "" {
			r := journal.Run{ID: a.Run, Flow: arrivals[i].Flow, Created: arrivals[i].At}
			e.observe(&r, journal.Event{At: arrivals[i].At, Kind: journal.Ended, Status: a.Status, Text: a.Reason})
		}
	}
	return accepted, err
}

// sandboxPoll is how often played services are asked: often enough to be seen.
const sandboxPoll = 10 * time.Second

// secretText derives a text for one purpose from the key of the data folder.
func (e *Engine) secretText(purpose string) string {
	mac := hmac.New(sha256.New, e.key)
	mac.Write([]byte(purpose))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil)))
}

func (e *Engine) connectors() []*program.Connector {
	var out []*program.Connector
	for _, k := range e.catalog.Set().Connectors {
		out = append(out, k)
	}
	return out
}

// reloaded follows every swap of the catalog.
func (e *Engine) reloaded(live *catalog.Live) {
	e.schedules.Refresh()
	e.polls.Refresh()
	e.failures.Refresh()
	e.members.Refresh()
	e.subscriptions.Refresh()
	e.pauses.Refresh()
	if e.opt.Reloaded != nil {
		told := *live
		told.Findings = e.console.FindingsOf(context.Background(), live)
		e.opt.Reloaded(&told)
	}
}

func (e *Engine) look(flow *program.Flow, r *journal.Run, state *journal.State, keep func(run.Glance) bool) []run.Glance {
	return e.runner.Look(flow, r, state, keep)
}

func (e *Engine) observe(r *journal.Run, ev journal.Event) {
	e.console.Observe(r, ev)
	if ev.Kind == journal.Ended && e.opt.Ended != nil {
		e.opt.Ended(r, ev)
	}
}

// connection returns a live connection by name, with the fields that its
// token brought.
func (e *Engine) connection(ctx context.Context, name string) (*program.Connection, bool) {
	conn, ok := e.members.Set().Connections[name]
	if !ok {
		return nil, false
	}
	brought := e.vault.TokenFields(ctx, conn)
	if len(brought) == 0 {
		return conn, true
	}
	own := *conn
	own.Fields = map[string]any{}
	maps.Copy(own.Fields, brought)
	maps.Copy(own.Fields, conn.Fields)
	return &own, true
}

func (e *Engine) connectionNow(name string) (*program.Connection, bool) {
	return e.connection(context.Background(), name)
}

// atOnce returns how many runs of a flow may be worked on at the same time, as its
// file says now; 0 for any number.
func (e *Engine) atOnce(flow string) int {
	if f, ok := e.catalog.Set().Flows[flow]; ok {
		return f.AtOnce
	}
	return 0
}

func (e *Engine) attempt(ctx context.Context, c run.Call) (any, *journal.Exchange, error) {
	res, err := e.calls.Do(ctx, request(c))
	return res.Output, res.Exchange, e.checked(ctx, err)
}

func (e *Engine) prepare(ctx context.Context, c run.Call) (*journal.Exchange, error) {
	return e.calls.Prepare(ctx, request(c))
}

func request(c run.Call) call.Request {
	return call.Request{
		Action: c.Action, Connection: c.Connection, Input: c.Input, Key: c.Key,
		Op: call.Op{Run: c.Run, Path: c.Path}, Flow: c.Flow,
	}
}

func (e *Engine) runURL(id int64) string {
	return e.consoleURL() + "/runs/" + strconv.FormatInt(id, 10)
}

// consoleURL is the address under which people reach the console.
func (e *Engine) consoleURL() string {
	if e.opt.ConsoleURL != "" {
		return e.opt.ConsoleURL
	}
	return "http://" + e.opt.Listen
}

// loadKey returns the key of the data folder, from the environment or its file.
func (e *Engine) loadKey(ctx context.Context) ([]byte, error) {
	needed, err := vault.NeededKey(ctx, e.store)
	if err != nil {
		return nil, err
	}
	given, _ := e.opt.Env(vault.KeyVariable)
	return vault.LoadKey(e.opt.DataDir(), given, needed)
}

// starting puts the parts together and does the work.
func (e *Engine) starting(ctx context.Context, work func(ctx context.Context) error) error {
	return e.Still(ctx, func(ctx context.Context) error {
		if err := e.assemble(ctx); err != nil {
			return err
		}
		return work(ctx)
	})
}

// Still does the work while the store can be written and nothing else happens
// in the data folder, and gives it back. The writer ends last, so that
// everything else is over before the last write.
func (e *Engine) Still(ctx context.Context, work func(ctx context.Context) error) error {
	writing, stop := context.WithCancel(context.WithoutCancel(ctx))
	var writer sync.WaitGroup
	var failed error
	writer.Go(func() { failed = e.store.Run(writing) })
	err := errors.Join(work(ctx), e.settle(writing))
	stop()
	writer.Wait()
	return errors.Join(err, failed, e.store.Close())
}

// settle brings what the parts have only in memory to the store.
func (e *Engine) settle(ctx context.Context) error {
	var err error
	if e.sandbox != nil {
		err = e.sandbox.Flush(ctx)
	}
	if e.vault != nil {
		e.vault.Close()
	}
	return err
}

// newToken returns a random text for one session.
func newToken() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // crypto/rand.Read never fails
	return hex.EncodeToString(b)
}

// listen opens an address; "" means any free port of the loopback address.
func listen(ctx context.Context, address string) (net.Listener, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", address)
}
