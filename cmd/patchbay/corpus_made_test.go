package main

import (
	"strings"
)

// madeArchive holds what is wanted of the cases that the test makes.
const madeArchive = "made.txtar"

// madeCases returns the cases that are made in place of being kept.
func madeCases() []*corpusCase {
	var cases []*corpusCase
	flow := func(name, text string) {
		cases = append(cases, &corpusCase{name: name, files: map[string][]byte{"flows/broken.yaml": []byte(text)}})
	}
	const sound = "flow: 1\nname: Broken\ntriggers:\n  - trigger: shop.order_paid\nsteps:\n  - stop: done\n"
	flow("windows-line-ends-with-a-mistake", strings.ReplaceAll(sound, "\n", "\r\n"))
	return cases
}
