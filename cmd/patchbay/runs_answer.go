package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine/console"
	"patchbay/engine/journal"
	"patchbay/engine/spec"
)

// answerFlags are the flags of `runs answer`.
type answerFlags struct {
	happened, didNot     bool
	step, output, result string
	check, connection    string
	with                 []string
	by                   string
}

func newRunsAnswer(a *app) *cobra.Command {
	var f answerFlags
	c := &cobra.Command{
		Use:   "answer ID",
		Short: "Say whether a write with an unknown outcome happened",
		Long: `A run stops as "outcome unknown" where a write was sent, no answer came back, and a repeat could do harm. Look at
the service: if it happened, the run goes on behind the step; if not, the step is done once more.

Later steps may need what the service answered: --result gives it as YAML, --output as a file. It must be what the
action brings.

--check looks at the service with an action that only reads, and shows what it found. At a terminal you are then asked;
together with --happened what was found is the result, as far as it is what the action brings.`,
		Example: `  patchbay runs answer 42 --happened
  patchbay runs answer 42 --did-not-happen --step 'each[3].apply'
  patchbay runs answer 42 --happened --result '{ id: n7 }'
  patchbay runs answer 42 --check ghl.contacts.find_duplicate --with email=ada@example.com`,
		Args:              exactly("ID", "`patchbay inbox` lists the runs that ask"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := runNumber(args[0])
			if err != nil {
				return err
			}
			if err := f.wrong(); err != nil {
				return err
			}
			f.by = a.who(f.by)
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				return a.answer(ctx, c, at, f)
			})
		},
	}
	c.Flags().BoolVar(&f.happened, "happened", false, "the write happened")
	c.Flags().BoolVar(&f.didNot, "did-not-happen", false, "it did not, and is done once more")
	c.Flags().StringVar(&f.step, "step", "", "the `path` of the step, if the run asks about several")
	c.Flags().StringVar(&f.result, "result", "", "what the service answered, as YAML, if later steps need it")
	c.Flags().StringVar(&f.output, "output", "", "the same as a JSON `file`")
	c.Flags().StringVar(&f.check, "check", "", "look at the service with this `action`, which must only read")
	c.Flags().StringArrayVar(&f.with, "with", nil, "an input of the action of --check as `name=value`; may be given many times")
	c.Flags().StringVar(&f.connection, "connection", "", "the `name` of the connection of --check (default: the one that was written to)")
	c.Flags().StringVar(&f.by, "by", "", "the `name` of who answers (default: yours on this machine)")
	return c
}

// wrong says what does not go together.
func (f answerFlags) wrong() error {
	switch {
	case f.happened && f.didNot, !f.happened && !f.didNot && f.check == "":
		return usagef("look at the service to find out", "either --happened or --did-not-happen must be given")
	case f.result != "" && f.output != "":
		return usagef("", "--result and --output say the same: give one of them")
	case !f.happened && (f.result != "" || f.output != ""):
		return usagef("", "only a write that happened has a result: give --happened, too")
	case f.check == "" && (len(f.with) > 0 || f.connection != ""):
		return usagef("--result is what the service answered", "--with and --connection belong to --check")
	default:
		return nil
	}
}

func (a *app) answer(ctx context.Context, c *client, at string, f answerFlags) error {
	output, err := a.resultOf(f)
	if err != nil {
		return err
	}
	var r console.Run
	if err := c.get(ctx, at, &r); err != nil {
		return err
	}
	if open := journal.Fold(r.Journal).Unsettled(); f.step == "" {
		if len(open) > 1 {
			return usagef("the steps: "+strings.Join(open, ", "), "the run asks about %d steps: name one with --step", len(open))
		}
		f.step = strings.Join(open, "")
	}
	if f.check != "" {
		found, err := a.lookAfter(ctx, c, at, f)
		if err != nil {
			return err
		}
		if f.happened && output == nil {
			output = found
		}
		if !f.happened && !f.didNot {
			said, err := a.decide(ctx, r, f.step)
			if said == "" || err != nil {
				return err
			}
			if f.happened = said == journal.Happened; f.happened {
				output = found
			}
		}
	}
	request := map[string]any{"path": f.step, "happened": f.happened, "by": f.by}
	if output != nil {
		request["output"] = output
	}
	if err := c.post(ctx, at+"/answer", request, nil); err != nil {
		return err
	}
	return a.goOn(ctx, c, r)
}

// resultOf reads what the service answered, nil if nothing is said.
func (a *app) resultOf(f answerFlags) (any, error) {
	if f.result != "" {
		v, err := spec.ParseValue(f.result)
		if err != nil {
			return nil, usagef("quotes around the whole text make it text", "--result: %v", err)
		}
		return v, nil
	}
	output, err := a.event(f.output)
	if output == nil {
		return nil, err
	}
	return output, err
}

// lookAfter looks at the service, shows what it found, and returns what of it can be
// the result of the write.
func (a *app) lookAfter(ctx context.Context, c *client, at string, f answerFlags) (any, error) {
	inputs, err := inputsOf(ctx, c, f.check)
	if err != nil {
		return nil, err
	}
	with, err := assigned("--with", f.with, inputs)
	if err != nil {
		return nil, err
	}
	var got console.WriteCheckAnswer
	request := console.WriteCheckRequest{Path: f.step, Action: f.check, Connection: f.connection, With: with, By: f.by}
	if err := c.post(ctx, at+"/check", request, &got); err != nil {
		return nil, err
	}
	a.printCall(console.CallAnswer{Output: got.Output, Failure: got.Failure, Request: got.Request})
	switch {
	case got.Failure != nil:
		return nil, errSaid
	case got.Misfit != "":
		fmt.Fprintf(a.Stdout, "as the result of step %s it cannot be taken: %s\n", got.Path, printable(got.Misfit))
	}
	return got.Result, nil
}

// decide asks what came of a write once it was looked after: "" is for later.
func (a *app) decide(ctx context.Context, r console.Run, step string) (string, error) {
	if !isTerminal(a.Stdin) {
		fmt.Fprintf(a.Stdout, "Did step %s happen? patchbay runs answer %d --step '%s' --happened (or --did-not-happen)\n", step, r.ID, step)
		return "", nil
	}
	said, err := a.asked(ctx, "Did step "+step+" happen? [y/n, or nothing for later] ")
	switch strings.ToLower(said) {
	case "y", "yes":
		return journal.Happened, err
	case "n", "no":
		return journal.DidNotHappen, err
	default:
		return "", err
	}
}
