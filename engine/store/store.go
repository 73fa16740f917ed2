// Package store is the embedded store of runs: one SQLite database in one
// folder, owned by one process.
//
// # Layout
//
//	.patchbay/
//	  .gitignore     *
//	  lock           held (flock) by the process that owns the folder
//	  patchbay.db    the database, with its -wal and -shm beside it
//	  patchbay.db.*  one that was there before; see replace.go
//	  rename-*.json  renames that the next owner takes in; see rename.go
//
//	meta       name → value: world (live | sandbox), identity
//	run        one row a run; its small facts, and where it stands
//	event      the journals: one row an append, with its events one a line
//	payload    events that started runs, inputs and outputs; shared by `uses` runs
//	seen       (flow, trigger, connection, event id) → run; outlives the run
//	wait, point   which steps wait for an event or a person, and for which
//	offer      events and answers that waiting steps are to look at
//	cursor     how far polls and schedules have come
//	tally      how many runs a flow has in each status
//	definition, published   what runs execute, and which version is live
//	sealed     secrets and tokens, sealed by the vault
//	record, record_op       rows of the flows' tables, and which step wrote them
//	rejection  webhook requests that were turned away
//	rename     names that were given up for others; see rename.go
//
// A run is claimable when its column `wake` has come: the due time of a queued
// or waiting run, the end of the lease of a running one, null for all others,
// among them those that stand behind another run of their queue. Claims go round
// the flows, and in each flow round the connections its runs came through; see
// lanes.
//
// # Writing
//
// All writes go through the one goroutine of [Store.Run], which puts what
// gathered during the last commit into one transaction: everyone waits for one
// fsync instead of one each. A method that writes returns when its rows are on
// disk, or with an error that says they are not. Reads have their own
// connections and see what was committed before they began.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"patchbay/engine/journal"
)

// CopyPattern is how the files in the data folder are called that [Store.Copy]
// writes on their way elsewhere; Open removes those that were left behind.
const CopyPattern = "copy-*.db"

// readers is how many reads go on at once.
const readers = 4

// Options are the choices a store is opened with.
type Options struct {
	// Sandbox opens a store whose runs touch no real service. A folder is
	// for the sandbox or for live runs from its first day on, never for both.
	Sandbox bool
	// Finish does what is left to do of a rename whose rows were changed when
	// the owner before ended: its work, as it was given to [Store.Rename]. Open
	// fails with its error. With nil nothing is done, and the next Open asks again.
	Finish func(work string) error
}

// world is what a store is stamped with that is opened so.
func (o Options) world() string {
	if o.Sandbox {
		return "sandbox"
	}
	return "live"
}

// Store is an open data folder. Its methods may be called by many goroutines
// at once; those that write wait for [Store.Run].
type Store struct {
	dir      string
	identity string
	lock     *os.File
	write    *sql.DB // of one connection, tx's
	read     *sql.DB
	tx       *tx // belongs to the goroutine of Run
	lanes    lanes

	ops     chan *op // unbuffered: who hands over an op knows that it will be answered
	notify  chan struct{}
	failed  chan struct{}
	started atomic.Bool
	stopped chan struct{} // closed when Run is over

	queries statements // of read
}

// Open opens the data folder dir, making it if it does not exist, and takes it
// over: the leases of an owner before are void. It fails with a [*LockedError]
// while another process has the folder.
//
// Nothing is written before Run is called; Close gives the folder back.
func Open(ctx context.Context, dir string, o Options) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open the data folder: %w", err)
	}
	if err := makeFolder(dir); err != nil {
		return nil, fmt.Errorf("open the data folder: %w", err)
	}
	lock, err := takeLock(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{
		dir: dir, lock: lock,
		ops:     make(chan *op),
		notify:  make(chan struct{}, 1),
		failed:  make(chan struct{}, 1),
		stopped: make(chan struct{}),
	}
	err = s.open(ctx, o)
	if isReadOnly(err) {
		err = fmt.Errorf("its %s cannot be written: let this user write the file and the folder it is in (%w)", databaseFile, err)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the data folder %s: %w", dir, err), s.Close())
	}
	return s, nil
}

// Identity returns the text by which this data folder is told from all others.
// It is random and never changes.
func (s *Store) Identity() string { return s.identity }

// Notify returns a channel that receives when a run may have become claimable
// or NextDue may have changed. Signals that nobody waits for become one.
func (s *Store) Notify() <-chan struct{} { return s.notify }

// Failed returns a channel that receives when [Store.FailedRuns] may have found
// more. Signals that nobody waits for become one.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Close closes the database and gives the folder back. Run is over by then.
func (s *Store) Close() error { return errors.Join(s.disconnect(), s.lock.Close()) }

