package call

import (
	"context"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

const (
	defaultPages = 1000
	// pageTries is how often one page is asked for while the service says that
	// its rate limit is used up.
	pageTries = 4
)

// listing is a list that is being read page by page.
type listing struct {
	*operation

	paginate program.Paginate
	size     int      // items asked for per page; 0 leaves it to the service
	position any      // of the next page; nil for the first one of a cursor
	second   any      // the second half of that position, where there is one
	next     *url.URL // the next page where a link leads to it
	page     int      // counts from 1
	got      int      // items so far
	last     []any    // the page before, as it came
	seen     map[string]bool
}

// pages reads a list and hands over its items as records, page by page, until
// the list or its limit ends or `yield` has enough.
func (o *operation) pages(ctx context.Context, yield func([]any) bool) *value.Failure {
	if f := o.ahead(ctx); f != nil {
		return f
	}
	d, f := o.firstDraft()
	if f != nil {
		return f
	}
	l := o.listing()
	for {
		l.page++
		root, f := l.fetchPage(ctx, d)
		if f != nil {
			if l.page == 1 && f.Class == value.ClassNotFound && o.Action.Output.NotFoundIsNil {
				return nil
			}
			return f
		}
		o.exchange.Pages = l.page
		wire, records, f := l.read(root)
		if f != nil {
			return f
		}
		more, f := l.turn(root, wire, d)
		if f != nil {
			return f
		}
		if len(records) > 0 && !yield(records) || !more {
			return nil
		}
		if d, f = l.draft(d); f != nil {
			return f
		}
	}
}

func (o *operation) listing() *listing {
	l := &listing{operation: o, seen: map[string]bool{}}
	if o.Action.Paginate != nil {
		l.paginate = *o.Action.Paginate
	}
	if l.paginate.MaxPages == 0 {
		l.paginate.MaxPages = defaultPages
	}
	if l.paginate.Style == "link" && l.paginate.Next == nil {
		l.paginate.Next = []string{"headers", "link"}
	}
	l.size = o.pageSize()
	if l.paginate.Style == "offset" || l.paginate.Style == "page" {
		l.position = l.paginate.First
	}
	return l
}

// pageSize is how many items are asked for per page: not more than are wanted
// at all, unless the service takes no such number.
func (o *operation) pageSize() int {
	if o.Action.Paginate == nil {
		return 0
	}
	size := o.Action.Paginate.Size
	if size > 0 && o.limit > 0 && o.limit < size {
		return max(o.limit, o.Action.Paginate.SizeMin)
	}
	return size
}

// firstPosition is what the request for the first page says beside the inputs.
func (o *operation) firstPosition() []placed {
	if o.Action.Paginate == nil || !o.Action.Output.List {
		return nil
	}
	return o.listing().placed()
}

// placed is what the request for the next page says beside the inputs.
func (l *listing) placed() []placed {
	var out []placed
	if l.size > 0 && l.paginate.SizeAt.In != "" {
		out = append(out, placed{place: l.paginate.SizeAt, value: numberOrText(l.size, l.paginate.SizeText)})
	}
	if l.position != nil && l.paginate.Param.In != "" {
		out = append(out, placed{place: l.paginate.Param, value: numberOrText(l.position, l.paginate.AsText)})
	}
	if l.second != nil && l.paginate.AndParam.In != "" {
		out = append(out, placed{place: l.paginate.AndParam, value: numberOrText(l.second, l.paginate.AsText)})
	}
	return out
}

func numberOrText(v any, text bool) any {
	if text {
		return asText(v)
	}
	return v
}

// draft makes the request for the next page.
func (l *listing) draft(before *draft) (*draft, *value.Failure) {
	if l.next == nil {
		return l.build(l.inputs, l.placed())
	}
	if err := l.fence().admits(l.next); err != nil {
		return nil, value.Fail(value.ClassInvalid, "the link to page %d is not followed: %v", l.page+1, err)
	}
	d := *before
	d.url = l.next
	return &d, nil
}

// fetchPage gets a page. Behind the first one it waits for the rate limit
// where a call of its own would give up, because the pages so far would be
// lost.
func (l *listing) fetchPage(ctx context.Context, d *draft) (map[string]any, *value.Failure) {
	if l.page == 1 {
		return l.fetch(ctx, d, patience)
	}
	for try := 1; ; try++ {
		root, f := l.fetch(ctx, d, patienceInside)
		if f == nil || f.Class != value.ClassRateLimit || f.NotBefore.IsZero() ||
			try == pageTries || time.Until(f.NotBefore) > patienceInside {
			return root, f
		}
	}
}

// read takes the items out of an answer: as they came, and as records up to
// the limit of the list.
func (l *listing) read(root map[string]any) (wire, records []any, f *value.Failure) {
	out := l.Action.Output
	found, _ := value.Get(root, l.at())
	if found == nil && out.MayBeMissing {
		return nil, nil, nil
	}
	if found == nil {
		return nil, nil, l.unagreed(root["status"], l.lacks(root))
	}
	wire, ok := found.([]any)
	if !ok {
		wrong := &misfit{is: fmt.Sprintf("is %s, a list is expected", describe(found))}
		return nil, nil, l.unagreed(root["status"], wrong.within(l.prefix()).failure(""))
	}
	if len(wire) > 0 && reflect.DeepEqual(wire, l.last) {
		return nil, nil, value.Fail(value.ClassInvalid, "page %d brings the same items as page %d: %s", l.page, l.page-1, l.ignored())
	}
	l.last = wire
	wanted := wire
	if l.limit > 0 && len(wanted) > l.limit-l.got {
		wanted = wanted[:l.limit-l.got]
	}
	records = make([]any, len(wanted))
	for i, item := range wanted {
		record, wrong := fromWire(out.Type, item)
		if wrong != nil {
			at := fmt.Sprintf("%s[%d]", l.prefix(), l.got+i)
			return nil, nil, l.unagreed(root["status"], wrong.within(at).failure(""))
		}
		records[i] = record
	}
	l.got += len(wire)
	return wire, records, nil
}

// ignored says what to look at if a page comes twice.
func (l *listing) ignored() string {
	if l.paginate.Style == "link" {
		return "the link to the next page leads in a circle"
	}
	return "the service does not heed " + placeName(l.paginate.Param)
}

// turn moves on to the next page and reports whether there is one.
func (l *listing) turn(root map[string]any, wire []any, d *draft) (bool, *value.Failure) {
	more, f := l.hasNext(root, wire, d)
	switch {
	case f != nil || !more:
		return false, f
	case l.page >= l.paginate.MaxPages:
		return false, value.Fail(value.ClassInvalid, "the list has more than the %d pages that paginate.max_pages allows", l.paginate.MaxPages)
	}
	return true, nil
}

func (l *listing) hasNext(root map[string]any, wire []any, d *draft) (bool, *value.Failure) {
	p := &l.paginate
	if p.Style == "" || l.limit > 0 && l.got >= l.limit || l.saysStop(root) {
		return false, nil
	}
	// A page that is not full is the last one, unless the service says
	// otherwise in its own way.
	short := l.size > 0 && len(wire) < l.size && p.Total == nil && p.More == nil && p.StopWhen == nil
	switch p.Style {
	case "offset":
		l.position = p.First + l.got
		return len(wire) > 0 && !short && !l.reachedTotal(root), nil
	case "page":
		l.position = p.First + l.page
		if p.Next != nil {
			next, _ := value.Get(root, p.Next)
			return len(wire) > 0 && !isEmpty(next), nil
		}
		return len(wire) > 0 && !short && !l.reachedTotal(root), nil
	case "cursor":
		if p.AndNext != nil && (len(wire) == 0 || short) {
			return false, nil // such a service names the last item of the last page too
		}
		return l.cursor(root)
	case "last_item":
		if len(wire) == 0 || short {
			return false, nil
		}
		return l.cursor(wire[len(wire)-1])
	default:
		next, _ := value.Get(root, p.Next)
		return l.link(next, d)
	}
}

// saysStop asks the answer itself whether it is the last page.
func (l *listing) saysStop(root map[string]any) bool {
	if l.paginate.More != nil {
		if more, found := value.Get(root, l.paginate.More); found && isEmpty(more) {
			return true
		}
	}
	if l.paginate.StopWhen == nil {
		return false
	}
	stop, err := l.paginate.StopWhen.EvalBool(&expr.Env{Names: root})
	return err == nil && stop
}

func (l *listing) reachedTotal(root map[string]any) bool {
	if l.paginate.Total == nil {
		return false
	}
	total, _ := value.Get(root, l.paginate.Total)
	n, ok := numberOf(total)
	return ok && float64(l.got) >= n
}

// numberOf returns a number, or a text that is one.
func numberOf(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case float64:
		return v, true
	case string:
		n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		return n, err == nil
	default:
		return 0, false
	}
}

