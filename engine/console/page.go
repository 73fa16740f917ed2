package console

import (
	"bytes"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	_ "embed"

	"patchbay/engine/journal"
	"patchbay/engine/value"
)

//go:embed page.html
var pageText string

//go:embed run.html
var runText string

// page serves the pages: the overview at /, and a run at /runs/<id>.
func (c *Console) page(w http.ResponseWriter, r *http.Request) {
	id, isRun := strings.CutPrefix(r.URL.Path, "/runs/")
	switch {
	case r.Method != http.MethodGet:
		http.Error(w, "there is nothing to send to this page", http.StatusMethodNotAllowed)
	case isRun:
		r.SetPathValue("id", id)
		c.runPage(w, r)
	case r.URL.Path == "/":
		c.overview(w, r)
	default:
		http.NotFound(w, r)
	}
}

// overviewData is what the overview shows.
type overviewData struct {
	Status   Status
	Flows    []Flow
	Runs     []Run
	Findings []Finding
	Tables   []tableCount
	Now      time.Time
}

type tableCount struct {
	Name string
	Rows int
}

// latest is how many runs the overview shows.
const latest = 30

func (c *Console) overview(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	live := c.opt.Catalog.Live()
	data := overviewData{Now: time.Now(), Status: Status{
		Version: c.opt.Version, Sandbox: c.opt.Sandbox != nil, Dir: c.opt.Dir, Live: live.Version, LiveAt: live.At, InSync: live.InSync(),
	}}
	counts, err := c.opt.Store.Counts(ctx)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	for _, id := range slices.Sorted(maps.Keys(live.Set.Flows)) {
		data.Flows = append(data.Flows, newFlow(live.Set.Flows[id], counts[id]))
	}
	runs, err := c.opt.Store.Runs(ctx, journal.Filter{Limit: latest})
	if err != nil {
		c.internal(w, r, err)
		return
	}
	for _, run := range runs {
		data.Runs = append(data.Runs, newRun(run))
	}
	for _, f := range live.Findings {
		data.Findings = append(data.Findings, NewFinding(f))
	}
	for _, name := range slices.Sorted(maps.Keys(live.Set.Tables)) {
		n, err := c.opt.Store.CountRows(ctx, name)
		if err != nil {
			c.internal(w, r, err)
			return
		}
		data.Tables = append(data.Tables, tableCount{name, n})
	}
	c.render(w, r, pageText, data)
}

func (c *Console) runPage(w http.ResponseWriter, r *http.Request) {
	run, ok := c.runOf(w, r)
	if !ok {
		return
	}
	events, err := c.opt.Store.Events(r.Context(), run.ID)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	view := newRun(run)
	view.Event, view.Inputs, view.Journal = run.Event, run.Inputs, events
	c.render(w, r, runText, view)
}

// render writes a page. It is built whole before the first byte goes out.
func (c *Console) render(w http.ResponseWriter, r *http.Request, text string, data any) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"ago":  ago,
		"json": shortJSON,
		"id":   func(n int64) string { return strconv.FormatInt(n, 10) },
	}).Parse(text)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		c.internal(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = b.WriteTo(w) // a reader that is gone needs no answer
}

// ago says how long a moment is past.
func ago(t time.Time) string {
	d := time.Since(t)
	switch {
	case t.IsZero():
		return ""
	case d < time.Second:
		return "now"
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s ago"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min ago"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h ago"
	default:
		return t.Format("2006-01-02")
	}
}

// longestJSON is how much of a value a page shows.
const longestJSON = 4000

func shortJSON(v any) string {
	if v == nil {
		return ""
	}
	data, err := value.Encode(v)
	if err != nil {
		return ""
	}
	text := []rune(string(data))
	if len(text) > longestJSON {
		return string(text[:longestJSON]) + "…"
	}
	return string(text)
}
