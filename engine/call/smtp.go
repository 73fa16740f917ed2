package call

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/wneessen/go-mail"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

const submissionPort = 587

// server is the mail server of the connection, as host:port.
func (o *operation) server() string {
	port := connectionText(o.Connection, "port")
	if port == "" {
		port = strconv.Itoa(submissionPort)
	}
	return net.JoinHostPort(connectionText(o.Connection, "host"), port)
}

// deliver sends the letter through the mail server of the connection. If that
// refuses the credentials they are renewed and the letter is sent once more.
func (o *operation) deliver(ctx context.Context, l *letter) *value.Failure {
	f := o.deliverOnce(ctx, l)
	if f == nil || f.Status != badCredentials || o.proof == nil || o.Trial {
		return f
	}
	if f := o.renew(ctx, o.proof, f); f != nil {
		return f
	}
	return o.deliverOnce(ctx, l)
}

// badCredentials is the code by which a mail server refuses who signs in.
const badCredentials = 535

// deliverOnce sends the letter.
func (o *operation) deliverOnce(ctx context.Context, l *letter) *value.Failure {
	m, f := l.message()
	if f != nil {
		return f
	}
	wires := &wires{roots: o.opt.Roots}
	client, f := o.mailClient(ctx, wires)
	if f != nil {
		return f
	}
	stop := context.AfterFunc(ctx, wires.cut)
	defer stop()
	defer wires.cut()
	err := client.DialAndSendWithContext(ctx, m)
	if err == nil || m.IsDelivered() {
		// What goes wrong after the server has taken the mail changes nothing.
		return nil
	}
	return deliveryFailure(ctx, o, err)
}

// mailClient returns a client for one mail. A connection without encryption
// carries no password.
func (o *operation) mailClient(ctx context.Context, w *wires) (*mail.Client, *value.Failure) {
	host, port, _ := net.SplitHostPort(o.server())
	number, err := strconv.Atoi(port)
	if err != nil || host == "" {
		return nil, value.Fail(value.ClassInvalid, "the connection names no mail server: it needs the fields host and port")
	}
	options := []mail.Option{
		mail.WithPort(number), mail.WithTimeout(o.timeout()), mail.WithoutNoop(),
		mail.WithTLSConfig(w.config(host)),
	}
	security := connectionText(o.Connection, "security")
	switch security {
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS), mail.WithDialContextFunc(w.dial))
	case "tls":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS), mail.WithDialContextFunc(w.dialTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory), mail.WithDialContextFunc(w.dial))
	}
	if security != "none" {
		more, f := o.mailCredentials(ctx)
		if f != nil {
			return nil, f
		}
		options = append(options, more...)
	}
	client, err := mail.NewClient(host, options...)
	if err != nil {
		return nil, value.Fail(value.ClassInvalid, "the mail server %s: %v", o.server(), err)
	}
	return client, nil
}

func (o *operation) mailCredentials(ctx context.Context) ([]mail.Option, *value.Failure) {
	if o.opt.Credentials == nil || o.Connection == nil || o.Connection.Auth == nil || o.Connection.Auth.Type == program.AuthNone {
		return nil, nil
	}
	fields, err := o.opt.Credentials.Reveal(ctx, o.Connection)
	token := ""
	if err == nil {
		token, err = o.opt.Credentials.Token(ctx, o.Connection)
	}
	if err != nil {
		if f, ok := errors.AsType[*value.Failure](err); ok {
			return nil, copied(f)
		}
		return nil, value.Fail(value.ClassAuth, "the credentials of connection %s: %v", o.Connection.Name, err)
	}
	if fields["username"] == "" {
		return nil, nil
	}
	if token != "" {
		o.secrets = append(o.secrets, token)
		o.proof = proof("Bearer " + token)
		return []mail.Option{mail.WithUsername(fields["username"]), mail.WithPassword(token), mail.WithSMTPAuth(mail.SMTPAuthXOAUTH2)}, nil
	}
	o.secrets = append(o.secrets, fields["password"])
	o.proof = proof("Basic " + base64.StdEncoding.EncodeToString([]byte(fields["username"]+":"+fields["password"])))
	return []mail.Option{
		mail.WithUsername(fields["username"]), mail.WithPassword(fields["password"]),
		mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlain, mail.SMTPAuthLogin, mail.SMTPAuthCramMD5),
	}, nil
}

