package sandbox_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
	"patchbay/engine/sandbox"
)

const (
	cups   = `{"_id":1,"address":{"city":"Northport","street":"1 Quay Street"},"paid":true,"size":"small","title":"Cups"}`
	plates = `{"_id":2,"paid":false,"size":"large","title":"Plates"}`
	bowls  = `{"_id":3,"paid":false,"size":"small","title":"Bowls"}`
)

func shop(t *testing.T) *program.Connector {
	t.Helper()
	return connectors(t, filepath.Join("testdata", "connectors", "shop"))[0]
}

// shopHeaders are what every request to the shop carries.
var shopHeaders = []string{"Authorization: ", "X-Key: me/sandbox-key", "Version: 7"}

func shopBench(t *testing.T, opt sandbox.Options) *bench {
	t.Helper()
	b := serve(t, opt, shop(t))
	b.headers = shopHeaders
	return b
}

func TestRecords(t *testing.T) {
	b := shopBench(t, sandbox.Options{})
	steps := []struct{ method, path, body, want string }{
		{"GET", "/shop/v2/orders/1", "", `200 {"order":` + cups + `}`},
		{"GET", "/shop/v2/orders/1?expand=city", "", `200 {"city":true,"order":` + cups + `}`},
		{"GET", "/shop/v2/orders/9", "", `404 {"kind":"not_found","message":"Order 9 not found","status":404}`},
		{"GET", "/shop/v2/orders/find?title=Bowls", "", `200 {"ok":true,"order":` + bowls + `}`},
		{"GET", "/shop/v2/orders/find?title=Spoons", "", `200 {"ok":true,"order":null}`},
		{"GET", "/shop/v2/orders/strict?title=Spoons", "", `404 {"kind":"not_found","message":"Order not found","status":404}`},

		{
			"POST", "/shop/v2/orders", `{"title":"Jugs","size":"large","source":"api","count":"3","address":{"city":"Metz"},"lines":[{"n":"a","count":1}]}`,
			`201 {"order":{"_id":4,"address":{"city":"Metz","country":"FR"},"count":"3","isNew":true,"lines":[{"count":1,"n":"a"}],"paid":false,"size":"large","source":"api","title":"Jugs"}}`,
		},
		{
			"PATCH", "/shop/v2/orders/1", `{"address":{"city":"Southport"}}`,
			`200 {"_id":1,"address":{"city":"Southport","street":"1 Quay Street"},"paid":true,"size":"small","title":"Cups"}`,
		},
		{"PATCH", "/shop/v2/orders/9", `{"title":"No"}`, `404 {"kind":"not_found","message":"Order 9 not found","status":404}`},
		{"PUT", "/shop/v2/orders", `{"title":"Plates","paid":true}`, `200 {"isNew":false,"order":{"_id":2,"paid":true,"size":"large","title":"Plates"}}`},
		{"PUT", "/shop/v2/orders", `{"title":"Forks","paid":false}`, `200 {"isNew":true,"order":{"_id":5,"paid":false,"size":"small","title":"Forks"}}`},
		{
			"POST", "/shop/v2/orders/pay", `{"ids":[3,5]}`,
			`200 {"paid":[{"_id":3,"ids":[3,5],"paid":true,"size":"small","title":"Bowls"},{"_id":5,"ids":[3,5],"paid":true,"size":"small","title":"Forks"}]}`,
		},
		{"DELETE", "/shop/v2/orders/1", "", `204 `},
		{"DELETE", "/shop/v2/orders/1", "", `404 {"kind":"not_found","message":"Order 1 not found","status":404}`},
		{"GET", "/shop/v2/orders?limit=9&ids=1,2", "", `200 {"meta":{"more":false,"total":1},"ok":true,"orders":[{"_id":2,"paid":true,"size":"large","title":"Plates"}]}`},
		{"GET", "/shop/v2/text", "", `200 Hello`},
		{"GET", "/shop/v2/file", "", `200 A file of the sandbox.`},
		{"GET", "/shop/v2/broken", "", `400 {"kind":"invalid","message":"sandbox of shop.broken: where: item.title.size cannot be worked out","status":400}`},
	}
	for _, s := range steps {
		b.want(s.method, s.path, s.body, s.want)
	}
}

