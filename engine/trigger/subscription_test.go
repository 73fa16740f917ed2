package trigger_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/trigger"
	"patchbay/engine/value"
)

// deskConnector takes subscriptions; LIST, KEEP, EACH and WITH are filled in.
const deskConnector = `connector: 1
id: desk
name: Desk
api: { base_url: https://desk.example.com }
connection:
  auth:
    token: { type: bearer, fields: { token: { type: secret } } }
    key: { type: api_key, header: X-Key, fields: { api_key: { type: secret } } }
types:
  Sub: { id: { type: string }, url: { type: string }, events: { type: list, of: string }, secret: { type: string, optional: true } }
actions:
  list_subs: { effect: read, request: GET /subs, output: { list: Sub, at: body } }
  make_sub:
    effect: create
    repeat: unsafe
    request: POST /subs
    scopes: [subs.write]
    input: { url: { type: string }, events: { type: list, of: string }, secret: { type: string, optional: true } }
    output: { one: Sub, at: body }
  drop_sub: { effect: delete, repeat: safe, request: "DELETE /subs/{id}", input: { id: { type: string } } }
triggers:
  opened: { type: webhook, event: ticket.opened, output: { one: any, at: body } }
  closed: { type: webhook, event: ticket.closed, output: { one: any, at: body } }
webhooks:
  fields: { signing: { type: secret } }
  verify: [{ type: hmac_sha256, header: X-Sign, secret: signing }]
  subscribe:
    each: EACH
    ways: [token]
    on: { action: make_sub, with: { url: "${{ address }}", WITH } }
    keep: { KEEP }
    off: { action: drop_sub, with: { id: "${{ kept.id }}" } }
    LIST
`

// The ways in which a desk is subscribed to.
var (
	perEvent   = strings.NewReplacer("EACH", "event", "WITH", `events: ["${{ event }}"]`, "KEEP", "id: output.id", "LIST", deskList)
	forAll     = strings.NewReplacer("EACH", "all", "WITH", `events: "${{ events }}"`, "KEEP", "id: output.id", "LIST", deskList)
	withSecret = strings.NewReplacer("EACH", "event", "WITH", `events: ["${{ event }}"], secret: "${{ secret }}"`, "KEEP", "id: output.id", "LIST", deskList)
	itsSecret  = strings.NewReplacer("EACH", "event", "WITH", `events: ["${{ event }}"]`, "KEEP", "id: output.id, secret: output.secret", "LIST", deskList)
	unlisted   = strings.NewReplacer("EACH", "event", "WITH", `events: ["${{ event }}"]`, "KEEP", "id: output.id", "LIST", "")
)

const deskList = "list: { action: list_subs, id: item.id, address: item.url, events: item.events }"

// desk is a service that takes subscriptions, what is known of them here, and
// what is live.
type desk struct {
	*workspace
	t    *testing.T
	way  *strings.Replacer
	log  *bytes.Buffer
	subs *trigger.Subscriptions
	// renames are what the next start knows of.
	renames journal.Renames

	box    sync.Mutex // guards what follows
	public string     // address
	unwell string     // why the connection cannot be used

	calls  []string                // what the service was asked, in order
	made   map[string]any          // the subscriptions it has, by id
	count  int                     // of those it ever made
	answer func(call string) error // what goes wrong, after the service did it; nil for nothing
	refuse func(call string) error // what goes wrong before

	stored map[string][]byte // what was written down
}

func newDesk(t *testing.T, way *strings.Replacer, flows map[string]string) *desk {
	d := &desk{t: t, way: way, log: &bytes.Buffer{}, public: "https://hooks.example.com", made: map[string]any{}, stored: map[string][]byte{}}
	d.workspace = newWorkspace(d.build(flows))
	return d
}

const deskAccount = "connections: 1\ndesk: { connector: desk, auth: token, token: \"${{ secret.desk }}\" }\n"

