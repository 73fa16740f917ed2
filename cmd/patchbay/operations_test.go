package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"patchbay/engine/spec"
)

// operation is something that people ask for, and the names that do it.
type operation struct {
	number, does string
	names        []string // actions, triggers, or keys of a flow's trigger with a colon
}

// operations reads the list of what people ask for, by the headings in it.
func operations(t *testing.T) (headings []string, by map[string][]operation) {
	t.Helper()
	text, err := os.ReadFile("testdata/operations.txt")
	if err != nil {
		t.Fatal(err)
	}
	by = map[string][]operation{}
	heading := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		parts := strings.Split(line, " | ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case len(parts) == 3:
			by[heading] = append(by[heading], operation{number: parts[0], does: parts[1], names: strings.Fields(parts[2])})
		default:
			heading = line
			headings = append(headings, line)
		}
	}
	return headings, by
}

// operationTables returns the list as tables.
func operationTables(t *testing.T) []string {
	t.Helper()
	headings, by := operations(t)
	lines := []string{""}
	for _, heading := range headings {
		lines = append(lines, "#### "+heading, "", "| | what | name |", "|---|---|---|")
		for _, o := range by[heading] {
			lines = append(lines, fmt.Sprintf("| %s | %s | `%s` |", o.number, o.does, strings.Join(o.names, "` `")))
		}
		lines = append(lines, "")
	}
	return lines
}

// TestOperations looks up each name of the list: it must be an action or a
// trigger of a connector that Patchbay brings along, or a key of a trigger.
func TestOperations(t *testing.T) {
	known := map[string]bool{}
	for _, k := range spec.Keys("trigger") {
		known[k.Name+":"] = true
	}
	for k := range shipped(t).AllConnectors() {
		for _, a := range k.Actions() {
			known[a.ID] = true
		}
		for _, on := range k.Triggers() {
			known[on.ID] = true
		}
	}
	headings, by := operations(t)
	var missing []string
	number := 0
	for _, heading := range headings {
		for _, o := range by[heading] {
			if number++; o.number != strconv.Itoa(number) {
				t.Errorf("%s: number %s, want %d", o.does, o.number, number)
			}
			for _, name := range o.names {
				if !known[name] && !slices.Contains(missing, name) {
					missing = append(missing, name)
				}
			}
		}
	}
	if len(missing) > 0 {
		t.Errorf("there is no %s", strings.Join(missing, ", "))
	}
}
