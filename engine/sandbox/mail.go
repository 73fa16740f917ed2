package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/mail"
	"net/textproto"
	"os"
	"slices"
	"syscall"
	"time"

	"patchbay/engine/program"
)

// Mail is an e-mail that was caught instead of sent.
type Mail struct {
	Time       time.Time `json:"time"`
	Connection string    `json:"connection"`
	From       string    `json:"from"`
	To         []string  `json:"to"` // everybody who would have got it, hidden ones too
	Subject    string    `json:"subject"`
	Message    string    `json:"message"` // as it would have gone out, headers first
}

// Deliver catches an e-mail, or fails as [Sandbox.Fail] said it should.
func (s *Sandbox) Deliver(ctx context.Context, conn *program.Connection, from string, to []string, message []byte) error {
	if len(to) == 0 {
		return errors.New("deliver e-mail: nobody to deliver it to")
	}
	id := conn.Connector.ID
	e := Effect{
		Time: s.now(), Connector: id, Action: id + ".send", Kind: program.EffectSend, Method: "SMTP",
		Input: map[string]any{"from": from, "to": listed(to), "subject": subjectOf(message)}, Status: 250,
	}
	fault := s.failing(id, "send")
	err := s.undelivered(ctx, fault)
	if fault != nil {
		e.Failure, e.Status = fault.Kind, fault.Status
	}
	if !fault.before() {
		e.Done = true
		s.mails.add(Mail{
			Time: e.Time, Connection: conn.Name, From: from, To: slices.Clone(to),
			Subject: subjectOf(message), Message: string(message),
		})
	}
	s.effects.add(e)
	return err
}

// undelivered returns the error that a failure gives to a mail client.
func (s *Sandbox) undelivered(ctx context.Context, f *Failure) error {
	if f == nil {
		return nil
	}
	switch f.Kind {
	case FailStatus:
		return &textproto.Error{Code: f.Status, Msg: "asked of the sandbox"}
	case FailSlow:
		return pause(ctx, f.Delay)
	case FailTimeout:
		return &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}
	case FailReset, FailMalformed, FailTruncated:
		return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	default:
		return fmt.Errorf("deliver e-mail: %q is no way to fail", f.Kind) // unreachable: Fail refuses other kinds
	}
}

// Mails returns the newest 1,000 caught e-mails, the oldest first.
func (s *Sandbox) Mails() []Mail { return s.mails.all() }

func subjectOf(message []byte) string {
	m, err := mail.ReadMessage(io.LimitReader(bytes.NewReader(message), mostOrder))
	if err != nil {
		return ""
	}
	written := m.Header.Get("Subject")
	if plain, err := new(mime.WordDecoder).DecodeHeader(written); err == nil {
		return plain
	}
	return written
}

func listed(texts []string) []any {
	out := make([]any, len(texts))
	for i, t := range texts {
		out[i] = t
	}
	return out
}
