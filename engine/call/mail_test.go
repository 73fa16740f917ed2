package call

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// postOffice is a mail server on loopback.
type postOffice struct {
	address net.Addr
	roots   *x509.CertPool
	refuse  map[string]error // by recipient; "data" refuses the message itself
	hangUp  bool             // cuts the line in place of the last answer
	tokens  bool             // wants an access token (XOAUTH2) in place of a password

	mu    sync.Mutex
	got   []delivered
	wires []net.Conn
}

type delivered struct {
	User, From string
	To         []string
	TLS        bool
	message    string
}

// openPostOffice starts a server; `security` is the field of the connection.
func openPostOffice(t *testing.T, security string) *postOffice {
	t.Helper()
	certified := httptest.NewTLSServer(nil)
	t.Cleanup(certified.Close)
	p := &postOffice{roots: x509.NewCertPool(), refuse: map[string]error{}}
	p.roots.AddCert(certified.Certificate())
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{office: p, conn: c}, nil
	}))
	server.Domain, server.ErrorLog = "localhost", slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	config := &tls.Config{Certificates: certified.TLS.Certificates}
	if security == "starttls" {
		server.TLSConfig = config
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.address = l.Addr()
	l = keeping{l, p}
	if security == "tls" {
		l = tls.NewListener(l, config)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() { _ = server.Close(); wg.Wait() })
	return p
}

// keeping notes the connections, so that a test can cut one.
type keeping struct {
	net.Listener

	office *postOffice
}

func (k keeping) Accept() (net.Conn, error) {
	conn, err := k.Listener.Accept()
	if err == nil {
		k.office.mu.Lock()
		k.office.wires = append(k.office.wires, conn)
		k.office.mu.Unlock()
	}
	return conn, err
}

type session struct {
	office *postOffice
	conn   *smtp.Conn
	mail   delivered
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

func (s *session) AuthMechanisms() []string {
	if s.office.tokens {
		return []string{"XOAUTH2"}
	}
	return []string{sasl.Plain}
}

// byToken takes a user with an access token, as Google and Microsoft do.
type byToken struct{ s *session }

func (b byToken) Next(response []byte) ([]byte, bool, error) {
	if string(response) != "user=robot\x01auth=Bearer tok-1234\x01\x01" {
		return nil, true, &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "not " + string(response)}
	}
	b.s.mail.User = "robot"
	return nil, true, nil
}

func (s *session) Auth(string) (sasl.Server, error) {
	if s.office.tokens {
		return byToken{s}, nil
	}
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != "tok-1234" {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "Username and " + password + " not accepted"}
		}
		s.mail.User = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.mail.From = from
	_, s.mail.TLS = s.conn.TLSConnectionState()
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.office.refuse[to]; err != nil {
		return err
	}
	s.mail.To = append(s.mail.To, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.office.mu.Lock()
	defer s.office.mu.Unlock()
	if s.office.hangUp {
		for _, conn := range s.office.wires {
			_ = conn.Close()
		}
	}
	if err := s.office.refuse["data"]; err != nil {
		return err
	}
	s.mail.message = string(text)
	s.office.got = append(s.office.got, s.mail)
	return nil
}

func (p *postOffice) deliveries() []delivered {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got
}

// mailbox is a connection to the server, and its action.
func (p *postOffice) mailbox(security string) (*program.Connection, *program.Action) {
	host, port, _ := net.SplitHostPort(p.address.String())
	connector := &program.Connector{ID: "email", Timeout: 5 * time.Second}
	list := func(name string) *program.Input { return optional(input(name, value.ListOf(text()), "")) }
	attachment := object("email.Attachment", field("name", text()), field("content_type", text()), field("content", nil))
	action := &program.Action{
		Connector: connector, ID: "email.send", Effect: program.EffectSend, Transport: program.SMTP, Method: "send",
		Input: []*program.Input{
			list("to"), list("cc"), list("bcc"), input("subject", text(), ""), optional(input("text", text(), "")),
			optional(input("html", text(), "")), optional(input("reply_to", text(), "")), optional(input("attachments", value.ListOf(attachment), "")),
		},
	}
	return &program.Connection{
		Name: "post", Connector: connector, Auth: &program.Auth{Type: program.AuthBasic},
		Fields: map[string]any{"host": host, "port": port, "security": security, "from": "Reports <reports@shop.example>"},
	}, action
}

func (p *postOffice) client() *Client {
	return New(Options{Credentials: &tokens{token: "tok-1234"}, Roots: p.roots})
}