// isEmpty reports whether a value says that nothing follows.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case []any:
		return len(v) == 0
	default:
		return false
	}
}

// cursor takes over the position of the next page, which stands in the answer
// or in its last item. One that comes back would go round for ever.
func (l *listing) cursor(from any) (bool, *value.Failure) {
	next, _ := value.Get(from, l.paginate.Next)
	if isEmpty(next) {
		return false, nil
	}
	name := paramText(next)
	if l.paginate.AndNext != nil {
		if l.second, _ = value.Get(from, l.paginate.AndNext); isEmpty(l.second) {
			return false, nil
		}
		name += "\n" + paramText(l.second)
	}
	if l.seen[name] {
		return false, value.Fail(value.ClassInvalid, "the position after page %d was given before: the list goes round in a circle", l.page)
	}
	l.seen[name], l.position = true, next
	return true, nil
}

// link takes over the address of the next page.
func (l *listing) link(next any, d *draft) (bool, *value.Failure) {
	text, ok := next.(string)
	if !ok || text == "" {
		return false, nil
	}
	if len(l.paginate.Next) > 0 && l.paginate.Next[0] == "headers" {
		if text = nextLink(text); text == "" {
			return false, nil
		}
	}
	u, err := d.url.Parse(strings.TrimSpace(text))
	if err != nil {
		return false, value.Fail(value.ClassInvalid, "the link to page %d is no address: %s", l.page+1, excerpt(text, 80))
	}
	if l.seen[u.String()] {
		return false, value.Fail(value.ClassInvalid, "the link after page %d was followed before: the list goes round in a circle", l.page)
	}
	l.seen[u.String()], l.next = true, u
	return true, nil
}
