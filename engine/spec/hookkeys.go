package spec

import "strings"

func webhooksSection() section[Webhooks] {
	return section[Webhooks]{name: "webhooks", noun: "webhooks", rows: []row[Webhooks]{
		custom(Key{
			Name: "subscribe", Form: Either, Forms: []Form{Word, Block}, Section: "subscribe", Words: []string{"in_vendor_console"}, Example: "in_vendor_console",
			Help: "how the service is told the address: by people, or with these keys by calls of the connector",
		}, readSubscribe),
		custom(addresseeKey("what in a delivery says whose event it is; also { <field of the connection>: <path or paths> }", "body.locationId"),
			func(p *parser, w *Webhooks, s spot) { w.Connection = readAddressee(p, s) }),
		lines("event_id", OneOrPaths, "what makes a delivery the same as one before; of a list, the first that is there", "body.webhookId",
			func(w *Webhooks) *[]Text { return &w.EventID }),
		fields("fields", "what a connection must give so that deliveries can be checked", func(w *Webhooks) *[]Field { return &w.Fields }),
		blocks("verify", "verify", verifySection, "how a delivery proves where it comes from; the first whose header is present decides",
			func(w *Webhooks, v *Verify) { w.Verify = append(w.Verify, *v) }).must(),
		block("timestamp", "timestamp", timestampSection, "how old a delivery may be", func(w *Webhooks, t *Timestamp) { w.Timestamp = t }),
		block("ack", "ack", ackSection, "what a delivery is answered", func(w *Webhooks, a *Ack) { w.Ack = a }),
		block("challenge", "challenge", challengeSection, "the question the service asks first", func(w *Webhooks, c *Challenge) { w.Challenge = c }),
	}}
}

func addresseeKey(help, example string) Key {
	return Key{Name: "connection", Form: Either, Forms: []Form{Path, Block}, Section: "addressee", Help: help, Example: example}
}

// readAddressee reads whose event a delivery is: a path whose last part is the
// name of the field, or a map from fields to paths.
func readAddressee(p *parser, s spot) *Addressee {
	if s.value.Kind == Map {
		return read(p, addresseeSection(), s)
	}
	s.rule.Form = Path
	path := p.text(s)
	if !path.Given() {
		return nil
	}
	from := strings.LastIndexByte(path.Value, '.') + 1
	return &Addressee{Word: path, Fields: []AddresseeField{{Name: path.cut(from, len(path.Value)), At: []Text{path}}}}
}

func addresseeSection() section[Addressee] {
	return section[Addressee]{
		name: "addressee", noun: "the connection of webhooks",
		restKey: Key{
			Form: OneOrPaths, Names: Line, Example: "[body.locationId, body.altId]",
			Help: "a field of the connection, and where a delivery has its value; the first field that both have decides",
		},
		rest: func(p *parser, a *Addressee, e Entry) {
			at := p.texts(spot{key: e.Key, name: e.Key.Value, value: e.Value, rule: Key{Form: OneOrPaths}})
			a.Fields = append(a.Fields, AddresseeField{Name: e.Key, At: at})
		},
	}
}

func verifySection() section[Verify] {
	return section[Verify]{name: "verify", noun: "verify", rows: []row[Verify]{
		word("type", "hmac_sha256 hmac_sha1 rsa_sha256 ed25519 shared_token none", "the method; none must be written out", func(v *Verify) *Text { return &v.Type }).must(),
		scalar("header", Line, "the header with the signature", "X-Signature", func(v *Verify) *Text { return &v.Header }),
		scalar("query", Line, "of shared_token: the query parameter with the token", "token", func(v *Verify) *Text { return &v.Query }),
		scalar("parse", Line, "how the header is built", `"t={timestamp},v1={signature}"`, func(v *Verify) *Text { return &v.Parse }),
		scalar("prefix", Line, "what stands before the signature", `"v0="`, func(v *Verify) *Text { return &v.Prefix }),
		scalar("signed", Line, "what is signed", `"{timestamp}.{raw_body}"`, func(v *Verify) *Text { return &v.Signed }),
		word("encoding", "hex base64", "how the signature is written", func(v *Verify) *Text { return &v.Encoding }),
		scalar("secret", Line, "the field of the connection that holds the secret", "signing_secret", func(v *Verify) *Text { return &v.Secret }),
		scalar("public_key", Line, "the file in the folder that holds the key", "keys/ghl-ed25519.pem", func(v *Verify) *Text { return &v.PublicKey }),
	}}
}

func timestampSection() section[Timestamp] {
	return section[Timestamp]{name: "timestamp", noun: "timestamp", rows: []row[Timestamp]{
		scalar("at", Path, "where a delivery says when it was made", "body.timestamp", func(t *Timestamp) *Text { return &t.At }).must(),
		scalar("tolerance", Duration, "how old it may be", "5m", func(t *Timestamp) *Text { return &t.Tolerance }).must(),
	}}
}

