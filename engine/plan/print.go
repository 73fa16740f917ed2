package plan

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"patchbay/engine/journal"
)

// Print writes the plan for people.
func (p *Plan) Print(w io.Writer) error {
	var t page
	t.line("%s", p.summary())
	for i := range p.Flows {
		t.flow(&p.Flows[i])
	}
	t.parts("Connectors", p.Connectors)
	t.parts("Tables", p.Tables)
	t.connections(p.Connections)
	t.addresses(p.Addresses)
	t.subscriptions(p.Subscriptions)
	t.scopes(p.Scopes)
	t.writes(p.Writes)
	t.calls(p.Calls)
	_, err := io.WriteString(w, t.String())
	return err
}

// summary says in one line how many flows are different.
func (p *Plan) summary() string {
	switch {
	case p.IsEmpty():
		return "nothing is different" + stay(": ", len(p.Unchanged))
	case len(p.Flows) == 0:
		return "no flow is different" + stay(": ", len(p.Unchanged))
	}
	counts := map[How]int{}
	for i := range p.Flows {
		counts[p.Flows[i].How]++
	}
	var said []string
	for _, of := range []struct {
		how       How
		one, more string
	}{{New, "is new", "are new"}, {Changed, "changes", "change"}, {Removed, "goes", "go"}} {
		switch n := counts[of.how]; n {
		case 0:
		case 1:
			said = append(said, "1 flow "+of.one)
		default:
			said = append(said, many(n, "flow")+" "+of.more)
		}
	}
	return strings.Join(said, ", ") + stay("; ", len(p.Unchanged))
}

func stay(lead string, n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return lead + "1 flow stays as it is"
	default:
		return lead + many(n, "flow") + " stay as they are"
	}
}

// page is a text under way.
type page struct{ strings.Builder }

func (t *page) line(format string, args ...any) {
	t.WriteString(printable(fmt.Sprintf(format, args...)) + "\n")
}

// printable replaces the characters by which a text could steer a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r):
			return '·'
		}
		return r
	}, text)
}

// sign stands before what is new, different or gone.
func sign(h How) string {
	switch h {
	case New:
		return "+"
	case Removed:
		return "-"
	default:
		return "~"
	}
}

func (t *page) flow(f *Flow) {
	title := ""
	if f.Name != f.ID {
		title = ": " + f.Name
	}
	t.line("")
	t.line("%s %s, %s%s", sign(f.How), f.ID, f.state(), title)
	if f.Was != "" {
		t.line("    it says what %s says, which is removed", f.Was)
	}
	for _, c := range f.Changes {
		t.change(c)
	}
	for _, tr := range f.Triggers {
		if tr.Kind != "on_demand" || tr.Happens != GoesOn { // nobody asks about what a person does
			t.trigger(&tr)
		}
	}
	if text := underWay(f.UnderWay); text != "" {
		t.line("    %s", text)
	}
	if e := f.Estimate; e != nil {
		t.estimate(e)
	}
}

// state says in words what becomes of a flow.
func (f *Flow) state() string {
	text := string(f.How)
	switch {
	case f.How == New && !f.Enabled:
		text += " and switched off"
	case f.Switched != "" && len(f.Changes)+len(f.Because) == 0:
		text = "switched " + f.Switched
	case f.Switched != "":
		text += " and switched " + f.Switched
	case f.How == Changed && !f.Enabled:
		text += ", and stays switched off"
	}
	var because []string
	for _, r := range f.Because {
		because = append(because, "the "+r.What+" "+r.Name)
	}
	switch {
	case len(because) > 0 && len(f.Changes) == 0:
		text += " because " + strings.Join(because, ", ") + " changes"
		if len(because) > 1 {
			text = strings.TrimSuffix(text, "s")
		}
	case len(because) > 0:
		text += ", also because " + strings.Join(because, ", ") + " changes"
		if len(because) > 1 {
			text = strings.TrimSuffix(text, "s")
		}
	case f.How == Changed && len(f.Changes) == 0 && f.Switched == "" && !slices.ContainsFunc(f.Triggers, Trigger.differs):
		text += " only in its layout or comments"
	}
	return text
}

