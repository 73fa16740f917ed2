package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"patchbay/engine/catalog"
	"patchbay/engine/console"
	"patchbay/engine/store"
	"patchbay/engine/vault"
)

// Doctor says how the data folder stands while nothing else happens in it, and
// gives it back. With fix it repairs what can be repaired without a loss.
func (e *Engine) Doctor(ctx context.Context, fix bool) (console.Health, error) {
	var h console.Health
	err := e.Still(ctx, func(ctx context.Context) error {
		needed, err := vault.NeededKey(ctx, e.store)
		if err != nil {
			return err
		}
		if keyState(e.opt, needed) == KeyThere { // or there is nothing that the rest could say
			if err := e.assemble(ctx); err != nil {
				return err
			}
			if _, err := e.catalog.Load(ctx); err != nil {
				return err
			}
		}
		h, err = e.examine(ctx, fix, false)
		return err
	})
	return h, err
}

func (e *Engine) examineServing(ctx context.Context, fix bool) (console.Health, error) {
	return e.examine(ctx, fix, true)
}

// examine looks at everything that can go wrong with a data folder.
func (e *Engine) examine(ctx context.Context, fix, serving bool) (console.Health, error) {
	now := time.Now()
	signs, err := e.store.Signs(ctx, now)
	if err != nil {
		return console.Health{}, err
	}
	x := &examination{fix: fix, dir: e.opt.DataDir(), Health: console.Health{
		Data: e.opt.DataDir(), Serving: serving, World: signs.World, Format: signs.Format, Bytes: signs.Bytes,
		Runs: signs.Runs, Open: signs.Open, Oldest: signs.Oldest, Problems: []console.Problem{}, Notes: []console.Problem{},
	}}
	x.file(signs, now)
	x.modes()
	if len(signs.Damage) == 0 {
		if x.KeyID, err = vault.NeededKey(ctx, e.store); err != nil {
			return console.Health{}, err
		}
		x.key(e.opt)
		x.runs(signs)
		if err := errors.Join(x.definitions(ctx, e.store), x.services(ctx, e)); err != nil {
			return console.Health{}, err
		}
	}
	x.OK = !slices.ContainsFunc(x.Problems, func(p console.Problem) bool { return !p.Fixed })
	return x.Health, nil
}

// examination is a health that is being found out.
type examination struct {
	console.Health

	dir string
	fix bool
}

func (x *examination) problem(code, where, what, do string) {
	x.Problems = append(x.Problems, console.Problem{Code: code, Where: where, What: what, Do: do})
}

// clockSlack is how far clocks may be apart before that is a problem.
const clockSlack = time.Minute

// spareDisk is what must be free beside the size of the database, which an
// upgrade and a backup need once more.
const spareDisk = 100 << 20

// file looks at the database as a file.
func (x *examination) file(signs store.Signs, now time.Time) {
	database := filepath.Join(x.dir, "patchbay.db")
	for _, line := range signs.Damage {
		x.problem("damaged", database, "is damaged: "+line, "stop serve and put the last backup back: patchbay restore FILE --force")
	}
	if signs.Latest.After(now.Add(clockSlack)) {
		x.problem("clock", "the clock", "says "+now.UTC().Format(time.RFC3339)+", but a run has the time "+signs.Latest.Format(time.RFC3339),
			"set the clock of this machine; runs that wait do so until the clock has come there")
	}
	free, known := store.FreeDisk(x.dir)
	if x.Disk = free; known && free < x.Bytes+spareDisk {
		x.problem("disk", x.dir, fmt.Sprintf("has %d MB left on its disk, and the database has %d MB", free>>20, x.Bytes>>20),
			"make room, or keep less: --keep-age, --keep-runs and --keep-size of patchbay serve")
	}
}

