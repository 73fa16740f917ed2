//go:build unix

package enginetest_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/connectors"
	"patchbay/engine"
	"patchbay/engine/catalog"
	"patchbay/engine/console"
	"patchbay/engine/diag"
	"patchbay/engine/program"
)

// TestScopesThatWereNotGiven signs in without a right that a flow needs: the
// console tells it, each reload does, and what looks into the data folder later.
func TestScopesThatWereNotGiven(t *testing.T) {
	b := newBank(t)
	dir := bankWorkspace(t, b)
	connector := strings.ReplaceAll(bankConnector, "URL/", b.url+"/")
	connector = strings.Replace(connector, "effect: create,", "effect: create, scopes: [payments],", 1)
	write(t, dir, "connectors/bank/connector.yaml", connector)
	write(t, dir, "flows/pay.yaml", `flow: 1
triggers: [{ on_demand: {} }]
steps:
  - action: bank.pay
    with: { n: "1" }
`)
	const message = `bank.pay needs the scope payments, which the connection "bank" was not given`
	told := make(chan diag.List, 100)
	opt := options(dir, t.Output())
	opt.Reloaded = func(live *catalog.Live) { told <- live.Findings }
	c := serve(t, opt)
	findings := func() []string {
		t.Helper()
		var found []console.Finding
		if code := c.api(http.MethodGet, "/findings", nil, &found); code != http.StatusOK {
			t.Fatalf("findings: status %d", code)
		}
		var said []string
		for _, f := range found {
			said = append(said, f.Code+" "+f.Message)
		}
		return said
	}

	// Before anybody has signed in nothing is known.
	if got := findings(); got != nil {
		t.Errorf("findings before the sign-in = %v, want none", got)
	}
	c.signIn("bank")
	if diff := cmp.Diff([]string{"W114 " + message}, findings()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"payments"}, c.standing("bank").Lacks); diff != "" {
		t.Errorf("the connection lacks (-want +got):\n%s", diff)
	}

	// Who saves a file is told, too.
	for len(told) > 0 {
		<-told //nolint:errcheck // findings of before
	}
	write(t, dir, "flows/again.yaml", "flow: 1\ntriggers: [{ on_demand: {} }]\nsteps:\n  - action: bank.pay\n    with: { n: \"2\" }\n")
	var places []string
	for _, f := range <-told {
		places = append(places, f.Pos.String()+" "+f.Message)
	}
	if diff := cmp.Diff([]string{"flows/again.yaml:4:13 " + message, "flows/pay.yaml:4:13 " + message}, places); diff != "" {
		t.Errorf("told of the reload (-want +got):\n%s", diff)
	}
	c.stop()

	e, err := engine.Open(t.Context(), options(dir, t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	src, err := catalog.Read(os.DirFS(dir), connectors.Files)
	if err != nil {
		t.Fatal(err)
	}
	known, err := e.Granted(t.Context(), program.Build(src, program.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{"bank": {"items"}}, known); diff != "" {
		t.Errorf("Granted() (-want +got):\n%s", diff)
	}
}
