package contract

import (
	"slices"
	"strconv"
	"strings"
)

// turning is a way to ask for the next page.
type turning struct {
	style     string
	positions []string // what the parameter may be called
	sizes     []string
}

func turnings() []turning {
	sizes := []string{"limit", "pageSize", "page_size", "per_page", "perPage", "pageLimit", "pageLength", "page_limit", "size", "count"}
	return []turning{
		{"cursor", []string{"cursor", "pageToken", "page_token", "nextPageToken", "next_token"}, sizes},
		{"page", []string{"page", "pageNumber", "page_number"}, sizes},
		{"offset", []string{"skip", "offset"}, sizes},
	}
}

// paginate recognises how a list comes in pages.
func (a *importing) paginate() {
	sent := a.pageable()
	for _, t := range turnings() {
		at := first(sent, t.positions)
		if at == "" {
			continue
		}
		next := a.within(map[string][]string{
			"cursor": {"nextCursor", "next_cursor", "nextPageToken", "next_page_token", "cursor", "nextToken"},
			"page":   {"nextPage", "next_page"},
		}[t.style])
		if t.style == "cursor" && next == "" {
			a.note("how the next page is asked for; the answer names no cursor")
			return
		}
		a.pages = append(a.pages, pair{"type", t.style}, pair{"param", at})
		if t.style == "page" && sent[at].text("default") == "0" || t.style == "page" && firstPage(sent[at]) == 0 {
			a.pages = append(a.pages, pair{"first", "0"})
		}
		a.paged = append(a.paged, at)
		if size := first(sent, t.sizes); size != "" {
			a.paged = append(a.paged, size)
			a.pages = append(a.pages, a.size(size, sent[size]))
		}
		if next != "" {
			a.pages = append(a.pages, pair{"next", next})
		}
		if total := a.within([]string{"total", "totalCount", "total_count", "count", "totalRecords"}); total != "" && t.style == "offset" {
			a.pages = append(a.pages, pair{"total", total})
			if strings.HasSuffix(total, ".count") {
				a.note("that " + total + " counts all there are, not only those of the page")
			}
		}
		if asText(sent[at]) && strings.HasPrefix(at, "body.") {
			a.pages = append(a.pages, pair{"wire", "text"})
		}
		return
	}
	for place := range sent {
		if strings.Contains(strings.ToLower(place), "startafter") || strings.Contains(strings.ToLower(place), "searchafter") || strings.Contains(place, ".last") {
			a.note("how the next page is asked for; " + place[strings.IndexByte(place, '.')+1:] + " takes something of the last one")
			return
		}
	}
}

// pageable returns everything that can be sent, by its place.
func (a *importing) pageable() map[string]node {
	out := map[string]node{}
	for _, p := range a.op.parameters() {
		if p.in == "query" {
			out["query."+p.name] = p.schema
		}
	}
	for _, b := range a.op.bodies() {
		if strings.HasSuffix(b.form, "json") {
			for name, n := range b.props {
				out["body."+name] = n
			}
		}
	}
	return out
}

func first(sent map[string]node, names []string) string {
	for _, in := range []string{"query.", "body."} {
		for _, n := range names {
			if _, ok := sent[in+n]; ok {
				return in + n
			}
		}
	}
	return ""
}

func firstPage(n node) int {
	if s := shapeOf(n); s.get("example").exists() {
		if i, err := strconv.Atoi(strings.Trim(plain(s.get("example")), `"`)); err == nil {
			return i
		}
	}
	return 1
}

func asText(n node) bool { return slices.Equal(shapeOf(n).types, []string{"string"}) }

// size returns how many items are asked for per page.
func (a *importing) size(at string, n node) pair {
	value := "100"
	if most := plain(shapeOf(n).get("maximum")); most != "" {
		value = most
	} else {
		a.note("how many items a page may have; 100 is a guess")
	}
	if i, err := strconv.Atoi(value); err != nil || i < 1 || i > 1000 {
		value = "100"
	}
	pairs := []pair{{"send_as", at}, {"value", value}}
	if asText(n) && strings.HasPrefix(at, "body.") {
		pairs = append(pairs, pair{"wire", "text"})
	}
	return pair{"page_size", flow(pairs)}
}

// within finds one of some keys beside the list of an answer, or in what
// accompanies it.
func (a *importing) within(names []string) string {
	for _, c := range a.op.answers() {
		at := []string{"body"}
		places := []struct {
			path []string
			s    shape
		}{{at, c.shape}}
		for _, name := range c.names {
			if p := shapeOf(c.props[name]); beside(name) || strings.HasPrefix(a.answer.at, "body."+name+".") {
				places = append(places, struct {
					path []string
					s    shape
				}{[]string{"body", name}, p})
			}
		}
		for _, p := range places {
			for _, n := range names {
				if _, ok := p.s.props[n]; ok {
					return strings.Join(append(p.path, n), ".")
				}
			}
		}
	}
	return ""
}
