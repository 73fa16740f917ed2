package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func newSecret(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "secret",
		Short: "Keep secrets sealed in the data folder",
		Long: `Keeps secrets sealed in the data folder. flows/connections.yaml names them: token: "${{ secret.slack_bot }}".
Nobody can read them back.`,
		Example: `  patchbay secret set slack_bot < token.txt
  patchbay secret list
  patchbay secret remove slack_bot`,
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	a.sandboxFlag(c)
	c.AddCommand(newSecretSet(a), newSecretList(a), newSecretRemove(a))
	return c
}

func newSecretSet(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "set NAME",
		Short: "Keep a secret; its value comes from the standard input, or is typed",
		Example: `  patchbay secret set slack_bot < token.txt
  op read op://vault/slack/token | patchbay secret set slack_bot`,
		Args:              exactly("NAME", "the name by which flows/connections.yaml knows it"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !secretName.MatchString(args[0]) {
				return usagef("letters, digits and _ . - are allowed, with a letter first, as in: slack_bot", "%q cannot be the name of a secret", args[0])
			}
			text, err := a.secretText(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				request := map[string]string{"value": text}
				if err := c.do(ctx, http.MethodPut, "/secrets/"+url.PathEscape(args[0]), request, nil); err != nil {
					return err
				}
				fmt.Fprintf(a.Stdout, "secret %s is kept; a connection names it as ${{ secret.%s }}\n", args[0], args[0])
				return nil
			})
		},
	}
}

// secretName is what ${{ secret.name }} can name.
var secretName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// secretText reads the value of a secret: a line typed at a terminal, which does
// not show it, or else the whole standard input without the end of its last line.
func (a *app) secretText(ctx context.Context, name string) (string, error) {
	if f, ok := a.Stdin.(*os.File); ok && isTerminal(f) {
		fmt.Fprintf(a.Stderr, "Value of %s (it is not shown while you type): ", name)
		text, err := hiddenLine(ctx, f)
		fmt.Fprintln(a.Stderr)
		if err == nil && text == "" {
			err = usagef("patchbay secret set "+name, "nothing was typed")
		}
		return text, err
	}
	data, err := io.ReadAll(a.Stdin)
	if err != nil {
		return "", fmt.Errorf("read the standard input: %w", err)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if text == "" {
		return "", usagef("patchbay secret set "+name+" < file", "the standard input holds no value")
	}
	return text, nil
}

// hiddenLine reads a line from a terminal that does not show what is typed, and
// leaves the terminal as it was.
func hiddenLine(ctx context.Context, terminal *os.File) (string, error) {
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	type result struct {
		text []byte
		err  error
	}
	read := make(chan result, 1)
	// The goroutine outlives the call only if ctx ends while a person is
	// still typing, and then the process ends, too.
	go func() {
		text, err := term.ReadPassword(fd)
		read <- result{text, err}
	}()
	select {
	case <-ctx.Done():
		_ = term.Restore(fd, before)
		return "", failuref("", "interrupted")
	case r := <-read:
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			return "", fmt.Errorf("read from the terminal: %w", r.err)
		}
		return strings.TrimSpace(string(r.text)), nil
	}
}

func newSecretList(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:               "list",
		Short:             "List the names of the secrets",
		Args:              nothing,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				var names []string
				if err := c.get(ctx, "/secrets", &names); err != nil {
					return err
				}
				if asJSON {
					return a.printJSON(names)
				}
				for _, n := range names {
					fmt.Fprintln(a.Stdout, n)
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	return c
}

func newSecretRemove(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "remove NAME",
		Short:             "Forget a secret",
		Args:              exactly("NAME", "`patchbay secret list` lists them"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				var names []string
				if err := c.get(ctx, "/secrets", &names); err != nil {
					return err
				}
				if !slices.Contains(names, args[0]) {
					return usagef(nearest(args[0], names), "there is no secret %q", args[0])
				}
				if err := c.do(ctx, http.MethodDelete, "/secrets/"+url.PathEscape(args[0]), nil, nil); err != nil {
					return err
				}
				fmt.Fprintf(a.Stdout, "secret %s is forgotten\n", args[0])
				return nil
			})
		},
	}
}
