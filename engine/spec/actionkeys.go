package spec

import (
	"strings"

	"patchbay/engine/diag"
)

func actionSection() section[Action] {
	return section[Action]{name: "action", noun: "an action", sound: soundAction, notes: map[string]string{
		"method": "method and path stand in one line: request: GET /pages", "path": "method and path stand in one line: request: GET /pages",
		"url": "method and path stand in one line: request: GET /pages",
	}, rows: []row[Action]{
		scalar("name", Line, "what people call it", "List tags", func(a *Action) *Text { return &a.Title }).not("title", "label"),
		scalar("help", Line, "what it does, in a sentence or two", "", func(a *Action) *Text { return &a.Help }).not("description"),
		scalar("docs", Line, "where the service describes it", "https://developers.qwilr.com/pages", func(a *Action) *Text { return &a.Docs }),
		word("effect", "read "+strings.Join(writeEffects(), " "), "what it does to the world", func(a *Action) *Text { return &a.Effect }).must(),
		custom(Key{
			Name: "repeat", Form: Either, Forms: []Form{Word, Block}, Section: "repeat", Words: []string{"safe", "unsafe"}, Example: "safe",
			Help: "whether it may be done twice; also { key: <header>, for: 30m }",
		}, readRepeat),
		lines("scopes", Lines, "the scopes it needs", "[contacts.readonly]", func(a *Action) *[]Text { return &a.Scopes }).not("scope"),
		blocks("before", "before", beforeSection, "the requests that come before its own, in this order", func(a *Action, b *Before) { a.Before = append(a.Before, b) }),
		scalar("request", Line, "the method and the path", "GET /pages/{pageId}", func(a *Action) *Text { return &a.Request }).must(),
		headers("what is sent with the request", func(a *Action) *[]Entry { return &a.Headers }),
		pairs("send", "what is always sent: place and value", "{ body.altType: location }", func(a *Action) *[]Entry { return &a.Send }),
		fields("input", "what it is given", func(a *Action) *[]Field { return &a.Input }).not("inputs", "params", "parameters"),
		block("paginate", "paginate", paginateSection, "how the next page is asked for", func(a *Action, g *Paginate) { a.Paginate = g }).not("pagination", "paging"),
		block("output", "output", outputSection, "what it brings back", func(a *Action, o *Output) { a.Output = o }),
		blocks("limits", "limit", limitSection, "how many of these calls the service allows", func(a *Action, l *Limit) { a.Limits = append(a.Limits, *l) }),
		blocks("errors", "error_rule", errorRuleSection, "which of its answers are errors, looked at before those of the connector", func(a *Action, r *ErrorRule) { a.Errors = append(a.Errors, *r) }),
		scalar("timeout", Duration, "how long an answer may take", "30s", func(a *Action) *Text { return &a.Timeout }),
		scalar("deprecated", Line, "why it should not be used any more", "use contacts.upsert", func(a *Action) *Text { return &a.Deprecated }),
		reasons("differs", "where it departs from the service's own description on purpose: what, and why", `{ required.followers: the service does not ask for it }`, func(a *Action) *[]Entry { return &a.Differs }),
	}}
}

func beforeSection() section[Before] {
	return section[Before]{name: "before", noun: "a request before", rows: []row[Before]{
		scalar("id", Name, "the name by which later requests see its answer, as before.<id>.body", "address", func(b *Before) *Text { return &b.ID }).must().not("name"),
		scalar("request", Line, "the method and the path; {url} where an earlier answer brings the address", "GET /files/address", func(b *Before) *Text { return &b.Request }).must(),
		headers("what is sent with this request", func(b *Before) *[]Entry { return &b.Headers }),
		pairs("send", "what is sent: place and value", `{ query.size: "${{ bytes(input.content) }}" }`, func(b *Before) *[]Entry { return &b.Send }),
	}}
}

// writeEffects are the effects of an action that is no read.
func writeEffects() []string { return []string{"create", "update", "delete", "send"} }

// soundAction asks for repeat where a second try could do something twice.
func soundAction(p *parser, a *Action, s spot) {
	if a.Effect.Given() && a.Effect.Value != "read" && !s.has("repeat") && !s.means([]string{"repeat"}) {
		k := Key{Name: "repeat", Help: "safe | unsafe | { key: <header>, for: 30m }"}
		p.missing(s, k, "an action that is no read")
	}
}

func readRepeat(p *parser, a *Action, s spot) {
	if s.value.Kind == Map {
		a.Repeat = read(p, repeatSection(), s)
		return
	}
	s.rule.Form = Word
	if t := p.text(s); t.Given() {
		a.Repeat = &Repeat{Word: t}
	}
}

