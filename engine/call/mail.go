package call

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// mostAttached is how many bytes the attachments of one mail may have.
const mostAttached = 25 << 20

// letter is a mail before it is written out.
type letter struct {
	from        *netmail.Address
	to, cc, bcc []*netmail.Address
	replyTo     []*netmail.Address
	subject     string
	text, html  string
	attachments []value.File
	messageID   string
	hasText     bool
	hasHTML     bool
}

// mail sends a mail, or one to each of its recipients.
func (o *operation) mail(ctx context.Context) (any, *value.Failure) {
	l, f := o.compose()
	if f != nil {
		return nil, f
	}
	var body map[string]any
	if o.Action.Method == sendEach {
		body, f = o.mailEach(ctx, l)
	} else {
		body = map[string]any{"message_id": l.messageID, "recipients": len(l.recipients())}
		f = o.post(ctx, l, patience)
	}
	if f != nil {
		return nil, f
	}
	return o.record(map[string]any{"status": 250, "headers": map[string]any{}, "body": body})
}

// post sends one mail.
func (o *operation) post(ctx context.Context, l *letter, wait time.Duration) *value.Failure {
	if f := o.reserve(ctx, wait); f != nil {
		return f
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout(), errTooSlow)
	defer cancel()
	var f *value.Failure
	if o.opt.Deliver != nil {
		f = o.handOver(ctx, l)
	} else {
		f = o.deliver(ctx, l)
	}
	if f == nil {
		o.log.DebugContext(ctx, "mail accepted", "action", o.Action.ID, "recipients", len(l.recipients()))
	}
	return f
}

// handOver writes the mail out and gives it to whoever stands in for a server.
func (o *operation) handOver(ctx context.Context, l *letter) *value.Failure {
	m, f := l.message()
	if f != nil {
		return f
	}
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return value.Fail(value.ClassInvalid, "the mail cannot be written: %v", err)
	}
	err := o.opt.Deliver(ctx, o.Connection, l.from.Address, l.recipients(), b.Bytes())
	if err == nil {
		return nil
	}
	f = deliveryFailure(ctx, o, err)
	if _, told := errors.AsType[*value.Failure](err); !told && f.Status == 0 {
		f.Unsettled = !beforeSending(err)
	}
	return f
}

// parts returns what a mail is made of by name: the inputs, and in place of
// those what the action writes down.
func (o *operation) parts() (map[string]any, *value.Failure) {
	parts := maps.Clone(o.inputs)
	for _, s := range o.Action.Send {
		v, err := s.Value.Eval(o.env())
		if err == nil {
			v, err = value.Normalize(v)
		}
		if err != nil {
			return nil, value.Fail(value.ClassInvalid, "%s of the mail: %v", strings.Join(s.Place.Path, "."), err)
		}
		parts[strings.Join(s.Place.Path, ".")] = v
	}
	return parts, nil
}

// compose reads the inputs as a letter and notes the exchange.
func (o *operation) compose() (*letter, *value.Failure) {
	l := &letter{}
	parts, f := o.parts()
	if f != nil {
		return nil, f
	}
	if f := o.addressLetter(l, parts); f != nil {
		return nil, f
	}
	l.subject, _ = parts["subject"].(string)
	if hasLineBreak(l.subject) {
		return nil, fieldFailure("subject", "input subject has a line break, which the header of a mail cannot have")
	}
	l.text, l.hasText = parts["text"].(string)
	l.html, l.hasHTML = parts["html"].(string)
	if !l.hasText && !l.hasHTML {
		return nil, fieldFailure("text", "the mail is empty: give text, html or both")
	}
	if f := attach(l, parts); f != nil {
		return nil, f
	}
	l.messageID = o.messageID(l.from.Address, "")
	o.exchange = l.exchange(o.server())
	return l, nil
}

func (o *operation) addressLetter(l *letter, parts map[string]any) *value.Failure {
	sender := parts["from"]
	if sender == nil && o.Connection != nil {
		sender = o.Connection.Fields["from"]
	}
	from, f := addresses("from", sender)
	if f != nil {
		return f
	}
	if len(from) != 1 {
		return fieldFailure("from", "the sender is missing: the connection needs the field from")
	}
	l.from = from[0]
	for _, field := range []struct {
		name string
		to   *[]*netmail.Address
	}{{"to", &l.to}, {"cc", &l.cc}, {"bcc", &l.bcc}, {"reply_to", &l.replyTo}} {
		if *field.to, f = addresses(field.name, parts[field.name]); f != nil {
			return f
		}
	}
	if len(l.recipients()) == 0 {
		return fieldFailure("to", "input to is empty: a mail needs somebody to go to")
	}
	return nil
}

