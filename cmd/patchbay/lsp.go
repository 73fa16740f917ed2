package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"
	"github.com/creachadair/jrpc2/handler"
	"github.com/spf13/cobra"

	"patchbay/connectors"
	"patchbay/engine/catalog"
	"patchbay/engine/diag"
	"patchbay/engine/edit"
	"patchbay/engine/program"
)

func newLSP(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "lsp",
		Short: "Help an editor: findings, completion and help while you type",
		Long: `Speaks the Language Server Protocol on standard input and output. An editor that starts it shows findings while you
type, offers what can be written at the cursor (keys, actions, inputs, fields, functions), tells what stands there, goes
to where a step or a flow is, and applies fixes. The README says how to set up VS Code and Neovim.`,
		Example: `  patchbay lsp`,
		Args:    nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := &languageServer{app: a, open: map[string][]byte{}, told: map[string]bool{}}
			return s.serve(cmd.Context())
		},
	}
}

// languageServer answers one editor. Requests are answered one after the
// other, so that none sees a text that is older than it.
type languageServer struct {
	app    *app
	server *jrpc2.Server
	dir    string
	files  program.Sources   // as they lie on disk
	open   map[string][]byte // the texts in the editor, by the paths of findings
	src    program.Sources   // both together
	set    *program.Set
	// connectors are all there are, held whole by their actions.
	connectors []*program.Connector
	held       []*program.Action
	told       map[string]bool // the files whose findings the editor has

	left  chan struct{} // closed when the editor said that it is done
	leave func()
}

func (s *languageServer) serve(ctx context.Context) error {
	s.dir = s.app.dir
	s.left = make(chan struct{})
	s.leave = sync.OnceFunc(func() { close(s.left) })
	s.server = jrpc2.NewServer(handler.Map{
		"initialize":                      handler.New(s.initialize),
		"initialized":                     handler.New(s.begin),
		"shutdown":                        handler.New(s.shutdown),
		"exit":                            handler.New(s.exit),
		"textDocument/didOpen":            handler.New(s.didOpen),
		"textDocument/didChange":          handler.New(s.didChange),
		"textDocument/didClose":           handler.New(s.didClose),
		"textDocument/didSave":            handler.New(s.reread),
		"workspace/didChangeWatchedFiles": handler.New(s.reread),
		"textDocument/completion":         handler.New(s.completion),
		"textDocument/hover":              handler.New(s.hover),
		"textDocument/definition":         handler.New(s.definition),
		"textDocument/codeAction":         handler.New(s.codeAction),
		"textDocument/documentSymbol":     handler.New(s.documentSymbol),
		"textDocument/prepareRename":      handler.New(s.prepareRename),
		"textDocument/rename":             handler.New(s.rename),
	}, &jrpc2.ServerOptions{AllowPush: true, Concurrency: 1, DisableBuiltin: true})
	s.server.Start(channel.LSP(s.app.Stdin, writeCloser{s.app.Stdout}))
	waited := make(chan error, 1)
	go func() { waited <- s.server.Wait() }()
	select {
	case <-ctx.Done():
		return nil
	case <-s.left: // standard input may stay open
		return nil
	case err := <-waited:
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
}

// writeCloser is a writer that somebody else closes.
type writeCloser struct{ io.Writer }

func (writeCloser) Close() error { return nil }

func (s *languageServer) initialize(_ context.Context, p lspInitialize) (any, error) {
	if dir := p.folder(); dir != "" {
		s.dir = dir
	}
	return map[string]any{
		"serverInfo": map[string]any{"name": "patchbay"},
		"capabilities": map[string]any{
			"textDocumentSync":       map[string]any{"openClose": true, "change": 1, "save": map[string]any{}},
			"completionProvider":     map[string]any{"triggerCharacters": []string{".", "{", " ", "\""}},
			"hoverProvider":          true,
			"definitionProvider":     true,
			"documentSymbolProvider": true,
			"renameProvider":         map[string]any{"prepareProvider": true},
			"codeActionProvider":     map[string]any{"codeActionKinds": []string{"quickfix"}},
		},
	}, nil
}

func (s *languageServer) begin(ctx context.Context) error { return s.reread(ctx) }

func (*languageServer) shutdown(context.Context) (any, error) {
	return nil, nil //nolint:nilnil // the answer to shutdown is null
}

func (s *languageServer) exit(context.Context) error {
	s.leave()
	return nil
}

// reread reads the files anew.
func (s *languageServer) reread(ctx context.Context) error {
	files, err := catalog.Read(os.DirFS(s.dir), connectors.Files)
	if err != nil {
		return fmt.Errorf("read the workspace: %w", err)
	}
	s.files = files
	if err := s.check(ctx); err != nil {
		return err
	}
	// What is offered at a cursor comes from all connectors, whether something
	// in the workspace uses them or not: they are read once and kept.
	s.connectors, s.held = slices.Collect(s.set.AllConnectors()), nil
	for _, k := range s.connectors {
		s.held = append(s.held, k.Actions()...)
	}
	return nil
}

func (s *languageServer) didOpen(ctx context.Context, p lspOpened) error {
	if s.files.Connectors == nil {
		if err := s.reread(ctx); err != nil {
			return err
		}
	}
	return s.typed(ctx, p.TextDocument.URI, p.TextDocument.Text)
}

func (s *languageServer) didChange(ctx context.Context, p lspChanged) error {
	if len(p.ContentChanges) == 0 {
		return nil
	}
	return s.typed(ctx, p.TextDocument.URI, p.ContentChanges[len(p.ContentChanges)-1].Text)
}

func (s *languageServer) typed(ctx context.Context, uri, text string) error {
	file, ok := s.pathOf(uri)
	if !ok {
		return nil
	}
	s.open[file] = []byte(text)
	return s.check(ctx)
}

func (s *languageServer) didClose(ctx context.Context, p lspDocument) error {
	if file, ok := s.pathOf(p.TextDocument.URI); ok {
		delete(s.open, file)
	}
	return s.reread(ctx)
}

// pathOf returns the path that findings have for a document. It is false for
// what is no file of the workspace.
func (s *languageServer) pathOf(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" {
		return "", false
	}
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return "", false
	}
	rel, err := filepath.Rel(dir, filepath.FromSlash(u.Path))
	rel = filepath.ToSlash(rel)
	return rel, err == nil && (strings.HasPrefix(rel, "flows/") || strings.HasPrefix(rel, "connectors/"))
}

