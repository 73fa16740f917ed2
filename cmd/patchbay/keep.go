package main

import (
	"github.com/spf13/cobra"

	"patchbay/engine"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// keepFlags are the flags of `serve` that say how much history is kept.
type keepFlags struct {
	age, size, flowSize string
	runs, flowRuns      int
}

func (k *keepFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&k.age, "keep-age", "30d", "for what `time` a run is kept after its end, such as 12h or 90d")
	flags.IntVar(&k.runs, "keep-runs", 100_000, "how many ended runs are kept")
	flags.IntVar(&k.flowRuns, "keep-runs-per-flow", 0, "how many ended runs of each flow are kept")
	flags.StringVar(&k.size, "keep-size", "0", "the most `bytes` that ended runs take, such as 500MB or 10GB")
	flags.StringVar(&k.flowSize, "keep-size-per-flow", "0", "the most `bytes` that ended runs of each flow take")
}

func (k *keepFlags) read() (engine.Keep, error) {
	keep := engine.Keep{Runs: k.runs, FlowRuns: k.flowRuns}
	if k.runs < 0 || k.flowRuns < 0 {
		return keep, usagef("0 keeps any number", "--keep-runs and --keep-runs-per-flow cannot be negative")
	}
	if k.age != "0" {
		age, err := value.ParseDuration(k.age)
		if err != nil || age <= 0 {
			return keep, usagef("write 12h, 30d or 8w; 0 keeps runs for ever", "--keep-age cannot be %q", k.age)
		}
		keep.Age = age
	}
	for _, s := range []struct {
		flag, text string
		into       *int64
	}{{"--keep-size", k.size, &keep.Size}, {"--keep-size-per-flow", k.flowSize, &keep.FlowSize}} {
		if s.text == "0" {
			continue
		}
		n, ok := spec.ParseSize(s.text)
		if !ok || n <= 0 {
			return keep, usagef("write 500MB or 10GB; 0 sets no limit", "%s cannot be %q", s.flag, s.text)
		}
		*s.into = n
	}
	return keep, nil
}