func ackSection() section[Ack] {
	return section[Ack]{name: "ack", noun: "ack", rows: []row[Ack]{
		scalar("within", Duration, "how soon the service wants an answer", "1s", func(a *Ack) *Text { return &a.Within }),
		scalar("status", Whole, "the status of the answer", "200", func(a *Ack) *Text { return &a.Status }),
	}}
}

func challengeSection() section[Challenge] {
	return section[Challenge]{name: "challenge", noun: "challenge", rows: []row[Challenge]{
		scalar("when", Expression, "which calls are such a question", `body.type == "url_verification"`, func(c *Challenge) *Text { return &c.When }).must().not("if"),
		scalar("answer", Path, "what is sent back", "body.challenge", func(c *Challenge) *Text { return &c.Answer }).must(),
	}}
}

func sandboxSection() section[Sandbox] {
	return section[Sandbox]{name: "sandbox", noun: "sandbox", rows: []row[Sandbox]{
		custom(Key{
			Name: "store", Form: Pairs, Forms: []Form{Line, Block}, Names: Line, Section: "store", Example: "{ Page: fixtures/pages.json }",
			Help: "which file holds the records of which type; also { file:, id: }",
		}, readStore),
		named("actions", "sandbox_action", sandboxActionSection, "how actions are answered", func(x *Sandbox, name Text, a *SandboxAction) {
			a.Name = name
			x.Actions = append(x.Actions, a)
		}),
		anything("error", "what an error of the service looks like", "{ message: \"${{ message }}\" }", func(x *Sandbox) **Value { return &x.Error }),
	}}
}

// storeFile is read only to be checked: a [Sandbox] keeps the value.
type storeFile struct{ file, id Text }

func storeSection() section[storeFile] {
	return section[storeFile]{name: "store", noun: "a store", rows: []row[storeFile]{
		scalar("file", Line, "the file in the folder that holds the records", "fixtures/pages.json", func(f *storeFile) *Text { return &f.file }).must(),
		scalar("id", Path, "where a record has its id, without it _id or id", "_id", func(f *storeFile) *Text { return &f.id }),
	}}
}

// readStore reads the files of the stores, each a path or a map.
func readStore(p *parser, x *Sandbox, s spot) {
	for _, e := range p.entriesOf(s) {
		one := spot{key: e.Key, name: e.Key.Value, value: e.Value, rule: Key{Form: Line}}
		switch {
		case e.Value.Kind == Map:
			read(p, storeSection(), one)
		case !p.text(one).Given():
			continue
		}
		x.Store = append(x.Store, e)
	}
}

func sandboxActionSection() section[SandboxAction] {
	return section[SandboxAction]{name: "sandbox_action", noun: "an action of the sandbox", sound: soundSandboxAction, rows: append([]row[SandboxAction]{
		named("before", "sandbox_part", sandboxPartSection, "how the requests before its own are answered, by their ids", func(a *SandboxAction, id Text, b *SandboxAction) {
			b.Name = id
			a.Before = append(a.Before, b)
		}),
	}, sandboxRows()...)}
}

func sandboxPartSection() section[SandboxAction] {
	return section[SandboxAction]{name: "sandbox_part", noun: "a request before, in the sandbox", sound: soundSandboxAction, rows: sandboxRows()}
}

// sandboxRows are the keys by which the sandbox answers one request.
func sandboxRows() []row[SandboxAction] {
	return []row[SandboxAction]{
		scalar("list", Line, "answers with the records of that store", "Page", func(a *SandboxAction) *Text { return &a.List }),
		scalar("first", Line, "answers with the first record of that store", "Page", func(a *SandboxAction) *Text { return &a.First }).not("one", "get"),
		scalar("create", Line, "adds a record to that store", "Page", func(a *SandboxAction) *Text { return &a.Create }),
		scalar("merge", Line, "changes a record of that store", "Page", func(a *SandboxAction) *Text { return &a.Merge }).not("update"),
		scalar("upsert", Line, "changes the record of that store, or adds one where none matches", "Page", func(a *SandboxAction) *Text { return &a.Upsert }),
		scalar("delete", Line, "removes a record from that store", "Page", func(a *SandboxAction) *Text { return &a.Delete }),
		anything("answer", "answers with this", "{ ok: true }", func(a *SandboxAction) **Value { return &a.Answer }),
		scalar("where", Expression, "which records are meant", "item.status == input.status", func(a *SandboxAction) *Text { return &a.Where }),
		pairs("set", "what is written into the record", "{ updatedAt: \"${{ now() }}\" }", func(a *SandboxAction) *[]Entry { return &a.Set }),
		scalar("status", Whole, "the status of the answer", "201", func(a *SandboxAction) *Text { return &a.Status }),
		anything("envelope", "what stands around the record in the answer", "{ ok: true }", func(a *SandboxAction) **Value { return &a.Envelope }),
	}
}

func soundSandboxAction(p *parser, _ *SandboxAction, s spot) {
	if given := givenKeys(s, []string{"list", "first", "create", "merge", "upsert", "delete", "answer"}); len(given) > 1 {
		p.several("S137", given, "an action of the sandbox does one thing")
	}
}
