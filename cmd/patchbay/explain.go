package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine/diag"
)

func newExplain(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [CODE]",
		Short: "Say what a finding means, with a wrong and a right example",
		Long: `Every finding of the checker ends with a code in brackets. This says what that code means, and shows an example that
has the finding and the same example without it. Without a code it lists them all.`,
		Example: `  patchbay explain F301
  patchbay explain`,
		Args: atMost("CODE"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return codeNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				return a.explain(args[0])
			}
			return a.explainAll()
		},
	}
}

func codeNames() []string {
	var names []string
	for _, c := range diag.Codes() {
		names = append(names, c.ID)
	}
	return names
}

func (a *app) explainAll() error {
	headings := map[byte]string{
		'Y': "YAML", 'S': "the shape of a file", 'F': "what a flow means", 'C': "what a connector means",
		'W': "warnings", 'K': "descriptions of services",
	}
	var last byte
	for _, c := range diag.Codes() {
		if c.ID[0] != last {
			if last != 0 {
				fmt.Fprintln(a.Stdout)
			}
			last = c.ID[0]
			fmt.Fprintln(a.Stdout, headings[last])
		}
		fmt.Fprintf(a.Stdout, "  %s  %s\n", c.ID, c.Title)
	}
	return nil
}

func (a *app) explain(code string) error {
	c, ok := diag.Explain(strings.ToUpper(strings.Trim(code, "[]")))
	if !ok {
		hint := "patchbay explain lists them all"
		if near := diag.Nearest(strings.ToUpper(code), codeNames()); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
		}
		return usagef(hint, "there is no finding with the code %q", code)
	}
	fmt.Fprintf(a.Stdout, "%s: %s\n\n%s", c.ID, c.Title, forTerminal(c.Text))
	return nil
}

// forTerminal returns a page of Markdown as it reads best in a terminal.
func forTerminal(markdown string) string {
	var b strings.Builder
	code := false
	for line := range strings.Lines(markdown) {
		switch {
		case strings.HasPrefix(line, "```"):
			code = !code
		case code && line != "\n":
			b.WriteString("    " + line)
		case strings.HasPrefix(line, "## "):
			b.WriteString(strings.TrimSpace(line[3:]) + ":\n")
		default:
			b.WriteString(line)
		}
	}
	return b.String()
}