func (d *desk) build(flows map[string]string) *program.Set {
	d.t.Helper()
	files := map[string]string{"connectors/desk/connector.yaml": d.way.Replace(deskConnector), "flows/connections.yaml": deskAccount}
	maps.Copy(files, flows)
	return build(d.t, program.Options{}, nil, files)
}

// change changes the service, or what is known of it, in a test under way.
func (d *desk) change(what func()) {
	d.box.Lock()
	defer d.box.Unlock()
	what()
}

// live makes other flows live.
func (d *desk) live(flows map[string]string) {
	d.set.Store(d.build(flows))
	d.subs.Refresh()
	synctest.Wait()
}

// start runs the subscriptions, as a start of the engine does, until the
// returned function is called.
func (d *desk) start() (stop func()) {
	d.subs = trigger.NewSubscriptions(trigger.SubscriptionOptions{
		Intake: trigger.Intake{Live: d.set.Load, Renames: d.renames, Logger: slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			},
		}))},
		Store: d, Call: d.call, List: d.list,
		PublicURL: func() string {
			d.box.Lock()
			defer d.box.Unlock()
			return d.public
		},
		Address: func(name string) string { return "r4nd0m-" + name },
		Secret:  func(context.Context, *program.Connection) (string, error) { return "s3cret", nil },
		Ready: func(context.Context, *program.Connection) (string, error) {
			d.box.Lock()
			defer d.box.Unlock()
			return d.unwell, nil
		},
	})
	ctx, cancel := context.WithCancel(d.t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = d.subs.Run(ctx)
	}()
	synctest.Wait()
	return func() {
		cancel()
		<-over
	}
}

func (d *desk) call(ctx context.Context, action *program.Action, _ *program.Connection, input map[string]any) (any, error) {
	d.box.Lock()
	defer d.box.Unlock()
	var text strings.Builder
	text.WriteString(action.Name)
	for _, name := range slices.Sorted(maps.Keys(input)) {
		fmt.Fprintf(&text, " %v", input[name])
	}
	d.calls = append(d.calls, text.String())
	if d.refuse != nil {
		if err := d.refuse(text.String()); err != nil {
			return nil, err
		}
	}
	var output any
	switch action.Name {
	case "make_sub":
		d.count++
		id := fmt.Sprintf("s%d", d.count)
		sub := map[string]any{"id": id, "url": input["url"], "events": input["events"]}
		d.made[id] = sub
		output = map[string]any{"id": id, "secret": "chosen-" + id}
	case "drop_sub":
		id := input["id"].(string)
		if d.made[id] == nil {
			return nil, value.Fail(value.ClassNotFound, "no such subscription")
		}
		delete(d.made, id)
	}
	if d.answer != nil {
		if err := d.answer(text.String()); err != nil {
			return nil, err
		}
	}
	return output, ctx.Err()
}

func (d *desk) list(_ context.Context, action *program.Action, _ *program.Connection, _ map[string]any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		d.box.Lock()
		defer d.box.Unlock()
		d.calls = append(d.calls, action.Name)
		if d.refuse != nil {
			if err := d.refuse(action.Name); err != nil {
				yield(nil, err)
				return
			}
		}
		var items []any
		for _, id := range slices.Sorted(maps.Keys(d.made)) {
			items = append(items, d.made[id])
		}
		yield(items, nil)
	}
}

func (d *desk) Subscriptions(context.Context) (map[string][]byte, error) {
	d.box.Lock()
	defer d.box.Unlock()
	return maps.Clone(d.stored), nil
}

func (d *desk) SaveSubscription(_ context.Context, name string, data []byte) error {
	d.box.Lock()
	defer d.box.Unlock()
	d.stored[name] = data
	return nil
}

func (d *desk) RemoveSubscription(_ context.Context, name string) error {
	d.box.Lock()
	defer d.box.Unlock()
	delete(d.stored, name)
	return nil
}

// wantCalls holds what the service was asked since the last time against want.
func (d *desk) wantCalls(when string, want ...string) {
	d.t.Helper()
	d.box.Lock()
	defer d.box.Unlock()
	if diff := cmp.Diff(want, d.calls); diff != "" {
		d.t.Errorf("%s: calls (-want +got):\n%s", when, diff)
	}
	d.calls = nil
}

