package call

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

func itemType() *value.Type { return object("shop.Item", field("id", value.Of(value.Integer), "n")) }

// shelf answers with the items from..to-1 of `all`, with more fields around.
func shelf(w http.ResponseWriter, from, to, all int, around map[string]any) {
	items := []any{}
	for n := max(from, 0); n < min(to, all); n++ {
		items = append(items, map[string]any{"n": n})
	}
	answer := map[string]any{"items": items}
	maps.Copy(answer, around)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func number(r *http.Request, name string) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil {
		return -1
	}
	return n
}

func query(name string) program.Place {
	return program.Place{In: program.InQuery, Path: []string{name}}
}

func (s *service) list(p *program.Paginate) *program.Action {
	a := s.action("GET", "/items")
	a.Paginate = p
	a.Output = program.Output{Type: itemType(), List: true, At: []string{"body", "items"}}
	return a
}

// lines returns the first line of each request.
func (s *service) lines() []string {
	var out []string
	for _, r := range s.requests() {
		line, _, _ := strings.Cut(r, "\n")
		out = append(out, line)
	}
	return out
}

func TestPages(t *testing.T) {
	body := func(path ...string) []string { return append([]string{"body"}, path...) }
	for _, c := range []struct {
		name     string
		paginate *program.Paginate
		answer   http.HandlerFunc
		limit    any
		count    int
		want     []string
	}{
		{
			name:     "offset with a total",
			paginate: &program.Paginate{Style: "offset", Param: query("skip"), Size: 2, SizeAt: query("limit"), Total: body("count")},
			answer: func(w http.ResponseWriter, r *http.Request) {
				shelf(w, number(r, "skip"), number(r, "skip")+2, 4, map[string]any{"count": "4"})
			},
			count: 4, want: []string{"GET /v1/items?limit=2&skip=0", "GET /v1/items?limit=2&skip=2"},
		},
		{
			name:     "offset until a page is short",
			paginate: &program.Paginate{Style: "offset", Param: query("skip"), Size: 2, SizeAt: query("limit")},
			answer: func(w http.ResponseWriter, r *http.Request) {
				shelf(w, number(r, "skip"), number(r, "skip")+2, 5, nil)
			},
			count: 5, want: []string{"GET /v1/items?limit=2&skip=0", "GET /v1/items?limit=2&skip=2", "GET /v1/items?limit=2&skip=4"},
		},
		{
			name:     "offset until a page is empty, where the size is not known",
			paginate: &program.Paginate{Style: "offset", Param: query("skip")},
			answer: func(w http.ResponseWriter, r *http.Request) {
				shelf(w, number(r, "skip"), number(r, "skip")+3, 3, nil)
			},
			count: 3, want: []string{"GET /v1/items?skip=0", "GET /v1/items?skip=3"},
		},
		{
			name:     "a short page with a total is not the end",
			paginate: &program.Paginate{Style: "offset", Param: query("skip"), Size: 10, Total: body("count")},
			answer: func(w http.ResponseWriter, r *http.Request) {
				shelf(w, number(r, "skip"), number(r, "skip")+3, 5, map[string]any{"count": 5})
			},
			count: 5, want: []string{"GET /v1/items?skip=0", "GET /v1/items?skip=3"},
		},
		{
			name:     "a limit asks for no more than it needs",
			paginate: &program.Paginate{Style: "offset", Param: query("skip"), Size: 100, SizeAt: query("limit")},
			answer: func(w http.ResponseWriter, r *http.Request) {
				shelf(w, number(r, "skip"), number(r, "skip")+number(r, "limit"), 500, nil)
			},
			limit: 3, count: 3, want: []string{"GET /v1/items?limit=3&skip=0"},
		},
		{
			name:     "a limit over several pages",
			paginate: &program.Paginate{Style: "page", First: 1, Param: query("page"), Size: 2, SizeAt: query("per"), SizeText: true},
			answer: func(w http.ResponseWriter, r *http.Request) {
				shelf(w, 2*number(r, "page")-2, 2*number(r, "page"), 500, nil)
			},
			limit: 5, count: 5, want: []string{"GET /v1/items?per=2&page=1", "GET /v1/items?per=2&page=2", "GET /v1/items?per=2&page=3"},
		},
		{
			name:     "page until next is null",
			paginate: &program.Paginate{Style: "page", First: 1, Param: query("page"), Size: 2, Next: body("meta", "next")},
			answer: func(w http.ResponseWriter, r *http.Request) {
				var next any
				if n := number(r, "page"); n < 3 {
					next = n + 1
				}
				shelf(w, 2*number(r, "page")-2, 2*number(r, "page")-1, 500, map[string]any{"meta": map[string]any{"next": next}})
			},
			count: 3, want: []string{"GET /v1/items?page=1", "GET /v1/items?page=2", "GET /v1/items?page=3"},
		},
		{
			name:     "page until there is no more, from 0",
			paginate: &program.Paginate{Style: "page", Param: query("page"), More: body("more")},
			answer: func(w http.ResponseWriter, r *http.Request) {
				shelf(w, number(r, "page"), number(r, "page")+1, 500, map[string]any{"more": number(r, "page") < 1})
			},
			count: 2, want: []string{"GET /v1/items?page=0", "GET /v1/items?page=1"},
		},
		{
			name:     "a condition stops",
			paginate: &program.Paginate{Style: "page", First: 1, Param: query("page"), StopWhen: condition(t, `headers["x-last"] == "yes"`)},
			answer: func(w http.ResponseWriter, r *http.Request) {
				if number(r, "page") == 2 {
					w.Header().Set("X-Last", "yes")
				}
				shelf(w, number(r, "page"), number(r, "page")+1, 500, nil)
			},
			count: 2, want: []string{"GET /v1/items?page=1", "GET /v1/items?page=2"},
		},
		{
			name:     "cursor until it is empty, through a short page",
			paginate: &program.Paginate{Style: "cursor", Param: query("cursor"), Size: 2, SizeAt: query("limit"), Next: body("meta", "next")},
			answer: func(w http.ResponseWriter, r *http.Request) {
				next := map[string]string{"": "a=", "a=": "b", "b": ""}[r.URL.Query().Get("cursor")]
				from := map[string]int{"": 0, "a=": 2, "b": 3}[r.URL.Query().Get("cursor")]
				shelf(w, from, from+2-from%2, 5, map[string]any{"meta": map[string]any{"next": next}})
			},
			count: 5, want: []string{"GET /v1/items?limit=2", "GET /v1/items?limit=2&cursor=a%3D", "GET /v1/items?limit=2&cursor=b"},
		},
		{
			name:     "link",
			paginate: &program.Paginate{Style: "link", Next: []string{"headers", "link"}},
			answer: func(w http.ResponseWriter, r *http.Request) {
				if r.URL.RawQuery == "" {
					w.Header().Set("Link", `</v1/items?page=9>; rel="last", <?after=1%2C2>; title="a, b"; rel="prefetch next"`)
				}
				from := 2 * len(r.URL.RawQuery)
				shelf(w, from, from+2, 500, nil)
			},
			count: 4, want: []string{"GET /v1/items", "GET /v1/items?after=1%2C2"},
		},
		{
			name:     "link in the body",
			paginate: &program.Paginate{Style: "link", Next: body("next")},
			answer: func(w http.ResponseWriter, r *http.Request) {
				next := map[string]any{"": "http://" + r.Host + "/v1/items?p=2", "2": nil}[r.URL.Query().Get("p")]
				from := 2 * len(r.URL.RawQuery)
				shelf(w, from, from+2, 500, map[string]any{"next": next})
			},
			count: 4, want: []string{"GET /v1/items", "GET /v1/items?p=2"},
		},
		{
			name:     "the last item says where to go on, in the body",
			paginate: &program.Paginate{Style: "last_item", Param: program.Place{In: program.InBody, Path: []string{"after"}}, Size: 2, Next: []string{"n"}},
			answer: func(w http.ResponseWriter, r *http.Request) {
				given := struct{ After int }{-1}
				_ = json.NewDecoder(r.Body).Decode(&given)
				shelf(w, given.After+1, given.After+3, 5, nil)
			},
			count: 5, want: []string{"GET /v1/items", "GET /v1/items", "GET /v1/items"},
		},
		{
			name: "a position of two values, of which the last page has some too",
			paginate: &program.Paginate{
				Style: "cursor", Param: query("after"), Next: body("meta", "after"), AndParam: query("afterId"), AndNext: body("meta", "afterId"), Size: 2, SizeAt: query("limit"),
			},
			answer: func(w http.ResponseWriter, r *http.Request) {
				from := number(r, "after") + 1
				shelf(w, from, from+2, 5, map[string]any{"meta": map[string]any{"after": from + 1, "afterId": "i" + strconv.Itoa(from+1)}})
			},
			count: 5, want: []string{"GET /v1/items?limit=2", "GET /v1/items?limit=2&after=1&afterId=i1", "GET /v1/items?limit=2&after=3&afterId=i3"},
		},
		{
			name:     "two values of the last item",
			paginate: &program.Paginate{Style: "last_item", Param: query("after"), Next: []string{"n"}, AndParam: query("id"), AndNext: []string{"n"}, Size: 2},
			answer: func(w http.ResponseWriter, r *http.Request) {
				from := number(r, "after") + 1
				shelf(w, from, from+2, 3, nil)
			},
			count: 3, want: []string{"GET /v1/items", "GET /v1/items?after=1&id=1"},
		},
		{
			name:   "no pages",
			answer: func(w http.ResponseWriter, _ *http.Request) { shelf(w, 0, 3, 500, nil) },
			count:  3, want: []string{"GET /v1/items"},
		},
		{
			name:   "no pages, limited",
			answer: func(w http.ResponseWriter, _ *http.Request) { shelf(w, 0, 3, 500, nil) },
			limit:  2, count: 2, want: []string{"GET /v1/items"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.answer)
			given := map[string]any{}
			if c.limit != nil {
				given["limit"] = c.limit
			}
			got := done(t, New(Options{}), Request{Action: s.list(c.paginate), Input: given})
			if diff := cmp.Diff(c.want, s.lines()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if n := len(got.Output.([]any)); n != c.count {
				t.Errorf("%d items, want %d", n, c.count)
			}
			if got.Exchange.Pages != len(c.want) {
				t.Errorf("Pages = %d, want %d", got.Exchange.Pages, len(c.want))
			}
		})
	}
}

