package console_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

var tags = regexp.MustCompile(`<[^>]*>`)

// page fetches a page and returns its text without the markup.
func (s *served) page(path string) (int, string, string) {
	s.t.Helper()
	res, html := s.do(s.request(http.MethodGet, path, ""))
	text := tags.ReplaceAllString(html, " ")
	return res.StatusCode, html, strings.Join(strings.Fields(text), " ")
}

// TestPages looks at each page, of a workspace where everything has happened.
func TestPages(t *testing.T) {
	s := serve(t, false)
	s.api("PUT", "/secrets/bell_key", `{"value": "k3y-of-the-bell"}`, nil)
	if _, _, text := s.page("/"); !strings.Contains(text, "Nothing has run yet.") {
		t.Errorf("the first overview = %s, want it to say that nothing has run yet", text)
	}
	s.finish(s.start("greet", `{"inputs": {"name": "<script>alert(1)</script>"}}`))
	s.finish(s.start("note", `{"event": {"id": "e2", "event": "rung", "ring": {"id": "r2", "for": "<b>Bo</b>"}}}`))
	s.finish(s.start("greet", `{"inputs": {"name": "lost"}}`))
	s.finish(s.start("greet", `{"inputs": {"name": "nobody"}}`))

	tests := []struct {
		path   string
		status int
		wants  []string // in the text
		marks  []string // in the markup
	}{
		{"/", 200, []string{
			"1 file not live", "flows/broken.yaml:3:1 error S101", "&#34;stepz&#34; is not a key of a flow",
			"Greet Rings the bell for somebody. greet · by hand 1 failed 1 outcome unknown 1 succeeded",
			"Tidy &lt;up&gt; tidy · by hand · every 1h30m no runs yet Run now",
			"broken not live", "rings Who the bell rang for. 1 row",
		}, []string{
			`<button type="button" data-post="/api/v1/flows/tidy/runs" data-trigger="on_demand">Run now</button>`,
			`<button type="button" data-post="/api/v1/rename" data-rename="flow" data-named="tidy">Rename</button>`,
			`<noscript><meta http-equiv="refresh" content="5"></noscript>`, `<main data-live>`,
			`href="/runs?flow=greet&amp;status=failed"`,
		}},
		{"/runs?flow=greet&status=failed", 200, []string{"4 greet failed step ring: nobody is not at home"}, nil},
		{"/runs?status=queued", 200, []string{"No run is like that."}, nil},
		{"/runs/1", 200, []string{"Run 1 greet succeeded", "&#34;ring&#34;: &#34;r1&#34;", "POST " + s.bell + "/rings answered 200", "Authorization: [secret]", "&#34;for&#34;: &#34;&lt;script&gt;alert(1)"}, []string{`data-rest`}},
		{"/runs/3", 200, []string{
			"Run 3 greet outcome unknown Cancel", "The answer to the write of step ring never arrived.", "It happened It did not",
		}, []string{`data-path="ring" data-happened="false"`}},
		{"/runs/4", 200, []string{
			"Run 4 greet failed Retry what failed Retry from the start step ring", "failed ring nobody is not at home invalid", "failed step ring: nobody is not at home /",
		}, []string{`data-post="/api/v1/runs/4/retry" data-from="failed" data-with="original" data-sure="Retry what failed? step ring: again"`}},
		{"/runs/99", 404, []string{"There is no run &#34;99&#34;."}, nil},
		{"/connections", 200, []string{"Connections", "bell"}, []string{`data-rename="connection" data-named="bell"`}},
		{"/connections/bell", 404, []string{"There is no connection &#34;bell&#34; that serves many accounts."}, nil},
		{"/tables/rings", 200, []string{"rings 1 row id for r2 &lt;b&gt;Bo&lt;/b&gt;"}, nil},
		{"/tables/rinks", 404, []string{"There is no table &#34;rinks&#34;.", "did you mean &#34;rings&#34;?"}, nil},
		{"/findings/S101", 200, []string{"S101: a key that does not exist", "Wrong", "Right"}, []string{`<pre># flows/`}},
		{"/findings/S999", 404, []string{"There is no finding with the code &#34;S999&#34;.", "patchbay explain lists them all"}, nil},
		{"/nowhere", 404, []string{"There is no page at this address."}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			status, html, text := s.page(tt.path)
			if status != tt.status {
				t.Errorf("status = %d, want %d", status, tt.status)
			}
			for _, want := range tt.wants {
				if !strings.Contains(text, want) {
					t.Errorf("%s has no %q in:\n%s", tt.path, want, text)
				}
			}
			for _, want := range tt.marks {
				if !strings.Contains(html, want) {
					t.Errorf("%s has no %s in:\n%s", tt.path, want, html)
				}
			}
			if strings.Contains(html, "k3y-of-the-bell") || strings.Contains(html, "<script>alert") || strings.Contains(html, "ZgotmplZ") {
				t.Errorf("%s shows what it must not:\n%s", tt.path, html)
			}
		})
	}
}

// TestBehind shows that an earlier version of a flow is live than its file.
func TestBehind(t *testing.T) {
	s := serve(t, true)
	s.write("flows/tidy.yaml", "flow: 1\nname: Tidy\n")
	var status struct{ Live int }
	for status.Live < 2 {
		s.api(http.MethodGet, "/status", "", &status)
	}
	_, _, text := s.page("/")
	if want := "Tidy &lt;up&gt; last good version tidy · by hand"; !strings.Contains(text, want) {
		t.Errorf("the overview has no %q in:\n%s", want, text)
	}
	_, _, text = s.page("/readyz")
	if want := "flows/tidy.yaml: file and live version differ: the file has errors, its last good version is live"; !strings.Contains(text, want) {
		t.Errorf("GET /readyz = %s, want %q in it", text, want)
	}
}

// TestOlderRuns goes from one page of the list of runs to the next.
func TestOlderRuns(t *testing.T) {
	s := serve(t, true)
	var last int64
	for i := range 60 {
		last = s.start("greet", fmt.Sprintf(`{"inputs": {"name": "n%d"}}`, i))
	}
	s.finish(last)
	_, html, _ := s.page("/runs?flow=greet")
	older := regexp.MustCompile(`<a href="([^"]*)">Older runs`).FindStringSubmatch(html)
	if older == nil {
		t.Fatalf("the list of 60 runs has no older ones:\n%s", html)
	}
	_, html, _ = s.page(strings.ReplaceAll(older[1], "&amp;", "&"))
	if n := strings.Count(html, `data-key="run-`); n != 10 {
		t.Errorf("the second page shows %d runs, want 10", n)
	}
}

// TestAssets serves the files of the pages without a token, and again only
// when they have changed.
func TestAssets(t *testing.T) {
	s := serve(t, false)
	for name, kind := range map[string]string{
		"live.js": "text/javascript; charset=utf-8", "page.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml",
	} {
		req := s.request(http.MethodGet, "/assets/"+name, "")
		req.Header.Del("Authorization")
		res, _ := s.do(req)
		if got := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || got != kind {
			t.Errorf("GET /assets/%s = %d %s, want 200 %s", name, res.StatusCode, got, kind)
		}
		req.Header.Set("If-None-Match", res.Header.Get("ETag"))
		if res, _ := s.do(req); res.StatusCode != http.StatusNotModified {
			t.Errorf("GET /assets/%s again = %d, want 304", name, res.StatusCode)
		}
	}
	if res, _ := s.do(s.request(http.MethodGet, "/assets/other.js", "")); res.StatusCode != http.StatusNotFound {
		t.Errorf("GET /assets/other.js = %d, want 404", res.StatusCode)
	}
}
