package main

import (
	"net/url"
	"path/filepath"
	"strings"
	"unicode/utf16"

	"patchbay/engine/diag"
	"patchbay/engine/edit"
)

// The forms of the Language Server Protocol, as far as they are used. Places
// in them count from 0, and characters in units of UTF-16.
type (
	lspPosition struct {
		Line      int `json:"line"`
		Character int `json:"character"`
	}
	lspRange struct {
		Start lspPosition `json:"start"`
		End   lspPosition `json:"end"`
	}
	lspLocation struct {
		URI   string   `json:"uri"`
		Range lspRange `json:"range"`
	}
	lspTextDocument struct {
		URI  string `json:"uri"`
		Text string `json:"text"`
	}
	lspInitialize struct {
		RootURI string `json:"rootUri"`
		Folders []struct {
			URI string `json:"uri"`
		} `json:"workspaceFolders"`
	}
	lspOpened struct {
		TextDocument lspTextDocument `json:"textDocument"`
	}
	lspChanged struct {
		TextDocument   lspTextDocument `json:"textDocument"`
		ContentChanges []struct {
			Text string `json:"text"`
		} `json:"contentChanges"`
	}
	lspDocument struct {
		TextDocument lspTextDocument `json:"textDocument"`
	}
	lspPlace struct {
		TextDocument lspTextDocument `json:"textDocument"`
		Position     lspPosition     `json:"position"`
	}
	lspRename struct {
		lspPlace
		NewName string `json:"newName"`
	}
	lspRangeOf struct {
		TextDocument lspTextDocument `json:"textDocument"`
		Range        lspRange        `json:"range"`
	}
	lspRelated struct {
		Location lspLocation `json:"location"`
		Message  string      `json:"message"`
	}
	lspDiagnostic struct {
		Range    lspRange     `json:"range"`
		Severity int          `json:"severity"` // 1 error, 2 warning
		Code     string       `json:"code"`
		Source   string       `json:"source"`
		Message  string       `json:"message"`
		Related  []lspRelated `json:"relatedInformation,omitempty"`
	}
	lspMarkup struct {
		Kind  string `json:"kind"`
		Value string `json:"value"`
	}
	lspEdit struct {
		Range lspRange `json:"range"`
		Text  string   `json:"newText"`
	}
	lspItem struct {
		Label         string     `json:"label"`
		Kind          int        `json:"kind"`
		Detail        string     `json:"detail,omitempty"`
		Documentation *lspMarkup `json:"documentation,omitempty"`
		SortText      string     `json:"sortText"`
		TextEdit      lspEdit    `json:"textEdit"`
	}
	lspChanges struct {
		Changes map[string][]lspEdit `json:"changes"`
	}
	lspNamed struct {
		Range       lspRange `json:"range"`
		Placeholder string   `json:"placeholder"`
	}
	lspAction struct {
		Title       string          `json:"title"`
		Kind        string          `json:"kind"`
		Preferred   bool            `json:"isPreferred"`
		Diagnostics []lspDiagnostic `json:"diagnostics"`
		Edit        lspChanges      `json:"edit"`
	}
	lspSymbol struct {
		Name      string      `json:"name"`
		Detail    string      `json:"detail,omitempty"`
		Kind      int         `json:"kind"`
		Range     lspRange    `json:"range"`
		Selection lspRange    `json:"selectionRange"`
		Children  []lspSymbol `json:"children"`
	}
)

// itemKinds are the numbers of the protocol for what an item is.
//
//nolint:gochecknoglobals // never written
var itemKinds = map[edit.ItemKind]int{
	edit.ItemKey: 10, edit.ItemAction: 2, edit.ItemTrigger: 23, edit.ItemFunction: 3, edit.ItemName: 5,
}

// folder returns the folder that the editor has open, "" if it tells none.
func (p lspInitialize) folder() string {
	uri := p.RootURI
	if uri == "" && len(p.Folders) > 0 {
		uri = p.Folders[0].URI
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" {
		return ""
	}
	return filepath.FromSlash(u.Path)
}

// touches reports whether two ranges have a place in common.
func (r lspRange) touches(o lspRange) bool {
	before := func(a, b lspPosition) bool { return a.Line < b.Line || a.Line == b.Line && a.Character < b.Character }
	return !before(r.End, o.Start) && !before(o.End, r.Start)
}

// place returns where in a file of the workspace the editor's cursor is.
func (s *languageServer) place(p lspPlace) (diag.Pos, bool) {
	file, ok := s.pathOf(p.TextDocument.URI)
	if !ok || s.set == nil {
		return diag.Pos{}, false
	}
	line := s.line(file, p.Position.Line+1)
	column, units := 1, 0
	for _, r := range line {
		if units >= p.Position.Character {
			break
		}
		units += max(1, utf16.RuneLen(r))
		column++
	}
	return diag.Pos{File: file, Line: p.Position.Line + 1, Column: column}, true
}

// span returns a place of a finding as the editor counts it.
func (s *languageServer) span(at diag.Pos, width int) lspRange {
	if at.Line == 0 {
		return lspRange{}
	}
	line := []rune(s.line(at.File, at.Line))
	units := func(column int) int {
		n := 0
		for _, r := range line[:min(max(column-1, 0), len(line))] {
			n += max(1, utf16.RuneLen(r))
		}
		return n
	}
	return lspRange{
		Start: lspPosition{at.Line - 1, units(at.Column)},
		End:   lspPosition{at.Line - 1, units(at.Column + width)},
	}
}

// line returns a line of a file, counted from 1.
func (s *languageServer) line(file string, n int) string {
	text := string(s.text(file))
	for range n - 1 {
		_, rest, ok := strings.Cut(text, "\n")
		if !ok {
			return ""
		}
		text = rest
	}
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimSuffix(line, "\r")
}