func (t *page) change(c Change) {
	what := c.What
	switch c.What {
	case "flow", "output":
		what = ""
	case "use":
		what = "role"
	}
	about := strings.TrimSpace(what + " " + c.Name)
	if c.Does != "" {
		about += " (" + c.Does + ")"
	}
	switch c.How {
	case New, Removed:
		t.line("    %s %s", sign(c.How), about)
		return
	case Changed, Same: // its fields say how
	case Renamed:
		t.line("    ~ %s: it was named %s", about, c.Was)
	case Moved:
		if c.Was == c.Name {
			t.line("    ~ %s: it stands elsewhere in its list", about)
		} else {
			t.line("    ~ %s: it stands elsewhere; it was %s", about, c.Was)
		}
	}
	for _, f := range c.Fields {
		if about == "" {
			t.line("    ~ %s", f.words())
		} else {
			t.line("    ~ %s: %s", about, f.words())
		}
	}
}

// words says what became of a field.
func (f Field) words() string {
	from, to := excerpts(f.From, f.To)
	switch {
	case f.From == "":
		return f.Key + " is now " + to
	case f.To == "":
		return f.Key + " is gone; it was " + from
	default:
		return f.Key + " is now " + to + ", was " + from
	}
}

// widest is how much of a text is shown.
const widest = 60

// excerpts returns the parts of two texts in which they differ.
func excerpts(from, to string) (a, b string) {
	x, y := []rune(from), []rune(to)
	same := 0
	for same < min(len(x), len(y)) && x[same] == y[same] {
		same++
	}
	if same == len(x) || same == len(y) {
		same = min(same, len(x)-widest/2, len(y)-widest/2)
	}
	return excerpt(x, same), excerpt(y, same)
}

// excerpt returns what stands around a place in a text.
func excerpt(text []rune, at int) string {
	if len(text) <= widest {
		return string(text)
	}
	begin := max(0, min(at-widest/3, len(text)-widest))
	out := string(text[begin:min(len(text), begin+widest)])
	if begin > 0 {
		out = "…" + out
	}
	if begin+widest < len(text) {
		out += "…"
	}
	return out
}

func (t *page) trigger(tr *Trigger) {
	about := tr.ID
	if tr.Is != "" && tr.Is != tr.ID {
		about += " (" + tr.Is + ")"
	} else if tr.Kind != tr.ID {
		about += " (" + strings.ReplaceAll(tr.Kind, "_", " ") + ")"
	}
	text := tr.Says
	if !tr.Next.IsZero() {
		text += "; next at " + moment(tr.Next)
	}
	t.line("    %s trigger %s: %s", map[Happens]string{Starts: "+", Stops: "-", GoesOn: "=", Anew: "~"}[tr.Happens], about, text)
}

func moment(at time.Time) string { return at.Format("2006-01-02 15:04 MST") }

// underWay says what becomes of runs that have not ended.
func underWay(open map[journal.Status]int) string {
	n := 0
	var said []string
	for _, status := range []journal.Status{journal.Running, journal.WaitingStatus, journal.Queued, journal.OutcomeUnknown} {
		if k := open[status]; k > 0 {
			n += k
			said = append(said, strconv.Itoa(k)+" "+strings.ReplaceAll(string(status), "_", " "))
		}
	}
	switch n {
	case 0:
		return ""
	case 1:
		return "1 run under way (" + said[0] + ") ends on the version it began with"
	default:
		return many(n, "run") + " under way (" + strings.Join(said, ", ") + ") end on the version they began with"
	}
}

func (t *page) estimate(e *Estimate) {
	switch {
	case e.RunsAfter != nil && e.RunsBefore != nil && *e.RunsAfter != *e.RunsBefore:
		t.line("    about %s, before %s", runsADay(*e.RunsAfter), number(*e.RunsBefore))
	case e.RunsAfter != nil:
		t.line("    about %s", runsADay(*e.RunsAfter))
	case e.RunsBefore != nil:
		t.line("    about %s before", runsADay(*e.RunsBefore))
	}
	for _, how := range e.How {
		t.line("      %s", how)
	}
	for _, how := range e.Unknown {
		t.line("      not counted: %s", how)
	}
}

func runsADay(n float64) string {
	if rounded(n) == 1 {
		return "1 run a day"
	}
	return number(n) + " runs a day"
}

// section begins a part of the page.
func (t *page) section(title string) {
	t.line("")
	t.line("%s", title)
}

func (t *page) parts(title string, parts []Part) {
	if len(parts) == 0 {
		return
	}
	t.section(title)
	for _, p := range parts {
		t.line("  %s %s, %s", sign(p.How), p.Name, p.How)
	}
}

