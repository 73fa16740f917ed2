package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// exactly wants one argument, which the usage calls what.
func exactly(what, hint string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef(hint, "%s is missing", what)
		}
		return atMost(what)(c, args)
	}
}

// atMost wants one argument or none.
func atMost(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usagef("", "one %s is taken, %d are given", what, len(args))
		}
		return nil
	}
}

// wrongFlag says what is wrong with a flag. Where a value cannot be read, the
// library quotes the function that read it, which tells nobody anything.
func wrongFlag(_ *cobra.Command, err error) error {
	text, function, unread := strings.Cut(err.Error(), ": strconv.")
	if !unread {
		return usagef("", "%v", err)
	}
	if strings.HasPrefix(function, "ParseBool") {
		return usagef("true or false is wanted", "%s", text)
	}
	return usagef("a whole number is wanted", "%s", text)
}

// nothing wants no argument.
func nothing(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("", "%q is too much: no argument is taken here", args[0])
	}
	return nil
}

// subcommand refuses arguments of a command that only holds others.
func subcommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	hint := nearest(args[0], names)
	if _, err := strconv.Atoi(args[0]); err == nil && slices.Contains(names, "show") {
		hint = "did you mean \"" + c.CommandPath() + " show " + args[0] + "\"?"
	}
	return usagef(hint, "there is no command %q", strings.TrimPrefix(c.CommandPath()+" "+args[0], "patchbay "))
}
