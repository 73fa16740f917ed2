// Package fault holds the flags of the fault suite: the tests whose names begin
// with TestFault, which break what the engine stands on and hold the books
// against what it promised.
//
//	go test ./engine/... -run Fault -fault.rounds=2000
//
// A test binary refuses a flag that it does not know. So every package of the
// engine that has tests imports this one from them, those without a fault test
// of their own by name only.
package fault

import (
	"flag"
	"math/rand/v2"
	"testing"
)

//nolint:gochecknoglobals // flags are registered before tests begin, and only read afterwards
var (
	rounds = flag.Int("fault.rounds", 200, "how many faults each fault test brings about: kills, edits, copies, jumps of the clock")
	events = flag.Int("fault.events", 10_000, "how many events pile up in the test of a great load")
	seed   = flag.Uint64("fault.seed", 0, "the seed of an earlier run, as it was logged; 0 for a new one")
)

// Rounds returns how many faults a test is to bring about.
func Rounds() int { return *rounds }

// Events returns how many events are to pile up.
func Events() int { return *events }

// Dice are the choices that a fault test makes, which its seed repeats. They
// belong to one goroutine.
type Dice struct {
	*rand.Rand

	Seed uint64
}

// Throw returns the dice of a test: those of the flag's seed, or new ones.
func Throw(t testing.TB) Dice {
	t.Helper()
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	return Dice{rand.New(rand.NewPCG(s, 0)), s}
}

// Lane returns dice for the nth of several goroutines.
func (d Dice) Lane(n int) Dice {
	return Dice{rand.New(rand.NewPCG(d.Seed, uint64(n)+1)), d.Seed}
}
