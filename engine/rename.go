package engine

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"patchbay/engine/catalog"
	"patchbay/engine/console"
	"patchbay/engine/edit"
	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/store"
)

// Rename gives a flow, a connection or a connector another name, in the files
// and in all that is kept under it, while nothing else happens in the data
// folder, and gives that back. The error is an [*edit.RefusedError] where that
// cannot be done.
//
// The rows of the store change first, in one transaction that also writes down
// what is to be done about the files. If that is broken off, the next [Open]
// goes on with it before anything else.
func (e *Engine) Rename(ctx context.Context, request console.RenameRequest) (console.RenameAnswer, error) {
	var answer console.RenameAnswer
	err := e.Still(ctx, func(ctx context.Context) error {
		var err error
		if e.renames, err = e.store.Renames(ctx); err != nil {
			return err
		}
		answer, err = e.rename(ctx, request)
		return err
	})
	return answer, err
}

// PlanRename says what a rename would change in the files, where nothing was
// ever kept under the name.
func PlanRename(ctx context.Context, opt Options, request console.RenameRequest) (console.RenameAnswer, error) {
	request.DryRun = true
	p, err := (&Engine{opt: opt}).planRename(ctx, request)
	return p.answer, err
}

// askRename does the same where Serve is at work: it brings all to rest, and
// begins again behind the rename.
func (e *Engine) askRename(ctx context.Context, request console.RenameRequest) (console.RenameAnswer, error) {
	if p, err := e.planRename(ctx, request); err != nil || request.DryRun {
		return p.answer, err // nothing need come to rest for that
	}
	if e.asks == nil || !e.renaming.TryLock() {
		return console.RenameAnswer{}, &edit.RefusedError{Reason: "another rename is under way", Hint: "try again in a moment"}
	}
	defer e.renaming.Unlock()
	answer := make(chan renamed, 1)
	select {
	case e.asks <- asking{request, answer}:
	case <-ctx.Done():
		return console.RenameAnswer{}, ctx.Err()
	}
	done := <-answer
	return done.answer, done.err
}

// errBegun says that the store goes by the new name, and the files do not yet.
var errBegun = errors.New("the rename is not done yet, and goes on with the next start of patchbay")

// renamePlan is a rename that may be done.
type renamePlan struct {
	answer console.RenameAnswer
	work   renameWork
}

// renameWork is what a rename does outside of the store, as it is written down
// there. Keys are only ever added.
type renameWork struct {
	Files []renameFile `json:"files"`
	Moves []renameMove `json:"moves"` // behind the Files
	// Others are further data folders of the workspace, which are told of the
	// Rename before the files change.
	Others []string     `json:"others,omitempty"`
	Rename store.Rename `json:"rename"`
	Dir    string       `json:"dir"` // the workspace
}

type renameFile struct {
	Path   string `json:"path"`
	Before string `json:"before"` // the sum of the text that is to be replaced
	After  []byte `json:"after"`
}

type renameMove struct{ From, To string }

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// planRename finds out what a rename changes, or why it cannot be.
func (e *Engine) planRename(ctx context.Context, request console.RenameRequest) (renamePlan, error) {
	kind := journal.NameKind(request.Kind)
	src, err := catalog.Read(os.DirFS(e.opt.Dir), e.opt.Builtin)
	if err != nil {
		return renamePlan{}, err
	}
	done, err := edit.Rename(src, program.Options{Sandbox: e.opt.Sandbox}, kind, request.From, request.To)
	if err != nil {
		return renamePlan{}, err
	}
	var count store.RenameCount
	if e.store != nil {
		if count, err = e.store.CountRename(ctx, kind, request.From, request.To); err != nil {
			return renamePlan{}, err
		}
	}
	p := renamePlan{answer: console.NewRenameAnswer(done, count)}
	texts := map[string][]byte{}
	p.answer.Written = !request.DryRun
	p.answer.Address = addressStays(done.Set, kind, request.To)
	p.answer.Others = append(p.answer.Others, e.otherFolders()...)
	for _, files := range append(slices.Collect(maps.Values(src.Connectors)), src.Flows) {
		for _, f := range files {
			texts[f.Path] = f.Data
		}
	}
	for _, file := range slices.Sorted(maps.Keys(done.Files)) {
		p.work.Files = append(p.work.Files, renameFile{file, sumOf(texts[file]), done.Files[file]})
	}
	for _, m := range done.Moves {
		p.work.Moves = append(p.work.Moves, renameMove(m))
	}
	return p, e.mayWrite(&p)
}

