package console

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"patchbay/engine/journal"
)

//go:embed pages
var pageFiles embed.FS

// parsePages reads the templates. They are part of the binary, so that one
// that cannot be read is a bug.
func parsePages() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"ago": ago, "stamp": stamp, "since": since, "pretty": pretty, "prettyText": prettyText, "cell": cell,
		"tone": statusTone, "toneOf": kindTone, "said": said, "words": words, "by": by, "runnable": runnable,
		"counted": counted, "span": span, "addressed": addressed, "behind": behind, "path": shownPath, "local": local, "join": either, "joined": joined,
		"account": shownAccount, "fanned": fanned, "accountsAddress": accountsAddress, "runsOf": runsOf, "stateTone": stateTone, "odd": odd,
		"change": change, "inline": inline, "waiting": waiting,
	}).ParseFS(pageFiles, "pages/*.html"))
}

// view is what every page is made of.
type view struct {
	Title  string
	Status Status
	Rest   bool // nothing on the page changes soon
	Data   any
}

// overviewData is what the overview shows.
type overviewData struct {
	Flows    []Flow
	Broken   []string
	Runs     []Run
	More     bool
	Findings []Finding
	Tables   []Table

	Subscriptions []Subscription
	Paused        []pausedEntry
	Asked         []Letter // what stands still until it is answered
	Failed        []Letter
	MoreLetters   bool
}

// latest is how many runs the overview shows.
const latest = 20

func (c *Console) overview(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	data, err := c.overviewNow(ctx)
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	c.render(w, r, http.StatusOK, "overview.html", view{Title: "Patchbay", Data: data})
}

func (c *Console) overviewNow(ctx context.Context) (overviewData, error) {
	live := c.opt.Catalog.Live()
	counts, err := c.opt.Store.Counts(ctx)
	if err != nil {
		return overviewData{}, err
	}
	p, err := c.pausedNow(ctx)
	if err != nil {
		return overviewData{}, err
	}
	data := overviewData{Flows: newFlows(live.Set, counts, p), Subscriptions: c.subscriptionsNow()}
	for _, id := range live.Set.Broken {
		if live.Set.Flows[id] == nil {
			data.Broken = append(data.Broken, id)
		}
	}
	runs, err := c.opt.Store.Runs(ctx, journal.Filter{Limit: latest + 1})
	if err != nil {
		return data, err
	}
	data.More = len(runs) > latest
	data.Runs = newRuns(runs[:min(len(runs), latest)])
	for _, f := range c.FindingsOf(ctx, live) {
		data.Findings = append(data.Findings, NewFinding(f))
	}
	if data.Paused, err = c.pausedEntries(ctx, p); err != nil {
		return data, err
	}
	letters, err := c.letters(ctx, "", latest+1)
	if err != nil {
		return data, err
	}
	data.MoreLetters = len(letters) > latest
	for _, l := range letters[:min(len(letters), latest)] {
		switch l.Kind {
		case letterUnknown, letterApproval:
			data.Asked = append(data.Asked, l)
		case letterConnect: // stands among the paused
		default:
			data.Failed = append(data.Failed, l)
		}
	}
	data.Tables, err = c.allTables(ctx)
	return data, err
}

// local returns an address of this console without the name of the server.
func local(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "/" // unreachable: we made the address
	}
	return u.RequestURI()
}

// runsData is a page of the list of runs, and how it was chosen.
type runsData struct {
	Flow, Status, Connection string
	Flows                    []string
	Statuses                 []string
	Runs                     []Run
	Older                    string // the address of the next page, "" on the last
}

func (c *Console) runsPage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	before, _ := strconv.ParseInt(q.Get("before"), 10, 64) // an address that makes no sense shows the newest
	flows, err := c.flowsWithRuns(r.Context())
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	found, err := c.opt.Store.Runs(r.Context(), journal.Filter{
		Flow: q.Get("flow"), Status: journal.Status(q.Get("status")), Connection: q.Get("connection"), Before: before, Limit: usualRuns + 1,
	})
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	data := runsData{
		Flow: q.Get("flow"), Status: q.Get("status"), Connection: q.Get("connection"),
		Flows: flows, Statuses: statuses(), Runs: newRuns(found),
	}
	if len(found) > usualRuns {
		data.Runs = data.Runs[:usualRuns]
		data.Older = runsAddress(data.Flow, data.Status, data.Connection) + "&before=" + strconv.FormatInt(data.Runs[usualRuns-1].ID, 10)
	}
	c.render(w, r, http.StatusOK, "runs.html", view{Title: "Runs", Rest: before > 0, Data: data})
}

// flowsWithRuns returns the flows that have had runs, by id.
func (c *Console) flowsWithRuns(ctx context.Context) ([]string, error) {
	counts, err := c.opt.Store.Counts(ctx)
	return slices.Sorted(maps.Keys(counts)), err
}

// runsAddress is where the runs of a flow in a status are listed, those through
// one connection if one is named.
func runsAddress(flow, status, connection string) string {
	q := url.Values{"flow": {flow}, "status": {status}}
	if connection != "" {
		q.Set("connection", connection)
	}
	return "/runs?" + q.Encode()
}

// addressed gives the templates the same.
func addressed(flow string, status any, connection ...string) string {
	through := strings.Join(connection, "")
	switch s := status.(type) {
	case journal.Status:
		return runsAddress(flow, string(s), through)
	case string:
		return runsAddress(flow, s, through)
	default:
		return runsAddress(flow, "", through)
	}
}

func (c *Console) tablePage(w http.ResponseWriter, r *http.Request) {
	rows, err := c.rows(r.Context(), r.PathValue("name"), usualRows)
	if none, ok := errors.AsType[*noTableError](err); ok {
		c.message(w, r, http.StatusNotFound, "There is no table "+strconv.Quote(none.name)+".", none.hint)
		return
	}
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	c.render(w, r, http.StatusOK, "table.html", view{Title: "Table " + rows.Table, Data: rows})
}

// messageData is a page that only says something.
type messageData struct{ Message, Hint string }

func (c *Console) message(w http.ResponseWriter, r *http.Request, status int, message, hint string) {
	c.render(w, r, status, "message.html", view{Title: "Patchbay", Rest: true, Data: messageData{message, hint}})
}

// trouble answers for an error of ours: the cause is for the log.
func (c *Console) trouble(w http.ResponseWriter, r *http.Request, err error) {
	if !errors.Is(err, context.Canceled) {
		c.opt.Logger.Error("show page", "path", r.URL.Path, "error", err)
	}
	c.message(w, r, http.StatusInternalServerError, "The data folder could not be read.", "The log of `patchbay serve` says why.")
}

// render writes a page. It is built whole before the first byte goes out.
func (c *Console) render(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	v.Status = c.statusNow(r.Context())
	var b bytes.Buffer
	if err := c.pages.ExecuteTemplate(&b, name, v); err != nil {
		c.internal(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // a reader that is gone needs no answer
}