func TestPageGuards(t *testing.T) {
	endless := func(w http.ResponseWriter, r *http.Request) {
		n := number(r, "page")
		shelf(w, n, n+1, 500, map[string]any{"next": strconv.Itoa(n % 3)})
	}
	for _, c := range []struct {
		name     string
		paginate *program.Paginate
		answer   http.HandlerFunc
		want     string
	}{
		{
			"the same page twice", &program.Paginate{Style: "page", First: 1, Param: query("pgae")},
			func(w http.ResponseWriter, _ *http.Request) { shelf(w, 0, 2, 2, nil) },
			"page 2 brings the same items as page 1: the service does not heed query.pgae",
		},
		{
			"too many pages", &program.Paginate{Style: "page", First: 1, Param: query("page"), MaxPages: 4}, endless,
			"the list has more than the 4 pages that paginate.max_pages allows",
		},
		{
			"a cursor that comes back", &program.Paginate{Style: "cursor", Param: query("page"), Next: []string{"body", "next"}},
			func(w http.ResponseWriter, r *http.Request) {
				n := number(r, "page")
				shelf(w, n+2, n+3, 500, map[string]any{"next": strconv.Itoa((n + 2) % 2)})
			},
			"the position after page 2 was given before: the list goes round in a circle",
		},
		{
			"a link to another host", &program.Paginate{Style: "link", Next: []string{"body", "next"}},
			func(w http.ResponseWriter, _ *http.Request) {
				shelf(w, 0, 1, 500, map[string]any{"next": "http://evil.example/steal?token=x"})
			},
			"the link to page 2 is not followed: http://evil.example/steal is not among the hosts of shop (HOST)",
		},
		{
			"a link in a circle", &program.Paginate{Style: "link", Next: []string{"body", "next"}},
			func(w http.ResponseWriter, r *http.Request) {
				n := number(r, "p")
				shelf(w, n+1, n+2, 500, map[string]any{"next": fmt.Sprintf("?p=%d", (n+2)%2)})
			},
			"the link after page 2 was followed before: the list goes round in a circle",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.answer)
			got := failed(t, New(Options{}), Request{Action: s.list(c.paginate)})
			want := strings.ReplaceAll(c.want, "HOST", s.Listener.Addr().String())
			if got.Message != want || got.Class != value.ClassInvalid {
				t.Errorf("failure = %s %q, want invalid %q", got.Class, got.Message, want)
			}
		})
	}
}