// addressStays reports whether what was renamed has an address at which
// services deliver: it stays.
func addressStays(set *program.Set, kind journal.NameKind, name string) bool {
	switch kind {
	case journal.FlowName:
		return slices.ContainsFunc(set.Flows[name].Triggers, func(t *program.FlowTrigger) bool { return t.Webhook != nil })
	case journal.ConnectionName:
		w := set.Connections[name].Connector.Webhooks
		return w != nil && w.Connection == nil
	default:
		w := set.Connectors[name].Webhooks
		return w != nil && w.Connection != nil
	}
}

// mayWrite refuses what cannot be written: files that only stand for others,
// and the data folder of the workspace that another process has.
func (e *Engine) mayWrite(p *renamePlan) error {
	root, err := os.OpenRoot(e.opt.Dir)
	if err != nil {
		return fmt.Errorf("open the workspace: %w", err)
	}
	defer root.Close() //nolint:errcheck // nothing is written by it
	for _, f := range p.work.Files {
		if !IsOwn(root, f.Path) {
			return &edit.RefusedError{Reason: f.Path + " is no plain file of the workspace", Hint: "rename it in the file that it stands for"}
		}
	}
	for _, m := range p.work.Moves {
		if info, err := root.Lstat(m.From); err != nil || info.Mode()&fs.ModeSymlink != 0 {
			return &edit.RefusedError{Reason: m.From + " only stands for another place", Hint: "rename it where it is"}
		}
		if _, err := root.Lstat(m.To); err == nil {
			return &edit.RefusedError{Reason: m.To + " is there already", Hint: "choose another name"}
		}
	}
	for _, other := range p.answer.Others {
		if err := store.Free(filepath.Join(e.opt.Dir, other)); err != nil {
			return inUse(other)
		}
		p.work.Others = append(p.work.Others, other)
	}
	return nil
}

func inUse(folder string) error {
	return &edit.RefusedError{
		Reason: "the data folder " + folder + " of the same workspace is in use by another patchbay, and would keep the old name",
		Hint:   "stop that one first",
	}
}

// otherFolders returns the data folders of the workspace, the one for runs and
// the one of the sandbox, that are another one than this and have a database.
func (e *Engine) otherFolders() []string {
	var others []string
	own, err := filepath.Abs(e.opt.DataDir())
	for _, o := range []Options{{}, {Sandbox: true}} {
		dir, otherErr := filepath.Abs(filepath.Join(e.opt.Dir, o.DataDir()))
		if err == nil && otherErr == nil && dir != own && store.Exists(dir) {
			others = append(others, filepath.ToSlash(o.DataDir()))
		}
	}
	return others
}

// rename does a rename while nothing is under way.
func (e *Engine) rename(ctx context.Context, request console.RenameRequest) (console.RenameAnswer, error) {
	p, err := e.planRename(ctx, request)
	if err != nil || request.DryRun {
		return p.answer, err
	}
	r := store.Rename{Key: rand.Text(), Rename: journal.Rename{
		Kind: journal.NameKind(request.Kind), From: request.From, To: request.To, At: time.Now().UTC(),
	}}
	p.work.Rename = r
	if p.work.Dir, err = filepath.Abs(e.opt.Dir); err != nil {
		return console.RenameAnswer{}, err
	}
	work, err := json.Marshal(p.work)
	if err != nil {
		return console.RenameAnswer{}, err
	}
	r.Work = string(work)
	ctx = context.WithoutCancel(ctx) // what is begun is done
	if err := e.store.Rename(ctx, r); err != nil {
		return console.RenameAnswer{}, err
	}
	if err := e.finishRename(r.Work); err != nil {
		return console.RenameAnswer{}, fmt.Errorf("%w: %w", errBegun, err)
	}
	e.log.Info("renamed", "kind", request.Kind, "from", request.From, "to", request.To)
	return p.answer, e.store.Renamed(ctx, r.Key)
}

