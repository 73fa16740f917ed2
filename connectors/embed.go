// Package connectors is the connectors that Patchbay brings along, one folder
// each. A workspace that has a folder of the same name replaces that connector
// as a whole.
package connectors

import "embed"

// Files holds the folder of every connector with all that is in it, its
// fixtures and keys too. The names in it begin with the connector's id, as in
// "slack/connector.yaml".
//
//go:embed all:*/*
var Files embed.FS