func TestPagesStream(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if number(r, "skip") >= 6 {
			respond(500, `{"message":"enough"}`)(w, r)
			return
		}
		shelf(w, number(r, "skip"), number(r, "skip")+2, 500, nil)
	})
	r := Request{Action: s.list(&program.Paginate{Style: "offset", Param: query("skip"), Size: 2})}
	var sizes []int
	var end error
	for page, err := range New(Options{}).Pages(t.Context(), r) {
		if err != nil {
			end = err
			break
		}
		sizes = append(sizes, len(page))
	}
	if diff := cmp.Diff([]int{2, 2, 2}, sizes); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	if f, ok := errors.AsType[*value.Failure](end); !ok || f.Message != "enough" || f.Action != "shop.act" {
		t.Errorf("end = %v, want the failure of the service", end)
	}
	for _, err := range New(Options{}).Pages(t.Context(), r) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	if n := len(s.requests()); n != 5 {
		t.Errorf("%d requests, want 4 and then 1", n)
	}
	for _, err := range New(Options{}).Pages(t.Context(), Request{Action: s.action("GET", "/x")}) {
		if want := "shop.act: the action brings no list (invalid)"; err.Error() != want {
			t.Errorf("Pages of no list: %v, want %s", err, want)
		}
	}
}

func TestLimitRefused(t *testing.T) {
	s := serve(t, respond(200, `{"items":[]}`))
	for given, want := range map[any]string{
		0:   "input limit is the number 0, a whole number from 1 is expected",
		"5": `input limit is the text "5", a whole number from 1 is expected`,
	} {
		got := failed(t, New(Options{}), Request{Action: s.list(nil), Input: map[string]any{"limit": given}})
		if got.Message != want || got.Field != "limit" {
			t.Errorf("limit %v: %q %q, want %q", given, got.Field, got.Message, want)
		}
	}
}

func TestNextLink(t *testing.T) {
	for _, c := range []struct{ header, want string }{
		{"", ""},
		{`<https://a.example/?p=2>; rel="next"`, "https://a.example/?p=2"},
		{`<https://a.example/?p=2>;rel=next`, "https://a.example/?p=2"},
		{`<a>; rel=prev, <b,c>; REL="Next"`, "b,c"},
		{`<a>; rel="prev"; rel="next"`, ""},
		{`<a>; title="x, <b>; rel=next"; rel=prev`, ""},
		{`<a>; title="a \" b"; rel="next last"`, "a"},
		{`<a>; relx=next`, ""},
		{`<a`, ""},
		{"https://a.example/2", "https://a.example/2"},
	} {
		if got := nextLink(c.header); got != c.want {
			t.Errorf("nextLink(%q) = %q, want %q", c.header, got, c.want)
		}
	}
}

func FuzzNextLink(f *testing.F) {
	f.Add(`<a>; rel="next", <b>; title="x\\"`)
	f.Add(`<a>;;,;"<`)
	f.Fuzz(func(t *testing.T, header string) {
		if got := nextLink(header); !strings.Contains(header, got) {
			t.Errorf("nextLink(%q) = %q, which is not in it", header, got)
		}
	})
}
