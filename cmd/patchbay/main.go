// Command patchbay checks, runs and serves the flows of a workspace: a folder
// with YAML files in flows and, where it has connectors of its own, in
// connectors.
//
// There is one file per command. What only looks at files (check, catalog,
// scopes, contract, import, init) needs nothing but them. All else works with
// the data folder through the API of an engine: that of the `serve` that owns
// the folder, or, where there is none, that of an engine started for the one
// command.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // schedules and dates name time zones, also where the system knows none
)

func main() { os.Exit(process()) }

// process runs the command line of this process and returns its exit code.
func process() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal ends the process at once
	return Main(ctx, Process{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Env: os.LookupEnv,
	})
}
