package spec

// readSubscribe reads how a service is told the address: by people, or by
// calls of the connector.
func readSubscribe(p *parser, w *Webhooks, s spot) {
	if s.value.Kind == Map {
		w.Subscribe = read(p, subscribeSection(), s)
		return
	}
	s.rule.Form = Word
	p.text(s)
}

func subscribeSection() section[Subscribe] {
	return section[Subscribe]{name: "subscribe", noun: "subscribe", rows: []row[Subscribe]{
		word("each", "event all", "whether each event has a subscription of its own, or one is for all of them; event where nothing is said", func(s *Subscribe) *Text { return &s.Each }),
		lines("ways", Lines, "the ways in by which one can subscribe; without it all", "[oauth]", func(s *Subscribe) *[]Text { return &s.Ways }),
		block("on", "subscribe_on", subscribeOnSection, "how a subscription is made", func(s *Subscribe, i *Invocation) { s.On = i }).must(),
		block("keep", "subscribe_keep", keepSection, "what is kept of the answer", func(s *Subscribe, k *Keep) { s.Keep = k }).must(),
		block("off", "subscribe_off", subscribeOffSection, "how a subscription is ended", func(s *Subscribe, i *Invocation) { s.Off = i }).must(),
		block("list", "subscribe_list", subscribeListSection, "how the subscriptions there are can be seen; by it one that got lost on the way is found", func(s *Subscribe, l *SubscribeList) { s.List = l }),
	}}
}

func subscribeOnSection() section[Invocation] {
	return section[Invocation]{name: "subscribe_on", noun: "subscribe.on", rows: []row[Invocation]{
		scalar("action", Line, "the action that subscribes", "create_webhook", func(i *Invocation) *Text { return &i.Action }).must(),
		pairs("with", "what the action is given, of address, event, events and secret", `{ event: "${{ event }}", url: "${{ address }}" }`, func(i *Invocation) *[]Entry { return &i.With }).must(),
	}}
}

func keepSection() section[Keep] {
	return section[Keep]{name: "subscribe_keep", noun: "subscribe.keep", rows: []row[Keep]{
		scalar("id", Path, "where the output has the id of the subscription", "output.id", func(k *Keep) *Text { return &k.ID }).must(),
		scalar("secret", Path, "where the output has the secret that the service signs with, if the service chooses it", "output.secret", func(k *Keep) *Text { return &k.Secret }),
	}}
}

func subscribeOffSection() section[Invocation] {
	return section[Invocation]{name: "subscribe_off", noun: "subscribe.off", rows: []row[Invocation]{
		scalar("action", Line, "the action that ends a subscription", "delete_webhook", func(i *Invocation) *Text { return &i.Action }).must(),
		pairs("with", "what the action is given, of kept", `{ id: "${{ kept.id }}" }`, func(i *Invocation) *[]Entry { return &i.With }).must(),
	}}
}

func subscribeListSection() section[SubscribeList] {
	return section[SubscribeList]{name: "subscribe_list", noun: "subscribe.list", rows: []row[SubscribeList]{
		scalar("action", Line, "the action that lists the subscriptions", "list_webhooks", func(l *SubscribeList) *Text { return &l.Action }).must(),
		pairs("with", "what the action is given", "{ active: true }", func(l *SubscribeList) *[]Entry { return &l.With }),
		scalar("id", Path, "where an item has the id of the subscription", "item.id", func(l *SubscribeList) *Text { return &l.ID }).must(),
		scalar("address", Path, "where an item has the address", "item.url", func(l *SubscribeList) *Text { return &l.Address }).must(),
		scalar("events", Path, "where an item has its event, or the list of them", "item.event", func(l *SubscribeList) *Text { return &l.Events }).must(),
	}}
}

func catchUpSection() section[CatchUp] {
	return section[CatchUp]{name: "catch_up", noun: "catch_up", rows: []row[CatchUp]{
		scalar("action", Line, "the action that lists what the deliveries tell of", "list_orders", func(c *CatchUp) *Text { return &c.Action }).must(),
		pairs("with", "what the action is given", `{ changed_since: "${{ cursor }}" }`, func(c *CatchUp) *[]Entry { return &c.With }),
		scalar("every", Duration, "how often it is asked, beside once after each start", "6h", func(c *CatchUp) *Text { return &c.Every }).must(),
		scalar("changed", Path, "what differs when an item has changed", "item.updatedAt", func(c *CatchUp) *Text { return &c.Changed }).must(),
		pairs("event", "the event that an item becomes", `{ id: "${{ item.id }}", status: "${{ item.status }}" }`, func(c *CatchUp) *[]Entry { return &c.Event }).must(),
		lines("same", Lines, "the fields by which an event that was delivered and one that was found are known to be the same", "[id, updatedAt]", func(c *CatchUp) *[]Text { return &c.Same }).must(),
	}}
}
