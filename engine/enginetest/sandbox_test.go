package enginetest_test

import (
	"bytes"
	"context"
	"errors"
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
	"patchbay/engine/value"
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
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- kept.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-over, kept.Close()); err != nil {
			t.Error(err)
		}
	})
	credentials, err := vault.Open(t.Context(), vault.Options{Store: kept, Key: bytes.Repeat([]byte{7}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(credentials.Close)
	for _, id := range slices.Sorted(maps.Keys(set.Connectors)) {
		for _, a := range set.Connectors[id].Actions() {
			if a.Transport == program.HTTP {
				t.Run(a.ID, func(t *testing.T) { playOnce(t, credentials, a) })
			}
		}
	}
}

// otherwise are inputs instead of examples that are those of a record already.
var otherwise = map[string]map[string]any{"qwilr.create_tax": {"id": "vat-5"}}

// refused are actions that nobody can make right without what only the service
// can give, and how it refuses them.
var refused = map[string]value.Class{
	"ghl.oauth.get_token": value.ClassAuth, // wants a code of a sign-in
}

// hasExamples reports whether all inputs that must be given have an example:
// else nobody can tell whether there is such a record.
func hasExamples(a *program.Action) bool {
	return !slices.ContainsFunc(a.Input, func(in *program.Input) bool {
		return in.Required() && in.Example == nil && in.Type.Kind == value.String
	})
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
	with := inputs(a, nil, true, 0)
	maps.Copy(with, otherwise[a.ID])
	_, err := client.Do(t.Context(), call.Request{Action: a, Connection: program.SandboxConnection(k), Input: with, Key: "3f0c1c52"})
	class := value.Class("")
	if f := (*value.Failure)(nil); errors.As(err, &f) {
		class = f.Class
	}
	switch want := refused[a.ID]; {
	case class == want:
	case class == value.ClassNotFound && !hasExamples(a):
	default:
		t.Errorf("%s with %s: %v (class %q), want class %q", a.ID, printed(with), err, class, want)
	}
}
