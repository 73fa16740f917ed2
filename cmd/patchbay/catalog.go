package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine/console"
	"patchbay/engine/program"
)

func newCatalog(a *app) *cobra.Command {
	var asJSON, asMarkdown bool
	c := &cobra.Command{
		Use:   "catalog [CONNECTOR | CONNECTOR.GROUP | CONNECTOR.NAME | WORD]",
		Short: "List what the services can do",
		Long: `Lists the actions and triggers of all connectors, of one, or of one group of one: what each does to the service
(read, create, update, delete, send) and which scopes it needs. With the id of one action or trigger it shows that in
full, with a step ready to paste; with another word, those that have it in their name. With --markdown it writes the
reference page of a connector or of a group. Nothing is called.`,
		Example: `  patchbay catalog
  patchbay catalog ghl
  patchbay catalog ghl.social
  patchbay catalog ghl.social.list_tags
  patchbay catalog invoice
  patchbay catalog qwilr --json
  patchbay catalog bakery --markdown`,
		Args:              atMost("CONNECTOR"),
		ValidArgsFunction: a.completeOperation("", true),
		RunE: func(_ *cobra.Command, args []string) error {
			w, err := a.workspace()
			if err != nil {
				return err
			}
			if asMarkdown {
				return a.catalogPage(w, strings.Join(args, ""))
			}
			return a.catalog(w, strings.Join(args, ""), asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	c.Flags().BoolVar(&asMarkdown, "markdown", false, "print the reference page of a connector or of a group")
	c.MarkFlagsMutuallyExclusive("json", "markdown")
	return c
}

func (a *app) catalog(w *workspace, name string, asJSON bool) error {
	ops, one, err := operationsOf(w, name)
	if err != nil {
		return err
	}
	switch {
	case asJSON && one:
		return a.printJSON(ops[0])
	case asJSON:
		return a.printJSON(ops)
	case one:
		a.printOperation(ops[0], exampleIn(w.set, name))
		return nil
	}
	return a.printOperations(w.set, ops)
}

// operationsOf returns the actions and triggers that a name stands for: those of
// a connector, of a group, with a word in their name or, then it is one, that of
// this id; all for "".
func operationsOf(w *workspace, name string) (ops []console.Operation, one bool, err error) {
	connector, _, part := strings.Cut(name, ".")
	k, known := w.set.Connector(connector)
	if name != "" && !known {
		if w.src.Connectors[connector] != nil {
			return nil, false, failuref("patchbay check connectors/"+connector+" shows them", "the connector %q has errors", connector)
		}
		if found := having(console.Operations(w.set, ""), name); len(found) > 0 {
			return found, false, nil
		}
		return nil, false, usagef(nearest(connector, w.set.ConnectorIDs()), "there is no connector %q, and nothing has the word in its name", connector)
	}
	ops = console.Operations(w.set, connector)
	if !part {
		return ops, false, nil
	}
	if i := slices.IndexFunc(ops, func(o console.Operation) bool { return o.ID == name }); i >= 0 {
		return ops[i : i+1], true, nil
	}
	names := operationIDs(ops, "")
	for _, group := range groupsOf(k) {
		names = append(names, connector+"."+group)
	}
	group := slices.DeleteFunc(ops, func(o console.Operation) bool { return !strings.HasPrefix(o.ID, name+".") })
	if len(group) == 0 {
		return nil, false, usagef(nearest(name, names), "there is no action, trigger or group %q", name)
	}
	return group, false, nil
}

// catalogPage prints the reference page of a connector or of a group.
func (a *app) catalogPage(w *workspace, name string) error {
	_, one, err := operationsOf(w, name)
	connector, group, _ := strings.Cut(name, ".")
	k, known := w.set.Connector(connector)
	switch {
	case err != nil:
		return err
	case !known || one:
		return usagef("patchbay catalog ghl --markdown, or ghl.social", "--markdown writes the page of a connector or of a group")
	default:
		fmt.Fprint(a.Stdout, referencePage(k, console.Operations(w.set, connector), group))
		return nil
	}
}

// having returns the actions and triggers with a word in their id or name.
func having(ops []console.Operation, word string) []console.Operation {
	word = strings.ToLower(word)
	return slices.DeleteFunc(ops, func(o console.Operation) bool {
		return !strings.Contains(strings.ToLower(o.ID), word) && !strings.Contains(strings.ToLower(o.Name), word)
	})
}

// exampleIn returns the lines to paste for an action or trigger.
func exampleIn(set *program.Set, id string) string {
	if action, _, ok := set.FindAction(id); ok {
		return "\na step to paste\n" + exampleStep(action)
	}
	if trigger, _, ok := set.FindTrigger(id); ok {
		return "\nin a flow\n" + exampleTrigger(trigger)
	}
	return ""
}

// printOperations lists actions and triggers below the names of their services.
func (a *app) printOperations(set *program.Set, ops []console.Operation) error {
	last := ""
	g := grid(a.Stdout)
	for _, o := range ops {
		if o.Connector != last {
			if last != "" {
				fmt.Fprintln(g)
			}
			k, _ := set.Connector(o.Connector)
			fmt.Fprintln(g, k.Name)
			last = o.Connector
		}
		row(g, "  "+o.ID, effectOf(o), o.Name, strings.Join(o.Scopes, " "))
	}
	return g.Flush()
}

// effectOf returns the one word that says what an operation is about.
func effectOf(o console.Operation) string {
	if o.Kind == "trigger" {
		return o.Type
	}
	return string(o.Effect)
}

func operationIDs(ops []console.Operation, kind string) []string {
	var ids []string
	for _, o := range ops {
		if kind == "" || o.Kind == kind {
			ids = append(ids, o.ID)
		}
	}
	return ids
}

// completeOperation completes the id of an action or trigger on the command
// line; kind "" stands for both.
func (a *app) completeOperation(kind string, connectors bool) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		w, err := a.workspace()
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		connector, _, dotted := strings.Cut(begun, ".")
		if !dotted {
			connector = "" // of which there may be several that begin like that
		}
		ids := operationIDs(console.Operations(w.set, connector), kind)
		if connectors {
			ids = append(w.set.ConnectorIDs(), ids...)
		}
		return beginning(begun, ids)
	}
}

// printOperation shows one action or trigger in full.
func (a *app) printOperation(o console.Operation, example string) {
	out := a.Stdout
	fmt.Fprintf(out, "%s: %s\n", o.ID, o.Name)
	if o.Help != "" {
		fmt.Fprintf(out, "%s\n", strings.TrimSpace(o.Help))
	}
	fmt.Fprintln(out)
	g := grid(out)
	fact := func(name, text string) {
		if text != "" {
			row(g, name, text)
		}
	}
	fact("effect", string(o.Effect))
	fact("repeat", repeatOf(o))
	fact("comes by", o.Type)
	fact("request", o.Request)
	fact("scopes", strings.Join(o.Scopes, " "))
	fact("deprecated", o.Deprecated)
	fact("output", o.Output)
	_ = g.Flush() // the writer of a person at a console; there is nobody else to tell
	printFields(out, "inputs", o.Inputs, "required", "")
	printFields(out, "fields of the output", o.Fields, "", "may be missing")
	fmt.Fprint(out, example)
}

// repeatOf says what happens if the same request is sent twice.
func repeatOf(o console.Operation) string {
	switch o.Repeat {
	case "", "unsafe":
		return o.Repeat
	case "safe":
		return "safe: the second time changes nothing"
	}
	if part, ok := strings.CutPrefix(o.Repeat, "multipart."); ok {
		return "known to the service by " + part + ", sent behind each file"
	}
	return "known to the service by the header " + o.Repeat
}

func printFields(w io.Writer, title string, fields []console.Input, must, may string) {
	if len(fields) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	g := grid(w)
	for _, f := range fields {
		need := may
		if f.Required {
			need = must
		}
		about := f.Help
		switch {
		case about == "":
			about = f.Label
		case f.Label != "":
			about = f.Label + ": " + about
		}
		row(g, "  "+f.Name, f.Type, need, strings.TrimSpace(about))
	}
	_ = g.Flush() // the writer of a person at a console; there is nobody else to tell
}