// wantStatus holds the status against lines.
func (d *desk) wantStatus(when string, want ...string) {
	d.t.Helper()
	var got []string
	for _, s := range d.subs.Status() {
		line := fmt.Sprintf("%s %s %s for %s", s.Connection, strings.Join(s.Events, "+"), s.State, strings.Join(s.Triggers, " "))
		if s.Message != "" {
			line += "; " + s.Message + "; " + s.Hint
		}
		got = append(got, line)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		d.t.Errorf("%s: status (-want +got):\n%s", when, diff)
	}
}

// wantSame fails the test if the service has not as many subscriptions
// as are known here.
func (d *desk) wantSame(when string, made int) {
	d.t.Helper()
	d.box.Lock()
	defer d.box.Unlock()
	if len(d.made) != made || len(d.stored) != made {
		d.t.Errorf("%s: the service has %d subscriptions and %d are known, want %d", when, len(d.made), len(d.stored), made)
	}
}

var (
	opened = flowFile("trigger: desk.opened", "")
	closed = flowFile("trigger: desk.closed", "")
)

const (
	makeOpened = "make_sub [ticket.opened] https://hooks.example.com/hooks/desk/r4nd0m-desk"
	makeClosed = "make_sub [ticket.closed] https://hooks.example.com/hooks/desk/r4nd0m-desk"
)

// TestSubscriptionsFollowFlows: what is switched off ends at once, what is
// gone after a minute, and a file that is renamed changes nothing.
func TestSubscriptionsFollowFlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, perEvent, map[string]string{"flows/a.yaml": opened, "flows/b.yaml": closed})
		stop := d.start()
		d.wantCalls("start", "list_subs", makeClosed, makeOpened)
		d.wantStatus("start", "desk ticket.closed subscribed for b/closed", "desk ticket.opened subscribed for a/opened")

		d.live(map[string]string{"flows/a.yaml": opened, "flows/b.yaml": flowFile("trigger: desk.closed", "enabled: false\n")})
		d.wantCalls("switched off", "drop_sub s1")
		d.live(map[string]string{"flows/a.yaml": opened, "flows/b.yaml": closed})
		d.wantCalls("switched on", makeClosed)

		d.live(map[string]string{"flows/b.yaml": closed})
		time.Sleep(50 * time.Second)
		d.live(map[string]string{"flows/b.yaml": closed, "flows/renamed.yaml": opened})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		d.wantCalls("renamed")
		d.wantStatus("renamed", "desk ticket.closed subscribed for b/closed", "desk ticket.opened subscribed for renamed/opened")

		d.live(map[string]string{"flows/b.yaml": closed})
		time.Sleep(59 * time.Second)
		synctest.Wait()
		d.wantCalls("a minute is not over")
		d.wantStatus("a minute is not over", "desk ticket.closed subscribed for b/closed", "desk ticket.opened unsubscribing for ")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		d.wantCalls("a minute is over", "drop_sub s2")
		d.wantSame("at the end", 1)
		stop()
		d.wantCalls("stopped")
		defer d.start()()
		d.wantCalls("started again", "list_subs")
	})
}

