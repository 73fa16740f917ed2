// Package spec is what the files of the languages say: connectors, flows,
// connections and tables as written, where each scalar keeps its place in the
// file. No default is applied here and no name is looked up.
//
// A file goes through three stages. [source] is the text itself: what YAML
// would swallow or trip over is found in it first, told, and mended in a copy,
// so that one slip does not hide the rest. [Value] is the tree of lists and
// maps the YAML library makes of that copy; nothing else knows that library.
// Then a table for each kind of map, a [section], says which keys it has and
// what each holds; the parser walks the tree along these tables, and so do
// the reference, the schema and completion, through [Sections].
//
// Everything found is returned at once, beside whatever is sound: a checker
// can go on with it.
//
// Codes: Y1xx speak of YAML itself, S1xx of the shape of a file.
package spec
