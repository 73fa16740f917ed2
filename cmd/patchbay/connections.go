package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine/console"
	"patchbay/engine/vault"
)

func newConnections(a *app) *cobra.Command {
	var test, asJSON bool
	c := &cobra.Command{
		Use:   "connections [NAME]",
		Short: "List the connections and how each stands",
		Long: `Lists the connections of flows/connections.yaml and whether each can be used. With --test each is tried with a
small call that only reads; the exit code is then 0 only if all of them work.

With the name of a connection whose sign-in serves many accounts it lists those accounts: the name of the connection to
each, when a poll looks there again, and what is wrong. --test reads the service's own list first.`,
		Example: `  patchbay connections
  patchbay connections --test
  patchbay connections ghl_agency`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				if len(args) == 1 {
					return a.members(ctx, c, args[0], test, asJSON)
				}
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
		if about == "" {
			about = accounts(k.Accounts)
		}
		if len(k.Lacks) > 0 {
			about = joined(about, "was not given "+strings.Join(k.Lacks, ", ")+": patchbay connect "+k.Name)
		}
		switch {
		case k.Test == "ok" && k.Accounts != nil:
			about = "works, " + accounts(k.Accounts)
		case k.Test == "ok":
			about = "works"
		case k.Test != "":
			about = k.Test
		case test && about == "":
			about = "has no test call"
		}
		row(g, k.Name, k.Connector, k.Auth, stateOf(k.State), waited(k.Paused, about))
	}
	return g.Flush()
}

// joined returns two sentences as one, each of which may be empty.
func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// waited says in front of what else there is to say how many runs wait until a
// connection is connected.
func waited(runs int, about string) string {
	switch runs {
	case 0:
		return about
	case 1:
		return joined("1 run waits for it", about)
	default:
		return joined(fmt.Sprintf("%d runs wait for it", runs), about)
	}
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

// accounts says how many accounts a sign-in serves.
func accounts(of *console.Accounts) string {
	if of == nil {
		return ""
	}
	text := fmt.Sprintf("%d accounts", of.There)
	if of.There == 1 {
		text = "1 account"
	}
	if of.Gone > 0 {
		text += fmt.Sprintf(", %d left", of.Gone)
	}
	if of.Error != "" {
		text += "; the list cannot be read: " + of.Error
	}
	return text
}

// membersOf returns the accounts of a connection, after its service was asked
// for them where none is known, or where that is wanted.
func (a *app) membersOf(ctx context.Context, c *client, name string, ask bool) ([]console.Member, error) {
	at := "/connections/" + url.PathEscape(name) + "/members"
	var found []console.Member
	if !ask {
		if err := c.get(ctx, at, &found); err != nil || len(found) > 0 {
			return found, err
		}
	}
	err := c.post(ctx, at+"/list", struct{}{}, &found)
	return found, err
}

func (a *app) members(ctx context.Context, c *client, name string, ask, asJSON bool) error {
	found, err := a.membersOf(ctx, c, name, ask)
	if err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(found)
	}
	if len(found) == 0 {
		fmt.Fprintf(a.Stdout, "%s serves no accounts\n", name)
		return nil
	}
	g := grid(a.Stdout)
	row(g, "ACCOUNT", "NAME", "STATE", "NEXT POLL", "")
	for _, m := range found {
		state, next, about := stateOf(m.State), "", m.Problem
		if !m.Left.IsZero() {
			state, about = "left", moment(m.Left)
		} else if !m.Next.IsZero() {
			next = moment(m.Next)
		}
		row(g, m.Connection, m.Name, state, next, waited(m.Paused, about))
	}
	return g.Flush()
}
