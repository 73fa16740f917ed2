package call

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"testing"

	"patchbay/engine/program"
)

func BenchmarkDo(b *testing.B) {
	answer := []byte(`{"item":{"n":1,"name":"x","tags":["a","b"]}}`)
	c, s := playing(nil)
	c.opt.Transport = func(*program.Connector) http.RoundTripper { return canned(answer) }
	s.connector.Limits = []*program.Limit{{Allow: 1 << 40, Per: 1}}
	a := s.action("POST", "/items/{id}", input("id", text(), program.InPath, "id"), input("name", text(), program.InBody, "name"))
	a.Output = program.Output{Type: itemType(), At: []string{"body", "item"}}
	r := Request{Action: a, Input: map[string]any{"id": "1", "name": "Ada"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Do(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}

// canned answers every request with the same bytes.
type canned []byte

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(c)), Request: r}, nil
}

// BenchmarkPages100k lists 100,000 items in pages of 100, and reports how much
// memory was alive at most while it did.
func BenchmarkPages100k(b *testing.B) {
	const all, size = 100_000, 100
	c, s := playing(func(r *http.Request) (int, string, http.Header) {
		skip, _ := strconv.Atoi(r.URL.Query().Get("skip"))
		var page bytes.Buffer
		for i := range min(size, all-skip) {
			fmt.Fprintf(&page, `,{"n":%d,"name":"item %d","updatedAt":"2026-03-14T15:00:00Z","tags":["a","b"]}`, skip+i, skip+i)
		}
		return 200, `{"items":[` + page.String()[min(1, page.Len()):] + `],"count":` + strconv.Itoa(all) + `}`, nil
	})
	a := s.list(&program.Paginate{Style: "offset", Param: query("skip"), Size: size, SizeAt: query("limit"), Total: []string{"body", "count"}, MaxPages: 2000})
	var m runtime.MemStats
	most, items := uint64(0), 0
	b.ReportAllocs()
	for b.Loop() {
		items = 0
		for page, err := range c.Pages(b.Context(), Request{Action: a}) {
			if err != nil {
				b.Fatal(err)
			}
			if items += len(page); items%20_000 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
		if items != all {
			b.Fatalf("%d items, want %d", items, all)
		}
	}
	b.ReportMetric(float64(most)/1e6, "MB-alive")
	b.ReportMetric(float64(items)*float64(b.N)/b.Elapsed().Seconds(), "items/s")
}
