package catalog

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"patchbay/engine/program"
)

// largest is how much of a file is read: more than the checker accepts, so
// that it can say the file is too large.
const largest = 2 << 20

// Read returns the text of a workspace: its folders connectors and flows, and
// those built-in connectors that have no folder of their own there. A folder
// that does not exist is empty.
func Read(workspace, builtin fs.FS) (program.Sources, error) {
	src := program.Sources{Connectors: map[string][]program.File{}}
	own, err := folders(workspace, "connectors")
	if err != nil {
		return src, err
	}
	for _, id := range own {
		if src.Connectors[id], err = tree(workspace, "connectors/"+id, "connectors/"+id); err != nil {
			return src, err
		}
	}
	given, err := folders(builtin, ".")
	if err != nil {
		return src, err
	}
	for _, id := range given {
		if slices.Contains(own, id) {
			continue
		}
		if src.Connectors[id], err = tree(builtin, id, "connectors/"+id); err != nil {
			return src, err
		}
	}
	src.Flows, err = yamlFiles(workspace, "flows")
	return src, err
}

func folders(fsys fs.FS, dir string) ([]string, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		// A symbolic link to a folder is a folder.
		if info, err := fs.Stat(fsys, path.Join(dir, e.Name())); err == nil && info.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out, err
}

// tree reads all files below dir; their paths begin with as.
func tree(fsys fs.FS, dir, as string) ([]program.File, error) {
	var out []program.File
	err := fs.WalkDir(fsys, dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || ignored(d.Name()) {
			return err
		}
		data, err := readFile(fsys, p)
		if err != nil {
			return skipGone(err)
		}
		out = append(out, program.File{Path: as + strings.TrimPrefix(p, dir), Data: data})
		return nil
	})
	return out, err
}

// yamlFiles reads the YAML files of a folder, not of those below it.
func yamlFiles(fsys fs.FS, dir string) ([]program.File, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []program.File
	for _, e := range entries {
		if ext := path.Ext(e.Name()); ext != ".yaml" && ext != ".yml" || ignored(e.Name()) {
			continue
		}
		data, err := readFile(fsys, path.Join(dir, e.Name()))
		if skipGone(err) != nil {
			return nil, err
		}
		if err == nil {
			out = append(out, program.File{Path: path.Join(dir, e.Name()), Data: data})
		}
	}
	return out, err
}

// ignored reports whether a file is an editor's own.
func ignored(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") || strings.HasPrefix(name, "#")
}

// skipGone drops the error about a file that went away between listing and
// reading, and about a folder in a file's place.
func skipGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errFolder) {
		return nil
	}
	return err
}

var errFolder = errors.New("is a folder")

func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return nil, errors.Join(err, errFolder)
	}
	return io.ReadAll(io.LimitReader(f, largest))
}