// finishRename does what is to be done outside of the store. It may have been
// done before, in part or whole.
func (e *Engine) finishRename(text string) error {
	var work renameWork
	if err := json.Unmarshal([]byte(text), &work); err != nil {
		return fmt.Errorf("read what is left of a rename: %w", err)
	}
	root, err := os.OpenRoot(e.opt.Dir)
	if err != nil {
		return fmt.Errorf("open the workspace: %w", err)
	}
	defer root.Close() //nolint:errcheck // what is written is synced
	if dir, err := filepath.Abs(e.opt.Dir); err != nil || dir != work.Dir && !work.concerns(root) {
		return errors.Join(err, fmt.Errorf("the rename of %s %s was broken off: run patchbay once in the workspace, %s",
			work.Rename.Kind, work.Rename.From, work.Dir))
	}
	if err := e.tellOthers(work); err != nil {
		return err
	}
	if err := e.renameFiles(root, work); err != nil {
		return err
	}
	// Whoever is told from now on has nothing to do about files: they may say
	// something else by then.
	work.Files, work.Moves = nil, nil
	err = e.tellOthers(work)
	if _, locked := errors.AsType[*store.LockedError](err); locked {
		return nil // it has been taken in meanwhile
	}
	return err
}

// renameFiles writes the files and moves them.
func (e *Engine) renameFiles(root *os.Root, work renameWork) error {
	for _, f := range work.Files {
		if err := e.renameIn(root, f); err != nil {
			return fmt.Errorf("rename in %s: %w", f.Path, err)
		}
	}
	for _, m := range work.Moves {
		if err := moveIn(root, m); err != nil {
			return fmt.Errorf("move %s: %w", m.From, err)
		}
	}
	return nil
}

// concerns reports whether a folder has something of what is to be changed.
func (w renameWork) concerns(root *os.Root) bool {
	var paths []string
	for _, f := range w.Files {
		paths = append(paths, f.Path)
	}
	for _, m := range w.Moves {
		paths = append(paths, m.From, m.To)
	}
	return slices.ContainsFunc(paths, func(path string) bool {
		_, err := root.Lstat(path)
		return err == nil
	})
}

// tellOthers leaves the rename for the other data folders of the workspace.
func (e *Engine) tellOthers(work renameWork) error {
	others := work.Others
	work.Others = nil
	r := work.Rename
	if len(work.Files)+len(work.Moves) > 0 {
		text, err := json.Marshal(work)
		if err != nil {
			return err
		}
		r.Work = string(text)
	}
	for _, other := range others {
		dir := filepath.Join(e.opt.Dir, filepath.FromSlash(other))
		if !store.Exists(dir) {
			continue
		}
		err := store.PostRename(dir, r)
		if locked, ok := errors.AsType[*store.LockedError](err); ok {
			return fmt.Errorf("the rename of %s %s: %w", r.Kind, r.From, locked)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// renameIn writes the new text of a file, if it is not there already. A file
// that somebody else changed is left.
func (e *Engine) renameIn(root *os.Root, f renameFile) error {
	now, err := root.ReadFile(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // it has moved already, or somebody removed it
	case err != nil:
		return err
	case sumOf(now) == f.Before:
		return errors.Join(ReplaceFile(root, f.Path, now, f.After), syncFolder(root, path.Dir(f.Path)))
	case sumOf(now) != sumOf(f.After):
		e.log.Error("a file was changed during a rename, and may say the old name", "file", f.Path)
	}
	return nil
}

// moveIn gives a file or folder its new path, if it has not got it already.
func moveIn(root *os.Root, m renameMove) error {
	if _, err := root.Lstat(m.From); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := root.Lstat(m.To); err == nil {
		return fmt.Errorf("%s is there already: give one of them another name", m.To)
	}
	return errors.Join(root.Rename(m.From, m.To), syncFolder(root, path.Dir(m.To)))
}

// syncFolder makes the names in a folder last, where there is such a call.
func syncFolder(root *os.Root, dir string) error {
	d, err := root.Open(dir)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil && !strings.Contains(err.Error(), "not supported") {
		return errors.Join(err, d.Close())
	}
	return d.Close()
}
