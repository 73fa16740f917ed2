// Package expr is the language inside ${{ }}: it reads an expression, says what
// type it will have and all that is wrong with it, and evaluates it.
//
// The grammar and the machine that runs an expression are expr-lang/expr's, and
// no other package imports it. In between stands a checker of our own, because
// a flow must be known to work before it runs: every name has a [value.Type]
// from a [Scope], what may be missing has to be met with ?., ?? or a condition,
// and functions have the types of one table, which [Functions] shows.
//
// A text goes through these hands:
//
//	Scan     "Hi ${{ event.name }}" → parts               scan.go
//	guard    refuses what is too long or nests too deep   source.go
//	parse    expr's parser; its errors in our words       parse.go
//	check    the type of each node, all problems at once  check.go and those after it
//	lower    what expr's machine shall run: work is       lower.go
//	         counted, functions get the evaluation's state
//	Eval     runs it, tells faults in the author's words  code.go, fault.go
//
// A [Code] is immutable and may be evaluated by many goroutines at once.
// Nothing here reads a clock or does I/O: the time and the series of uuid()
// come with the [Env]. Work is counted and bounded, and so is memory.
package expr
