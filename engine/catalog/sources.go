package catalog

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"patchbay/engine/diag"
	"patchbay/engine/program"
)

// largest is how many bytes of a file are read.
const largest = 2 << 20

// reading is the text of a workspace as it was found.
type reading struct {
	program.Sources

	own map[string]bool // the connectors that have a folder in the workspace
}

// Read returns the text of a workspace: its folders connectors and flows, and
// those built-in connectors that have no folder of their own there. A folder
// that does not exist is empty; a file that cannot be read says so itself.
func Read(workspace, builtin fs.FS) (program.Sources, error) {
	given, err := readBuiltin(builtin)
	if err != nil {
		return program.Sources{}, err
	}
	r, err := read(workspace, given)
	return r.Sources, err
}

func readBuiltin(fsys fs.FS) (map[string][]program.File, error) {
	given := map[string][]program.File{}
	if fsys == nil {
		return given, nil
	}
	ids, err := folders(fsys, ".")
	for _, id := range ids {
		given[id] = tree(fsys, id, "connectors/"+id)
	}
	return given, err
}

func read(workspace fs.FS, builtin map[string][]program.File) (reading, error) {
	r := reading{Sources: program.Sources{Connectors: map[string][]program.File{}, AsNeeded: map[string]bool{}}, own: map[string]bool{}}
	own, err := folders(workspace, "connectors")
	if err != nil {
		return r, err
	}
	for _, id := range own {
		r.own[id] = true
		r.Connectors[id] = tree(workspace, "connectors/"+id, "connectors/"+id)
	}
	for id, files := range builtin {
		if !r.own[id] {
			r.Connectors[id], r.AsNeeded[id] = files, true
		}
	}
	r.Flows, err = yamlFiles(workspace, "flows")
	return r, err
}

// equal reports whether both say the same.
func (r reading) equal(other reading) bool {
	same := func(x, y program.File) bool {
		return x.Path == y.Path && bytes.Equal(x.Data, y.Data) && problem(x) == problem(y)
	}
	all := func(x, y []program.File) bool { return slices.EqualFunc(x, y, same) }
	if !all(r.Flows, other.Flows) || len(r.Connectors) != len(other.Connectors) {
		return false
	}
	for id, files := range r.Connectors {
		there, ok := other.Connectors[id]
		if !ok || r.own[id] != other.own[id] || !all(files, there) {
			return false
		}
	}
	return true
}

func problem(f program.File) string {
	if f.Unreadable == nil {
		return ""
	}
	return f.Unreadable.Message
}

// folders returns the names of the folders in dir.
func folders(fsys fs.FS, dir string) ([]string, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the folder %s: %w", dir, err)
	}
	var out []string
	for _, e := range entries {
		if ignored(e.Name()) {
			continue
		}
		// A symbolic link to a folder is a folder.
		if info, err := fs.Stat(fsys, path.Join(dir, e.Name())); err == nil && info.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// tree reads all files below dir; their paths begin with as. Symbolic links
// below it are followed to files only, so that what a connector is made of
// lies inside its folder.
func tree(fsys fs.FS, dir, as string) []program.File {
	var out []program.File
	_ = fs.WalkDir(fsys, dir, func(p string, d fs.DirEntry, err error) error { // each error becomes a finding
		name := as + strings.TrimPrefix(p, dir)
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			out = append(out, program.File{Path: name, Unreadable: unreadable(name, err)})
			return nil
		case err != nil:
			return nil //nolint:nilerr // it went away, which is no error
		case p != dir && ignored(d.Name()) && d.IsDir():
			return fs.SkipDir
		case d.IsDir() || ignored(d.Name()) || path.Ext(p) == ".md":
			return nil // a page for people is no part of a connector
		}
		if f, ok := file(fsys, p, name); ok {
			out = append(out, f)
		}
		return nil
	})
	sortFiles(out)
	return out
}

// yamlFiles reads the YAML files of a folder, not of those below it.
func yamlFiles(fsys fs.FS, dir string) ([]program.File, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the folder %s: %w", dir, err)
	}
	var out []program.File
	for _, e := range entries {
		if ignored(e.Name()) {
			continue
		}
		name := path.Join(dir, e.Name())
		if ext := path.Ext(e.Name()); ext != ".yaml" && ext != ".yml" {
			if right := meantAsYAML(e.Name()); right != "" && !e.IsDir() {
				out = append(out, program.File{Path: name, Unreadable: misnamed(name, right)})
			}
			continue
		}
		if f, ok := file(fsys, name, name); ok {
			out = append(out, f)
		}
	}
	sortFiles(out)
	return out, nil
}

