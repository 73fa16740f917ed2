package catalog_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"patchbay/engine/catalog"
)

// watched is a workspace whose files are watched, by events alone.
func watched(t *testing.T, files map[string]string) *bench {
	t.Helper()
	b := newBench(t, files)
	b.watch()
	return b
}

func (b *bench) watch() {
	<-b.changed // the first load
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	c := b.catalog
	go func() { ended <- c.RunByEvents(ctx) }()
	stop := b.stop
	b.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Errorf("Run: %v", err)
		}
		stop()
	}
	// Once an edit is seen, everything is watched.
	b.write("flows/begin.yaml", "test: 1\n")
	b.await("the watcher", func(l *catalog.Live) bool { return l.Source("flows/begin.yaml") != "" })
}

// await waits for the snapshot that is as wanted, and returns those on the way
// to it, that one last.
func (b *bench) await(what string, as func(*catalog.Live) bool) []*catalog.Live {
	b.t.Helper()
	var seen []*catalog.Live
	limit := time.After(30 * time.Second)
	for {
		select {
		case l := <-b.changed:
			seen = append(seen, l)
			if as(l) {
				return seen
			}
		case <-limit:
			b.t.Fatalf("%s never went live; seen: %d snapshots", what, len(seen))
		}
	}
}

// tag is what the flow tagger adds in that snapshot, "" if it is not live.
func tag(l *catalog.Live) string {
	f := l.Set.Flows["tagger"]
	if f == nil {
		return ""
	}
	return f.Steps[0].With.Const.(map[string]any)["tag"].(string)
}

func colour(name string) string { return strings.Replace(tagger, "tag: red", "tag: "+name, 1) }

func (b *bench) awaitTag(want string) {
	b.t.Helper()
	seen := b.await("the tag "+want, func(l *catalog.Live) bool { return tag(l) == want && l.InSync() })
	for _, l := range seen {
		if tag(l) == "" {
			b.t.Errorf("on the way to the tag %s the flow was not live", want)
		}
	}
}

func (b *bench) rename(from, to string) {
	b.t.Helper()
	b.must(os.Rename(b.path(from), b.path(to)))
}

func TestEditors(t *testing.T) {
	b := watched(t, sound())
	const name = "flows/tagger.yaml"
	for _, habit := range []struct {
		name string
		save func(text string)
	}{
		{"write in place", func(text string) { b.write(name, text) }},
		{"write beside and rename", func(text string) {
			b.write("flows/.tagger.yaml.swp", text)
			b.rename("flows/.tagger.yaml.swp", name)
		}},
		{"rename to a backup and write anew", func(text string) {
			b.rename(name, name+"~")
			b.write(name, text)
			b.must(os.Remove(b.path(name + "~")))
		}},
		{"delete and create", func(text string) {
			b.must(os.Remove(b.path(name)))
			b.write(name, text)
		}},
		{"delete, and create after the deletion was seen", func(text string) {
			b.must(os.Remove(b.path(name)))
			b.write("flows/begin.yaml", "test: 1\n# "+text)
			b.await("the file beside", func(l *catalog.Live) bool { return strings.Contains(l.Source("flows/begin.yaml"), text) })
			if got := tag(b.catalog.Live()); got == "" {
				t.Error("the flow went before a second was over")
			}
			b.write(name, text)
		}},
		{"half, and the rest later", func(text string) {
			b.write(name, text[:strings.Index(text, "crm.add_tag")+5])
			seen := b.await("the half-written file", func(l *catalog.Live) bool { return !l.InSync() })
			last := seen[len(seen)-1]
			wantRejected(t, last, "flows/tagger.yaml tagger kept=true")
			b.write(name, text)
		}},
		{"a link to another file", func(text string) {
			b.write("store/"+text[len(text)-8:]+".yaml", text)
			b.must(os.Symlink(filepath.Join("..", "store", text[len(text)-8:]+".yaml"), b.path("flows/new.link")))
			b.rename("flows/new.link", name)
		}},
		{"the folder of flows made anew", func(text string) {
			b.rename("flows", "old")
			b.must(os.CopyFS(b.path("flows"), os.DirFS(b.path("old"))))
			b.must(os.Remove(b.path(name)))
			b.write(name, text)
		}},
		{"again in the new folder", func(text string) { b.write(name, text) }},
	} {
		t.Run(habit.name, func(t *testing.T) {
			colourName := strings.ReplaceAll(strings.ReplaceAll(habit.name, " ", "_"), ",", "")
			habit.save(colour(colourName) + "# " + fmt.Sprintf("%08x", len(colourName)))
			b.awaitTag(colourName)
		})
	}
}