// proof returns a request that carries the credentials as one by HTTP does, by
// which the ones that were refused are known.
func proof(authorization string) *http.Request {
	return &http.Request{URL: &url.URL{}, Header: http.Header{"Authorization": {authorization}}}
}

// wires makes the connections of one mail and can cut them, so that a mail
// ends with its context and leaves nothing open.
type wires struct {
	roots *x509.CertPool // nil for those of the system

	mu   sync.Mutex
	open []net.Conn
	over bool
}

func (w *wires) config(host string) *tls.Config {
	return &tls.Config{ServerName: host, RootCAs: w.roots, MinVersion: tls.VersionTLS12}
}

func (w *wires) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	return w.keep(d.DialContext(ctx, network, address))
}

func (w *wires) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", address, err)
	}
	d := tls.Dialer{Config: w.config(host)}
	return w.keep(d.DialContext(ctx, network, address))
}

func (w *wires) keep(conn net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	w.open = append(w.open, conn)
	return conn, nil
}

func (w *wires) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	for _, conn := range w.open {
		_ = conn.Close()
	}
}

// deliveryFailure tells why a mail was not taken: 4yz may pass later, 5yz is
// final, and a connection lost after the mail was sent leaves open whether it
// arrived.
func deliveryFailure(ctx context.Context, o *operation, err error) *value.Failure {
	if f, ok := errors.AsType[*value.Failure](err); ok {
		return copied(f)
	}
	code, words := reply(err)
	switch {
	case code == badCredentials || code == 534 || code == 530:
		return withStatus(value.Fail(value.ClassAuth, "%s", words), code)
	case code >= 500:
		return withStatus(value.Fail(value.ClassInvalid, "%s", words), code)
	case code >= 400:
		return withStatus(value.Fail(value.ClassTransient, "%s", words), code)
	case isSTARTTLS(err):
		return value.Fail(value.ClassInvalid, "%s offers no encryption (STARTTLS): set security of the connection to tls (port 465), or to none for a relay on your own network", o.server())
	}
	if sending, ok := errors.AsType[*mail.SendError](err); ok && sending.Reason == mail.ErrSMTPDataClose {
		f := value.Fail(value.ClassTransient, "the connection to %s broke off after the mail was sent, before the server said that it took it", o.server())
		f.Unsettled = true
		return f
	}
	return value.Fail(value.ClassTransient, "%s", o.lostBecause(ctx, err, o.server()))
}

func withStatus(f *value.Failure, status int) *value.Failure {
	f.Status = status
	return f
}

// isSTARTTLS reports that the server has no STARTTLS. go-mail has no value for
// it.
func isSTARTTLS(err error) bool {
	return strings.Contains(err.Error(), "does not support STARTTLS")
}

// reply takes the reply of the mail server out of an error, with its code; the
// code is 0 if the server did not reply. go-mail hands its replies on only as
// text, with its own words around them.
func reply(err error) (code int, words string) {
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return reply.Code, fmt.Sprintf("%d %s", reply.Code, reply.Msg)
	}
	sending, ok := errors.AsType[*mail.SendError](err)
	if !ok || sending.ErrorCode() == 0 {
		return 0, ""
	}
	code = sending.ErrorCode()
	words, _, _ = strings.Cut(sending.Error(), ", affected message ID: ")
	words, recipients, _ := strings.Cut(words, ", affected recipient(s): ")
	if at := strings.Index(words, strconv.Itoa(code)+" "); at >= 0 {
		words = words[at+len("550 "):]
	}
	if text, err := strconv.Unquote(words); err == nil {
		words = text
	}
	words = fmt.Sprintf("%d %s", code, words)
	if recipients != "" {
		words += " (" + strings.NewReplacer("<", "", ">", "").Replace(recipients) + ")"
	}
	return code, words
}
