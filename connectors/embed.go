// Package connectors is the connectors that Patchbay brings along, one folder
// each. A workspace that has a folder of the same name replaces that connector
// as a whole.
package connectors

import "embed"

// Files holds the folder of every connector with what it is made of: its YAML,
// fixtures and keys, not the pages for people. The names in it begin with the
// connector's id, as in "slack/connector.yaml".
//
//go:embed */*.yaml */fixtures/* */keys/*
var Files embed.FS
