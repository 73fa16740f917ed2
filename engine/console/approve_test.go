package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// offer is a flow that tells its link before it asks.
const offer = `flow: 1
name: Offer <big>
triggers:
  - on_demand: {}
steps:
  - id: told
    set: { link: "${{ run.links.agreed }}", other: "${{ run.links.other }}" }
  - id: agreed
    name: Shall it go out?
    approve:
      by: [grace, linus]
      form:
        why: { type: string, label: Why, help: In one sentence. }
        most: { type: integer, default: 3 }
        size: { type: enum, values: [small, large], optional: true }
        rush: { type: boolean, optional: true }
      timeout: 3d
  - id: other
    if: steps.agreed.why == "again"
    approve: {}
output: { agreed: "${{ steps.agreed }}" }
`

// asking starts a run of the offer and returns its number and its link, as the
// flow was told it.
func (s *served) asking() (run int64, link, other string) {
	s.t.Helper()
	run = s.start("offer", `{}`)
	s.finish(run)
	var found struct {
		Status, Reason string
		Journal        []struct {
			Path string
			Data map[string]any
		}
	}
	s.api(http.MethodGet, fmt.Sprintf("/runs/%d", run), "", &found)
	if found.Status != "waiting" || found.Reason != "waits for an approval by grace or linus" {
		s.t.Fatalf("run %d = %s %q, want it to wait", run, found.Status, found.Reason)
	}
	for _, e := range found.Journal {
		if e.Path == "told" {
			return run, fmt.Sprint(e.Data["link"]), fmt.Sprint(e.Data["other"])
		}
	}
	s.t.Fatal("the run was not told its link")
	return 0, "", ""
}

