package program

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// triggers checks the triggers of connector.yaml or one group file.
func (c *connectorCheck) triggers() {
	for _, t := range c.part.Triggers {
		name := grouped(c.part, t.Name.Value)
		made := &Trigger{
			Connector: c.made, ID: c.made.ID + "." + name, Name: name,
			Title: cmp.Or(t.Title.Value, strings.ReplaceAll(t.Name.Value, "_", " ")), Help: t.Help.Value,
			Scopes: texts(t.Scopes), CausedBy: c.causes(t.CausedBy), Deprecated: t.Deprecated.Value,
			Webhook: t.Type.Value == "webhook", Input: c.types.inputs(t.Input, c.connection),
			Example: c.example(t.Example), group: c.into,
		}
		switch t.Type.Value {
		case "webhook":
			c.webhookTrigger(t, made)
		case "poll":
			c.pollTrigger(t, made)
		}
		c.into.triggers = append(c.into.triggers, made)
	}
}

func (c *connectorCheck) webhookTrigger(t *spec.Trigger, made *Trigger) {
	made.Match = c.condition(t.Match, c.delivery)
	made.Output, made.Connection = c.deliveryOutput(t.Output), c.ownAddressee(t)
	made.Timeless, made.Event = t.Timestamp.Given(), t.Event.Value
	c.catchUp(t, made)
	if c.main.Webhooks == nil {
		if c.lost.has("webhooks", diag.Pos{}) {
			c.follow()
			return
		}
		c.hinted(t.Name, "C303", "webhooks: { verify: [ … ] } in connector.yaml", "the connector does not say how %s delivers its events", c.made.Name)
		return
	}
	if c.main.Webhooks.Subscribe != nil && !t.Event.Given() {
		c.hinted(t.Name, "C323", "event: <the service's own name of the event>", "%s is subscribed to by calls, and nothing says what the service calls this event", c.made.Name)
	}
}

// example returns an example as JSON: a fixture's bytes, or what stands in the file.
func (c *connectorCheck) example(v *spec.Value) []byte {
	if v == nil {
		return nil
	}
	if v.Kind != spec.String {
		data, err := value.Encode(v.Const())
		if err != nil {
			c.at(v.Text, "C304", "the example is not data: %s", err)
		}
		return data
	}
	data := c.file(v.Text)
	if data == nil {
		return nil
	}
	if _, err := value.Decode(data); err != nil {
		c.at(v.Text, "C304", "%s is not JSON: %s", v.Text.Value, err)
		return nil
	}
	return data
}

func (c *connectorCheck) pollTrigger(t *spec.Trigger, made *Trigger) {
	poll := c.poll(pollText{action: t.Action, with: t.With, every: t.Every, itemID: t.ItemID, changed: t.Changed}, made)
	if poll == nil {
		return
	}
	c.onlyNew(t, poll)
	made.Output = Output{Type: poll.Action.Output.Type}
	made.Poll = poll
}

// causes returns the names of the actions that make an event happen. They are
// looked up only where all groups are read anyway.
func (c *connectorCheck) causes(names []spec.Text) []string {
	for _, t := range names {
		if c.made.groups.whole {
			c.named(t, "C305")
		}
	}
	return texts(names)
}

// ofChange matches the name of a field that differs once a record has changed.
var ofChange = regexp.MustCompile(`(?i)(updated|changed|modified|edited)`)

// onlyNew warns of a poll that does not see when an item changes although its
// items say when they have.
func (c *connectorCheck) onlyNew(t *spec.Trigger, poll *Poll) {
	if t.Changed.Given() || poll.Action.Output.Type == nil {
		return
	}
	for _, f := range poll.Action.Output.Type.Fields {
		if isTime := f.Type != nil && (f.Type.Kind == value.Datetime || f.Type.Kind == value.Date); isTime && ofChange.MatchString(f.Name) {
			c.hinted(t.Name, "W111", "add  changed: item."+f.Name+"  so that an item fires again once it has changed",
				"%s tells only of new items, although they say in %s when they have changed", c.made.ID+"."+grouped(c.part, t.Name.Value), f.Name)
			return
		}
	}
}

// pollText is how a list is asked for news, as written.
type pollText struct {
	action                 spec.Text
	with                   []spec.Entry
	every, itemID, changed spec.Text
}

