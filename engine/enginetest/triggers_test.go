package enginetest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/call"
	"patchbay/engine/console"
	"patchbay/engine/expr"
	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// delivered are the triggers of all connectors whose events the services
// deliver.
func delivered(t *testing.T) []*program.Trigger {
	t.Helper()
	set := builtIn(t)
	var all []*program.Trigger
	for k := range set.AllConnectors() {
		for _, on := range k.Triggers() {
			if on.Webhook {
				all = append(all, on)
			}
		}
	}
	return all
}

// ofConnector returns the triggers of one connector.
func ofConnector(triggers []*program.Trigger, id string) []*program.Trigger {
	return slices.DeleteFunc(slices.Clone(triggers), func(on *program.Trigger) bool { return on.Connector.ID != id })
}

func flowOf(on *program.Trigger) string { return strings.ReplaceAll(on.ID, ".", "-") }

// TestEveryTrigger has a flow wait for each event that a service delivers. The
// played services deliver the example of each, signed, over HTTP: each must
// start its own flow and no other, and bring what it promises.
func TestEveryTrigger(t *testing.T) {
	dir := t.TempDir()
	triggers := delivered(t)
	for _, on := range triggers {
		write(t, dir, "flows/"+flowOf(on)+".yaml", "flow: 1\nname: "+on.ID+"\ntriggers:\n  - trigger: "+on.ID+"\nsteps:\n  - set: { done: yes }\n")
	}
	opt := options(dir, t.Output())
	opt.Sandbox = true
	c := serve(t, opt)
	flat := map[string]map[string]any{}
	for _, on := range triggers {
		run := c.ended("the run by the example of "+on.ID, func(r console.Run) bool { return r.Flow == flowOf(on) })
		event, ok := run.Event.(map[string]any)
		if !ok || run.Status != journal.Succeeded {
			t.Errorf("%s: run %s with the event %v", on.ID, run.Status, run.Event)
		}
		flat[on.ID] = event
	}
	for _, on := range triggers {
		want := map[journal.Status]int{journal.Succeeded: 1}
		if on.Match == nil { // it is for anything that its service delivers
			want[journal.Succeeded] = len(ofConnector(triggers, on.Connector.ID))
		}
		if diff := cmp.Diff(want, c.settled(flowOf(on))); diff != "" {
			t.Errorf("runs of %s, after one example of each trigger (-want +got):\n%s", on.ID, diff)
		}
	}
	noRejections(t, c)

	for _, on := range triggers {
		if len(on.Output.Below) == 0 || on.Timeless {
			continue
		}
		if code := c.api(http.MethodPost, "/sandbox/send", map[string]any{"trigger": on.ID, "event": nested(t, on.Example)}, nil); code != http.StatusOK {
			t.Errorf("%s, with its fields in data, is answered %d", on.ID, code)
			continue
		}
		run := c.ended("the run by the nested example of "+on.ID, func(r console.Run) bool { return r.Flow == flowOf(on) && strings.HasPrefix(r.EventID, "nested-") })
		event, _ := run.Event.(map[string]any)
		delete(event, "timestamp")
		delete(flat[on.ID], "timestamp")
		if diff := cmp.Diff(flat[on.ID], event); diff != "" {
			t.Errorf("event of %s, flat and with its fields in data (-flat +in data):\n%s", on.ID, diff)
		}
	}
	noRejections(t, c)
}

// nested returns a delivery with all that is not about the delivery itself
// moved into data.
func nested(t *testing.T, example []byte) map[string]any {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(example, &body); err != nil {
		t.Fatal(err)
	}
	outer := map[string]any{"type": body["type"], "webhookId": fmt.Sprintf("nested-%v", body["webhookId"])}
	for _, name := range []string{"type", "timestamp", "webhookId"} {
		delete(body, name)
	}
	outer["data"] = body
	return outer
}

func noRejections(t *testing.T, c *client) {
	t.Helper()
	var found []journal.Rejection
	c.api(http.MethodGet, "/rejections", nil, &found)
	for _, r := range found {
		t.Errorf("a delivery to %s was turned away: %d %s", r.Address, r.Status, r.Reason)
	}
}

