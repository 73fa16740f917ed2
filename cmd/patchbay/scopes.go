package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine/program"
)

func newScopes(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "scopes",
		Short: "List the rights the enabled flows need at each service",
		Long: `Lists, for each connection, the scopes that the enabled flows need, and which flow needs them for what. A token
needs these and no others. Nothing is called.`,
		Example: `  patchbay scopes
  patchbay scopes --json`,
		Args:              nothing,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			if err := a.needWorkspace(); err != nil {
				return err
			}
			w, err := a.workspace()
			if err != nil {
				return err
			}
			return a.printScopes(w, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	return c
}

func (a *app) printScopes(w *workspace, asJSON bool) error {
	needs := w.set.Scopes()
	if asJSON {
		if needs == nil {
			needs = []program.ScopeNeed{}
		}
		return a.printJSON(needs)
	}
	last := ""
	for _, n := range needs {
		name := n.Connection
		if name != n.Connector {
			name += " (" + n.Connector + ")"
		}
		if name != last {
			if last != "" {
				fmt.Fprintln(a.Stdout)
			}
			fmt.Fprintln(a.Stdout, name)
			last = name
		}
		fmt.Fprintf(a.Stdout, "  %s\n", n.Scope)
		for _, why := range n.Because {
			fmt.Fprintf(a.Stdout, "    for %s\n", why)
		}
	}
	if len(needs) == 0 {
		fmt.Fprintln(a.Stdout, "no enabled flow needs a scope")
	}
	if len(w.set.Broken) > 0 {
		fmt.Fprintf(a.Stderr, "not counted, because of errors: %s (patchbay check shows them)\n", strings.Join(w.set.Broken, ", "))
	}
	return nil
}