// poll checks how a trigger asks a list for news. It returns nil after a
// finding about the action.
func (c *connectorCheck) poll(t pollText, made *Trigger) *Poll {
	action := c.find(t.action, "C305")
	if action == nil || !c.reads(t.action, action, "a poll") {
		return nil
	}
	scope := c.connection.
		With(value.Field{Name: "input", Type: c.inputScope(made.Input)}).
		With(value.Field{Name: "cursor", Type: value.Of(value.Any)}).
		With(value.Field{Name: "now", Type: value.Of(value.Datetime)})
	at := &spec.Value{Pos: t.action.Pos, Text: t.action}
	return &Poll{
		Action: action, Every: c.duration(t.every),
		With:    c.objectTemplate(at, t.with, scope, action.InputType(), "input"),
		ItemID:  c.itemPath(t.itemID, action.Output.Type, made.Input),
		Changed: c.itemPath(t.changed, action.Output.Type, made.Input),
	}
}

// itemPath reads a path into a mapped record, such as item.tagId, or one that
// an input of the trigger holds, such as input.id.
func (c *connectorCheck) itemPath(t spec.Text, record *value.Type, inputs []*Input) []string {
	if path := c.inputPath(t, inputs); path != nil {
		return path
	}
	return c.pathInto(t, "item", record)
}

// noField reports a part of a path that the record has no field for.
func (c *connectorCheck) noField(t spec.Text, from int, part string, record *value.Type) {
	pos := t.At(min(from, len(t.Value)))
	if c.lost.has(part, pos) {
		c.follow()
		return
	}
	f := diag.Finding{Code: "C309", Message: fmt.Sprintf("%q is not a field of %s", part, record.AsPresent())}
	if len(record.Fields) > 0 {
		f.Hint = namesHint("field", part, record.FieldNames())
	}
	c.nameAt(pos, part, f, record.FieldNames())
}

// webhooks checks how the vendor delivers.
func (c *connectorCheck) webhooks() {
	w := c.main.Webhooks
	if w == nil {
		return
	}
	made := &Webhooks{
		Subscribe: c.subscribe(w),
		Fields:    c.types.inputs(w.Fields, c.connection),
		AckStatus: 200, ChallengeWhen: nil,
	}
	made.EventID = c.deliveryPaths(w.EventID)
	if made.Subscribe == nil { // else there is no such thing, which has been told
		made.Connection = c.addressee(w.Connection)
	}
	for _, v := range w.Verify {
		made.Verify = append(made.Verify, c.verify(v, made.Fields))
	}
	if w.Timestamp != nil {
		made.TimestampAt, made.Tolerance = value.SplitPath(w.Timestamp.At.Value), c.duration(w.Timestamp.Tolerance)
	}
	if w.Ack != nil {
		made.AckWithin, made.AckStatus = c.duration(w.Ack.Within), c.number(w.Ack.Status, 200)
	}
	if w.Challenge != nil {
		made.ChallengeWhen = c.condition(w.Challenge.When, c.delivery)
		made.ChallengeAnswer = value.SplitPath(w.Challenge.Answer.Value)
	}
	c.made.Webhooks = made
}

// verify checks one way of verification. own are the fields that the webhooks
// add to a connection.
func (c *connectorCheck) verify(v spec.Verify, own []*Input) *Verify {
	made := newVerify(v)
	switch made.Type {
	case "hmac_sha256", "hmac_sha1", "shared_token":
		if !v.Secret.Given() {
			c.hinted(v.Type, "C312", "secret: signing_secret", "%s needs to know which field of the connection holds the secret", made.Type)
		} else if !slices.Contains(c.secretFields(own), made.Secret) {
			c.local(v.Secret, "C313", "field", "is not a secret field of a connection", c.secretFields(own))
		}
	case "rsa_sha256", "ed25519":
		if !v.PublicKey.Given() {
			c.hinted(v.Type, "C312", "public_key: keys/vendor.pem", "%s needs the public key of the vendor", made.Type)
		} else {
			made.PublicKey = c.file(v.PublicKey)
		}
	default:
		return made // none, or a word that the parser has refused
	}
	if reason, hint := lacksHeader(v); reason != "" {
		c.hinted(v.Type, "C314", hint, "%s", reason)
	}
	return made
}

func newVerify(v spec.Verify) *Verify {
	return &Verify{
		Type: v.Type.Value, Header: v.Header.Value, Query: v.Query.Value, Parse: v.Parse.Value, Prefix: v.Prefix.Value,
		Signed: cmp.Or(v.Signed.Value, "raw_body"), Base64: v.Encoding.Value == "base64", Secret: v.Secret.Value,
	}
}

// secretFields returns the names of the secrets a connection may have.
func (c *connectorCheck) secretFields(own []*Input) []string {
	inputs := slices.Clone(own)
	for _, a := range c.made.Auths {
		inputs = append(inputs, a.Fields...)
	}
	var names []string
	for _, in := range inputs {
		if in.Secret && !slices.Contains(names, in.Name) {
			names = append(names, in.Name)
		}
	}
	return names
}