// meantAsYAML returns the name that a file should have which somebody meant as
// a YAML file, as an editor saves it that hides the end of the name; "" for any
// other file.
func meantAsYAML(name string) string {
	lower := strings.TrimSuffix(strings.ToLower(name), ".txt")
	if end := path.Ext(lower); end == ".yaml" || end == ".yml" {
		return name[:len(lower)-len(end)] + ".yaml"
	}
	return ""
}

func misnamed(name, right string) *diag.Finding {
	return &diag.Finding{
		Pos: diag.Pos{File: name}, Code: "Y127", Message: "a file of this name is not read: its name must end in .yaml",
		Hint: "name it " + right,
	}
}

func sortFiles(files []program.File) {
	slices.SortFunc(files, func(a, b program.File) int { return cmp.Compare(a.Path, b.Path) })
}

// ignored reports whether a file or folder is an editor's own, or hidden.
func ignored(name string) bool {
	for _, end := range []string{"~", ".tmp", ".swp", "___jb_tmp___", "___jb_old___"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "#")
}

// file reads one file. It is false for what is gone by now and for a folder.
func file(fsys fs.FS, at, name string) (program.File, bool) {
	// Looked at before it is opened: to open a pipe is to wait for its writer.
	info, err := fs.Stat(fsys, at)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir():
		return program.File{}, false
	case err == nil && !info.Mode().IsRegular():
		err = errors.New("it is no plain file")
	case err == nil && info.Size() > largest:
		return program.File{Path: name, Unreadable: tooLarge(name, info.Size())}, true
	}
	var data []byte
	if err == nil {
		data, err = content(fsys, at)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return program.File{}, false
	}
	if err != nil {
		return program.File{Path: name, Unreadable: unreadable(name, err)}, true
	}
	return program.File{Path: name, Data: data}, true
}

// fileOf returns a file that would hold a text.
func fileOf(name string, text []byte) program.File {
	if len(text) > largest {
		return program.File{Path: name, Unreadable: tooLarge(name, int64(len(text)))}
	}
	return program.File{Path: name, Data: text}
}

func content(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, largest))
}

func unreadable(name string, err error) *diag.Finding {
	if inner := (*fs.PathError)(nil); errors.As(err, &inner) {
		err = inner.Err
	}
	return &diag.Finding{Pos: diag.Pos{File: name}, Code: "Y126", Message: fmt.Sprintf("the file cannot be read: %s", err)}
}

func tooLarge(name string, size int64) *diag.Finding {
	limit := 2
	if ext := path.Ext(name); ext == ".yaml" || ext == ".yml" {
		limit = 1 // what the parser takes
	}
	return &diag.Finding{
		Pos: diag.Pos{File: name}, Code: "Y103",
		Message: fmt.Sprintf("the file has %d KB, more than %d MB is not read", size>>10, limit),
	}
}

// deletionCounts is how long a file must be gone before it counts as deleted:
// editors and synchronizers delete and write anew.
const deletionCounts = time.Second

// holdDeleted puts files that went away a moment ago back into r, and returns
// since when each of them is missing. before is the last reading, missing what
// it returned then.
func (r *reading) holdDeleted(before reading, missing map[string]time.Time, now time.Time) map[string]time.Time {
	still := map[string]time.Time{}
	hold := func(have, had []program.File) []program.File {
		out := slices.Clone(have)
		for _, f := range had {
			if slices.ContainsFunc(have, func(h program.File) bool { return h.Path == f.Path }) || moved(f, have, had) {
				continue
			}
			since, ok := missing[f.Path]
			if !ok {
				since = now
			}
			if now.Sub(since) < deletionCounts {
				still[f.Path] = since
				out = append(out, f)
			}
		}
		sortFiles(out)
		return out
	}
	r.Flows = hold(r.Flows, before.Flows)
	for id := range before.own {
		var have []program.File
		if r.own[id] {
			have = r.Connectors[id]
		}
		// Without a folder of its own the built-in connector would take over.
		if files := hold(have, before.Connectors[id]); r.own[id] || len(files) > 0 {
			r.Connectors[id], r.own[id] = files, true
			delete(r.AsNeeded, id)
		}
	}
	return still
}

// moved reports whether the missing file has but a new name: two flows of one
// text are not to run side by side.
func moved(f program.File, have, had []program.File) bool {
	return slices.ContainsFunc(have, func(h program.File) bool {
		isNew := !slices.ContainsFunc(had, func(o program.File) bool { return o.Path == h.Path })
		return isNew && f.Unreadable == nil && bytes.Equal(f.Data, h.Data)
	})
}