// A config map is a folder of links into a link to a folder, which is swapped.
func TestConfigMap(t *testing.T) {
	b := newBench(t, map[string]string{"connectors/crm/..1/connector.yaml": crm})
	b.must(os.Symlink("..1", b.path("connectors/crm/..data")))
	b.must(os.Symlink("..data/connector.yaml", b.path("connectors/crm/connector.yaml")))
	b.must(os.MkdirAll(b.path("mounted/..1"), 0o700))
	b.write("mounted/..1/connections.yaml", connections)
	b.write("mounted/..1/tagger.yaml", tagger)
	b.must(os.Symlink("..1", b.path("mounted/..data")))
	b.must(os.Symlink("..data/connections.yaml", b.path("mounted/connections.yaml")))
	b.must(os.Symlink("..data/tagger.yaml", b.path("mounted/tagger.yaml")))
	b.must(os.RemoveAll(b.path("flows")))
	b.must(os.Rename(b.path("mounted"), b.path("flows")))
	<-b.changed
	b.restart()
	b.watch()
	if got := tag(b.catalog.Live()); got != "red" {
		t.Fatalf("the tag = %q, want red", got)
	}
	b.write("flows/..2/connections.yaml", connections)
	b.write("flows/..2/tagger.yaml", colour("blue"))
	b.must(os.Symlink("..2", b.path("flows/..data_tmp")))
	b.rename("flows/..data_tmp", "flows/..data")
	b.must(os.RemoveAll(b.path("flows/..1")))
	b.awaitTag("blue")

	b.write("connectors/crm/..2/connector.yaml", strings.Replace(crm, "/tags", "/v2/tags", 1))
	b.must(os.Symlink("..2", b.path("connectors/crm/..data_tmp")))
	b.rename("connectors/crm/..data_tmp", "connectors/crm/..data")
	b.await("the connector", func(l *catalog.Live) bool {
		f := l.Set.Flows["tagger"]
		return f != nil && f.Steps[0].Action.Path == "/v2/tags"
	})
}

// The folder of flows as a whole is a link that is swapped, and then the one
// it leads to is written to.
func TestLinkedFolder(t *testing.T) {
	b := newBench(t, map[string]string{
		"connectors/crm/connector.yaml": crm,
		"one/connections.yaml":          connections, "one/tagger.yaml": tagger,
		"two/connections.yaml": connections, "two/tagger.yaml": colour("blue"),
	})
	b.must(os.RemoveAll(b.path("flows")))
	b.must(os.Symlink("one", b.path("flows")))
	<-b.changed
	b.restart()
	b.watch()
	b.must(os.Symlink("two", b.path("link")))
	b.rename("link", "flows")
	b.awaitTag("blue")
	b.write("two/tagger.yaml", colour("green"))
	b.awaitTag("green")
	b.must(os.Symlink("one", b.path("link")))
	b.rename("link", "flows")
	b.awaitTag("red")
	b.write("one/tagger.yaml", colour("white"))
	b.awaitTag("white")
}

// The workspace itself is a link that is swapped.
func TestLinkedWorkspace(t *testing.T) {
	b := newBench(t, sound())
	<-b.changed
	b.stop()
	b.must(os.Rename(b.dir, b.dir+"-1"))
	b.must(os.CopyFS(b.dir+"-2", os.DirFS(b.dir+"-1")))
	b.must(os.WriteFile(filepath.Join(b.dir+"-2", "flows", "tagger.yaml"), []byte(colour("blue")), 0o600))
	b.must(os.Symlink(b.dir+"-1", b.dir))
	b.start()
	b.watch()
	b.must(os.Symlink(b.dir+"-2", b.dir+"-new"))
	b.must(os.Rename(b.dir+"-new", b.dir))
	b.awaitTag("blue")
	b.write("flows/tagger.yaml", colour("green"))
	b.awaitTag("green")
}

func TestBurst(t *testing.T) {
	b := watched(t, sound())
	pace := time.NewTicker(5 * time.Millisecond)
	defer pace.Stop()
	for i := range 200 {
		b.write("flows/tagger.yaml", colour(fmt.Sprintf("c%d", i)))
		<-pace.C
	}
	seen := b.await("the last of them", func(l *catalog.Live) bool { return tag(l) == "c199" })
	for _, l := range seen {
		if tag(l) == "" {
			t.Error("in the burst the flow was not live")
		}
	}
	if len(seen) > 100 {
		t.Errorf("200 events in a second made %d snapshots", len(seen))
	}
}

func TestDeletionCounts(t *testing.T) {
	b := watched(t, sound())
	at := time.Now()
	b.must(os.Remove(b.path("flows/caller.yaml")))
	b.must(os.RemoveAll(b.path("connectors/table")))
	seen := b.await("the deletion", func(l *catalog.Live) bool { return l.Set.Flows["caller"] == nil })
	last := seen[len(seen)-1]
	if len(seen) != 1 {
		t.Errorf("the deletion made %d snapshots, want 1", len(seen))
	}
	if since := last.At.Sub(at); since < time.Second {
		t.Errorf("the deletion counted after %s, want a second", since)
	}
	wantFindings(t, last)
	wantRejected(t, last)
	if last.Set.Connectors["table"] != nil {
		t.Error("the connector is live still")
	}
	b.stop()
	b.changed = nil
	b.start()
	wantRejected(t, b.catalog.Live())
}

func TestNewFolders(t *testing.T) {
	b := watched(t, nil)
	b.write("connectors/crm/connector.yaml", crm)
	b.await("the connector", func(l *catalog.Live) bool { return l.Set.Connectors["crm"] != nil })
	b.write("flows/connections.yaml", connections)
	b.write("flows/tagger.yaml", tagger)
	b.awaitTag("red")
	b.write("connectors/crm/more.yaml", "group: more\nactions:\n  add:\n    name: Add\n    effect: update\n    repeat: safe\n    request: POST /more\n")
	b.await("the group", func(l *catalog.Live) bool { return len(l.Set.Connectors["crm"].Actions()) == 2 })
	b.must(os.Remove(b.path("connectors/crm/more.yaml")))
	b.write("connectors/crm/more.yaml", "group: more\nactions:\n  put:\n    name: Add\n    effect: update\n    repeat: safe\n    request: POST /more\n")
	seen := b.await("the group anew", func(l *catalog.Live) bool { _, ok := l.Set.Connectors["crm"].Action("more.put"); return ok })
	for _, l := range seen {
		if len(l.Set.Connectors["crm"].Actions()) != 2 {
			t.Error("a file made anew was seen as deleted")
		}
	}
}