// disconnect closes the connections to the database.
func (s *Store) disconnect() error {
	errs := []error{s.queries.close()}
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	if s.tx != nil {
		errs = append(errs, s.tx.statements.close(), s.tx.conn.Close())
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	s.read, s.tx, s.write = nil, nil, nil
	return errors.Join(errs...)
}

func (s *Store) open(ctx context.Context, o Options) error {
	if err := errors.Join(finishReplacing(s.dir), removeLeft(s.dir)); err != nil {
		return err
	}
	path := filepath.Join(s.dir, databaseFile)
	if err := makeFile(path, nil); err != nil {
		return err
	}
	if err := s.connect(ctx, path); err != nil {
		return err
	}
	version, err := s.tx.version()
	if err != nil {
		return err
	}
	if version > 0 && version < len(migrations()) {
		if err := s.upgrade(ctx, path, version); err != nil {
			return err
		}
	}
	if err := s.tx.migrate(); err != nil {
		return err
	}
	if err := s.tx.perform(func(t *tx) error { return s.takeOver(t, o.world()) }); err != nil {
		return err
	}
	return s.finishRenames(o.Finish)
}

// connect opens the connections to the database at path.
func (s *Store) connect(ctx context.Context, path string) error {
	var err error
	s.write, err = sql.Open("sqlite", writing(path))
	if err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	s.read, err = sql.Open("sqlite", dataSource(path,
		"busy_timeout(5000)", "query_only(1)", "cache_size(-8000)", "mmap_size(67108864)"))
	if err != nil {
		return err
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	s.queries.on = s.read

	conn, err := s.write.Conn(ctx)
	if isDamaged(err) {
		return fmt.Errorf("its patchbay.db is damaged, or is no database: put a backup in its place (%w)", err)
	}
	if err != nil {
		return err
	}
	s.tx = &tx{ctx: context.WithoutCancel(ctx), conn: conn, statements: statements{on: conn}, tally: map[tallyKey]int{}, lanes: &s.lanes}
	return nil
}

// writing returns the address under which a database is written.
func writing(path string) string {
	return dataSource(path, "busy_timeout(5000)", "auto_vacuum(2)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		"cache_size(-32000)", "journal_size_limit(67108864)", "wal_autocheckpoint(4000)")
}

// upgrade puts a copy of the database in the newest format in its place. The
// one of the old format stays beside it, so that the program before can be
// used again.
func (s *Store) upgrade(ctx context.Context, path string, version int) error {
	draft := filepath.Join(s.dir, draftFile)
	if err := makeFile(draft, nil); err != nil {
		return err
	}
	if _, err := s.tx.conn.ExecContext(ctx, `vacuum into ?`, draft); err != nil {
		return fmt.Errorf("copy the database of format %d: %w", version, err)
	}
	err := editing(draft, func(db *sql.DB) error {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		t := &tx{ctx: context.WithoutCancel(ctx), conn: conn}
		return errors.Join(t.migrate(), conn.Close())
	})
	if err != nil {
		return err
	}
	if err := s.disconnect(); err != nil {
		return err
	}
	if err := replaceDatabase(s.dir, fmt.Sprintf("format-%d", version)); err != nil {
		return err
	}
	return s.connect(ctx, path)
}

// removeLeft removes what a crash left behind of copies that were under way.
func removeLeft(dir string) error {
	left, err := filepath.Glob(filepath.Join(globbed(dir), CopyPattern))
	for _, path := range append(left, filepath.Join(dir, draftFile), filepath.Join(dir, draftFile+"-journal")) {
		err = errors.Join(err, removeOld(path))
	}
	return err
}

// takeOver stamps a new store, refuses one of the other world and voids the
// leases of the owner before.
func (s *Store) takeOver(t *tx, world string) error {
	stamped, err := t.stamp(world)
	if err != nil {
		return err
	}
	if stamped != world {
		return fmt.Errorf("it belongs to %s runs and cannot be used for %s ones: name another folder", stamped, world)
	}
	if s.identity, err = t.identity(); err != nil {
		return err
	}
	if err := t.loadLastRun(); err != nil {
		return err
	}
	return t.voidLeases()
}

// VoidLeases lets the runs under way be claimed again: whoever worked on them
// has ended.
func (s *Store) VoidLeases(ctx context.Context) error {
	err := s.perform(ctx, func(t *tx) error {
		t.claimable = true
		return t.voidLeases()
	})
	return wrap(err, "void the leases")
}

// voidLeases makes all that is under way due, and finds the lanes with something
// to do.
func (t *tx) voidLeases() error {
	if err := t.exec(`update run set wake = 0 where status = 'running'`); err != nil {
		return err
	}
	return t.loadLanes()
}

// dataSource returns the address of the database at path for the driver.
func dataSource(path string, pragmas ...string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive letter
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	return u.String()
}

// makeFolder makes dir for the eyes of its owner only, and out of the sight of git.
func makeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return makeFile(filepath.Join(dir, ".gitignore"), []byte("*\n"))
}

// makeFile writes a file that does not exist yet.
func makeFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// unavailable marks err as one that concerns the disk, not the caller.
func unavailable(err error) error {
	return fmt.Errorf("%w: %w", journal.ErrUnavailable, err)
}
