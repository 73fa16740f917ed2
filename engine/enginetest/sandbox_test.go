package enginetest_test

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"patchbay/connectors"
	"patchbay/engine/call"
	"patchbay/engine/catalog"
	"patchbay/engine/program"
	"patchbay/engine/sandbox"
	"patchbay/engine/store"
	"patchbay/engine/vault"
)

// TestEveryActionInTheSandbox makes every action of every connector that
// Patchbay brings along once, with its own examples: the played service takes
// the request, and the answer comes through to what a step sees.
func TestEveryActionInTheSandbox(t *testing.T) {
	t.Parallel()
	src, err := catalog.Read(os.DirFS(t.TempDir()), connectors.Files)
	if err != nil {
		t.Fatal(err)
	}
	set := program.Build(src, program.Options{})
	if err := set.Findings.Err(); err != nil {
		t.Fatal(err)
	}
	kept, err := store.Open(t.Context(), t.TempDir(), store.Options{Sandbox: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kept.Close() })
	credentials, err := vault.Open(t.Context(), vault.Options{Store: kept, Key: bytes.Repeat([]byte{7}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(credentials.Close)
	for _, id := range slices.Sorted(maps.Keys(set.Connectors)) {
		for _, a := range set.Connectors[id].Actions {
			if a.Transport == program.HTTP {
				t.Run(a.ID, func(t *testing.T) { playOnce(t, credentials, a) })
			}
		}
	}
}

// before are the actions without which another one finds nothing to work on.
var before = map[string]string{
	"slack.update_message":              "post_message",
	"slack.delete_message":              "post_message",
	"qonto.list_webhook_subscriptions":  "create_webhook_subscription",
	"qonto.delete_webhook_subscription": "create_webhook_subscription",
	"qwilr.list_webhooks":               "create_webhook",
	"qwilr.delete_webhook":              "create_webhook",
}

// playOnce makes the calls of one action, with a service and a budget of its
// own.
func playOnce(t *testing.T, credentials call.Credentials, a *program.Action) {
	k := a.Connector
	s := sandbox.New(sandbox.Options{
		Connectors: func() []*program.Connector { return []*program.Connector{k} },
		Now:        func() time.Time { return time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC) },
	})
	client := call.New(call.Options{Credentials: credentials, Transport: s.Transport})
	play := func(a *program.Action) any {
		with := inputs(a, nil, true, 0)
		result, err := client.Do(t.Context(), call.Request{Action: a, Connection: program.SandboxConnection(k), Input: with, Key: "3f0c1c52"})
		if err != nil {
			t.Errorf("%s with %s: %v", a.ID, printed(with), err)
		}
		return result.Output
	}
	if other, ok := k.Action(before[a.ID]); ok {
		play(other)
	}
	if list, ok := play(a).([]any); ok && len(list) == 0 {
		t.Errorf("%s brings an empty list", a.ID)
	}
}