// TestSubscriptionIsRenamed: a connection that gets another name keeps its
// subscriptions, and one that gets its old name has its own.
func TestSubscriptionIsRenamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, perEvent, map[string]string{"flows/a.yaml": opened})
		stop := d.start()
		d.wantCalls("start", "list_subs", makeOpened)
		stop()

		account := strings.TrimPrefix(deskAccount, "connections: 1\n")
		renamed := map[string]string{
			"flows/connections.yaml": "connections: 1\n" + strings.Replace(account, "desk:", "office:", 1),
			"flows/a.yaml":           flowFile("trigger: desk.opened", "use: { desk: office }\n"),
		}
		d.renames = journal.Renames{{ID: 1, Kind: journal.ConnectionName, From: "desk", To: "office"}}
		d.set.Store(d.build(renamed))
		stop = d.start()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		d.wantCalls("renamed", "list_subs")
		d.wantStatus("renamed", "office ticket.opened subscribed for a/opened")

		renamed["flows/connections.yaml"] += account
		renamed["flows/b.yaml"] = flowFile("trigger: desk.opened", "use: { desk: desk }\n")
		d.live(renamed)
		d.wantCalls("a new one of the old name", "list_subs", "make_sub [ticket.opened] https://hooks.example.com/hooks/desk.2/r4nd0m-desk.2")
		stop()
		defer d.start()()
		d.wantCalls("started again", "list_subs", "list_subs")
		d.wantStatus("started again", "desk ticket.opened subscribed for b/opened", "office ticket.opened subscribed for a/opened")
	})
}

// TestSubscriptionIsMadeOnce: however a start ends, there is one subscription
// for each event in the end.
func TestSubscriptionIsMadeOnce(t *testing.T) {
	lost := &value.Failure{Class: value.ClassTransient, Message: "no answer from desk.example.com within 30s", Unsettled: true}
	flows := map[string]string{"flows/a.yaml": opened}
	for _, tt := range []struct {
		name    string
		way     *strings.Replacer
		arrives bool // the request that is lost takes effect
		killed  bool // the engine ends while it waits for the answer
		want    []string
	}{
		{"the answer is lost", perEvent, true, false, []string{"list_subs", makeOpened, "list_subs"}},
		{"the request is lost", perEvent, false, false, []string{"list_subs", makeOpened, "list_subs", makeOpened}},
		{"killed after it arrived", perEvent, true, true, []string{"list_subs", makeOpened, "list_subs"}},
		{"killed before it arrived", perEvent, false, true, []string{"list_subs", makeOpened, "list_subs", "list_subs", makeOpened}},
		{"killed, with a secret of ours", withSecret, true, true, []string{
			"list_subs", strings.Replace(makeOpened, "https", "s3cret https", 1), "list_subs",
		}},
		{"killed, with a secret of the service", itsSecret, true, true, []string{"list_subs", makeOpened, "list_subs", "drop_sub s1", makeOpened}},
		{"there is no list", unlisted, false, false, []string{makeOpened, makeOpened}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, tt.way, flows)
				ctx, kill := context.WithCancel(t.Context())
				fail := func(call string) error {
					if !strings.HasPrefix(call, "make_sub") {
						return nil
					}
					d.answer, d.refuse = nil, nil
					kill()
					return lost
				}
				if d.refuse = fail; tt.arrives {
					d.refuse, d.answer = nil, fail
				}
				stop := d.start()
				if <-ctx.Done(); tt.killed {
					stop()
					stop = d.start()
				}
				defer stop()
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				d.wantCalls("in the end", tt.want...)
				d.wantStatus("in the end", "desk ticket.opened subscribed for a/opened")
				d.wantSame("in the end", 1)
			})
		})
	}
}

// TestSubscriptionIsRefused: a refusal is shown with what to do, told once in
// the log, and tried again by itself, at once where somebody signed in.
func TestSubscriptionIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, perEvent, map[string]string{"flows/a.yaml": opened, "flows/b.yaml": closed})
		d.refuse = func(call string) error {
			if call == makeOpened {
				return &value.Failure{Class: value.ClassForbidden, Message: "no right to deliver to /hooks/desk/r4nd0m-desk", Status: 403}
			}
			return nil
		}
		defer d.start()()
		const told = "cannot subscribe to ticket.opened: no right to deliver to /hooks/desk/…; " +
			"the connection needs the right to subscribe (subs.write): connect it anew"
		d.wantCalls("start", "list_subs", makeClosed, makeOpened)
		d.wantStatus("start", "desk ticket.closed subscribed for b/closed", "desk ticket.opened not_subscribed for a/opened; "+told)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		d.wantCalls("in ten minutes", makeOpened, makeOpened, makeOpened, makeOpened)
		d.wantSame("in ten minutes", 1)
		wantLog := `level=INFO msg=subscribed connection=desk events=[ticket.closed] address=https://hooks.example.com/hooks/desk/…
level=WARN msg=subscription connection=desk error="cannot subscribe to ticket.opened: no right to deliver to /hooks/desk/…" hint="the connection needs the right to subscribe (subs.write): connect it anew"
`
		if diff := cmp.Diff(wantLog, d.log.String()); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
		d.change(func() { d.refuse = nil })
		d.subs.Connected("desk")
		synctest.Wait()
		d.wantCalls("signed in", "list_subs", makeOpened)
		d.wantStatus("signed in", "desk ticket.closed subscribed for b/closed", "desk ticket.opened subscribed for a/opened")
	})
}