func TestSeveralFiles(t *testing.T) {
	b := shopBench(t, sandbox.Options{})
	body := func(names ...string) string {
		var text strings.Builder
		for _, name := range names {
			text.WriteString("--x\r\nContent-Disposition: form-data; name=\"files[][file]\"; filename=\"" + name + "\"\r\n\r\nhello\r\n" +
				"--x\r\nContent-Disposition: form-data; name=\"files[][key]\"\r\n\r\nkey of " + name[:1] + "\r\n")
		}
		return text.String() + "--x--\r\n"
	}
	for _, step := range []struct{ body, want string }{
		{body("a.pdf", "b.pdf"), `200 {"received":2}`},
		{body("c.pdf"), `200 {"received":1}`},
		{body("a.pdf", "b.pdf"), `200 {"received":2}`},
	} {
		b.want("POST", "/shop/v2/files", step.body, step.want, "Content-Type: multipart/form-data; boundary=x")
	}
	var replayed []bool
	for _, e := range b.sandbox.Effects() {
		replayed = append(replayed, e.Replayed)
	}
	if diff := cmp.Diff([]bool{false, false, true}, replayed); diff != "" {
		t.Errorf("Effects()[].Replayed (-want +got):\n%s", diff)
	}
}

func TestForms(t *testing.T) {
	b := shopBench(t, sandbox.Options{})
	b.want("POST", "/shop/v2/orders/form", "title=Jugs+%26+more&paid=true",
		`200 {"_id":4,"paid":true,"size":"small","title":"Jugs & more"}`, "Content-Type: application/x-www-form-urlencoded")
	file := strings.ReplaceAll(`--x
Content-Disposition: form-data; name="file"; filename="a.txt"
Content-Type: text/plain

hello
--x
Content-Disposition: form-data; name="note"

for you
--x--
`, "\n", "\r\n")
	b.want("POST", "/shop/v2/orders/1/files", file, `202 {"received":"for you"}`, "Content-Type: multipart/form-data; boundary=x")
	effects := b.sandbox.Effects()
	want := map[string]any{"id": 1, "note": "for you", "file": map[string]any{"file": "a.txt", "bytes": 5}}
	if diff := cmp.Diff(want, effects[len(effects)-1].Input); diff != "" {
		t.Errorf("Effects()[last].Input (-want +got):\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	b := shopBench(t, sandbox.Options{})
	refusals := []struct{ method, path, body, header, want string }{
		{"GET", "/nobody/v2", "", "", `404 {"error":"there is no connector \"nobody\""}`},
		{"GET", "/shop/v2/nothing", "", "", `404 {"kind":"not_found","message":"Cannot GET /shop/v2/nothing","status":404}`},
		{"PUT", "/shop/v2/orders/1", "", "", `405 {"kind":"invalid","message":"PUT is not allowed for /shop/v2/orders/1, only DELETE, GET, PATCH","status":405}`},
		{"GET", "/shop/v2/orders/1", "", "Version: ", `400 {"kind":"invalid","message":"the header Version is missing: \"7\" is expected","status":400}`},
		{"GET", "/shop/v2/orders/1", "", "Version: 8", `400 {"kind":"invalid","message":"the header Version is \"8\": \"7\" is expected","status":400}`},
		{"GET", "/shop/v2/orders/one", "", "", `422 {"kind":"invalid","message":"id is \"one\", integer is expected","status":422}`},
		{"GET", "/shop/v2/orders?paid=yes", "", "", `422 {"kind":"invalid","message":"paid is \"yes\", true or false is expected","status":422}`},
		{"GET", "/shop/v2/orders/find", "", "", `422 {"kind":"invalid","message":"title is missing","status":422}`},
		{"POST", "/shop/v2/orders", `{"title":"Jugs"}`, "", `422 {"kind":"invalid","message":"source must always be \"api\"","status":422}`},
		{"POST", "/shop/v2/orders", `{"source":"api"}`, "", `422 {"kind":"invalid","message":"title is missing","status":422}`},
		{"POST", "/shop/v2/orders", `{"source":"api","title":7}`, "", `422 {"kind":"invalid","message":"title is 7, string is expected","status":422}`},
		{"POST", "/shop/v2/orders", `{"source":"api","title":"jugs"}`, "", `422 {"kind":"invalid","message":"title is \"jugs\", which does not match ^[A-Z]","status":422}`},
		{"POST", "/shop/v2/orders", `{"source":"api","title":"Jugs","size":"tiny"}`, "", `422 {"kind":"invalid","message":"size is \"tiny\", enum (small, large) is expected","status":422}`},
		{"POST", "/shop/v2/orders", `{"source":"api","title":"Jugs","count":3}`, "", `422 {"kind":"invalid","message":"count is 3, a text is expected","status":422}`},
		{"POST", "/shop/v2/orders", `{"source":"api","title":"Jugs","count":"12"}`, "", `422 {"kind":"invalid","message":"count is 12, at most 9 is expected","status":422}`},
		{"POST", "/shop/v2/orders", `{"source":"api","title":"Jugs","lines":[{"name":"a","count":1}]}`, "", `422 {"kind":"invalid","message":"lines.0.n is missing","status":422}`},
		{"POST", "/shop/v2/orders", `{"title":`, "", `400 {"kind":"invalid","message":"the body cannot be read as application/json: unexpected EOF","status":400}`},
		{"POST", "/shop/v2/orders", `a`, "Content-Type: text/plain", `415 {"kind":"invalid","message":"the body is text/plain, application/json is expected","status":415}`},
	}
	for _, r := range refusals {
		b.want(r.method, r.path, r.body, r.want, r.header)
	}
	for _, e := range b.sandbox.Effects() {
		if e.Done {
			t.Errorf("%s %s is done, though it was refused", e.Method, e.Path)
		}
	}
}

func TestPages(t *testing.T) {
	b := shopBench(t, sandbox.Options{})
	steps := []struct{ method, path, body, want string }{
		{"GET", "/shop/v2/orders?limit=2", "", `200 {"meta":{"more":true,"total":3},"ok":true,"orders":[` + cups + `,` + plates + `]}`},
		{"GET", "/shop/v2/orders?limit=2&skip=2", "", `200 {"meta":{"more":false,"total":3},"ok":true,"orders":[` + bowls + `]}`},
		{"GET", "/shop/v2/orders?limit=2&skip=4", "", `200 {"meta":{"more":false,"total":3},"ok":true,"orders":[]}`},
		{"GET", "/shop/v2/orders?paid=false&size=small&size=large&limit=1", "", `200 {"meta":{"more":true,"total":2},"ok":true,"orders":[` + plates + `]}`},
		{"GET", "/shop/v2/orders?skip=two", "", `422 {"kind":"invalid","message":"skip is \"two\", a whole number is expected","status":422}`},
		{"GET", "/shop/v2/orders?limit=0", "", `422 {"kind":"invalid","message":"limit is 0, at least 1 is expected","status":422}`},
		{"GET", "/shop/v2/orders/pages", "", `200 {"next":2,"orders":[` + cups + `,` + plates + `]}`},
		{"GET", "/shop/v2/orders/pages?page=2", "", `200 {"next":null,"orders":[` + bowls + `]}`},
		{"POST", "/shop/v2/orders/cursor", `{"page":{"size":"2"}}`, `200 {"page":{"next":"YWZ0ZXI6Mg","orders":[` + cups + `,` + plates + `]}}`},
		{"POST", "/shop/v2/orders/cursor", `{"page":{"size":"2","after":"YWZ0ZXI6Mg"}}`, `200 {"page":{"next":null,"orders":[` + bowls + `]}}`},
		{"POST", "/shop/v2/orders/cursor", `{"page":{"size":2}}`, `422 {"kind":"invalid","message":"page.size is 2, a whole number as text is expected","status":422}`},
		{"GET", "/shop/v2/orders/pairs", "", `200 {"after":"YWZ0ZXI6Mg","afterId":"YWZ0ZXI6Mg","orders":[` + cups + `,` + plates + `]}`},
		{"GET", "/shop/v2/orders/pairs?after=YWZ0ZXI6Mg&afterId=YWZ0ZXI6Mg", "", `200 {"after":null,"orders":[` + bowls + `]}`},
		{"GET", "/shop/v2/orders/pairs?after=YWZ0ZXI6Mg", "", `422 {"kind":"invalid","message":"after and afterId belong together, one of them is missing","status":422}`},
		{"POST", "/shop/v2/orders/cursor", `{"page":{"after":"2"}}`, `400 {"kind":"invalid","message":"page.after is \"2\", which is no cursor given here","status":400}`},
		{"GET", "/shop/v2/orders/last", "", `200 [` + cups + `,` + plates + `]`},
		{"GET", "/shop/v2/orders/last?after=2", "", `200 [` + bowls + `]`},
		{"GET", "/shop/v2/orders/last?after=3", "", `200 []`},
	}
	for _, s := range steps {
		b.want(s.method, s.path, s.body, s.want)
	}
	if got := b.call("GET", "/shop/v2/orders/pages", "").header.Get("X-Total"); got != "3" {
		t.Errorf("X-Total = %q, want 3", got)
	}
}

func TestLinks(t *testing.T) {
	b := shopBench(t, sandbox.Options{})
	first := b.call("GET", "/shop/v2/orders/linked?size=2", "")
	want := "<" + b.url + `/shop/v2/orders/linked?page=YWZ0ZXI6Mg&size=2>; rel="next"`
	if got := first.header.Get("Link"); got != want {
		t.Errorf("Link = %s, want %s", got, want)
	}
	second := b.call("GET", "/shop/v2/orders/linked?page=YWZ0ZXI6Mg&size=2", "")
	if got := second.body; got != "["+bowls+"]" || second.header.Get("Link") != "" {
		t.Errorf("second page = %s with Link %q, want [%s] without", got, second.header.Get("Link"), bowls)
	}
}

func TestGeneratedAnswer(t *testing.T) {
	b := shopBench(t, sandbox.Options{})
	b.want("POST", "/shop/v2/visits", `{"note":"came by","where":{"place":"Metz"}}`,
		`200 {"visit":{"amount":5,"at":"2026-06-15T12:00:00Z","day":"2026-06-15","id":"v-1","kind":"first","lasted":"1h","lines":[{"count":1,"n":"sandbox-name"}],"more":{},"note":"came by","where":{"place":"Metz"}}}`)
	b.want("GET", "/shop/v2/visits", "",
		`200 [{"amount":5,"at":"2026-06-15T12:00:00Z","day":"2026-06-15","id":"v-1","kind":"first","lasted":"1h","lines":[{"count":1,"n":"sandbox-name"}],"more":{},"where":{"place":"Northport"}}]`)
}

func TestSecretInputsAreNotLogged(t *testing.T) {
	b := shopBench(t, sandbox.Options{})
	resp := b.call("POST", "/shop/v2/orders", `{"source":"api","title":"Jugs","secret":"hush"}`)
	if resp.status != http.StatusCreated {
		t.Fatalf("status %d: %s", resp.status, resp.body)
	}
	if got := b.call("GET", "/_effects", "").body; strings.Contains(got, "hush") || !strings.Contains(got, "[secret]") {
		t.Errorf("/_effects = %s, want the secret masked", got)
	}
}

func TestChosenIDThatIsTaken(t *testing.T) {
	b := serve(t, sandbox.Options{}, builtIn(t, "qwilr"), builtIn(t, "slack"))
	b.want("POST", "/qwilr/v1/taxes", `{"id":"vat-20","name":"VAT","rate":20}`,
		`409 {"message":"Tax vat-20 exists already","statusCode":409,"timestamp":"2026-11-22T09:00:00.000Z"}`)
	// Slack chooses the id of a direct message itself, and gives the same one again.
	for range 2 {
		b.want("POST", "/slack/api/conversations.open", `{"users":"U0GRACE001"}`, `200 {"channel":{"id":"D0U0GRACE001","users":"U0GRACE001"},"ok":true}`)
	}
}
