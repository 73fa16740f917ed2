package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine/console"
	"patchbay/engine/vault"
)

func newConnect(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "connect NAME",
		Short: "Sign in to a service",
		Long: `Signs a connection in where the service wants a person to agree in a browser. Open the address that is printed and
agree; then paste the address that the browser was sent to, even if it shows an error page. If that page says that the
connection is connected, there is nothing to paste: press Enter.

The service must know the address it sends the browser back to: --public-url with /oauth/callback behind it. While
"patchbay serve" runs, its --public-url counts.`,
		Example:           "  patchbay connect ghl",
		Args:              exactly("NAME", "`patchbay connections` lists the connections"),
		ValidArgsFunction: a.completeConnection,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				return a.connect(ctx, c, args[0])
			})
		},
	}
	a.publicFlag(c)
	a.sandboxFlag(c)
	return c
}

func (a *app) completeConnection(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	w, err := a.workspace()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return beginning(begun, slices.Sorted(maps.Keys(w.set.Connections)))
}

func (a *app) connect(ctx context.Context, c *client, name string) error {
	var begun struct{ URL, Callback string }
	if err := c.post(ctx, "/connections/"+url.PathEscape(name)+"/connect", struct{}{}, &begun); err != nil {
		return err
	}
	fmt.Fprintf(a.Stdout, "Open this address in a browser and agree:\n\n  %s\n\n", begun.URL)
	fmt.Fprintf(a.Stdout, "The browser is then sent to an address that begins with\n  %s\nPaste that address here: ", begun.Callback)
	pasted, err := a.line(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(a.Stdout)
	if pasted == "" {
		return a.connectedAlready(ctx, c, name)
	}
	var finished struct{ Connection string }
	if err := c.post(ctx, "/connect/finish", map[string]string{"url": pasted}, &finished); err != nil {
		return err
	}
	fmt.Fprintf(a.Stdout, "%s is connected\n", finished.Connection)
	return nil
}

// connectedAlready looks whether the browser came back to a running serve.
func (a *app) connectedAlready(ctx context.Context, c *client, name string) error {
	var found []console.Connection
	if err := c.get(ctx, "/connections", &found); err != nil {
		return err
	}
	i := slices.IndexFunc(found, func(k console.Connection) bool { return k.Name == name })
	if i < 0 || found[i].State.Status != vault.Connected {
		return failuref("", "nothing was pasted, and %s is not connected", name)
	}
	fmt.Fprintf(a.Stdout, "%s is connected\n", name)
	return nil
}

// line reads one line of the standard input; the end of the input is the end
// of the line.
func (a *app) line(ctx context.Context) (string, error) {
	type result struct {
		text string
		err  error
	}
	read := make(chan result, 1)
	// The goroutine outlives the call only if ctx ends while a person is
	// still typing, and then the process ends, too.
	go func() {
		text, err := bufio.NewReader(a.Stdin).ReadString('\n')
		read <- result{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", failuref("", "interrupted")
	case r := <-read:
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			return "", fmt.Errorf("read the standard input: %w", r.err)
		}
		return strings.TrimSpace(r.text), nil
	}
}
