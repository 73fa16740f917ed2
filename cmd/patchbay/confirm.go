package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// isTerminal reports whether somebody may type there.
func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// agreed asks a question to which only y or yes says yes.
func (a *app) agreed(ctx context.Context, question string) (bool, error) {
	said, err := a.asked(ctx, question+" [y/N] ")
	said = strings.ToLower(said)
	return said == "y" || said == "yes", err
}

// asked asks a question and returns the line that is typed.
func (a *app) asked(ctx context.Context, question string) (string, error) {
	fmt.Fprint(a.Stderr, question)
	said, err := a.line(ctx)
	return strings.TrimSpace(said), err
}

// who is the person at the command: the name that was given, or that on this
// machine.
func (a *app) who(given string) string {
	if given == "" {
		given, _ = a.Env("USER")
	}
	return given
}
