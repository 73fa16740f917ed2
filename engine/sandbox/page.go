package sandbox

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// usualPage is how many items a page has where nobody says so.
const usualPage = 100

// nextPageParam is the place of the position in the links of a played vendor.
const nextPageParam = "page"

// paged returns the root of an answer with one page of the items, and with
// what the connector says leads to the next one.
func (s *scene) paged(items []any, envelope any) (map[string]any, *problem) {
	p := s.action.Paginate
	if p == nil {
		return s.place(items, envelope, s.at()), nil
	}
	size, wrong := s.pageSize(p)
	if wrong != nil {
		return nil, wrong
	}
	from, wrong := s.position(p, items, size)
	if wrong != nil {
		return nil, wrong
	}
	to := min(from+size, len(items))
	page := append([]any{}, items[from:to]...)
	if p.Style == "last_item" && len(page) > 0 {
		page[len(page)-1] = withCursor(withCursor(page[len(page)-1], p.Next, to), p.AndNext, to)
	}
	root := s.place(page, envelope, s.at())
	s.lead(root, p, to, len(items))
	return root, nil
}

// lead fills in what tells a client about further pages.
func (s *scene) lead(root map[string]any, p *program.Paginate, to, total int) {
	if len(p.Total) > 0 {
		value.Put(root, p.Total, total)
	}
	more := to < total
	if len(p.More) > 0 {
		value.Put(root, p.More, more)
	}
	if p.Style == "last_item" || len(p.Next) == 0 {
		return
	}
	if !more {
		if _, said := value.Get(root, p.Next); !said && p.Style != "link" {
			value.Put(root, p.Next, nil)
		}
		return
	}
	switch p.Style {
	case "cursor":
		value.Put(root, p.Next, cursorAt(to))
		if len(p.AndNext) > 0 {
			value.Put(root, p.AndNext, cursorAt(to))
		}
	case "page":
		value.Put(root, p.Next, s.pageNumber(p)+1)
	case "offset":
		value.Put(root, p.Next, to)
	default:
		link := s.link(to)
		if slices.Equal(p.Next, []string{"headers", "link"}) {
			link = "<" + link + `>; rel="next"`
		}
		value.Put(root, p.Next, link)
	}
}

func (s *scene) link(to int) string {
	query := url.Values{}
	maps.Copy(query, s.req.query)
	query.Set(nextPageParam, cursorAt(to))
	return s.origin + s.req.url.EscapedPath() + "?" + query.Encode()
}

// asked returns what the request says at a place of paging.
func (s *scene) asked(p program.Place) (any, bool) {
	if p.In == program.InBody {
		v, ok := value.Get(s.req.body, p.Path)
		return v, ok && v != nil
	}
	if texts := s.req.texts(p); len(texts) > 0 && texts[0] != "" {
		return texts[0], true
	}
	return nil, false
}

// number reads a number at a place. In a body it must be of the JSON type the
// vendor wants; elsewhere it is text anyway.
func (s *scene) number(p program.Place, asText bool, otherwise int) (int, *problem) {
	v, there := s.asked(p)
	if !there {
		return otherwise, nil
	}
	switch v := v.(type) {
	case int:
		if !asText && v >= 0 {
			return v, nil
		}
	case string:
		n, err := strconv.Atoi(v)
		if err == nil && n >= 0 && (asText || p.In != program.InBody) {
			return n, nil
		}
	}
	kind := "a whole number"
	if asText && p.In == program.InBody {
		kind = "a whole number as text"
	}
	return 0, invalid("%s is %s, %s is expected", nameOf(p), shown(v), kind)
}

func (s *scene) pageSize(p *program.Paginate) (int, *problem) {
	usual := p.Size
	if usual <= 0 {
		usual = usualPage
	}
	if p.SizeAt.In == "" {
		return usual, nil
	}
	size, wrong := s.number(p.SizeAt, p.SizeText, usual)
	if wrong == nil && size == 0 {
		wrong = invalid("%s is 0, at least 1 is expected", nameOf(p.SizeAt))
	}
	return size, wrong
}

func (s *scene) pageNumber(p *program.Paginate) int {
	n, _ := s.number(p.Param, p.AsText, p.First)
	return n
}

// position returns the index of the first item of the page that is asked for.
func (s *scene) position(p *program.Paginate, items []any, size int) (int, *problem) {
	if wrong := s.half(p); wrong != nil {
		return 0, wrong
	}
	var at int
	switch p.Style {
	case "offset":
		n, wrong := s.number(p.Param, p.AsText, p.First)
		if wrong != nil {
			return 0, wrong
		}
		at = n - p.First
	case "page":
		n, wrong := s.number(p.Param, p.AsText, p.First)
		if wrong != nil {
			return 0, wrong
		}
		at = (n - p.First) * size
	case "last_item":
		return s.after(p, items)
	default:
		param := p.Param
		if p.Style == "link" {
			param = program.Place{In: program.InQuery, Path: []string{nextPageParam}}
		}
		v, there := s.asked(param)
		if !there {
			return 0, nil
		}
		n, ok := cursorFrom(textOf(v))
		if !ok {
			return 0, refuse(http.StatusBadRequest, value.ClassInvalid, "%s is %s, which is no cursor given here", nameOf(param), shown(v))
		}
		at = n
	}
	if at < 0 {
		return 0, invalid("%s is below %d", nameOf(p.Param), p.First)
	}
	return min(at, len(items)), nil
}

// half refuses a position of which only one of two values is given.
func (s *scene) half(p *program.Paginate) *problem {
	if len(p.AndNext) == 0 {
		return nil
	}
	_, one := s.asked(p.Param)
	if _, other := s.asked(p.AndParam); one != other {
		return invalid("%s and %s belong together, one of them is missing", nameOf(p.Param), nameOf(p.AndParam))
	}
	return nil
}

// after returns the position behind the item whose cursor is asked for.
func (s *scene) after(p *program.Paginate, items []any) (int, *problem) {
	cursor, there := s.asked(p.Param)
	if !there {
		return 0, nil
	}
	for i, item := range items {
		own, ok := value.Get(item, p.Next)
		if !ok {
			own = cursorAt(i + 1)
		}
		if equal(own, cursor) || textOf(own) == textOf(cursor) {
			return i + 1, nil
		}
	}
	return 0, refuse(http.StatusBadRequest, value.ClassInvalid, "%s is no cursor of an item", nameOf(p.Param))
}

// withCursor returns the item with a cursor, which it may have already.
func withCursor(item any, path []string, to int) any {
	m, ok := item.(map[string]any)
	if _, has := value.Get(item, path); !ok || has || len(path) == 0 {
		return item
	}
	m = copied(m)
	value.Put(m, path, cursorAt(to))
	return m
}

func cursorAt(n int) string {
	return base64.RawURLEncoding.EncodeToString([]byte("after:" + strconv.Itoa(n)))
}

func cursorFrom(text string) (int, bool) {
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return 0, false
	}
	digits, ok := strings.CutPrefix(string(plain), "after:")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 0
}
