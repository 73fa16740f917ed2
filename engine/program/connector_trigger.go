package program

import (
	"cmp"
	"slices"
	"strings"

	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// triggers checks the triggers of connector.yaml or one group file.
func (c *connectorCheck) triggers(part *spec.Connector) {
	for _, t := range part.Triggers {
		name := grouped(part, t.Name)
		if _, ok := c.made.Trigger(name); ok {
			c.at(t.Name, "C301", "there is already a trigger %q", name)
			continue
		}
		made := &Trigger{
			Connector: c.made, ID: c.made.ID + "." + name, Name: name,
			Title: cmp.Or(t.Title.Value, strings.ReplaceAll(t.Name.Value, "_", " ")), Help: t.Help.Value,
			Scopes: texts(t.Scopes), Deprecated: t.Deprecated.Value,
			Webhook: t.Type.Value == "webhook", Input: c.types.inputs(t.Input, c.connection),
			Example: c.example(t.Example),
		}
		if made.Webhook {
			c.webhookTrigger(t, made)
		} else {
			c.pollTrigger(t, made)
		}
		c.made.Triggers = append(c.made.Triggers, made)
	}
}

func (c *connectorCheck) webhookTrigger(t *spec.Trigger, made *Trigger) {
	made.Match = c.condition(t.Match, c.delivery)
	made.Output = c.output(t.Output)
	if made.Output.Type == nil {
		c.hinted(t.Name, "C302", "output: { one: <type>, at: body }", "the trigger %q does not say what it brings", made.ID)
	}
	if c.main.Webhooks == nil {
		c.hinted(t.Name, "C303", "webhooks: { verify: [ … ] } in connector.yaml", "the connector does not say how its webhooks are delivered")
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
	action, ok := c.made.Action(t.Action.Value)
	if !ok {
		if t.Action.Given() {
			c.name(t.Action, "C305", "action", "is not an action of this connector", c.actionNames())
		}
		return
	}
	if !action.Output.List {
		c.at(t.Action, "C306", "a poll needs an action that lists, and %s brings one record", action.ID)
		return
	}
	if action.Effect != EffectRead {
		c.at(t.Action, "C307", "a poll must only read, and %s is of effect %s", action.ID, action.Effect)
	}
	made.Output = Output{Type: action.Output.Type}
	scope := c.connection.
		With(value.Field{Name: "input", Type: c.inputScope(made.Input)}).
		With(value.Field{Name: "cursor", Type: value.Of(value.Any)}).
		With(value.Field{Name: "now", Type: value.Of(value.Datetime)})
	at := &spec.Value{Pos: t.Action.Pos, Text: t.Action}
	made.Poll = &Poll{
		Action: action, Every: c.duration(t.Every),
		With:    c.objectTemplate(at, t.With, scope, action.InputType(), "input"),
		ItemID:  c.itemPath(t.ItemID, action.Output.Type),
		Changed: c.itemPath(t.Changed, action.Output.Type),
	}
	if made.Poll.ItemID == nil {
		c.hinted(t.Name, "C308", "item_id: item.id", "a poll needs to know what tells one item from another")
	}
}

// itemPath reads a path into a mapped record, such as item.tagId.
func (c *connectorCheck) itemPath(t spec.Text, record *value.Type) []string {
	if !t.Given() {
		return nil
	}
	parts := value.SplitPath(t.Value)
	if parts[0] == "item" {
		parts = parts[1:]
	}
	at := record
	for _, part := range parts {
		if at.IsAny() || at.Kind == value.Map {
			return parts
		}
		f, ok := at.Lookup(part)
		if !ok {
			c.name(t, "C309", "field", "is not a field of "+at.String(), at.FieldNames())
			return nil
		}
		at = f.Type
	}
	return parts
}

// webhooks checks how the vendor delivers.
func (c *connectorCheck) webhooks() {
	w := c.main.Webhooks
	if w == nil {
		return
	}
	made := &Webhooks{
		InVendorConsole: w.Subscribe == nil || w.Subscribe.Text.Value == "in_vendor_console",
		Fields:          c.types.inputs(w.Fields, c.connection),
		AckStatus:       200, ChallengeWhen: nil,
	}
	if w.Connection.Given() {
		made.Connection = value.SplitPath(w.Connection.Value)
	}
	if w.EventID.Given() {
		made.EventID = value.SplitPath(w.EventID.Value)
	}
	for _, v := range w.Verify {
		made.Verify = append(made.Verify, c.verify(v, made.Fields))
	}
	if len(made.Verify) == 0 {
		at := w.EventID
		if !at.Given() {
			at = c.main.Version
		}
		c.hinted(at, "C310", "verify: [{ type: none }] where the vendor signs nothing", "the webhooks do not say how a delivery is verified")
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

var verifyTypes = []string{"hmac_sha256", "hmac_sha1", "rsa_sha256", "ed25519", "shared_token", "none"}

// verify checks one way of verification. own are the fields that the webhooks
// add to a connection; nil for a webhook of a flow.
func (c *connectorCheck) verify(v spec.Verify, own []*Input) *Verify {
	made := newVerify(v)
	if !slices.Contains(verifyTypes, made.Type) {
		c.name(v.Type, "C311", "type", "is not a way to verify a delivery", verifyTypes)
	}
	switch made.Type {
	case "hmac_sha256", "hmac_sha1", "shared_token":
		if !v.Secret.Given() {
			c.hinted(v.Type, "C312", "secret: signing_secret", "%s needs to know which field of the connection holds the secret", made.Type)
		} else if !c.secretField(made.Secret, own) {
			c.at(v.Secret, "C313", "no way in has a secret field %q", made.Secret)
		}
	case "rsa_sha256", "ed25519":
		if !v.PublicKey.Given() {
			c.hinted(v.Type, "C312", "public_key: keys/vendor.pem", "%s needs the public key of the vendor", made.Type)
		} else {
			made.PublicKey = c.file(v.PublicKey)
		}
	}
	return made
}

func newVerify(v spec.Verify) *Verify {
	return &Verify{
		Type: v.Type.Value, Header: v.Header.Value, Query: v.Query.Value, Parse: v.Parse.Value, Prefix: v.Prefix.Value,
		Signed: cmp.Or(v.Signed.Value, "raw_body"), Base64: v.Encoding.Value == "base64", Secret: v.Secret.Value,
	}
}

func (c *connectorCheck) secretField(name string, own []*Input) bool {
	if hasField(own, name) {
		return true
	}
	for _, a := range c.made.Auths {
		if hasField(a.Fields, name) {
			return true
		}
	}
	return false
}
