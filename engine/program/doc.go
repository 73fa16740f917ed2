// Package program is what will be executed: connectors, connections, tables
// and flows as they were written, resolved against each other, typed and
// compiled.
//
// [Build] takes the text of all files and returns a [Set] with everything that
// is sound, and the findings for the rest. What it returns is immutable and
// may be shared by any number of runs; each [Flow] carries a hash of all the
// text it was made from, by which a run finds the version it began with.
//
// Checking goes from the bottom up: types, then the actions and triggers of a
// connector, then connections and tables, then flows in the order in which
// they call each other. Each part has a file of its own: connector_*.go reads
// connectors, flow_*.go flows, template.go the values with expressions in
// them that both have, warn.go what is allowed and probably not meant.
//
// Of connectors that were checked before, because they are built in or stored
// with a version of a flow, only what is used is read ([Sources].AsNeeded): a
// connector when something names it, a group (group.go) when something names
// what is in it. Nobody can tell: names resolve, and lists are whole, as if all
// had been read.
//
// One cause gives one finding. Whoever refers to something that has errors is
// left out as well, without a word: [Set].Broken names it, and the finding
// stands where the error is. What the parser could not make out of a file is
// remembered (lost.go), so that a name in it is not told to be missing.
package program