// visit opens a link as somebody without a token, or sends its form.
func (s *served) visit(link string, form url.Values) (int, string) {
	s.t.Helper()
	method, body := http.MethodGet, ""
	if form != nil {
		method, body = http.MethodPost, form.Encode()
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, link, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, html := s.do(req)
	return res.StatusCode, strings.Join(strings.Fields(tags.ReplaceAllString(html, " ")), " ")
}

// TestApprovalLink answers a question by its link: to look at it decides
// nothing, and only the first answer counts.
func TestApprovalLink(t *testing.T) {
	s := serve(t, false)
	s.write("flows/offer.yaml", offer)
	for end := time.Now().Add(time.Minute); s.api(http.MethodGet, "/flows/offer", "", nil) != http.StatusOK; {
		if time.Now().After(end) {
			t.Fatal("the flow is not live")
		}
	}
	run, link, other := s.asking()
	if !strings.HasPrefix(link, s.base+fmt.Sprintf("/approve/%d/", run)) || !strings.HasSuffix(link, "?step=agreed") {
		t.Fatalf("link = %s", link)
	}
	wants := func(form url.Values, status int, text string) {
		t.Helper()
		if code, got := s.visit(link, form); code != status || !strings.Contains(got, text) {
			t.Errorf("%v = %d %s, want %d %s", form, code, got, status, text)
		}
	}
	asked := "Offer &lt;big&gt; Run 1, Shall it go out? Who answers grace linus Why needed to approve In one sentence. most"
	wants(nil, 200, asked)
	wants(nil, 200, asked)
	wants(url.Values{}, 422, "Choose one of the two buttons.")
	wants(url.Values{"answer": {"yes"}, "answered_by": {"ada"}, "field_why": {"x"}}, 422, "&#34;ada&#34; may not answer; who may: grace, linus")
	wants(url.Values{"answer": {"yes"}, "answered_by": {"grace"}}, 422, "the input &#34;why&#34; is missing")
	wants(url.Values{"answer": {"yes"}, "answered_by": {"grace"}, "field_why": {"x"}, "field_most": {"many"}}, 422, "&#34;most&#34; must be integer, and &#34;many&#34; is none.")
	for _, forged := range []string{
		strings.Replace(link, "step=agreed", "step=other", 1), strings.Replace(link, "/approve/1/", "/approve/1/a", 1),
		strings.Replace(link, "/approve/1/", "/approve/2/", 1), strings.Split(link, "?")[0],
	} {
		for _, form := range []url.Values{nil, {"answer": {"yes"}, "answered_by": {"grace"}, "field_why": {"x"}}} {
			if code, text := s.visit(forged, form); code != 404 || text != "Patchbay There is nothing to answer at this address. The link may have been cut off: open it whole." {
				t.Errorf("forged %s = %d %s, want 404", forged, code, text)
			}
		}
	}
	if code, text := s.visit(other, nil); code != 200 || !strings.Contains(text, "The run has not come to this question yet.") {
		t.Errorf("the link of a later step = %d %s", code, text)
	}
	if _, _, text := s.page("/"); !strings.Contains(text, "Waiting for an answer 1 1 offer waiting step agreed waits for an approval") {
		t.Errorf("overview = %s", text)
	}
	if _, _, text := s.page("/runs/1"); !strings.Contains(text, "Shall it go out? waits for an approval by grace or linus, until in 2 days . Answer") ||
		!strings.Contains(text, "waits for an approval by grace or linus agreed") {
		t.Errorf("page of the run = %s", text)
	}

	wants(url.Values{"answer": {"yes"}, "answered_by": {"grace"}, "field_why": {"a good client"}, "field_most": {"7"}, "field_rush": {"true"}}, 303, "")
	wants(nil, 200, "grace approved it on ")
	wants(url.Values{"answer": {"no"}, "answered_by": {"linus"}}, 303, "")
	wants(nil, 200, "grace approved it on ")
	s.finish(run)
	var ended struct {
		Status string
		Output struct{ Agreed map[string]any }
	}
	s.api(http.MethodGet, "/runs/1", "", &ended)
	delete(ended.Output.Agreed, "at")
	want := map[string]any{"approved": true, "by": "grace", "why": "a good client", "most": 7.0, "size": nil, "rush": true}
	if diff := cmp.Diff(want, ended.Output.Agreed); diff != "" || ended.Status != "succeeded" {
		t.Errorf("%s, the answer (-want +got):\n%s", ended.Status, diff)
	}
	if code, text := s.visit(other, nil); code != 200 || !strings.Contains(text, "The run has ended, so nothing is asked any more: it is succeeded.") {
		t.Errorf("the link of a step that was left out = %d %s", code, text)
	}
}

// TestApproveAPI answers through the API.
func TestApproveAPI(t *testing.T) {
	s := serve(t, false)
	s.write("flows/offer.yaml", offer)
	for end := time.Now().Add(time.Minute); s.api(http.MethodGet, "/flows/offer", "", nil) != http.StatusOK; {
		if time.Now().After(end) {
			t.Fatal("the flow is not live")
		}
	}
	s.asking()
	for _, test := range []struct {
		body   string
		status int
		want   string
	}{
		{`{}`, 422, `{"error":"\"approved\" is missing: true or false"}`},
		{`{"approved": true, "path": "agred", "by": "grace"}`, 422, `{"error":"there is no approve step \"agred\"","hint":"did you mean \"agreed\"?"}`},
		{`{"approved": true, "by": ""}`, 422, `{"error":"it must be said who answers"}`},
		{`{"approved": true, "by": "grace", "form": {"why": 5}}`, 422, `{"error":"the input \"why\": string is wanted, 5 is given"}`},
		{`{"approved": false, "by": "linus"}`, 200, `{"run":1,"path":"agreed"}`},
		{`{"approved": true, "path": "other", "by": "linus"}`, 409, ``},
	} {
		res, got := s.do(s.request(http.MethodPost, "/api/v1/runs/1/approve", test.body))
		if res.StatusCode != test.status || test.want != "" && strings.TrimSpace(got) != test.want {
			t.Errorf("%s = %d %s, want %d %s", test.body, res.StatusCode, got, test.status, test.want)
		}
	}
}