func repeatSection() section[Repeat] {
	return section[Repeat]{name: "repeat", noun: "repeat", rows: []row[Repeat]{
		scalar("key", Line, "the header by which the service knows a repetition, or a part of a multipart body, such as multipart.files[][key], sent behind each file", "Idempotency-Key", func(r *Repeat) *Text { return &r.Key }).must(),
		scalar("for", Duration, "how long the service remembers it", "30m", func(r *Repeat) *Text { return &r.For }).must(),
	}}
}

func paginateSection() section[Paginate] {
	return section[Paginate]{name: "paginate", noun: "paginate", rows: []row[Paginate]{
		word("type", "offset page cursor link last_item", "how the service counts", func(g *Paginate) *Text { return &g.Type }).must(),
		scalar("param", Path, "where the position goes", "query.skip", func(g *Paginate) *Text { return &g.Param }),
		scalar("first", Line, "the first position", "1", func(g *Paginate) *Text { return &g.First }),
		block("page_size", "page_size", pageSizeSection, "how many items are asked for", func(g *Paginate, s *PageSize) { g.PageSize = s }),
		scalar("next", Path, "where the next position comes from", "body.meta.next_page", func(g *Paginate) *Text { return &g.Next }),
		block("and", "and", positionSection, "a second value that goes with the position, of a cursor or a last item", func(g *Paginate, n *Position) { g.And = n }),
		scalar("total", Path, "where the answer says how many there are", "body.results.count", func(g *Paginate) *Text { return &g.Total }),
		scalar("more", Path, "where the answer says whether there is more", "body.hasMore", func(g *Paginate) *Text { return &g.More }).not("has_more"),
		scalar("stop_when", Expression, "true on the last page", "len(body.items) == 0", func(g *Paginate) *Text { return &g.StopWhen }),
		scalar("max_pages", Whole, "more pages than that are an error", "1000", func(g *Paginate) *Text { return &g.MaxPages }).least(1),
		word("wire", "text", "text sends the position in quotes", func(g *Paginate) *Text { return &g.Wire }),
	}}
}

func positionSection() section[Position] {
	return section[Position]{name: "and", noun: "and", rows: []row[Position]{
		scalar("param", Path, "where the value goes", "query.startAfterId", func(n *Position) *Text { return &n.Param }).must(),
		scalar("next", Path, "where it comes from", "body.meta.startAfterId", func(n *Position) *Text { return &n.Next }).must(),
	}}
}

func pageSizeSection() section[PageSize] {
	return section[PageSize]{name: "page_size", noun: "page_size", rows: []row[PageSize]{
		scalar("send_as", Path, "where the number goes", "query.limit", func(s *PageSize) *Text { return &s.SendAs }).must(),
		scalar("value", Whole, "the number", "100", func(s *PageSize) *Text { return &s.Value }).least(1).must(),
		scalar("min", Whole, "the least number the service takes", "10", func(s *PageSize) *Text { return &s.Min }),
		word("wire", "text", "text sends the number in quotes", func(s *PageSize) *Text { return &s.Wire }),
	}}
}

// outputKinds are the keys of which an output has exactly one.
func outputKinds() []string { return []string{"list", "one"} }

func outputSection() section[Output] {
	return section[Output]{name: "output", noun: "an output", one: outputKinds(), sound: soundOutput, rows: []row[Output]{
		typed("list", "the type of the items, where it brings a list", "Page", func(o *Output) **TypeDef { return &o.Type }),
		typed("one", "the type of what it brings", "Page", func(o *Output) **TypeDef { return &o.Type }),
		lines("at", OneOrPaths, "where in the answer it is; of a webhook also a list, where a field is taken from the first place that has it", "body.results",
			func(o *Output) *[]Text { return &o.At }),
		scalar("may_be_missing", Switch, "true where it may bring nothing", "true", func(o *Output) *Text { return &o.MayBeMissing }),
		word("not_found", "missing", "missing makes of a 404 nothing instead of an error", func(o *Output) *Text { return &o.NotFound }),
		word("decode", "json text file auto", "what the answer is", func(o *Output) *Text { return &o.Decode }),
	}}
}

func soundOutput(p *parser, o *Output, s spot) {
	given := givenKeys(s, outputKinds())
	switch {
	case len(given) == 0 && s.means(outputKinds()):
		return
	case len(given) == 0:
		pos, width := s.place()
		p.absent(s, diag.Finding{
			Pos: pos, Width: width, Code: "S135", Message: "this output does not say of which type it is",
			Hint: "one of: list: <type>, one: <type>",
		})
		return
	case len(given) > 1:
		p.several("S135", given, "an output is one thing or a list")
	}
	o.Key, o.IsList = given[0], given[0].Value == "list"
}