// addresses reads one address, several in one text, or a list of them.
func addresses(name string, v any) ([]*netmail.Address, *value.Failure) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []any:
		var all []*netmail.Address
		for _, e := range v {
			some, f := addresses(name, e)
			if f != nil {
				return nil, f
			}
			all = append(all, some...)
		}
		return all, nil
	case string:
		if hasLineBreak(v) {
			return nil, fieldFailure(name, "input %s has a line break, which the header of a mail cannot have", name)
		}
		all, err := netmail.ParseAddressList(v)
		if err != nil {
			return nil, fieldFailure(name, "input %s: %q is not an e-mail address", name, excerpt(v, 80))
		}
		return all, nil
	default:
		return nil, fieldFailure(name, "input %s is %s, an e-mail address is expected", name, describe(v))
	}
}

func attach(l *letter, parts map[string]any) *value.Failure {
	list, _ := parts["attachments"].([]any)
	total := 0
	for i, v := range list {
		field := fmt.Sprintf("attachments[%d]", i)
		f, ok := fileOf(v)
		if !ok {
			return fieldFailure(field, "input %s is %s, a file or an object with name and content is expected", field, describe(v))
		}
		if hasLineBreak(f.Name) || hasLineBreak(f.ContentType) {
			return fieldFailure(field, "input %s has a line break in its name or content type", field)
		}
		if f.Name == "" {
			f.Name = fmt.Sprintf("attachment-%d", i+1)
		}
		f.ContentType = typeOfFile(f)
		if total += len(f.Data); total > mostAttached {
			return fieldFailure("attachments", "the attachments are larger than %s together", bytesText(mostAttached))
		}
		l.attachments = append(l.attachments, f)
	}
	return nil
}

// messageID is the same for each attempt of one step, so that a mail sent
// twice can be told from two mails. to tells the mails of one step apart.
func (o *operation) messageID(from, to string) string {
	id := rand.Text()
	if o.Op != (Op{}) {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d %s%s", o.Op.Run, o.Op.Path, to))
		id = hex.EncodeToString(sum[:16])
	}
	_, domain, _ := strings.Cut(from, "@")
	return id + "@" + domain
}

func (l *letter) recipients() []string {
	var all []string
	for _, list := range [][]*netmail.Address{l.to, l.cc, l.bcc} {
		for _, a := range list {
			all = append(all, a.Address)
		}
	}
	return all
}

// message writes the letter as a mail.
func (l *letter) message() (*mail.Msg, *value.Failure) {
	m := mail.NewMsg()
	for _, field := range []struct {
		header mail.AddrHeader
		list   []*netmail.Address
	}{
		{mail.HeaderFrom, []*netmail.Address{l.from}},
		{mail.HeaderTo, l.to},
		{mail.HeaderCc, l.cc},
		{mail.HeaderBcc, l.bcc},
		{mail.HeaderReplyTo, l.replyTo},
	} {
		if len(field.list) > 0 {
			m.SetAddrHeaderFromMailAddress(field.header, field.list...)
		}
	}
	m.Subject(l.subject)
	m.SetMessageIDWithValue(l.messageID)
	m.SetDate()
	m.SetUserAgent("patchbay")
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	switch {
	case l.hasText && l.hasHTML:
		m.SetBodyString(mail.TypeTextPlain, l.text)
		m.AddAlternativeString(mail.TypeTextHTML, l.html)
	case l.hasHTML:
		m.SetBodyString(mail.TypeTextHTML, l.html)
	default:
		m.SetBodyString(mail.TypeTextPlain, l.text)
	}
	for _, a := range l.attachments {
		if err := m.AttachReader(a.Name, bytes.NewReader(a.Data), mail.WithFileContentType(mail.ContentType(a.ContentType))); err != nil {
			return nil, fieldFailure("attachments", "the attachment %s: %v", a.Name, err)
		}
	}
	return m, nil
}

// exchange shows the letter.
func (l *letter) exchange(server string) *journal.Exchange {
	e := &journal.Exchange{Method: "SEND", URL: "smtp://" + server, Body: l.text}
	if !l.hasText {
		e.Body = l.html
	}
	e.Body = shown([]byte(e.Body))
	add := func(name string, list []*netmail.Address) {
		var texts []string
		for _, a := range list {
			texts = append(texts, a.String())
		}
		if texts != nil {
			e.Headers = append(e.Headers, name+": "+strings.Join(texts, ", "))
		}
	}
	add("From", []*netmail.Address{l.from})
	add("To", l.to)
	add("Cc", l.cc)
	add("Bcc", l.bcc)
	add("Reply-To", l.replyTo)
	e.Headers = append(e.Headers, "Subject: "+l.subject, "Message-ID: <"+l.messageID+">")
	for _, a := range l.attachments {
		e.Headers = append(e.Headers, fmt.Sprintf("Attachment: %s (%s, %d bytes)", a.Name, a.ContentType, len(a.Data)))
	}
	return e
}

func hasLineBreak(s string) bool { return strings.ContainsAny(s, "\r\n\x00") }

func fieldFailure(field, format string, args ...any) *value.Failure {
	f := value.Fail(value.ClassInvalid, format, args...)
	f.Field = field
	return f
}

// connectionText returns a field of the connection as text.
func connectionText(conn *program.Connection, name string) string {
	if conn == nil {
		return ""
	}
	text, _ := textOf(conn.Fields[name])
	return text
}
