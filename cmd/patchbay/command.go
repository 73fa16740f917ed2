package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine"
)

// Process is what a command line gets from whoever starts it.
type Process struct {
	Args           []string // without the name of the program
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Env            func(name string) (string, bool)
}

// The exit codes of every command.
const (
	exitDone   = 0 // what was asked for is done
	exitFailed = 1 // it was tried and did not succeed: findings, a failed run, a service that refused
	exitUsage  = 2 // it was not tried: the command line, or the folder it is about, is wrong
)

const exitCodes = `Exit codes: 0 done · 1 tried and not succeeded (findings, a failed run) · 2 wrong command line or folder`

// Main runs one command line and returns its exit code. It ends early when ctx
// does.
func Main(ctx context.Context, p Process) int {
	a := &app{Process: p}
	root := newRoot(a)
	root.SetArgs(p.Args)
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	ran, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errSaid):
		return exitFailed
	}
	code := exitFailed
	var usage *usageError
	if !a.begun || errors.As(err, &usage) {
		code = exitUsage
	}
	a.complain(ran, err)
	return code
}

// errSaid ends a command that did not succeed and has said so already.
var errSaid = errors.New("not succeeded")

// usageError says that a command cannot be carried out as it was given.
type usageError struct{ *hintedError }

// hintedError is a sentence for a person, and what to do about it.
type hintedError struct{ message, hint string }

// Error returns the sentence.
func (e *hintedError) Error() string { return e.message }

func usagef(hint, format string, args ...any) error {
	return &usageError{&hintedError{message: fmt.Sprintf(format, args...), hint: hint}}
}

func failuref(hint, format string, args ...any) error {
	return &hintedError{message: fmt.Sprintf(format, args...), hint: hint}
}

// complain tells the person at the console what is wrong.
func (a *app) complain(ran *cobra.Command, err error) {
	message, hint := err.Error(), ""
	var usage *usageError
	var hinted *hintedError
	switch {
	case errors.As(err, &usage):
		hint = usage.hint
	case errors.As(err, &hinted):
		hint = hinted.hint
	}
	if hint == "" && !a.begun {
		hint = fmt.Sprintf("`%s --help` shows how it is used", ran.CommandPath())
	}
	fmt.Fprintf(a.Stderr, "patchbay: %s\n", printable(message))
	for line := range strings.Lines(hint) {
		fmt.Fprintf(a.Stderr, "  %s\n", printable(strings.TrimSuffix(line, "\n")))
	}
}

// app is one command line under way.
type app struct {
	Process

	dir, data string
	sandbox   bool
	logLevel  string
	publicURL string // where services reach the listener for them
	// begun is true once the command line is known to be well-formed.
	begun bool
}

// newRoot returns the command `patchbay` with all commands below it.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "patchbay",
		Short: "Automations between online services, written in YAML",
		Long: `Patchbay runs flows: YAML files that say what is done when something happens at a service.
A workspace is a folder with the flows in flows/ and connectors of your own in connectors/.

` + exitCodes,
		Example: `  patchbay init my-workspace          a new workspace, with flows to start from
  patchbay check                      what is wrong in the files
  patchbay run tag-hygiene --sandbox  try a flow where every service is only played
  patchbay serve                      run the flows, and the console`,
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(a.Stdout)
			return cmd.Help()
		},
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRun: func(*cobra.Command, []string) {
			a.begun = true
		},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.dir, "dir", ".", "the folder of the workspace")
	flags.StringVar(&a.data, "data", "", "the data folder (default .patchbay in the workspace, .patchbay/sandbox with --sandbox)")
	flags.StringVar(&a.logLevel, "log-level", "", "what is logged: debug, info, warn or error (default info for serve, else warn)")
	root.SetFlagErrorFunc(wrongFlag)
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	group(root, "write", "Write flows:", newInit(a), newCheck(a), newPlan(a), newExplain(a), newRename(a), newCatalog(a), newFunctions(a), newLSP(a), newScopes(a), newSchema(a))
	group(root, "run", "Run them:", newServe(a), newRun(a), newRuns(a), newInbox(a), newTriggers(a), newTables(a))
	group(root, "connect", "Connect services:", newConnections(a), newConnect(a), newSecret(a), newCall(a), newSandbox(a))
	group(root, "extend", "Write connectors:", newContract(a), newImport(a))
	group(root, "keep", "Keep them running:", newBackup(a), newRestore(a), newDoctor(a))
	root.AddCommand(newVersion(a))
	return root
}

func group(root *cobra.Command, id, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: id, Title: title})
	for _, c := range commands {
		c.GroupID = id
		root.AddCommand(c)
	}
}

// sandboxFlag adds --sandbox to a command that works with a data folder.
func (a *app) sandboxFlag(c *cobra.Command) {
	c.PersistentFlags().BoolVar(&a.sandbox, "sandbox", false, "play every service instead of calling it, with data of its own")
}

// dataDir returns the data folder.
func (a *app) dataDir() string {
	return engine.Options{Dir: a.dir, Data: a.data, Sandbox: a.sandbox}.DataDir()
}

// logger returns what operators read, on the standard error output.
func (a *app) logger(level slog.Level) (*slog.Logger, error) {
	if a.logLevel != "" {
		if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
			return nil, usagef("allowed: debug, info, warn, error", "--log-level cannot be %q", a.logLevel)
		}
	}
	return slog.New(slog.NewTextHandler(a.Stderr, &slog.HandlerOptions{Level: level})), nil
}