func (t *page) connections(all []Connection) {
	if len(all) == 0 {
		return
	}
	t.section("Connections")
	for i := range all {
		c := &all[i]
		name := c.Name
		if c.Connector != c.Name {
			name += " (" + c.Connector + ")"
		}
		switch c.How {
		case Same:
			t.line("  ! %s cannot be used, and is needed by %s: %s", name, strings.Join(c.Flows, ", "), c.Message)
			continue
		case Removed:
			t.line("  - %s, removed", name)
			continue
		default:
			by := ""
			if len(c.Flows) > 0 {
				by = ", used by " + strings.Join(c.Flows, ", ")
			}
			t.line("  %s %s, %s%s", sign(c.How), name, c.How, by)
		}
		for _, f := range c.Fields {
			t.line("      %s", f.words())
		}
		switch {
		case c.Ready != nil && !*c.Ready:
			t.line("      not ready: %s", c.Message)
		case c.Ready != nil && c.Message != "":
			t.line("      %s", c.Message)
		case c.Ready == nil && len(c.Takes) > 0:
			t.line("      takes %s", strings.Join(c.Takes, ", "))
		}
	}
}

func (t *page) addresses(all []Address) {
	if len(all) == 0 {
		return
	}
	t.section("Addresses at which events come in")
	for _, a := range all {
		const prints = "`patchbay serve` prints it behind \"webhooks\""
		switch {
		case a.How == New && a.Flow != "":
			t.line("  + %s: %s", a.words(), prints)
		case a.How == New && a.ByHand:
			t.line("  + %s: %s; enter it at the service", a.words(), prints)
		case a.How == New:
			t.line("  + %s: `patchbay serve` tells it to the service", a.words())
		case a.Flow != "":
			t.line("  - %s: it answers no more", a.words())
		case a.ByHand:
			t.line("  - %s: no flow waits there any more; it can be taken out at the service", a.words())
		default:
			t.line("  - %s: no flow waits there any more", a.words())
		}
	}
}

func (t *page) subscriptions(all []Subscription) {
	if len(all) == 0 {
		return
	}
	t.section("Subscriptions")
	for _, s := range all {
		if s.Happens == Starts {
			t.line("  + %s: %s is asked to deliver %s", s.Connection, s.Connector, s.Event)
		} else {
			t.line("  - %s: %s is told to deliver %s no more", s.Connection, s.Connector, s.Event)
		}
	}
}

func (t *page) scopes(all []Scope) {
	if len(all) == 0 {
		return
	}
	t.section("Rights (scopes)")
	for _, s := range all {
		name := cmp.Or(s.Connection, s.Connector)
		if s.How == Removed {
			t.line("  - %s: %s is needed no more", name, s.Scope)
			continue
		}
		text := fmt.Sprintf("  + %s: %s, for %s", name, s.Scope, strings.Join(s.Because, ", "))
		switch {
		case s.Granted == nil:
		case *s.Granted:
			text += "; the token has it"
		default:
			text += "; the token does not have it: patchbay connect " + name
		}
		t.line("%s", text)
	}
}

func (t *page) writes(all []Write) {
	if len(all) == 0 {
		return
	}
	t.section("What flows do to services")
	for _, w := range all {
		by := w.Connection
		if by != "" {
			by = " through " + by
		}
		t.line("  %s %s: %s%s, in %s", sign(w.How), w.Effect, w.Action, by, w.Flow)
	}
}

func (t *page) calls(all []Calls) {
	if len(all) == 0 {
		return
	}
	t.section("Calls a day, about, of all flows together")
	for i := range all {
		c := &all[i]
		name := cmp.Or(c.Connection, c.Connector)
		text := fmt.Sprintf("  %s: %s", name, number(c.After))
		if c.Before != c.After {
			text += ", before " + number(c.Before)
		}
		if len(c.Flows) > 0 {
			text += "; not counted: runs of " + strings.Join(c.Flows, ", ")
		}
		t.line("%s", text)
		for _, l := range c.Limits {
			what := "the service"
			if l.Action != "" {
				what = l.Action
			}
			allows := fmt.Sprintf("%d calls a day", l.Allow)
			if l.Per != span(day) {
				allows = fmt.Sprintf("%d calls in %s, which is %s a day", l.Allow, l.Per, number(l.Most))
			}
			t.line("    ! %s allows %s, and these are %s", what, allows, number(l.Calls))
		}
	}
}

// many returns a number with its noun: "1 flow", "3 flows".
func many(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// number writes an estimate.
func number(n float64) string { return strconv.FormatFloat(rounded(n), 'f', -1, 64) }