// modes looks whether others may read what is for the owner only.
func (x *examination) modes() {
	if runtime.GOOS == "windows" {
		return
	}
	for _, f := range []struct {
		path string
		mode fs.FileMode
	}{{x.dir, 0o700}, {vault.KeyFile(x.dir), 0o600}, {filepath.Join(x.dir, "patchbay.db"), 0o600}} {
		info, err := os.Stat(f.path)
		if err != nil || info.Mode().Perm()&0o077 == 0 {
			continue
		}
		x.problem("readable", f.path, fmt.Sprintf("is open to others (mode %04o)", info.Mode().Perm()), fmt.Sprintf("chmod %o %s", f.mode, f.path))
		if x.fix && os.Chmod(f.path, f.mode) == nil {
			x.Problems[len(x.Problems)-1].Fixed = true
		}
	}
}

func (x *examination) key(opt Options) {
	if slices.ContainsFunc(x.Problems, func(p console.Problem) bool { return p.Where == vault.KeyFile(x.dir) && !p.Fixed }) {
		return // it is not read while others can read it
	}
	do := "put the right key back as " + vault.KeyFile(x.dir) + ", or give it in " + vault.KeyVariable
	switch keyState(opt, x.KeyID) {
	case KeyMissing:
		x.problem("key", vault.KeyFile(x.dir), "is missing, and tokens and secrets are sealed with key "+x.KeyID, do)
	case KeyWrong:
		x.problem("key", vault.KeyFile(x.dir), "is not the key that tokens and secrets are sealed with, which is key "+x.KeyID, do)
	default:
	}
}

// runs looks for those that do not go on. Where nothing serves none does.
func (x *examination) runs(signs store.Signs) {
	all := func(code string, ids []int64, what, do string) {
		for _, id := range ids {
			n := strconv.FormatInt(id, 10)
			x.problem(code, "run "+n, what, do+" "+n)
		}
	}
	if x.Serving {
		all("no_lease", signs.NoLease, "is running, but nobody works on it", "restart patchbay serve, which takes it up again; then patchbay runs show")
		all("overdue", signs.Overdue, "should have gone on long ago", "restart patchbay serve; what it waits for: patchbay runs show")
	}
	all("asleep", signs.Asleep, "waits for a run that is not there any more", "patchbay runs cancel")
	all("outcome_unknown", signs.Asking, "asks whether a write happened", "look at the service, then patchbay runs answer")
}

// definitions looks for those that nobody needs. They are removed only while
// nothing serves: a file that is being saved may need one again.
func (x *examination) definitions(ctx context.Context, s *store.Store) error {
	spare, err := s.SpareDefinitions(ctx, catalog.Needs)
	if err != nil || len(spare) == 0 {
		return err
	}
	note := console.Problem{
		Code: "definitions", Where: "old versions of flows", What: fmt.Sprintf("take %d rows that no run needs", len(spare)),
		Do: "patchbay doctor --fix removes them",
	}
	switch {
	case x.Serving:
		note.Do += " while patchbay serve does not run"
	case x.fix:
		if err := s.RemoveDefinitions(ctx, spare); err != nil {
			return err
		}
		note.Fixed = true
	}
	x.Notes = append(x.Notes, note)
	return nil
}

// services looks at the connections and what was subscribed to.
func (x *examination) services(ctx context.Context, e *Engine) error {
	if e.console == nil { // the key is missing
		return nil
	}
	waiting, err := e.console.Waiting(ctx)
	if err != nil {
		return err
	}
	for _, c := range waiting {
		what, do := c.State.Message, "patchbay connections --test tries it once it is put right"
		if c.SignIn {
			do = "patchbay connect " + c.Name
		}
		switch {
		case c.Paused == 1:
			what = "1 run waits for it: " + what
		case c.Paused > 1:
			what = fmt.Sprintf("%d runs wait for it: %s", c.Paused, what)
		}
		x.problem("connection", "connection "+c.Name, what, do)
	}
	live := e.catalog.Live()
	for _, f := range live.Set.Ungranted(console.GrantedBy(ctx, e.vault, live.Set)) {
		x.problem("scope", f.Pos.String(), f.Message, f.Hint)
	}
	for _, s := range e.subscriptions.Status() {
		if s.Message != "" {
			x.problem("subscription", "connection "+s.Connection, s.Message, s.Hint)
		}
	}
	return nil
}
