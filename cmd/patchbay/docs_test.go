package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/connectors"
	"patchbay/engine/catalog"
	"patchbay/engine/diag"
	"patchbay/engine/program"
	"patchbay/flows"
)

var updateDocs = flag.Bool("update-docs", false, "rewrite the generated parts and the outputs in the README files")

// documents are the documents of the project.
func documents() []string { return []string{"README.md", "flows/README.md", "connectors/README.md"} }

// TestDocuments does what the documents of the project tell their reader to
// do, and compares what comes of it with what they say.
//
// Each document has a workspace of its own, which begins as the project's. A
// fenced block is understood by its first word:
//
//	yaml            a file, named by its first line ("# flows/x.yaml"), is put into
//	                the workspace; with "# add to flows/x.yaml" it is added to that file.
//	                The workspace must have no findings, or exactly those in the text
//	                block that follows; such a file is taken back before the next
//	                file and the next command.
//	yaml flow       a piece of a flow: what a flow needs beside it is added, and it
//	                must have no findings
//	yaml connector  the same for a piece of a connector
//	json            a file, named in backquotes in the line above
//	console         what is typed (after "$ ") and what is printed. "…" stands for
//	                anything; "> FILE" keeps it in a file. `serve` goes on in the background until ^C: a block in
//	                which nothing is typed is what it prints next.
//
// A block of another kind is an error.
func TestDocuments(t *testing.T) {
	for _, name := range documents() {
		t.Run(name, func(t *testing.T) {
			path, err := filepath.Abs(filepath.Join("..", "..", filepath.FromSlash(name)))
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			d := &document{t: t, name: name, lines: strings.Split(string(text), "\n")}
			d.generate()
			d.workspace()
			d.blocks()
			d.mentions()
			d.links(filepath.Dir(path))
			if d.changed {
				if err := os.WriteFile(path, []byte(strings.Join(d.lines, "\n")), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// document is one document under test. The current folder is its workspace.
type document struct {
	t       *testing.T
	name    string
	lines   []string
	changed bool
	mistake func()   // takes back the file with mistakes that lies there, or nil
	serve   *serving // the `serve` that goes on in the background, or nil
}

func (d *document) workspace() {
	dir := d.t.TempDir()
	files, err := fs.Glob(flows.Files, "*.yaml")
	if err != nil {
		d.t.Fatal(err)
	}
	for _, name := range files {
		data, err := flows.Files.ReadFile(name)
		if err != nil {
			d.t.Fatal(err)
		}
		d.write(filepath.Join(dir, "flows", name), string(data))
	}
	d.t.Chdir(dir)
	d.t.Cleanup(func() { d.stop() })
}

func (d *document) write(path, text string) {
	d.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// remove removes a file, and its folder where it was the only one in it.
func (d *document) remove(path string) {
	d.t.Helper()
	if err := os.Remove(path); err != nil {
		d.t.Fatal(err)
	}
	_ = os.Remove(filepath.Dir(path)) // refused where there are others
}

// block is a fenced block. Its lines are d.lines[from:to].
type block struct {
	from, to int
	kind     string // "yaml", "yaml flow"
	text     string
}

// blocks does what the fenced blocks say, from first to last.
func (d *document) blocks() {
	for at := 0; ; {
		b := d.next(at)
		if b == nil {
			return
		}
		at = b.to + 1
		switch b.kind {
		case "yaml":
			at = d.yaml(b)
		case "yaml flow", "yaml connector":
			d.piece(b)
		case "json":
			d.json(b)
		case "console":
			at = d.console(b)
		default:
			d.errorf(b, "a block of the kind %q is not tested", b.kind)
		}
	}
}

// next returns the first block at or after a line, nil if there is none.
func (d *document) next(from int) *block {
	var b *block
	for i := from; i < len(d.lines); i++ {
		line := d.lines[i]
		switch {
		case b == nil && strings.HasPrefix(strings.TrimSpace(line), "```"):
			b = &block{from: i + 1, kind: strings.TrimPrefix(line, "```")}
		case b != nil && line == "```":
			b.to = i
			b.text = strings.Join(d.lines[b.from:i], "\n") + "\n"
			return b
		}
	}
	if b != nil {
		d.errorf(b, "the block has no end")
	}
	return nil
}

func (d *document) errorf(b *block, format string, args ...any) {
	d.t.Helper()
	d.t.Errorf("%s:%d: %s", d.name, b.from, fmt.Sprintf(format, args...))
}

var fileLine = regexp.MustCompile(`^# (add to )?((?:flows|connectors/\w+)/[\w-]+\.yaml)\n`)

// yaml puts a file into the workspace and returns the line at which to go on.
func (d *document) yaml(b *block) int {
	m := fileLine.FindStringSubmatch(b.text)
	if m == nil {
		d.errorf(b, "the first line of a file says its name, as in # flows/x.yaml")
		return b.to + 1
	}
	d.takeBack()
	path, text := filepath.FromSlash(m[2]), b.text
	before, err := os.ReadFile(path)
	if m[1] != "" {
		if err != nil {
			d.errorf(b, "%v", err)
		}
		text = added(string(before), strings.TrimPrefix(b.text, m[0]))
	}
	d.write(path, text)
	found := d.check()
	said := d.next(b.to + 1)
	if said == nil || said.kind != "text" {
		if found != "" {
			d.errorf(b, "%s has findings:\n%s", m[2], found)
		}
		return b.to + 1
	}
	d.compare(said, found)
	d.mistake = func() {
		if before != nil {
			d.write(path, string(before))
		} else {
			d.remove(path)
		}
	}
	return said.to + 1
}

func (d *document) takeBack() {
	if d.mistake != nil {
		d.mistake()
	}
	d.mistake = nil
}

// check returns the findings in the workspace as they are printed.
func (d *document) check() string {
	d.t.Helper()
	src, err := catalog.Read(os.DirFS("."), connectors.Files)
	if err != nil {
		d.t.Fatal(err)
	}
	w := &workspace{src: src, set: program.Build(src, program.Options{})}
	var out bytes.Buffer
	if err := diag.Print(&out, w.set.Findings, w.source); err != nil {
		d.t.Fatal(err)
	}
	return out.String()
}

var topKey = regexp.MustCompile(`^([a-z_]+):`)

// added returns a YAML file with the sections of piece in it: what stands
// below a key that the file has too goes to the end of that section.
func added(file, piece string) string {
	lines := strings.SplitAfter(strings.TrimSuffix(file, "\n")+"\n", "\n")
	lines = lines[:len(lines)-1]
	at := len(lines)
	for line := range strings.Lines(piece) {
		if key := topKey.FindString(line); key != "" {
			begin := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, key) })
			at = len(lines)
			if begin >= 0 {
				for at = begin + 1; at < len(lines) && !topKey.MatchString(lines[at]); at++ {
				}
				continue
			}
		}
		lines = slices.Insert(lines, at, line)
		at++
	}
	return strings.Join(lines, "")
}

// piece checks a piece of a file, with what a file needs besides.
func (d *document) piece(b *block) {
	d.takeBack()
	path, text := filepath.FromSlash("flows/piece.yaml"), b.text
	if strings.HasPrefix(text, "- ") {
		text = "steps:\n" + text
	}
	needs := [][2]string{
		{"flow:", " 1\n"},
		{"triggers:", "\n  - trigger: qwilr.page_accepted\n"},
		{"steps:", "\n  - set: { done: true }\n"},
	}
	if b.kind == "yaml connector" {
		path = filepath.FromSlash("connectors/piece/connector.yaml")
		needs = [][2]string{
			{"connector:", " 1\n"},
			{"id:", " piece\n"},
			{"name:", " Piece\n"},
			{"api:", " { base_url: https://api.example.com }\n"},
			{"connection:", " { auth: { key: { type: bearer, fields: { token: { type: secret } } } } }\n"},
			{"types:", "\n  Order: { id: { type: string }, changed: { type: datetime } }\n"},
			{"actions:", "\n  list_orders:\n    name: List orders\n    effect: read\n    request: GET /orders\n    output: { list: Order }\n"},
		}
	}
	var head strings.Builder
	for _, need := range needs {
		if !strings.HasPrefix(text, need[0]) && !strings.Contains(text, "\n"+need[0]) {
			head.WriteString(need[0] + need[1])
		}
	}
	d.write(path, head.String()+text)
	if found := d.check(); found != "" {
		d.errorf(b, "the piece has findings:\n%s", found)
	}
	d.remove(path)
}

var quoted = regexp.MustCompile("`([^`]+\\.json)`")

func (d *document) json(b *block) {
	m := quoted.FindStringSubmatch(strings.Join(d.lines[max(b.from-3, 0):b.from-1], "\n"))
	if m == nil {
		d.errorf(b, "the line above a JSON file says its name in backquotes")
		return
	}
	d.write(filepath.FromSlash(m[1]), b.text)
}

// console types what a block says was typed and compares what is printed. It
// returns the line at which to go on.
func (d *document) console(b *block) int {
	var printed strings.Builder
	typed := false
	for i := b.from; i < b.to; i++ {
		if !isTyped(d.lines[i]) {
			continue
		}
		typed = true
		end := i + 1
		for end < b.to && !isTyped(d.lines[end]) {
			end++
		}
		command := strings.TrimPrefix(d.lines[i], "$ ")
		fmt.Fprintln(&printed, d.lines[i])
		printed.WriteString(d.kept(b, i+1, end, func(want *regexp.Regexp) string { return d.command(b, command, want) }))
	}
	if !typed {
		printed.WriteString(d.kept(b, b.from, b.to, func(want *regexp.Regexp) string {
			if d.serve == nil {
				return "nothing was typed, and no serve is running\n"
			}
			return d.serve.prints(d.t.Context(), want)
		}))
	}
	d.replace(b, printed.String())
	return b.to + 1
}

func isTyped(line string) bool { return strings.HasPrefix(line, "$ ") || line == "^C" }

// kept hands get the pattern of d.lines[from:to] and returns those lines if
// what get returns is what they say, else what it returns.
func (d *document) kept(b *block, from, to int, get func(want *regexp.Regexp) string) string {
	var want strings.Builder
	for _, line := range d.lines[from:to] {
		want.WriteString(line + "\n")
	}
	pattern := patternOf(want.String())
	got := tidy(get(pattern))
	if pattern.MatchString(got) {
		return want.String()
	}
	if !*updateDocs {
		d.errorf(b, "not printed as said (-said +printed):\n%s", cmp.Diff(want.String(), got))
	}
	return got
}

var address = regexp.MustCompile(`127\\\.0\\\.0\\\.1:\d+`)

// patternOf returns the pattern of a text in which "…" stands for anything:
// for any lines where it stands alone in its line.
func patternOf(text string) *regexp.Regexp {
	var p strings.Builder
	p.WriteString("^")
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		if line == "…" {
			p.WriteString("(?:.*\n)*?")
			continue
		}
		line = address.ReplaceAllString(regexp.QuoteMeta(line), `127\.0\.0\.1:\d+`)
		p.WriteString(strings.ReplaceAll(line, "…", ".*?") + "\n")
	}
	return regexp.MustCompile(p.String() + "$")
}

// tidy takes the blanks off the ends of lines.
func tidy(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

// command carries out one line that was typed and returns what it prints.
func (d *document) command(b *block, line string, want *regexp.Regexp) string {
	d.takeBack()
	if line == "^C" {
		return d.stop()
	}
	if rest, ok := strings.CutPrefix(line, "go run ./cmd/"); ok {
		line = rest
	}
	if line == "go test ./..." || line == "go install ./cmd/patchbay" {
		return "" // this test is part of the first; the second makes the command it runs
	}
	words, err := shellWords(line)
	env := map[string]string{}
	for len(words) > 0 && variable.MatchString(words[0]) {
		name, value, _ := strings.Cut(words[0], "=")
		env[name], words = value, words[1:]
	}
	switch {
	case err != nil:
		return err.Error() + "\n"
	case len(words) < 2 || words[0] != "patchbay":
		return "the test does not know this command\n"
	case words[1] == "serve":
		d.stop()
		d.serve = d.start(words[1:], env)
		return d.serve.prints(d.t.Context(), want)
	}
	var out, kept bytes.Buffer
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	if n := len(words) - 2; words[n] == ">" { // what is printed goes into a file
		Main(ctx, Process{Args: words[1:n], Stdin: strings.NewReader(""), Stdout: &kept, Stderr: &out, Env: lookup(env)})
		d.write(filepath.FromSlash(words[n+1]), kept.String())
		return out.String()
	}
	Main(ctx, Process{Args: words[1:], Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Env: lookup(env)})
	return out.String()
}

var variable = regexp.MustCompile(`^[A-Z_]+=`)

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}
}

// shellWords splits a command line as a shell does, with its quotes.
func shellWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inside, open := false, rune(0)
	for _, r := range line {
		switch {
		case open != 0 && r == open:
			open = 0
		case open == 0 && (r == '\'' || r == '"'):
			inside, open = true, r
		case open == 0 && r == ' ':
			if inside {
				words = append(words, word.String())
			}
			word.Reset()
			inside = false
		default:
			inside = true
			word.WriteRune(r)
		}
	}
	if open != 0 {
		return nil, errors.New("the quotes have no end")
	}
	if inside {
		words = append(words, word.String())
	}
	return words, nil
}

// serving is a `serve` in the background.
type serving struct {
	stop func()

	mu   sync.Mutex
	out  string        // what it printed and nobody has compared yet
	more chan struct{} // closed and replaced when there is more
}

// start begins a `serve` on free ports.
func (d *document) start(args []string, env map[string]string) *serving {
	ctx, cancel := context.WithCancel(d.t.Context())
	s := &serving{more: make(chan struct{})}
	ended := make(chan int, 1)
	s.stop = func() {
		cancel()
		if code := <-ended; code != exitDone {
			d.t.Errorf("%s: serve ended with exit code %d", d.name, code)
		}
	}
	args = append(slices.Clone(args), "--listen", "127.0.0.1:0", "--hooks-listen", "127.0.0.1:0", "--log-level", "error")
	go func() {
		ended <- Main(ctx, Process{Args: args, Stdin: strings.NewReader(""), Stdout: s, Stderr: s, Env: lookup(env)})
	}()
	return s
}

// stop ends the `serve` in the background and returns what it printed last.
func (d *document) stop() string {
	s := d.serve
	if s == nil {
		return "no serve is running\n"
	}
	d.serve = nil
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out
}

// Write takes what is printed.
func (s *serving) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out += string(p)
	close(s.more)
	s.more = make(chan struct{})
	return len(p), nil
}

// prints waits until what is printed is what is wanted and returns it, or
// what there is when that takes too long.
func (s *serving) prints(ctx context.Context, want *regexp.Regexp) string {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		s.mu.Lock()
		out, more := s.out, s.more
		s.mu.Unlock()
		if ctx.Err() != nil || want.MatchString(tidy(out)) {
			s.mu.Lock()
			s.out = strings.TrimPrefix(s.out, out)
			s.mu.Unlock()
			return out
		}
		select {
		case <-ctx.Done():
		case <-more:
		}
	}
}

// compare holds the text of a block against what was printed.
func (d *document) compare(b *block, got string) {
	if b.text == got {
		return
	}
	if *updateDocs {
		d.replace(b, got)
		return
	}
	d.errorf(b, "not printed as said (-said +printed):\n%s", cmp.Diff(b.text, got))
}

// replace puts text into a block, if the documents are to be rewritten.
func (d *document) replace(b *block, text string) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if slices.Equal(lines, d.lines[b.from:b.to]) || !*updateDocs {
		return
	}
	d.lines = slices.Replace(d.lines, b.from, b.to, lines...)
	b.to = b.from + len(lines)
	d.changed = true
}

var mention = regexp.MustCompile("`patchbay ([^`]+)`")
