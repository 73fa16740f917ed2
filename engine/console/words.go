package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/value"
)

// ago says how long a moment is past, or how far it is ahead. live.js says the
// same in the browser.
func ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	d := time.Since(t)
	if d < 0 {
		return "in " + rough(-d)
	}
	if d < time.Second {
		return "now"
	}
	return rough(d) + " ago"
}

// rough says how long a time is in one unit.
func rough(d time.Duration) string {
	switch {
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h"
	default:
		return strconv.Itoa(int(d.Hours()/24)) + " days"
	}
}

// stamp writes a moment for machines.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// since says how long after the first moment the second one was.
func since(start, t time.Time) string {
	d := max(t.Sub(start), 0)
	switch {
	case d < time.Second:
		return strconv.Itoa(int(d.Milliseconds())) + " ms"
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return rough(d)
	}
}

// longest is how much of a value a page shows.
const longest = 20_000

// pretty writes a value as indented JSON; a text as it is, "" for nothing.
func pretty(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return cut(v)
	case map[string]any:
		if len(v) == 0 {
			return ""
		}
	}
	data, err := value.Encode(v)
	if err != nil {
		return ""
	}
	return prettyText(string(data))
}

// prettyText indents a text that is JSON and leaves every other as it is.
func prettyText(text string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(text), "", "  "); err != nil {
		return cut(text)
	}
	return cut(b.String())
}

func cut(text string) string {
	runes := []rune(text)
	if len(runes) <= longest {
		return text
	}
	return fmt.Sprintf("%s\n… and %d more characters", string(runes[:longest]), len(runes)-longest)
}

// cell writes a value as it stands in a table.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		data, err := value.Encode(v)
		if err != nil {
			return ""
		}
		return cut(string(data))
	}
}

// words writes a status or a kind as people do.
func words(s any) string { return strings.ReplaceAll(fmt.Sprint(s), "_", " ") }

// kindTone says how good the news of an event is: the colour of it.
func kindTone(e journal.Event) string {
	switch e.Kind {
	case journal.Done:
		return "good"
	case journal.Failed, journal.Tried, journal.Caught:
		if isPaused(e) {
			return "busy"
		}
		return "bad"
	case journal.Ended:
		return statusTone(e.Status)
	case journal.Intent, journal.Waiting:
		return "busy"
	default:
		return "dim"
	}
}

// isPaused reports whether with the event a step began to wait until a
// connection is connected.
func isPaused(e journal.Event) bool {
	return e.Kind == journal.Tried && e.Failure != nil && e.Failure.Reconnect != ""
}

// said tells an event in words.
func said(e journal.Event) string {
	switch e.Kind {
	case journal.Began:
		return "began"
	case journal.Intent:
		return "sending"
	case journal.Done:
		return "done"
	case journal.Tried:
		if isPaused(e) {
			return "paused"
		}
		return "attempt " + strconv.Itoa(e.Attempt) + " failed, tries again"
	case journal.Skipped:
		return "left out"
	case journal.Caught:
		return "failed, goes on"
	case journal.Failed:
		return "failed"
	case journal.Waiting:
		if e.Text != "" {
			return "waits for " + e.Text
		}
		return "waits"
	case journal.Answered:
		return "answered: " + words(e.Text)
	case journal.Checked:
		return "looked whether it happened"
	case journal.Edited:
		return "edited by hand"
	case journal.Dismissed:
		return "dismissed"
	case journal.Retried:
		return "tried once more"
	case journal.Ended:
		return words(e.Status)
	default:
		return words(e.Kind)
	}
}

// change tells an edit in one line, without its place; "" of any other event.
func change(e journal.Event) string {
	if e.Kind != journal.Edited {
		return ""
	}
	return strings.TrimLeft(strings.TrimPrefix(EditedText(e), e.Path), ": ")
}

// shownPath is the path of a step as it is shown: the dot behind one says that
// only its end was tried once more.
func shownPath(path string) string { return strings.TrimSuffix(path, ".") }

// either writes names of which one is enough.
func either(names []string) string { return strings.Join(names, " or ") }

// by tells in words what starts a flow.
func by(t FlowTrigger) string {
	switch t.Kind {
	case "on_demand":
		return "by hand"
	case "schedule", "flow_failed":
		return t.When
	case "poll":
		return t.Trigger + " (asks regularly)"
	default:
		if t.Trigger == "" {
			return "its own webhook"
		}
		return t.Trigger
	}
}

// runnable returns the id of the trigger by which a flow can be started
// without being told anything, "" if there is none.
func runnable(f Flow) string {
	if !f.Enabled {
		return ""
	}
	for _, in := range f.Inputs {
		if in.Required {
			return ""
		}
	}
	for _, t := range f.Triggers {
		if t.Kind == "on_demand" {
			return t.ID
		}
	}
	return ""
}

// behind reports whether the file of a flow has errors, so that an earlier
// version of it is live.
func behind(files []File, flow string) bool {
	return slices.ContainsFunc(files, func(f File) bool { return f.Flow == flow && f.Kept })
}

// counted writes a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// waiting says who waits until a connection is connected.
func waiting(runs, polls int, connection string) string {
	verb := "wait"
	if runs+polls == 1 {
		verb = "waits"
	}
	who := counted(runs, "run")
	switch {
	case runs == 0:
		who = counted(polls, "poll")
	case polls > 0:
		who += " and " + counted(polls, "poll")
	}
	return who + " " + verb + " for " + connection + " to be connected"
}

// joined writes texts one after the other.
func joined(texts []string) string { return strings.Join(texts, ", ") }