func TestMail(t *testing.T) {
	for _, security := range []string{"starttls", "tls", "none"} {
		t.Run(security, func(t *testing.T) {
			p := openPostOffice(t, security)
			conn, action := p.mailbox(security)
			r := Request{Action: action, Connection: conn, Op: Op{Run: 7, Path: "each[3].send"}, Input: map[string]any{
				"to": []any{"Ada <ada@example.com>", "b@example.com"}, "cc": []any{"c@example.com"}, "bcc": []any{"hidden@example.com"},
				"subject": "Zahlen für März", "text": "Grüße", "html": "<b>Grüße</b>", "reply_to": "answers@shop.example",
				"attachments": []any{
					map[string]any{"name": "a.csv", "content_type": "text/csv", "content": "x;y"},
					map[string]any{"name": "b.bin", "content_type": "", "content": value.File{Data: []byte{0, 1, 2}}},
				},
			}}
			got := done(t, p.client(), r)
			mails := p.deliveries()
			if len(mails) != 1 {
				t.Fatalf("%d mails arrived, want 1", len(mails))
			}
			want := delivered{
				User: "robot", From: "reports@shop.example", TLS: security != "none",
				To: []string{"ada@example.com", "b@example.com", "c@example.com", "hidden@example.com"},
			}
			if security == "none" {
				want.User = ""
			}
			if diff := cmp.Diff(want, delivered{mails[0].User, mails[0].From, mails[0].To, mails[0].TLS, ""}, cmp.AllowUnexported(delivered{})); diff != "" {
				t.Errorf("delivery (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(mailText, readMail(t, mails[0].message)); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
			exchange := &journal.Exchange{
				Method: "SEND", URL: "smtp://" + p.address.String(), Body: "Grüße",
				Headers: []string{
					`From: "Reports" <reports@shop.example>`, `To: "Ada" <ada@example.com>, <b@example.com>`, "Cc: <c@example.com>",
					"Bcc: <hidden@example.com>", "Reply-To: <answers@shop.example>", "Subject: Zahlen für März",
					"Message-ID: <71fbfe808ac7dc989ae357d55f33cc28@shop.example>", "Attachment: a.csv (text/csv, 3 bytes)", "Attachment: b.bin (application/octet-stream, 3 bytes)",
				},
			}
			if diff := cmp.Diff(exchange, got.Exchange); diff != "" {
				t.Errorf("exchange (-want +got):\n%s", diff)
			}
		})
	}
}

const mailText = `Auto-Submitted: auto-generated
Cc: <c@example.com>
From: "Reports" <reports@shop.example>
Message-Id: <71fbfe808ac7dc989ae357d55f33cc28@shop.example>
Reply-To: <answers@shop.example>
Subject: Zahlen für März
To: "Ada" <ada@example.com>, <b@example.com>
User-Agent: patchbay
multipart/mixed
 multipart/alternative
  text/plain "Grüße"
  text/html "<b>Grüße</b>"
 text/csv a.csv "x;y"
 application/octet-stream b.bin "\x00\x01\x02"
`

// readMail tells what a mail program would see of a mail.
func readMail(t *testing.T, raw string) string {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatalf("read %q: %v", raw, err)
	}
	var b strings.Builder
	for _, name := range []string{"Auto-Submitted", "Bcc", "Cc", "From", "Message-Id", "Reply-To", "Subject", "To", "User-Agent"} {
		if text := m.Header.Get(name); text != "" {
			decoded, err := (&mime.WordDecoder{}).DecodeHeader(text)
			if err != nil {
				t.Fatalf("header %s: %v", name, err)
			}
			fmt.Fprintf(&b, "%s: %s\n", name, decoded)
		}
	}
	readPart(t, &b, m.Header.Get("Content-Type"), "", m.Body, "")
	return b.String()
}

func readPart(t *testing.T, b *strings.Builder, contentType, name string, body io.Reader, indent string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatalf("content type %q: %v", contentType, err)
	}
	if name != "" {
		name = " " + name
	}
	if !strings.HasPrefix(kind, "multipart/") {
		text, err := io.ReadAll(body)
		if err != nil {
			t.Fatalf("read %s: %v", kind, err)
		}
		fmt.Fprintf(b, "%s%s%s %q\n", indent, kind, name, text)
		return
	}
	fmt.Fprintf(b, "%s%s%s\n", indent, kind, name)
	parts := multipart.NewReader(body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("read %s: %v", kind, err)
		}
		var inner io.Reader = part
		switch part.Header.Get("Content-Transfer-Encoding") {
		case "quoted-printable":
			inner = quotedprintable.NewReader(part)
		case "base64":
			inner = base64Reader(part)
		}
		readPart(t, b, part.Header.Get("Content-Type"), part.FileName(), inner, indent+" ")
	}
}