// TestSubscriptionCannotBeAskedFor: without an address, a way in that may or a
// connection that works nothing is sent, and the status says what to do.
func TestSubscriptionCannotBeAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flows := map[string]string{"flows/a.yaml": opened}
		d := newDesk(t, perEvent, flows)
		d.public = ""
		stop := d.start()
		d.wantStatus("no address", "desk ticket.opened not_subscribed for a/opened; "+
			"cannot subscribe to ticket.opened: no public address is known, under which Desk could reach patchbay serve; "+
			"start patchbay serve with --public-url https://…; or tell Desk yourself where it can be reached, with the path that serve prints behind `webhooks`")
		stop()
		d.public = "https://hooks.example.com"

		d.unwell = `connection "desk" is not connected: run "patchbay connect desk"`
		stop = d.start()
		d.wantStatus("not connected", `desk ticket.opened not_subscribed for a/opened; cannot subscribe to ticket.opened: connection "desk" is not connected: run "patchbay connect desk"; `)
		d.wantCalls("not connected")
		d.change(func() { d.unwell = "" })
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		d.wantCalls("connected", "list_subs", makeOpened)
		stop()

		d.set.Store(d.build(map[string]string{"flows/a.yaml": opened, "flows/connections.yaml": strings.Replace(deskAccount, "auth: token, token", "auth: key, api_key", 1)}))
		d.made, d.stored = map[string]any{}, map[string][]byte{}
		defer d.start()()
		d.wantStatus("another way in", "desk ticket.opened not_subscribed for a/opened; "+
			"cannot subscribe to ticket.opened: Desk takes subscriptions only from connections with auth: token; connect desk that way")
		d.wantCalls("another way in")
	})
}

