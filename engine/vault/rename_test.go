package vault

import (
	"testing"

	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// TestRenamedToken: a token opens under each name that its connection and its
// connector get, is sealed under the new one then, and opens for no other.
func TestRenamedToken(t *testing.T) {
	s := newIssuer()
	v, store, conn := played(t, s)
	wantAuthorized(t, v, conn, "Bearer access-1")
	v.Close()

	name, connector := conn.Name, *conn.Connector
	connector.ID = "renamed"
	after := *conn
	after.Name, after.Connector = "newest", &connector
	move := func(from, to string) {
		store.kept[[2]string{kindToken, to}] = store.kept[[2]string{kindToken, from}]
		delete(store.kept, [2]string{kindToken, from})
	}
	move(name, after.Name)
	renames := journal.Renames{
		{ID: 1, Kind: journal.ConnectionName, From: name, To: "new"},
		{ID: 2, Kind: journal.ConnectorName, From: conn.Connector.ID, To: connector.ID},
		{ID: 3, Kind: journal.ConnectionName, From: "new", To: after.Name},
	}
	open := func(names journal.Renames) *Vault {
		t.Helper()
		return openWith(t, Options{Store: store, Key: testKey(1), HTTP: s, Renames: names})
	}
	refused := func(v *Vault, conn *program.Connection) {
		t.Helper()
		if got, err := authorized(t, v, conn); err == nil {
			t.Errorf("connection %s is authorized with %s, want a failure", conn.Name, got)
		}
	}
	refused(open(nil), &after)
	wantAuthorized(t, open(renames), &after, "Bearer access-1")
	wantAuthorized(t, open(nil), &after, "Bearer access-1") // it was sealed anew

	other := after
	other.Name = name // a new connection of the old name
	move(after.Name, other.Name)
	refused(open(renames), &other)
}

// TestRenamedSignIn: a sign-in that was begun under the old names ends under the
// new ones.
func TestRenamedSignIn(t *testing.T) {
	s := newIssuer()
	store := newMemory()
	conn := acme("https://acme.test")
	address, err := openWith(t, Options{Store: store, Key: testKey(1), HTTP: s}).Start(t.Context(), conn, callbackURI, nil)
	if err != nil {
		t.Fatal(err)
	}
	v := openWith(t, Options{
		Store: store, Key: testKey(1), HTTP: s,
		Renames: journal.Renames{{ID: 1, Kind: journal.ConnectionName, From: conn.Name, To: "new"}},
	})
	name, err := v.Finish(t.Context(), s.authorize(t, address))
	if name != "new" || err != nil {
		t.Fatalf("Finish = %s, %v, want new", name, err)
	}
	after := *conn
	after.Name = "new"
	wantAuthorized(t, v, &after, "Bearer access-1")
}

// TestRenamedRefusal: a service that refused the credentials of a connection
// refused them under each name.
func TestRenamedRefusal(t *testing.T) {
	store := newMemory()
	names := journal.Renames{{ID: 1, Kind: journal.ConnectionName, From: "old", To: "new"}}
	c := credential{header: "Bearer x"}
	v := open(t, store)
	data := v.box.seal(kindRefused, "old", binding{}, []byte(`{"of":"`+c.mark()+`"}`))
	for _, kept := range []string{"new", "other"} {
		if err := store.PutSealed(t.Context(), kindRefused, kept, data); err != nil {
			t.Fatal(err)
		}
		refused, err := openWith(t, Options{Store: store, Key: testKey(1), Renames: names}).refusedFixed(t.Context(), kept, c)
		if want := kept == "new"; refused != want || err != nil {
			t.Errorf("refusedFixed(%s) = %t, %v, want %t", kept, refused, err, want)
		}
	}
}