// TestMailPasswordReplaced has the server refuse a password that was replaced
// since: the mail goes out with the new one.
func TestMailPasswordReplaced(t *testing.T) {
	p := openPostOffice(t, "starttls")
	conn, action := p.mailbox("starttls")
	client := p.client()
	keys := &tokens{token: "tok-9999", next: "tok-1234"}
	client.opt.Credentials = keys
	_, err := client.Do(t.Context(), Request{Action: action, Connection: conn, Input: map[string]any{"to": []any{"ada@example.com"}, "subject": "s", "text": "t"}})
	if err != nil {
		t.Errorf("send: %v", err)
	}
	refused := base64.StdEncoding.EncodeToString([]byte("robot:tok-9999"))
	if want := []string{conn.Name + " Basic " + refused}; !slices.Equal(keys.renewed, want) {
		t.Errorf("renewed: %v, want %v", keys.renewed, want)
	}
}

func TestMailRefused(t *testing.T) {
	soft := &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted, come back"}
	hard := &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
	for _, c := range []struct {
		name  string
		set   func(*postOffice)
		token string
		want  value.Failure
	}{
		{"not yet", func(p *postOffice) { p.refuse["ada@example.com"] = soft }, "tok-1234", value.Failure{Class: value.ClassTransient, Status: 451, Message: "451 4.7.1 greylisted, come back (ada@example.com)"}},
		{"for good", func(p *postOffice) { p.refuse["ada@example.com"] = hard }, "tok-1234", value.Failure{Class: value.ClassInvalid, Status: 550, Message: "550 5.1.1 no such mailbox (ada@example.com)"}},
		{"the message", func(p *postOffice) {
			p.refuse["data"] = &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "looks like spam"}
		}, "tok-1234", value.Failure{Class: value.ClassInvalid, Status: 554, Message: "554 5.6.0 looks like spam"}},
		{"the password", func(*postOffice) {}, "tok-9999", value.Failure{Class: value.ClassAuth, Status: 535, Message: "535 5.7.8 Username and [secret] not accepted; the token cannot be renewed, connect again"}},
		{"the line is cut", func(p *postOffice) { p.hangUp = true }, "tok-1234", value.Failure{Class: value.ClassTransient, Unsettled: true, Message: "the connection to HOST broke off after the mail was sent, before the server said that it took it"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := openPostOffice(t, "starttls")
			c.set(p)
			conn, action := p.mailbox("starttls")
			client := p.client()
			client.opt.Credentials = &tokens{token: c.token}
			got := failed(t, client, Request{Action: action, Connection: conn, Input: map[string]any{"to": []any{"ada@example.com"}, "subject": "s", "text": "t"}})
			c.want.Action = "email.send"
			c.want.Message = strings.ReplaceAll(c.want.Message, "HOST", p.address.String())
			if diff := cmp.Diff(&c.want, got); diff != "" {
				t.Errorf("failure (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMailServerAway(t *testing.T) {
	p := openPostOffice(t, "none")
	conn, action := p.mailbox("starttls")
	r := Request{Action: action, Connection: conn, Input: map[string]any{"to": []any{"ada@example.com"}, "subject": "s", "text": "t"}}
	got := failed(t, p.client(), r)
	want := &value.Failure{Class: value.ClassInvalid, Action: "email.send", Message: p.address.String() + " offers no encryption (STARTTLS): set security of the connection to tls (port 465), or to none for a relay on your own network"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("without STARTTLS (-want +got):\n%s", diff)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	conn.Fields["port"] = l.Addr().(*net.TCPAddr).Port
	got = failed(t, p.client(), r)
	want = &value.Failure{Class: value.ClassTransient, Action: "email.send", Message: l.Addr().String() + " cannot be reached: connect: connection refused"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("nobody listens (-want +got):\n%s", diff)
	}
	conn.Fields["host"] = ""
	if got, want := failed(t, p.client(), r).Message, "the connection names no mail server: it needs the fields host and port"; got != want {
		t.Errorf("no host: %q, want %q", got, want)
	}
}

func TestMailStopsWithItsContext(t *testing.T) {
	spoken := make(chan struct{})
	address := cutting(t, func(conn net.Conn) {
		close(spoken)
		readRequest(conn) // says nothing until the other side hangs up
	})
	p := &postOffice{}
	conn, action := p.at(t, address)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-spoken; cancel() }()
	_, err := p.client().Do(ctx, Request{Action: action, Connection: conn, Input: map[string]any{"to": []any{"ada@example.com"}, "subject": "s", "text": "t"}})
	want := "email.send: the call to " + address + " was interrupted (transient)"
	if err == nil || err.Error() != want {
		t.Errorf("Do = %v, want %s", err, want)
	}
}

// at returns a mailbox at a server that is none.
func (p *postOffice) at(t *testing.T, address string) (*program.Connection, *program.Action) {
	t.Helper()
	resolved, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	p.address = resolved
	return p.mailbox("starttls")
}

func TestMailInputRefused(t *testing.T) {
	p := openPostOffice(t, "none")
	conn, action := p.mailbox("none")
	with := func(name string, v any) map[string]any {
		m := map[string]any{"to": []any{"ada@example.com"}, "subject": "s", "text": "t"}
		m[name] = v
		return m
	}
	for _, c := range []struct {
		given       map[string]any
		field, want string
	}{
		{with("to", []any{}), "to", "input to is empty: a mail needs somebody to go to"},
		{with("to", []any{"ada"}), "to", `input to: "ada" is not an e-mail address`},
		{with("cc", []any{"a@b.example\r\nBcc: x@y.example"}), "cc", "input cc has a line break, which the header of a mail cannot have"},
		{with("subject", "a\nb"), "subject", "input subject has a line break, which the header of a mail cannot have"},
		{with("text", nil), "text", "the mail is empty: give text, html or both"},
		{with("attachments", []any{map[string]any{"name": "a\r\nb", "content_type": "x", "content": "c"}}), "attachments[0]", "input attachments[0] has a line break in its name or content type"},
		{with("attachments", []any{map[string]any{"name": "a", "content_type": "x", "content": strings.Repeat("x", mostAttached+1)}}), "attachments", "the attachments are larger than 25MB together"},
	} {
		got := failed(t, p.client(), Request{Action: action, Connection: conn, Input: c.given})
		if got.Class != value.ClassInvalid || got.Field != c.field || got.Message != c.want {
			t.Errorf("failure = %s %q %q, want invalid %q %q", got.Class, got.Field, got.Message, c.field, c.want)
		}
	}
	delete(conn.Fields, "from")
	got := failed(t, p.client(), Request{Action: action, Connection: conn, Input: with("text", "t")})
	if want := "the sender is missing: the connection needs the field from"; got.Message != want {
		t.Errorf("without a sender: %q, want %q", got.Message, want)
	}
	if n := len(p.deliveries()); n != 0 {
		t.Errorf("%d mails arrived, want none", n)
	}
}

func TestDeliverStandsInForAServer(t *testing.T) {
	p := &postOffice{}
	conn, action := p.at(t, "127.0.0.1:25")
	var got []string
	c := New(Options{Deliver: func(_ context.Context, conn *program.Connection, from string, to []string, message []byte) error {
		got = append(got, conn.Name, from, strings.Join(to, " "), readMail(t, string(message)))
		return nil
	}})
	r := Request{Action: action, Connection: conn, Op: Op{Run: 1, Path: "send"}, Input: map[string]any{"to": []any{"ada@example.com"}, "bcc": []any{"h@example.com"}, "subject": "s", "html": "<i>t</i>"}}
	done(t, c, r)
	want := []string{"post", "reports@shop.example", "ada@example.com h@example.com", `Auto-Submitted: auto-generated
From: "Reports" <reports@shop.example>
Message-Id: <fd1090e51029f3571e7b114a883869cb@shop.example>
Subject: s
To: <ada@example.com>
User-Agent: patchbay
text/html "<i>t</i>"
`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("delivery (-want +got):\n%s", diff)
	}
	c.opt.Deliver = func(context.Context, *program.Connection, string, []string, []byte) error {
		return value.Fail(value.ClassForbidden, "the sandbox refuses")
	}
	if got, want := failed(t, c, r).Error(), "email.send: the sandbox refuses (forbidden)"; got != want {
		t.Errorf("failure = %s, want %s", got, want)
	}
	c.opt.Deliver = func(context.Context, *program.Connection, string, []string, []byte) error {
		return &net.OpError{Op: "read", Net: "tcp", Err: errors.New("reset by peer")}
	}
	if got := failed(t, c, r); got.Class != value.ClassTransient || !got.Unsettled {
		t.Errorf("failure = %v, unsettled %v, want transient and unsettled", got, got.Unsettled)
	}
}