func (s *languageServer) uriOf(file string) string {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		dir = s.dir
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(dir, filepath.FromSlash(file)))}).String()
}

func (s *languageServer) options() program.Options {
	if s.set == nil {
		return program.Options{}
	}
	return program.Options{Previous: []*program.Set{s.set}}
}

// check checks the workspace with the texts of the editor, and tells the
// editor the findings.
func (s *languageServer) check(ctx context.Context) error {
	s.src = s.files
	for _, file := range slices.Sorted(maps.Keys(s.open)) {
		s.src = catalog.With(s.src, program.File{Path: file, Data: s.open[file]})
	}
	s.set = program.Build(s.src, s.options())
	byFile := map[string][]lspDiagnostic{}
	for file := range s.open {
		byFile[file] = []lspDiagnostic{}
	}
	for file := range s.told {
		byFile[file] = []lspDiagnostic{}
	}
	for _, f := range s.set.Findings {
		byFile[f.Pos.File] = append(byFile[f.Pos.File], s.diagnostic(f))
	}
	s.told = map[string]bool{}
	for _, file := range slices.Sorted(maps.Keys(byFile)) {
		s.told[file] = len(byFile[file]) > 0
		err := s.server.Notify(ctx, "textDocument/publishDiagnostics", map[string]any{"uri": s.uriOf(file), "diagnostics": byFile[file]})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *languageServer) diagnostic(f diag.Finding) lspDiagnostic {
	d := lspDiagnostic{Range: s.span(f.Pos, f.Width), Severity: 1, Code: f.Code, Source: "patchbay", Message: f.Message}
	if f.IsWarning() {
		d.Severity = 2
	}
	if f.Hint != "" {
		d.Message += "\n" + f.Hint
	}
	for _, r := range f.Related {
		d.Related = append(d.Related, lspRelated{Location: lspLocation{s.uriOf(r.Pos.File), s.span(r.Pos, 1)}, Message: r.Message})
	}
	return d
}

func (s *languageServer) completion(_ context.Context, p lspPlace) (any, error) {
	items := []lspItem{}
	at, ok := s.place(p)
	if !ok {
		return items, nil
	}
	for i, item := range edit.Complete(s.src, s.options(), at) {
		made := lspItem{
			Label: item.Label, Kind: itemKinds[item.Kind], Detail: item.Detail, SortText: fmt.Sprintf("%04d", i),
			TextEdit: lspEdit{s.span(item.Pos, item.Width), item.Text},
		}
		if item.Help != "" {
			made.Documentation = &lspMarkup{"markdown", strings.TrimSpace(item.Help)}
		}
		items = append(items, made)
	}
	return items, nil
}

// hover tells what stands at a place, and what the findings there mean.
func (s *languageServer) hover(_ context.Context, p lspPlace) (any, error) {
	at, ok := s.place(p)
	if !ok {
		return nil, nil //nolint:nilnil // an editor is told null where there is nothing
	}
	var parts []string
	answer := map[string]any{}
	if look, ok := edit.LookAt(s.src, s.options(), at); ok {
		parts = append(parts, strings.TrimSpace("**"+look.Title+"**\n\n"+look.Text))
		answer["range"] = s.span(look.Pos, look.Width)
	}
	for _, f := range s.set.Findings {
		code, known := diag.Explain(f.Code)
		if !known || f.Pos.File != at.File || !s.span(f.Pos, f.Width).touches(lspRange{p.Position, p.Position}) {
			continue
		}
		parts = append(parts, fmt.Sprintf("**%s: %s**\n\n%s\n\n`patchbay explain %s` shows examples.", code.ID, code.Title, code.Meaning(), code.ID))
	}
	if len(parts) == 0 {
		return nil, nil //nolint:nilnil // an editor is told null where there is nothing
	}
	answer["contents"] = lspMarkup{"markdown", strings.Join(slices.Compact(parts), "\n\n---\n\n")}
	return answer, nil
}

func (s *languageServer) definition(_ context.Context, p lspPlace) (any, error) {
	at, ok := s.place(p)
	if !ok {
		return nil, nil //nolint:nilnil // an editor is told null where there is nothing
	}
	look, ok := edit.LookAt(s.src, s.options(), at)
	if !ok || look.Defined == (diag.Pos{}) {
		return nil, nil //nolint:nilnil // an editor is told null where there is nothing
	}
	if _, err := os.Stat(filepath.Join(s.dir, filepath.FromSlash(look.Defined.File))); err != nil {
		return nil, nil //nolint:nilnil,nilerr // a built-in connector has no file to go to
	}
	return lspLocation{s.uriOf(look.Defined.File), s.span(look.Defined, 0)}, nil
}

func (s *languageServer) codeAction(_ context.Context, p lspRangeOf) (any, error) {
	actions := []lspAction{}
	file, ok := s.pathOf(p.TextDocument.URI)
	if !ok || s.set == nil {
		return actions, nil
	}
	for _, f := range s.set.Findings {
		at := s.span(f.Pos, f.Width)
		if f.Pos.File != file || f.Fix == nil || len(f.Fix.Edits) == 0 || !at.touches(p.Range) {
			continue
		}
		changes := map[string][]lspEdit{}
		for _, e := range f.Fix.Edits {
			uri := s.uriOf(e.Pos.File)
			changes[uri] = append(changes[uri], lspEdit{s.span(e.Pos, e.Width), e.Text})
		}
		actions = append(actions, lspAction{
			Title: "Fix: " + f.Fix.Label, Kind: "quickfix", Preferred: f.Fix.Safe,
			Diagnostics: []lspDiagnostic{s.diagnostic(f)}, Edit: lspChanges{changes},
		})
	}
	return actions, nil
}

func (s *languageServer) documentSymbol(_ context.Context, p lspDocument) (any, error) {
	file, ok := s.pathOf(p.TextDocument.URI)
	if !ok || !strings.HasPrefix(file, "flows/") {
		return []lspSymbol{}, nil
	}
	return s.symbols(edit.Outline(file, s.text(file))), nil
}

func (s *languageServer) symbols(parts []edit.Symbol) []lspSymbol {
	out := []lspSymbol{}
	for _, part := range parts {
		at := s.span(part.Pos, 1)
		out = append(out, lspSymbol{Name: part.Name, Detail: part.Detail, Kind: 6, Range: at, Selection: at, Children: s.symbols(part.Inside)})
	}
	return out
}

func (s *languageServer) text(file string) []byte {
	w := workspace{src: s.src}
	return []byte(w.source(file))
}
