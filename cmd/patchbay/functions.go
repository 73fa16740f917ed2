package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
)

func newFunctions(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "functions [NAME]",
		Short: "List what can be used inside ${{ }}",
		Long:  `Lists the functions of the expressions inside ${{ }}, or shows one with an example.`,
		Example: `  patchbay functions
  patchbay functions groupBy`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return functionNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				return a.printFunction(args[0])
			}
			return a.printFunctions()
		},
	}
}

func functionNames() []string {
	var names []string
	for _, f := range expr.Functions() {
		names = append(names, f.Name)
	}
	return names
}

func (a *app) printFunctions() error {
	last := ""
	for _, f := range expr.Functions() {
		if f.Group != last {
			if last != "" {
				fmt.Fprintln(a.Stdout)
			}
			fmt.Fprintln(a.Stdout, f.Group)
			last = f.Group
		}
		fmt.Fprintf(a.Stdout, "  %s\n    %s\n", f.Signature, f.Help)
	}
	return nil
}

func (a *app) printFunction(name string) error {
	for _, f := range expr.Functions() {
		if f.Name == name {
			fmt.Fprintf(a.Stdout, "%s\n  %s\n\n  %s\n", f.Signature, f.Help, f.Example)
			return nil
		}
	}
	hint := "patchbay functions lists them all"
	if near := diag.Nearest(name, functionNames()); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return usagef(hint, "there is no function %q", name)
}