// TestSubscriptionsChange: another address is told before the old one is given
// up, what vanished is made anew, what nobody knows of is ended.
func TestSubscriptionsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, perEvent, map[string]string{"flows/a.yaml": opened})
		d.made["hand"] = map[string]any{"id": "hand", "url": "https://hooks.example.com/hooks/desk/r4nd0m-desk", "events": []any{"ticket.opened"}}
		d.made["old"] = map[string]any{"id": "old", "url": "https://hooks.example.com/hooks/desk/r4nd0m-desk", "events": []any{"ticket.moved"}}
		d.made["lost"] = map[string]any{"id": "lost", "url": "https://hooks.example.com/hooks/desk/of-a-lost-data-folder", "events": []any{"ticket.opened"}}
		d.made["other"] = map[string]any{"id": "other", "url": "https://elsewhere.example.com/", "events": []any{"ticket.opened"}}
		stop := d.start()
		d.wantCalls("made by hand before", "list_subs", "drop_sub lost", "drop_sub old")
		stop()

		d.public = "https://new.example.com"
		stop = d.start()
		d.wantCalls("another address", "list_subs", strings.Replace(makeOpened, "hooks.ex", "new.ex", 1), "drop_sub hand")
		stop()

		d.public = ""
		stop = d.start()
		d.live(map[string]string{"flows/b.yaml": closed})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		d.wantCalls("no address")
		d.wantStatus("no address",
			"desk ticket.closed not_subscribed for b/closed; cannot subscribe to ticket.closed: no public address is known, under which Desk could reach patchbay serve; "+
				"start patchbay serve with --public-url https://…; or tell Desk yourself where it can be reached, with the path that serve prints behind `webhooks`",
			"desk ticket.opened unsubscribing for ; cannot unsubscribe from ticket.opened: serve was started without --public-url; start patchbay serve with it")
		stop()
		d.set.Store(d.build(map[string]string{"flows/a.yaml": opened}))

		d.public = "https://new.example.com"
		defer d.start()()
		d.wantCalls("the address again", "list_subs")
		d.change(func() { delete(d.made, "s1") })
		time.Sleep(24*time.Hour + time.Minute)
		synctest.Wait()
		d.wantCalls("vanished", "list_subs", strings.Replace(makeOpened, "hooks.ex", "new.ex", 1))

		d.change(func() { d.made = map[string]any{} })
		d.live(map[string]string{"flows/a.yaml": opened, "flows/connections.yaml": strings.Replace(deskAccount, "secret.desk", "secret.desk_b", 1)})
		d.wantCalls("another account", "list_subs", strings.Replace(makeOpened, "hooks.ex", "new.ex", 1))

		d.set.Store(d.build(map[string]string{"flows/connections.yaml": "connections: 1\n"}))
		d.subs.Refresh()
		synctest.Wait()
		d.wantStatus("no connection", "desk ticket.opened unsubscribing for ; cannot unsubscribe from ticket.opened: "+
			"there is no connection desk any more to end it with; bring it back, or end the subscription at the service yourself")
		d.live(map[string]string{})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		d.wantCalls("the connection again", "list_subs", "drop_sub s3")
		d.wantStatus("the connection again")

		d.live(map[string]string{"flows/a.yaml": opened})
		d.live(map[string]string{"flows/a.yaml": opened, "flows/connections.yaml": strings.Replace(deskAccount, "desk:", "counter:", 1)})
		d.wantCalls("renamed", strings.Replace(makeOpened, "hooks.ex", "new.ex", 1), "list_subs", "drop_sub s4",
			"make_sub [ticket.opened] https://new.example.com/hooks/counter/r4nd0m-counter")
		d.wantStatus("renamed", "counter ticket.opened subscribed for a/opened")
		delete(d.made, "other")
		d.wantSame("renamed", 1)
	})
}

// TestSubscriptionForAll: one subscription has all events, and is made anew
// with others; events that are gone stay in it for a minute.
func TestSubscriptionForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, forAll, map[string]string{"flows/a.yaml": opened})
		defer d.start()()
		d.wantCalls("start", "list_subs", makeOpened)
		d.live(map[string]string{"flows/a.yaml": opened, "flows/b.yaml": closed})
		d.wantCalls("one more", strings.Replace(makeOpened, "[", "[ticket.closed ", 1), "drop_sub s1")
		d.live(map[string]string{"flows/b.yaml": closed})
		time.Sleep(50 * time.Second)
		d.live(map[string]string{"flows/b.yaml": closed, "flows/renamed.yaml": opened})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		d.wantCalls("renamed")
		d.live(map[string]string{"flows/b.yaml": closed})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		d.wantCalls("one less", makeClosed, "drop_sub s2")
		d.wantSame("one less", 1)
		d.live(map[string]string{})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		d.wantCalls("none", "drop_sub s3")
		d.wantStatus("none")
	})
}

// TestSubscriptionSecret: the secret of the service's choice is known for as
// long as its subscription is.
func TestSubscriptionSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, itsSecret, map[string]string{"flows/a.yaml": opened})
		stop := d.start()
		stop()
		defer d.start()()
		if diff := cmp.Diff([]string{"chosen-s1"}, d.subs.Secrets("desk")); diff != "" {
			t.Errorf("secrets after a restart (-want +got):\n%s", diff)
		}
		d.live(map[string]string{"flows/a.yaml": flowFile("trigger: desk.opened", "enabled: false\n")})
		if got := d.subs.Secrets("desk"); got != nil {
			t.Errorf("secrets of a subscription that ended = %q, want none", got)
		}
	})
}