// TestWhoseEvent lets the played GoHighLevel deliver for two sub-accounts of
// two agencies at one address. Each event comes to the flows of the account it
// is for: by its sub-account, by its agency, or to all if it is the app's.
func TestWhoseEvent(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "flows/connections.yaml", `connections: 1
north: { connector: ghl, locationId: locNorth, companyId: cmpOne, token: "${{ env.NORTH }}" }
south: { connector: ghl, locationId: locSouth, companyId: cmpTwo, token: "${{ env.SOUTH }}" }
`)
	on := []string{"contact_deleted", "invoice_paid", "location_created", "location_updated", "user_created", "app_uninstalled"}
	for _, account := range []string{"north", "south"} {
		var text strings.Builder
		text.WriteString("flow: 1\nname: " + account + "\nuse: { ghl: " + account + " }\ntriggers:\n")
		for _, name := range on {
			text.WriteString("  - trigger: ghl." + name + "\n")
		}
		write(t, dir, "flows/"+account+".yaml", text.String()+"steps:\n  - set: { done: yes }\n")
	}
	opt := options(dir, t.Output())
	opt.Sandbox = true
	c := serve(t, opt)

	invoice := `"status": "paid", "currency": "EUR", "total": 1, "amountPaid": 1, "amountDue": 0`
	tests := []struct{ name, trigger, body, to string }{
		{"of a sub-account", "contact_deleted", `{"type": "ContactDelete", "id": "1", "locationId": "locNorth"}`, "north"},
		{"of a sub-account, with its fields in data", "contact_deleted", `{"type": "ContactDelete", "data": {"id": "1", "locationId": "locSouth"}}`, "south"},
		{"of a sub-account that is called altId", "invoice_paid", `{"type": "InvoicePaid", "_id": "1", "altId": "locSouth", ` + invoice + `}`, "south"},
		{"of another sub-account of the same agency", "contact_deleted", `{"type": "ContactDelete", "id": "1", "locationId": "locWest", "companyId": "cmpOne"}`, ""},
		{"of nobody", "contact_deleted", `{"type": "ContactDelete", "id": "1"}`, ""},
		{"of an agency", "location_created", `{"type": "LocationCreate", "id": "locNew", "companyId": "cmpTwo"}`, "south"},
		{"of another agency", "location_created", `{"type": "LocationCreate", "id": "locNew", "companyId": "cmpSix"}`, ""},
		{"about a sub-account", "location_updated", `{"type": "LocationUpdate", "id": "locNorth", "companyId": "cmpOne"}`, "north"},
		{"about another sub-account of the agency", "location_updated", `{"type": "LocationUpdate", "id": "locWest", "companyId": "cmpOne"}`, ""},
		{"a user of an agency", "user_created", `{"type": "UserCreate", "id": "1", "email": "a@example.com", "companyId": "cmpOne"}`, "north"},
		{"of the app", "app_uninstalled", `{"type": "UNINSTALL", "appId": "a", "locationId": "locWest"}`, "north south"},
	}
	for _, test := range tests {
		var body map[string]any
		if err := json.Unmarshal([]byte(test.body), &body); err != nil {
			t.Fatal(err)
		}
		body["webhookId"] = test.name
		if code := c.api(http.MethodPost, "/sandbox/send", map[string]any{"trigger": "ghl." + test.trigger, "event": body}, nil); code != http.StatusOK {
			t.Errorf("%s: answered %d", test.name, code)
		}
	}
	var runs []console.Run
	c.settled("north")
	c.settled("south")
	c.api(http.MethodGet, "/runs?limit=200", nil, &runs)
	for _, test := range tests {
		var got []string
		for _, r := range runs {
			if r.EventID == test.name {
				got = append(got, r.Flow)
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != test.to {
			t.Errorf("an event %s came to %q, want %q", test.name, strings.Join(got, " "), test.to)
		}
	}
	var reasons []string
	var found []journal.Rejection
	c.api(http.MethodGet, "/rejections", nil, &found)
	for _, r := range found {
		reasons = append(reasons, r.Reason)
	}
	slices.Sort(reasons)
	const none = "no connection to GoHighLevel has "
	want := []string{
		none + "the account of a delivery that names none, so the event is for none of the flows",
		none + "the companyId cmpSix, so the event is for none of the flows",
		none + "the locationId locWest or the companyId cmpOne, so the event is for none of the flows",
	}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Errorf("rejections (-want +got):\n%s", diff)
	}
}

// pages are the vendor's own pages about its events.
const pages = "../../../shared/specs/ghl/webhook-events"

var jsonBlock = regexp.MustCompile("(?s)```json ?\n?({.*?\n})\\s*```")

// TestVendorExamples reads the payloads on the vendor's own pages: each is an
// event of exactly one trigger, and is brought into its form.
func TestVendorExamples(t *testing.T) {
	files, err := filepath.Glob(pages + "/*.md")
	if err != nil || len(files) == 0 {
		t.Skipf("the pages of GoHighLevel are not here, so nothing is compared with them: %v", err)
	}
	triggers := slices.DeleteFunc(ofConnector(delivered(t), "ghl"), func(on *program.Trigger) bool { return on.Match == nil })
	if len(files) != len(triggers) {
		t.Errorf("GoHighLevel has %d events and %d triggers", len(files), len(triggers))
	}
	for _, file := range files {
		page := strings.TrimSuffix(filepath.Base(file), ".md")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		examples := 0
		for _, block := range jsonBlock.FindAllSubmatch(text, -1) {
			body, err := value.Decode(block[1])
			payload, ok := body.(map[string]any)
			_, isSchema := payload["properties"].(map[string]any)
			if err != nil || !ok || isSchema || payload["type"] == "string" {
				continue // a schema, or not even JSON
			}
			examples++
			vendorExample(t, triggers, page, payload)
		}
		if examples == 0 {
			t.Errorf("no example was found on the page of %s", page)
		}
	}
}

func vendorExample(t *testing.T, triggers []*program.Trigger, page string, body map[string]any) {
	t.Helper()
	// The pages leave out the type, or have that of another event.
	switch body["type"] {
	case "INSTALL", "UNINSTALL", "PLAN_CHANGE", "SMS", "Email":
	default:
		body["type"] = page
	}
	names := map[string]any{"body": body, "headers": map[string]any{}}
	var by []string
	for _, on := range triggers {
		is, err := on.Match.EvalBool(&expr.Env{Names: names})
		if err != nil || !is {
			continue
		}
		by = append(by, on.ID)
		if !strings.HasSuffix(on.Help, "GoHighLevel calls it "+page+".") {
			t.Errorf("the help of %s does not end with what GoHighLevel calls it, %s: %s", on.ID, page, on.Help)
		}
		if _, err := call.Map(on.Output.Whole(), on.Output.Wire(names)); err != nil {
			t.Errorf("an example of %s does not fit %s: %v", page, on.ID, err)
		}
	}
	if len(by) != 1 {
		t.Errorf("an example of %s is an event of %v, want one trigger", page, by)
	}
}
