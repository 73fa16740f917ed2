package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine/console"
	"patchbay/engine/journal"
)

// callFlags are the flags of `call`.
type callFlags struct {
	with       []string
	connection string
	asJSON     bool
}

func newCall(a *app) *cobra.Command {
	var f callFlags
	c := &cobra.Command{
		Use:   "call CONNECTOR.ACTION",
		Short: "Make one call to a service",
		Long: `Makes one call outside of any flow and shows the request as it was sent, with secrets masked, what came back, and
the output as a step would see it. Values of --with are read as YAML: text, 10, true, '[a, b]'.

It is a real call, unless --sandbox is given: "patchbay catalog CONNECTOR.ACTION" says what it does.`,
		Example: `  patchbay call ghl.social.list_tags --with limit=10
  patchbay call slack.post_message --with channel='#ops' --with text=Hello --sandbox
  patchbay call ghl.contacts.search --connection ghl_other --with query=ada --json`,
		Args:              exactly("CONNECTOR.ACTION", "`patchbay catalog` lists the actions"),
		ValidArgsFunction: a.completeOperation("action", false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				return a.call(ctx, c, args[0], f)
			})
		},
	}
	c.Flags().StringArrayVar(&f.with, "with", nil, "an input of the action as `name=value`; may be given many times")
	c.Flags().StringVar(&f.connection, "connection", "", "the `name` of the connection (default: the connector's own or only one)")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print request and output as JSON")
	a.sandboxFlag(c)
	return c
}

func (a *app) call(ctx context.Context, c *client, id string, f callFlags) error {
	inputs, err := inputsOf(ctx, c, id)
	if err != nil {
		return err
	}
	with, err := assigned("--with", f.with, inputs)
	if err != nil {
		return err
	}
	var got console.CallAnswer
	if err := c.post(ctx, "/call", console.CallRequest{Action: id, Connection: f.connection, With: with}, &got); err != nil {
		return err
	}
	if f.asJSON {
		if err := a.printJSON(got); err != nil {
			return err
		}
	} else {
		a.printCall(got)
	}
	if got.Failure != nil {
		return errSaid
	}
	return nil
}

// inputsOf returns the inputs of an action.
func inputsOf(ctx context.Context, c *client, id string) ([]console.Input, error) {
	connector, _, dotted := strings.Cut(id, ".")
	if !dotted {
		return nil, usagef("`patchbay catalog "+connector+"` lists its actions", "%q is not an action: write connector.action", id)
	}
	var ops []console.Operation
	if err := c.get(ctx, "/operations?connector="+url.QueryEscape(connector), &ops); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(ops, func(o console.Operation) bool { return o.ID == id && o.Kind == "action" })
	if i < 0 {
		return nil, usagef(nearest(id, operationIDs(ops, "action")), "there is no action %q", id)
	}
	return ops[i].Inputs, nil
}

// printCall shows the request, what came back and the output.
func (a *app) printCall(got console.CallAnswer) {
	if r := got.Request; r != nil {
		a.printExchange(r)
	}
	if f := got.Failure; f != nil {
		fmt.Fprintf(a.Stdout, "failed (%s): %s\n", f.Class, printable(f.Message))
		if f.Unsettled {
			fmt.Fprintln(a.Stdout, "The request may have arrived: look at the service before you send it again.")
		}
		if !f.NotBefore.IsZero() {
			fmt.Fprintf(a.Stdout, "Not before %s.\n", moment(f.NotBefore))
		}
		return
	}
	fmt.Fprintf(a.Stdout, "output:\n%s", indented(got.Output))
}

func (a *app) printExchange(r *journal.Exchange) {
	fmt.Fprintln(a.Stdout, printable(strings.TrimSpace(r.Method+" "+r.URL)))
	for _, h := range r.Headers {
		fmt.Fprintln(a.Stdout, "  "+printable(h))
	}
	if r.Body != "" {
		fmt.Fprintln(a.Stdout, "  "+printable(compact(r.Body, 2000)))
	}
	if r.Status == 0 && r.Took == 0 {
		fmt.Fprintln(a.Stdout)
		return
	}
	var facts []string
	if r.Status != 0 {
		facts = append(facts, fmt.Sprintf("status %d", r.Status))
	}
	facts = append(facts, span(r.Took))
	if r.Pages > 0 {
		facts = append(facts, count(r.Pages, "page"))
	}
	fmt.Fprintf(a.Stdout, "-> %s\n\n", strings.Join(facts, ", "))
}
