package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// factPrefix begins the names of the facts that a backup adds to meta; a
// restore takes them out again.
const factPrefix = "backup_"

// Copy writes the database as it is now to path, a file that does not exist or
// is empty, with facts beside it that [Inspect] tells again. It reads one
// committed state, and no write waits for it.
func (s *Store) Copy(ctx context.Context, path string, facts map[string]string) error {
	path, err := filepath.Abs(path)
	if err == nil {
		err = s.copyTo(ctx, path)
	}
	if err == nil {
		err = addFacts(ctx, path, facts)
	}
	return wrap(err, "copy the database")
}

func (s *Store) copyTo(ctx context.Context, path string) error {
	if err := makeFile(path, nil); err != nil { // or SQLite would make one that others may read
		return err
	}
	db, err := sql.Open("sqlite", dataSource(filepath.Join(s.dir, databaseFile), "busy_timeout(5000)"))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `vacuum into ?`, path)
	return errors.Join(err, db.Close())
}

func addFacts(ctx context.Context, path string, facts map[string]string) error {
	return editing(path, func(db *sql.DB) error {
		for name, text := range facts {
			if _, err := db.ExecContext(ctx, `insert into meta (name, value) values (?, ?)`, factPrefix+name, text); err != nil {
				return err
			}
		}
		return nil
	})
}

// editing opens a database that nobody else knows yet and closes it again; what
// edit wrote is on disk then.
func editing(path string, edit func(*sql.DB) error) error {
	db, err := sql.Open("sqlite", dataSource(path, "synchronous(FULL)", "secure_delete(1)"))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	err = errors.Join(edit(db), db.Close())
	if err == nil {
		err = syncFile(path)
	}
	return err
}

// About is what the file of a database says of itself.
type About struct {
	Format int
	World  string // live or sandbox
	Bytes  int64
	Runs   int // ended or not
	Open   int // of them, those that have not ended
	Flows  int // with a live version
	Tokens int // connections and accounts with a sealed token
	// Secrets counts the texts kept with `secret set`.
	Secrets int
	// Facts are those that were given to Copy.
	Facts map[string]string
}

// NotABackupError says why a file cannot be put in the place of a database.
type NotABackupError struct {
	Path string
	Why  string // "is damaged: …"
}

// Error names the file and says what is wrong with it.
func (e *NotABackupError) Error() string { return e.Path + " " + e.Why }

// Inspect looks into the file of a database that no process has open, checks
// it from end to end, and says what is in it. The error is a
// [*NotABackupError] if this program cannot use it.
func Inspect(ctx context.Context, path string) (About, error) {
	info, err := os.Stat(path)
	if err != nil {
		return About{}, fmt.Errorf("look into the backup: %w", err)
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return About{}, fmt.Errorf("look into the backup: %w", err)
	}
	db, err := sql.Open("sqlite", dataSource(full, "query_only(1)")+"&mode=ro")
	if err != nil {
		return About{}, fmt.Errorf("look into the backup: %w", err)
	}
	about := About{Bytes: info.Size(), Facts: map[string]string{}}
	why, err := about.read(ctx, db)
	if isDamaged(err) {
		why, err = "is damaged, or is no backup", nil
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return About{}, fmt.Errorf("look into the backup: %w", err)
	}
	if why != "" {
		return About{}, &NotABackupError{Path: path, Why: why}
	}
	return about, nil
}

// read fills a with what the database says; why says what is wrong with it.
func (a *About) read(ctx context.Context, db *sql.DB) (why string, err error) {
	if err := db.QueryRowContext(ctx, `pragma user_version`).Scan(&a.Format); err != nil {
		return "", err
	}
	if newest := len(migrations()); a.Format > newest {
		return fmt.Sprintf("was written by a newer patchbay (its format is %d, this one reads up to %d): use that version", a.Format, newest), nil
	}
	if a.Format == 0 {
		return "is no backup of patchbay", nil
	}
	damage, err := damageOf(ctx, db)
	if err != nil || len(damage) > 0 {
		return "is damaged: " + strings.Join(damage, "; "), err
	}
	if err := a.readFacts(ctx, db); err != nil {
		return "", err
	}
	// What is published under a name that begins with a dot is no flow.
	err = db.QueryRowContext(ctx, `select
		(select count(*) from run), (select count(*) from run where ended = 0),
		(select count(*) from published where flow not like '.%'),
		(select count(*) from sealed where kind = 'token'), (select count(*) from sealed where kind = 'secret')`).
		Scan(&a.Runs, &a.Open, &a.Flows, &a.Tokens, &a.Secrets)
	return "", err
}

