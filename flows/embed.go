// Package flows is the flows that Patchbay brings along, with their tests and
// tables. They are templates to start a workspace from and never run by
// themselves.
package flows

import "embed"

// Files holds every YAML file of this folder under its plain name, as in
// "flow.yaml".
//
//go:embed *.yaml
var Files embed.FS