func triggerSection() section[Trigger] {
	return section[Trigger]{name: "connector_trigger", noun: "a trigger of a connector", sound: soundConnectorTrigger, rows: []row[Trigger]{
		scalar("name", Line, "what people call it", "A page was accepted", func(t *Trigger) *Text { return &t.Title }).not("title", "label"),
		scalar("help", Line, "when it fires, in a sentence or two", "", func(t *Trigger) *Text { return &t.Help }).not("description"),
		word("type", "webhook poll", "whether the service tells, or is asked", func(t *Trigger) *Text { return &t.Type }).must(),
		lines("scopes", Lines, "the scopes it needs", "[contacts.readonly]", func(t *Trigger) *[]Text { return &t.Scopes }).not("scope"),
		fields("input", "what a flow gives it", func(t *Trigger) *[]Field { return &t.Input }).not("inputs"),
		scalar("match", Expression, "of webhook: which deliveries are meant", `body.type == "pageAccepted"`, func(t *Trigger) *Text { return &t.Match }),
		scalar("event", Line, "of webhook: the service's own name of the event, to subscribe to it", "pageAccepted", func(t *Trigger) *Text { return &t.Event }),
		custom(addresseeKey("of webhook: what in a delivery says whose event it is, if not what webhooks says; any where it belongs to none", "any"),
			func(p *parser, t *Trigger, s spot) { t.Connection = readAddressee(p, s) }),
		word("timestamp", "may_be_missing", "of webhook: may_be_missing where a delivery of this event has an event id but no time", func(t *Trigger) *Text { return &t.Timestamp }),
		block("output", "output", outputSection, "of webhook: what the event brings", func(t *Trigger, o *Output) { t.Output = o }),
		custom(Key{Name: "example", Form: Literal, Help: "of webhook: the body of a delivery, or a file in the folder that holds it", Example: "fixtures/page_accepted.json"},
			func(p *parser, t *Trigger, s spot) { t.Example = p.value(s) }),
		block("catch_up", "catch_up", catchUpSection, "of webhook: how events that were not delivered are found", func(t *Trigger, c *CatchUp) { t.CatchUp = c }),
		scalar("action", Line, "of poll: the action that lists what is new", "pages.list", func(t *Trigger) *Text { return &t.Action }),
		pairs("with", "of poll: what the action is given", "{ limit: 100 }", func(t *Trigger) *[]Entry { return &t.With }),
		scalar("every", Duration, "of poll: how often it is asked", "15m", func(t *Trigger) *Text { return &t.Every }),
		scalar("item_id", Path, "of poll: what makes an item the same as before", "item.id", func(t *Trigger) *Text { return &t.ItemID }),
		scalar("changed", Path, "of poll: what differs when an item has changed; without it only new ones fire", "item.updatedAt", func(t *Trigger) *Text { return &t.Changed }),
		lines("caused_by", Lines, "the actions of the connector that make this happen, so that a flow that starts itself is told", "[contacts.add_tags]", func(t *Trigger) *[]Text { return &t.CausedBy }),
		scalar("deprecated", Line, "why it should not be used any more", "use page_accepted", func(t *Trigger) *Text { return &t.Deprecated }),
	}}
}

// triggerKeys returns, by the type of a trigger of a connector, the keys it
// must have and those that only the other type has.
func triggerKeys() (needs, strays map[string][]string) {
	needs = map[string][]string{"webhook": {"output"}, "poll": {"action", "every", "item_id"}}
	strays = map[string][]string{
		"webhook": {"action", "with", "every", "item_id", "changed"},
		"poll":    {"match", "connection", "timestamp", "event", "output", "example", "catch_up"},
	}
	return needs, strays
}

// soundConnectorTrigger looks for the keys that only one type of trigger has.
func soundConnectorTrigger(p *parser, t *Trigger, s spot) {
	needs, strays := triggerKeys()
	other := map[string]string{"webhook": "poll", "poll": "webhook"}[t.Type.Value]
	table := triggerSection()
	for _, name := range needs[t.Type.Value] {
		if !s.has(name) && !s.means([]string{name}) {
			p.missing(s, table.row(name).Key, "a trigger of type "+t.Type.Value)
		}
	}
	for _, key := range givenKeys(s, strays[t.Type.Value]) {
		p.found.Addf(key.Pos, key.width(), "S133", "%s goes with type: %s, this trigger is of type %s", key.Value, other, t.Type.Value)
	}
}
