package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"patchbay/engine/console"
	"patchbay/engine/vault"
)

func newConnections(a *app) *cobra.Command {
	var test, asJSON bool
	c := &cobra.Command{
		Use:   "connections",
		Short: "List the connections and how each stands",
		Long: `Lists the connections of flows/connections.yaml and whether each can be used. With --test each is tried with a
small call that only reads; the exit code is then 0 only if all of them work.`,
		Example: `  patchbay connections
  patchbay connections --test`,
		Args:              nothing,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				return a.connections(ctx, c, test, asJSON)
			})
		},
	}
	c.Flags().BoolVar(&test, "test", false, "try each with a call")
	c.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	a.sandboxFlag(c)
	return c
}

func (a *app) connections(ctx context.Context, c *client, test, asJSON bool) error {
	path := "/connections"
	if test {
		path += "?test=1"
	}
	var found []console.Connection
	if err := c.get(ctx, path, &found); err != nil {
		return err
	}
	if asJSON {
		if err := a.printJSON(found); err != nil {
			return err
		}
	} else if err := a.printConnections(found, test); err != nil {
		return err
	}
	for _, k := range found {
		if test && k.Test != "ok" && k.Test != "" {
			return errSaid
		}
	}
	return nil
}

func (a *app) printConnections(found []console.Connection, test bool) error {
	if len(found) == 0 {
		fmt.Fprintln(a.Stdout, "no connections: flows/connections.yaml names them")
		return nil
	}
	g := grid(a.Stdout)
	row(g, "CONNECTION", "CONNECTOR", "BY", "STATE", "")
	for _, k := range found {
		about := k.State.Message
		switch {
		case k.Test == "ok":
			about = "works"
		case k.Test != "":
			about = k.Test
		case test && about == "":
			about = "has no test call"
		}
		row(g, k.Name, k.Connector, k.Auth, stateOf(k.State), about)
	}
	return g.Flush()
}

// stateOf says how a connection stands, in words.
func stateOf(s vault.State) string {
	switch s.Status {
	case vault.Connected:
		return "connected"
	case vault.NotConnected:
		return "not connected"
	case vault.NeedsReconnecting:
		return "connect it again"
	default:
		return string(s.Status)
	}
}
