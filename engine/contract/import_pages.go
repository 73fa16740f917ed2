package contract

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// turning is a way to ask for the next page.
type turning struct {
	style     string
	positions []string // what the parameter may be called
	next      []string // what the answer calls the next position
}

func turnings() []turning {
	cursor := []string{"nextCursor", "next_cursor", "nextPageToken", "next_page_token", "cursor", "nextToken", "next"}
	return []turning{
		{"cursor", []string{"cursor", "pageToken", "page_token", "nextPageToken", "next_token", "next"}, cursor},
		{"page", []string{"page", "pageNumber", "page_number"}, []string{"nextPage", "next_page"}},
		{"offset", []string{"skip", "offset"}, nil},
	}
}

// sizes are the names of the parameter that says how many items a page has.
func sizes() []string {
	return []string{"limit", "pageSize", "page_size", "per_page", "perPage", "pageLimit", "pageLength", "page_limit", "size", "count"}
}

// paginate recognises how a list comes in pages.
func (a *importing) paginate() {
	sent := a.pageable()
	if a.echoed(sent) || a.keyset(sent) {
		return
	}
	for _, t := range turnings() {
		at := firstSent(sent, t.positions)
		if at == "" || t.style == "page" && !numeric(sent[at]) {
			continue
		}
		next := a.within(t.next, t.style == "cursor" || t.style == "page")
		if t.style == "cursor" && next == "" {
			a.note("where the answer has the " + at[strings.IndexByte(at, '.')+1:] + " of the next page, for paginate")
			return
		}
		a.turn(t.style, at, sent)
		if next != "" {
			a.pages = append(a.pages, pair{"next", next})
		}
		if t.style != "cursor" && next == "" {
			a.total()
		}
		if asText(sent[at]) && strings.HasPrefix(at, "body.") {
			a.pages = append(a.pages, pair{"wire", "text"})
		}
		return
	}
}

// turn begins the pages of an action.
func (a *importing) turn(style, at string, sent map[string]node) {
	a.pages = append(a.pages, pair{"type", style}, pair{"param", at})
	a.paged = append(a.paged, at)
	if style == "page" && (plain(shapeOf(sent[at]).get("default")) == "0" || firstPage(sent[at]) == 0) {
		a.pages = append(a.pages, pair{"first", "0"})
	}
	if size := firstSent(sent, sizes()); size != "" && size != at {
		a.paged = append(a.paged, size)
		a.pages = append(a.pages, a.size(size, sent[size]))
	}
}

// total adds where the answer says how many items there are, or whether there
// are more.
func (a *importing) total() {
	if more := a.within([]string{"hasMore", "has_more", "hasNext", "hasNextPage", "has_next_page"}, false); more != "" {
		a.pages = append(a.pages, pair{"more", more})
		return
	}
	total := a.within([]string{"total", "totalCount", "total_count", "count", "totalRecords"}, false)
	if total == "" {
		return
	}
	a.pages = append(a.pages, pair{"total", total})
	if strings.HasSuffix(total, ".count") {
		a.note("whether " + total + " counts all items there are or those of the page; if those of the page, delete total")
	}
}

// echoed recognises a cursor that stands in each item and is sent back.
func (a *importing) echoed(sent map[string]node) bool {
	for _, name := range []string{"searchAfter", "search_after"} {
		at := firstSent(sent, []string{name})
		if _, there := a.answer.props[name]; at == "" || !there {
			continue
		}
		if page := firstSent(sent, []string{"page"}); page != "" {
			if slices.ContainsFunc(a.op.bodies(), func(b content) bool { return slices.Contains(b.needs, "page") }) {
				return false
			}
			a.paged = append(a.paged, page) // the service takes one of the two
		}
		a.turn("last_item", at, sent)
		a.pages = append(a.pages, pair{"next", "item." + name})
		return true
	}
	return false
}

var afterName = regexp.MustCompile(`^(startAfter|start_after|after|last)(|_?[A-Z][A-Za-z]*|_[a-z_]+|Doc)$`)