func (a *About) readFacts(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, `select name, value from meta`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return err
		}
		if fact, ok := strings.CutPrefix(name, factPrefix); ok {
			a.Facts[fact] = text
		} else if name == "world" {
			a.World = text
		}
	}
	return rows.Err()
}

// damageOf returns what SQLite finds wrong in a database, nothing if it is whole.
func damageOf(ctx context.Context, db querier) ([]string, error) {
	const most = 5
	rows, err := db.QueryContext(ctx, `select integrity_check from pragma_integrity_check
		union all select 'a row of '||"table"||' names one of '||parent||' that is not there' from pragma_foreign_key_check()`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var damage []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		if line != "ok" && len(damage) < most {
			damage = append(damage, line)
		}
	}
	return damage, rows.Err()
}

type querier interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

// runsAhead is how far the numbers of new runs are moved on by a restore. The
// runs that were begun since the backup are forgotten, but services remember
// the keys of their requests, which are made from the numbers: no new run may
// get such a number, or a service would take its request for an old one.
const runsAhead = 1_000_000

// Restored is what came of a restore.
type Restored struct {
	About

	Aside string // where the database before is now, "" if there was none
}

// AsideName is how what a restore replaces is called from then on: behind the
// name it had and a dot.
func AsideName(now time.Time) string { return "before-restore-" + now.UTC().Format("20060102-150405") }

// ErrNotEmpty says that a data folder has a database already.
var ErrNotEmpty = errors.New("the data folder is not empty")

// Restore puts the database of a backup into the data folder dir, after it was
// inspected; one of the other world is refused. A database that is there is
// kept beside it if replace is true; else the error is [ErrNotEmpty]. It fails
// with a [*LockedError] while another process has the folder, and changes
// nothing if it fails.
func Restore(ctx context.Context, dir, file string, o Options, replace bool, now time.Time) (Restored, error) {
	about, err := Inspect(ctx, file)
	if err != nil {
		return Restored{}, err
	}
	if about.World != o.world() {
		why := fmt.Sprintf("holds %s runs and cannot be restored among %s ones", about.World, o.world())
		return Restored{}, &NotABackupError{Path: file, Why: why}
	}
	dir, err = filepath.Abs(dir)
	if err == nil {
		err = makeFolder(dir)
	}
	if err != nil {
		return Restored{}, fmt.Errorf("open the data folder: %w", err)
	}
	lock, err := takeLock(dir)
	if err != nil {
		return Restored{}, err
	}
	aside, err := restore(ctx, dir, file, replace, now)
	return Restored{About: about, Aside: aside}, errors.Join(err, lock.Close())
}

func restore(ctx context.Context, dir, file string, replace bool, now time.Time) (aside string, err error) {
	path := filepath.Join(dir, databaseFile)
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		if !replace {
			return "", ErrNotEmpty
		}
		aside = AsideName(now)
		if _, err := os.Lstat(path + "." + aside); err == nil {
			return "", fmt.Errorf("%s.%s is there already: try again in a second", path, aside)
		}
	}
	draft := filepath.Join(dir, draftFile)
	if err := errors.Join(removeOld(draft), copyFile(file, draft)); err != nil {
		return "", fmt.Errorf("copy the backup: %w", err)
	}
	err = editing(draft, func(db *sql.DB) error {
		if _, err := db.ExecContext(ctx, `delete from meta where name like ?`, factPrefix+"%"); err != nil {
			return err
		}
		_, err := db.ExecContext(ctx, `update sqlite_sequence set seq = seq + ? where name = 'run'`, runsAhead)
		return err
	})
	if err != nil {
		return "", errors.Join(fmt.Errorf("prepare the backup: %w", err), removeOld(draft))
	}
	if err := replaceDatabase(dir, aside); err != nil {
		return "", fmt.Errorf("put the backup in its place: %w", err)
	}
	if aside == "" {
		return "", nil
	}
	return path + "." + aside, nil
}
