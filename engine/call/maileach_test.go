package call

import (
	"net"
	"os"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// shippedMailbox is a connection of the connector that Patchbay brings along
// to the server.
func (p *postOffice) shippedMailbox(t *testing.T, auth, action string) (*program.Connection, *program.Action) {
	t.Helper()
	data, err := os.ReadFile("../../connectors/email/connector.yaml")
	if err != nil {
		t.Fatal(err)
	}
	set := program.Build(program.Sources{Connectors: map[string][]program.File{
		"email": {{Path: "connectors/email/connector.yaml", Data: data}},
	}}, program.Options{})
	if err := set.Findings.Err(); err != nil {
		t.Fatal(err)
	}
	k := set.Connectors["email"]
	a, _ := k.Action(action)
	way, ok := k.Auth(auth)
	if !ok {
		t.Fatalf("the connector has no way in %q", auth)
	}
	host, port, _ := net.SplitHostPort(p.address.String())
	return &program.Connection{
		Name: "post", Connector: k, Auth: way,
		Fields: map[string]any{"host": host, "port": port, "security": "starttls", "from": "reports@shop.example"},
	}, a
}

func report(to ...any) map[string]any {
	return map[string]any{
		"to": to, "title": "Weekly <statistics>", "period": "1 to 7 June", "note": "7 days",
		"rows":    []any{map[string]any{"network": "facebook", "posts": 12}, map[string]any{"network": "x & co", "posts": nil}},
		"columns": []any{"network", "posts"},
	}
}

func TestMailEach(t *testing.T) {
	p := openPostOffice(t, "starttls")
	p.refuse["gone@example.com"] = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
	conn, action := p.shippedMailbox(t, "password", "send_report")
	r := Request{
		Action: action, Connection: conn, Op: Op{Run: 7, Path: "tell"},
		Input: report("ada@example.com", "gone@example.com", "Grace <grace@example.com>"),
	}
	got := done(t, p.client(), r)
	want := map[string]any{"sent": 2, "refused": 1, "unknown": 0, "recipients": []any{
		map[string]any{"recipient": "ada@example.com", "outcome": "sent", "reason": nil},
		map[string]any{"recipient": "gone@example.com", "outcome": "refused", "reason": "550 5.1.1 no such mailbox (gone@example.com)"},
		map[string]any{"recipient": "grace@example.com", "outcome": "sent", "reason": nil},
	}}
	if diff := cmp.Diff(want, got.Output); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	mails := p.deliveries()
	if len(mails) != 2 {
		t.Fatalf("%d mails arrived, want 2", len(mails))
	}
	if diff := cmp.Diff([]string{"ada@example.com"}, mails[0].To); diff != "" {
		t.Errorf("recipients of the first mail (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(reportText, readMail(t, mails[0].message)); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

const reportText = `Auto-Submitted: auto-generated
From: <reports@shop.example>
Message-Id: <ad1e854dc9213edd0e2f23626948fe14@shop.example>
Subject: Weekly <statistics>, 1 to 7 June
To: <ada@example.com>
User-Agent: patchbay
multipart/mixed
 multipart/alternative
  text/plain "Weekly <statistics>, 1 to 7 June\r\n\r\nnetwork: facebook, posts: 12\r\nnetwork: x & co, posts: –\r\n\r\n7 days"
  text/html "<h1>Weekly &lt;statistics&gt;</h1><p>1 to 7 June</p><table border=\"1\" cellpadding=\"6\" style=\"border-collapse: collapse\"><tr><th align=\"left\">network</th><th align=\"left\">posts</th></tr><tr><td>facebook</td><td>12</td></tr><tr><td>x &amp; co</td><td>–</td></tr></table><p>7 days</p>"
 text/csv report.csv "network,posts\nfacebook,12\nx & co,\n"
`

func TestMailEachRefused(t *testing.T) {
	soft := &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted, come back"}
	tests := []struct {
		name string
		set  func(*postOffice)
		want *value.Failure
	}{
		{
			"nobody got it", func(p *postOffice) { p.refuse["ada@example.com"], p.refuse["grace@example.com"] = soft, soft },
			&value.Failure{Class: value.ClassTransient, Status: 451, Message: "451 4.7.1 greylisted, come back (ada@example.com)"},
		},
		{
			"nobody knows", func(p *postOffice) { p.hangUp = true },
			&value.Failure{Class: value.ClassTransient, Unsettled: true, Message: "the connection to HOST broke off after the mail was sent, before the server said that it took it"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := openPostOffice(t, "starttls")
			tt.set(p)
			conn, action := p.shippedMailbox(t, "password", "send_report")
			got := failed(t, p.client(), Request{Action: action, Connection: conn, Input: report("ada@example.com", "grace@example.com")})
			tt.want.Action = "email.send_report"
			if tt.want.Unsettled {
				tt.want.Message = "the connection to " + p.address.String() + " broke off after the mail was sent, before the server said that it took it"
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("failure (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMailByToken signs in with an access token, as Google and Microsoft want
// it.
func TestMailByToken(t *testing.T) {
	p := openPostOffice(t, "starttls")
	p.tokens = true
	conn, action := p.shippedMailbox(t, "google", "send")
	r := Request{Action: action, Connection: conn, Input: map[string]any{"to": []any{"ada@example.com"}, "subject": "s", "text": "t"}}
	done(t, p.client(), r)
	if mails := p.deliveries(); len(mails) != 1 || mails[0].User != "robot" {
		t.Errorf("mails = %+v, want one of the user robot", mails)
	}
	client := p.client()
	client.opt.Credentials = &tokens{token: "tok-9999"}
	got := failed(t, client, r)
	if got.Class != value.ClassAuth || got.Status != 535 {
		t.Errorf("failure = %+v, want one of class auth with status 535", got)
	}
}
