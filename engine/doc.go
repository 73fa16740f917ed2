// Package engine puts Patchbay together. This page is the tour.
//
// # In one sentence
//
// A YAML file is parsed into a spec and checked into a program (its
// expressions typed, what is wrong told as a diag), published in the catalog;
// a trigger starts a run, whose steps make calls with credentials from the
// vault; each value and outcome goes into the journal, kept in the store,
// shown on the console.
//
// # From the bottom up
//
//   - value: the data that flows between steps, its types, and how an attempt
//     failed; a secret that cannot print itself.
//   - diag: where in a file something is, and what is wrong there.
//   - expr: the language inside ${{ }}: parse, type, evaluate.
//   - spec: connectors, flows, tables and connections as written; every scalar
//     keeps its place.
//   - journal: what happened in a run, and the state it folds into.
//   - program: what will be executed: resolved, typed, immutable, hashed.
//   - edit: changes to the text of files, such as the fixes of findings and
//     another name for a step.
//   - plan: what a change of the files will do before it goes live.
//
// These eight compute and nothing else: no I/O, no clock, no goroutine. Above
// them stand the machines, one job each, which do not know each other:
//
//   - catalog: the programs that are live; reads and watches the files.
//   - trigger: webhooks, schedules, polls and failures of flows, turned into accepted events; what
//     services are asked to deliver.
//   - run: executes a program durably.
//   - call: one attempt against a service: request, pages, limits, errors.
//   - vault: credentials and tokens, sealed at rest, renewed once.
//   - store: SQLite with group commit.
//   - member: the accounts that one sign-in serves, each a connection.
//   - sandbox: every connector played as a server, from its own file.
//
// console is the HTTP face for people. This package introduces them all to
// each other ([Open]), and starts and stops them in order ([Engine.Serve]).
//
// # Names
//
// State is kept under the names of flows, connections and connectors. A rename
// ([Engine.Rename]) changes the rows of the store in one transaction, with what
// is to be done about the files, which follow; nothing else is at work
// meanwhile. What is sealed, or compiled by a run's version, follows when it is
// read: it goes by the list of renames (journal.Renames), as addresses do, which
// stay.
//
// # The life of an event
//
// It arrives (trigger), is accepted in one transaction (store) with the hash of
// the definition it will run on, and only then acknowledged. A worker claims
// the run under a lease (run), folds its journal, and goes through its steps;
// each attempt is a call, each outcome an entry in the journal. After a crash
// the journal says where to go on, and whether a request may be sent again.
package engine