// keyset recognises positions that are taken from the last page: one parameter
// or two, which the answer has under their own names, or the id of the last
// item.
func (a *importing) keyset(sent map[string]node) bool {
	var places []string
	for place := range sent {
		name := place[strings.IndexByte(place, '.')+1:]
		if afterName.MatchString(name) && (strings.HasSuffix(strings.ToLower(name), "id") || strings.HasSuffix(name, "Doc") || strings.HasPrefix(strings.ToLower(name), "startafter")) {
			places = append(places, place)
		}
	}
	slices.Sort(places)
	if len(places) == 0 || len(places) > 2 {
		return false
	}
	next := make([]string, len(places))
	for i, place := range places {
		next[i] = a.within([]string{place[strings.IndexByte(place, '.')+1:]}, true)
	}
	if page := firstSent(sent, []string{"page"}); page != "" && next[0] != "" {
		a.paged = append(a.paged, page) // the service takes one of the two
	}
	switch _, hasID := a.answer.props["id"]; {
	case next[0] != "":
		a.turn("cursor", places[0], sent)
		a.pages = append(a.pages, pair{"next", next[0]})
	case len(places) == 1 && hasID && !strings.HasSuffix(places[0], "Date"):
		a.turn("last_item", places[0], sent)
		a.pages = append(a.pages, pair{"next", "item.id"})
	default:
		a.note("what of the last item " + places[0][strings.IndexByte(places[0], '.')+1:] + " takes, for paginate")
		return true
	}
	if len(places) == 2 && next[1] != "" {
		a.paged = append(a.paged, places[1])
		a.pages = append(a.pages, pair{"and", flow([]pair{{"param", places[1]}, {"next", next[1]}})})
	}
	if more := a.within([]string{"hasMore", "has_more", "nextPage"}, false); more != "" {
		a.pages = append(a.pages, pair{"more", more})
	}
	return true
}

// pageable returns everything that can be sent, by its place.
func (a *importing) pageable() map[string]node {
	out := map[string]node{}
	for _, p := range a.op.parameters() {
		if p.in == "query" {
			n := p.schema
			if !n.exists() {
				n = p.node
			}
			out["query."+p.name] = n
			a.described["query."+p.name] = p.text("description")
		}
	}
	for _, b := range a.op.bodies() {
		if strings.HasSuffix(b.form, "json") {
			for name, n := range b.props {
				out["body."+name] = n
				a.described["body."+name] = n.text("description")
			}
		}
	}
	return out
}

func firstSent(sent map[string]node, names []string) string {
	for _, in := range []string{"query.", "body."} {
		for _, n := range names {
			if _, ok := sent[in+n]; ok {
				return in + n
			}
		}
	}
	return ""
}

// numeric reports whether a parameter can be a number.
func numeric(n node) bool {
	s := shapeOf(n)
	if !asText(n) {
		return true
	}
	example := plain(s.get("example"))
	_, err := strconv.Atoi(example)
	return example == "" || err == nil
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

var most100 = regexp.MustCompile(`(?i)\bmax(?:imum)?\b[^.0-9]{0,40}?(\d{1,4})\b`)

// size returns how many items are asked for per page: the most the description
// allows, else what it shows, else few enough for any service.
func (a *importing) size(at string, n node) pair {
	s, value := shapeOf(n), 0
	said := []string{plain(s.get("maximum"))}
	if m := most100.FindStringSubmatch(a.described[at] + " " + s.text("description")); m != nil {
		said = append(said, m[1])
	}
	for _, text := range said {
		if i, err := strconv.Atoi(text); err == nil && i > 0 {
			value = min(i, 1000)
			break
		}
	}
	if value == 0 {
		value = 20
		for _, key := range []string{"default", "example"} {
			if i, err := strconv.Atoi(plain(s.get(key))); err == nil && i <= 100 {
				value = max(value, i)
			}
		}
	}
	pairs := []pair{{"send_as", at}, {"value", strconv.Itoa(value)}}
	if asText(n) && strings.HasPrefix(at, "body.") {
		pairs = append(pairs, pair{"wire", "text"})
	}
	return pair{"page_size", flow(pairs)}
}

// within finds one of some keys beside the list of an answer, or in what
// accompanies it. cursor leaves out what only says yes or no.
func (a *importing) within(names []string, cursor bool) string {
	for _, c := range a.op.answers() {
		type place struct {
			path []string
			s    shape
		}
		places := []place{{[]string{"body"}, c.shape}}
		at := c.shape
		for i, part := range strings.Split(a.answer.at, ".") {
			if i == 0 {
				continue
			}
			n, ok := at.props[part]
			if !ok {
				break
			}
			if at = shapeOf(n); !slices.Contains(at.types, "array") {
				places = append(places, place{strings.Split(a.answer.at, ".")[:i+1], at})
			}
		}
		for _, name := range c.names {
			if beside(name) {
				places = append(places, place{[]string{"body", name}, shapeOf(c.props[name])})
			}
		}
		for _, p := range slices.Backward(places) {
			for _, n := range names {
				if found, ok := p.s.props[n]; ok && (!cursor || !slices.Equal(shapeOf(found).types, []string{"boolean"})) {
					return strings.Join(append(slices.Clone(p.path), n), ".")
				}
			}
		}
	}
	return ""
}
