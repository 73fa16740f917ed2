package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine/console"
	"patchbay/engine/diag"
)

func newCheck(a *app) *cobra.Command {
	var opt checkOptions
	c := &cobra.Command{
		Use:   "check [PATH…]",
		Short: "Say what is wrong in the files",
		Long: `Reads the whole workspace and says what is wrong in it, and how to put it right. Nothing is called and nothing is
written. With paths, only the findings in those files and folders count.

With --fix, the fixes that are certain are written into the files: those that are marked (patchbay check --fix). Every
other byte of a file stays as it is, and a fix that would bring another finding is taken back. --fix=all also takes the
fixes that are only offered: those that are a guess, or that alter what is sent to a service.

Where there is a data folder, the rights that its connections were given are held against what the flows need.

Errors keep a file from going live; warnings (their codes begin with W) do not, and count only with --strict.
The comment "# patchbay: allow W104" silences a warning on its line.`,
		Example: `  patchbay check
  patchbay check flows/weekly-report.yaml
  patchbay check connectors/ghl --strict
  patchbay check --fix
  patchbay check --json`,
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.check(cmd.Context(), args, opt)
		},
	}
	c.Flags().BoolVar(&opt.json, "json", false, "print the findings as JSON")
	c.Flags().BoolVar(&opt.strict, "strict", false, "let warnings count as errors do")
	c.Flags().StringVar(&opt.fix, "fix", "", "write the fixes that are certain into the files; =all: those that are offered too")
	c.Flags().Lookup("fix").NoOptDefVal = fixSafe
	return c
}

type checkOptions struct {
	json, strict bool
	fix          string // "", fixSafe or fixAll
}

// checkAnswer is the JSON of `check`.
type checkAnswer struct {
	Flows      int               `json:"flows"`
	Connectors int               `json:"connectors"`
	Errors     int               `json:"errors"`
	Warnings   int               `json:"warnings"`
	Fixed      []fixAnswer       `json:"fixed,omitempty"` // with --fix
	Findings   []console.Finding `json:"findings"`
}

func (a *app) check(ctx context.Context, paths []string, opt checkOptions) error {
	if err := opt.sound(); err != nil {
		return err
	}
	if err := a.needWorkspace(); err != nil {
		return err
	}
	within, err := a.inWorkspace(paths)
	if err != nil {
		return err
	}
	w, err := a.workspace()
	if err != nil {
		return err
	}
	fixed, err := a.fix(w, within, opt.fix)
	if err != nil {
		return err
	}
	var found diag.List
	for _, f := range slices.Concat(w.set.Findings, a.ungranted(ctx, w.set)) {
		if covers(within, f.Pos.File) {
			found.Add(f)
		}
	}
	errs := len(found.Errors())
	sum := checkAnswer{
		Flows: len(w.flows()), Connectors: len(w.src.Connectors),
		Errors: errs, Warnings: len(found) - errs, Fixed: fixed, Findings: []console.Finding{},
	}
	if opt.json {
		for _, f := range found {
			sum.Findings = append(sum.Findings, console.NewFinding(f))
		}
		err = a.printJSON(sum)
	} else {
		err = a.printCheck(sum, found, w.source)
	}
	if err == nil && (errs > 0 || opt.strict && len(found) > 0) {
		return errSaid
	}
	return err
}

// printCheck prints what was fixed, what was found, and the sum of it.
func (a *app) printCheck(sum checkAnswer, found diag.List, source func(file string) string) error {
	for _, f := range sum.Fixed {
		fmt.Fprintln(a.Stdout, f)
	}
	if len(sum.Fixed) > 0 {
		fmt.Fprintln(a.Stdout)
	}
	shown, left := readable(found)
	if err := diag.Print(a.Stdout, shown, source); err != nil {
		return err
	}
	if len(found) > 0 {
		fmt.Fprintln(a.Stdout)
	}
	for _, line := range left {
		fmt.Fprintln(a.Stdout, line)
	}
	fmt.Fprintln(a.Stdout, sum.line())
	if len(found) > 0 {
		fmt.Fprintf(a.Stdout, "patchbay explain %s says more about a finding\n", found[0].Code)
	}
	return nil
}

// mostAlike is how many findings of one code are printed of one file.
const mostAlike = 50

// readable leaves out what nobody reads: of very many findings of one code in
// one file all but the first. The lines say how many those are.
func readable(found diag.List) (shown diag.List, left []string) {
	type kind struct{ file, code string }
	number := map[kind]int{}
	var kinds []kind
	for _, f := range found {
		k := kind{f.Pos.File, f.Code}
		if number[k]++; number[k] <= mostAlike {
			shown.Add(f)
		} else if number[k] == mostAlike+1 {
			kinds = append(kinds, k)
		}
	}
	for _, k := range kinds {
		left = append(left, fmt.Sprintf("%s: %d more findings of %s (--json lists them)", k.file, number[k]-mostAlike, k.code))
	}
	return shown, left
}

// line returns the sum of a check in one line.
func (s checkAnswer) line() string {
	return fmt.Sprintf("%s, %s: %s", count(s.Flows, "flow"), count(s.Connectors, "connector"), tally(s.Errors, s.Warnings))
}

// tally returns how many findings there are, in words.
func tally(errs, warnings int) string {
	switch {
	case errs+warnings == 0:
		return "no findings"
	case warnings == 0:
		return count(errs, "error")
	case errs == 0:
		return count(warnings, "warning")
	}
	return count(errs, "error") + ", " + count(warnings, "warning")
}

// inWorkspace returns paths of the command line as findings name them. A path
// may also be meant from the workspace, as findings print it.
func (a *app) inWorkspace(paths []string) ([]string, error) {
	root, err := filepath.Abs(a.dir)
	if err != nil {
		return nil, fmt.Errorf("find the workspace: %w", err)
	}
	var out []string
	for _, p := range paths {
		if _, err := os.Stat(p); err != nil {
			p = filepath.Join(a.dir, p)
		}
		if _, err := os.Stat(p); err != nil {
			return nil, usagef("", "there is no file or folder %s", p)
		}
		whole, err := filepath.Abs(p)
		if err != nil {
			return nil, fmt.Errorf("find %s: %w", p, err)
		}
		rel, err := filepath.Rel(root, whole)
		if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			return nil, usagef("name the folder of its workspace with --dir", "%s lies outside of the workspace", p)
		}
		out = append(out, filepath.ToSlash(rel))
	}
	return out, nil
}

// covers reports whether file is one of paths, or below one; no paths cover
// every file.
func covers(paths []string, file string) bool {
	for _, p := range paths {
		if p == "." || p == file || strings.HasPrefix(file, p+"/") {
			return true
		}
	}
	return len(paths) == 0
}
