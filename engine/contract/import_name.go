package contract

import (
	"regexp"
	"slices"
	"strings"
)

// mostWords is how many words the name of an action has.
const mostWords = 5

// namer gives each operation of a group a name that says what it does, such as
// list_tags. The name comes from the summary where that says what is done, else
// from the method and the path, so that it is the same on every import.
type namer struct {
	group   []string
	root    string     // the word that most paths begin with
	noise   [][]string // runs of words that say nothing: the group, the first words of all paths
	tenants []string   // parameters that stand for the account, and say nothing of what an operation is about
	taken   map[string]bool
	known   map[string]string    // the names that operations have already, by method and path
	alike   map[string][]*saying // the operations that would have a name
}

// named is what the name of an action is made of.
type named struct {
	name   string
	verb   string
	thing  string // what it is about, in the singular: "tag"; "" for the group's own
	effect string
	sure   bool // what it does is plain from its words
}

// plainVerbs are the names of actions on the group's own thing.
func plainVerbs() []string {
	return []string{"list", "get", "create", "update", "delete", "upsert", "search", "send"}
}

// saying is an operation with the words for it.
type saying struct {
	op       *operation
	phrase   phrase
	segments []string // of the path, without parameters, versions and the words all paths begin with
	params   []string
	byID     bool
	many     bool
	single   bool // it answers with one record
}

// say collects the words for an operation.
func (n *namer) say(o *operation, a answer) *saying {
	s := &saying{op: o, phrase: phraseOf(o.text("summary")), many: a.many, single: !a.many && slices.ContainsFunc(a.names, func(n string) bool { return n == "id" || n == "_id" })}
	s.segments, s.params = n.segments(o.path)
	s.byID = strings.HasSuffix(strings.TrimSuffix(o.path, "/"), "}") && len(s.params) > 0 && !slices.Contains(n.tenants, s.params[len(s.params)-1])
	if k := len(s.segments); k > 0 && strings.Contains(s.segments[k-1], "bulk") {
		s.phrase.bulk = true
	}
	for _, run := range n.noise {
		if less := without(s.phrase.object, run); !n.misleads(s, less, run) {
			s.phrase.object = less
		}
		for i := range s.phrase.tails {
			s.phrase.tails[i] = without(s.phrase.tails[i], run)
		}
	}
	s.phrase.tails = slices.DeleteFunc(s.phrase.tails, func(t []string) bool { return len(t) < 2 || n.idle(t) })
	for i, t := range s.phrase.tails {
		if len(t) > 2 && t[0] == "by" && t[len(t)-1] == "id" {
			s.phrase.tails[i] = t[:len(t)-1]
		}
	}
	return s
}

// misleads reports whether an object without the name of the group would be
// another thing that the path goes through: the payment of an order is no order.
func (n *namer) misleads(s *saying, less, run []string) bool {
	if len(less) == 0 || len(less) == len(s.phrase.object) || !slices.Equal(s.phrase.object[:len(less)], less) || len(run) == 0 {
		return false
	}
	name := singular(strings.Join(less, "_"))
	return slices.ContainsFunc(s.segments, func(w string) bool { return singular(w) == name && !n.isGroup(w) })
}

// ofItsOwn reports whether the parameter at the end of a path names one of what
// is before it, as {taskId} behind tasks does.
func ofItsOwn(segments, params []string) bool {
	if len(segments) == 0 || len(params) == 0 {
		return true
	}
	last, param := segments[len(segments)-1], params[len(params)-1]
	stem := strings.TrimSuffix(strings.TrimSuffix(param, "_id"), "_key")
	return param == "id" || param == "key" || strings.Contains(last, stem) || strings.Contains(stem, singular(last)) || strings.HasSuffix(stem, singular(last[strings.LastIndexByte(last, '_')+1:]))
}

// idle reports whether a tail says nothing: by id, for a location.
func (n *namer) idle(tail []string) bool {
	if slices.Contains([]string{"if", "where", "when", "which", "whether", "is", "are", "can", "with", "using", "based", "via", "about"}, tail[0]) {
		return true
	}
	for _, w := range tail[1:] {
		tenant := slices.ContainsFunc(n.tenants, func(t string) bool { return slices.Contains(strings.Split(t, "_"), singular(w)) })
		if !tenant && !slices.Contains([]string{"id", "key", "or", "sub", "account", "per"}, singular(w)) || w == "ids" {
			return false
		}
	}
	return true
}

// segments returns the words of a path, and those of its parameters.
func (n *namer) segments(p string) (found, params []string) {
	for s := range strings.SplitSeq(strings.Trim(p, "/"), "/") {
		switch {
		case strings.HasPrefix(s, "{"):
			params = append(params, snake(strings.Trim(s, "{}")))
		case s != "" && !version.MatchString(s) && s != "api" && s != "public" && s != "public-api":
			for part := range strings.SplitSeq(s, ".") { // chat.postMessage
				found = append(found, snake(part))
			}
		}
	}
	return found, params
}

var version = regexp.MustCompile(`^v[0-9.]+$`)

// isGroup reports whether a word only repeats the name of the group.
func (n *namer) isGroup(word string) bool {
	left := without(strings.Split(word, "_"), n.group)
	return word == "" || word == n.root || len(slices.DeleteFunc(slices.Clone(left), func(w string) bool { return w == "api" })) == 0
}

// own reports whether an operation is about the group's own thing, as its path
// says.
func (n *namer) own(s *saying) bool {
	return len(s.segments) == 1 && n.isGroup(s.segments[0]) && len(s.params) <= 2
}

// compare looks which operations would have the same name.
func (n *namer) compare(all []*saying) {
	n.alike = map[string][]*saying{}
	for _, s := range all {
		verb := n.verb(s)
		base := join(verb, n.object(s, verb))
		n.alike[base] = append(n.alike[base], s)
	}
}

// of names an operation.
func (n *namer) of(s *saying) named {
	out := named{verb: n.verb(s), sure: true}
	object := n.object(s, out.verb)
	tries := n.tries(s, out.verb, object)
	out.effect = effectOf(s, out.verb)
	if s.phrase.verb == "" || out.verb != s.phrase.verb && s.op.method == "POST" {
		out.sure = s.op.method != "POST"
	}
	out.thing = singular(strings.Join(object, "_"))
	op := known(s.op.method, s.op.path)
	out.name = n.known[op]
	delete(n.known, op) // a second one like it has a name of its own
	if out.name == "" {
		out.name = n.unique(tries, s)
	}
	return out
}

// verb returns the word an operation's name begins with.
func (n *namer) verb(s *saying) string {
	said := s.phrase.verb
	if said == "" {
		if first := wordsOf(s.op.id); len(first) > 0 {
			said = verbOf(first[0])
		}
	}
	last := ""
	if len(s.segments) > 0 {
		last = s.segments[len(s.segments)-1]
	}
	doing := verbOf(strings.Split(last, "_")[0])
	switch s.op.method {
	case "GET", "HEAD":
		return n.reading(s, said)
	case "PUT", "PATCH":
		switching := (said == "enable" || said == "disable") && last == "status" // one of the two, as the body says
		if said != "" && !switching && effects()[first(said)] != "read" {
			return said
		}
		return "update"
	case "DELETE":
		if e := effects()[said]; said != "" && (e == "update" || e == "delete") && said != "update" {
			return said
		}
		return "delete"
	}
	switch {
	case said == "get" && s.many:
		return "list"
	case said != "" && (said != "delete" || doing == "delete" || strings.Contains(last, "delete")):
		return said
	case doing != "":
		return doing
	}
	return "create"
}

func first(verb string) string { return strings.Split(verb, "_")[0] }

// reading returns the verb of an operation that reads.
func (n *namer) reading(s *saying, said string) string {
	if said != "" && said != "get" && said != "list" {
		return said
	}
	last := ""
	if k := len(s.phrase.about); k > 0 {
		last = s.phrase.about[k-1]
	} else if k := len(s.segments); k > 0 && s.phrase.verb == "" {
		last = s.segments[k-1]
	}
	lists := isMany(last) && (!s.byID || !ofItsOwn(s.segments, s.params)) && (!s.single || slices.Contains(wordsOf(s.op.text("summary")), "all"))
	if said == "list" || s.many && (!s.byID || isMany(last)) || lists {
		return "list"
	}
	return "get"
}

// object returns what an operation is about, as its name says it.
func (n *namer) object(s *saying, verb string) []string {
	object := s.phrase.object
	plain := slices.Contains(plainVerbs(), verb)
	switch {
	case plain && n.own(s) && verb != "send", len(s.segments) == 2 && n.isGroup(s.segments[0]) && s.segments[1] == verb:
		return nil
	case s.phrase.verb == "" || len(s.phrase.about) == 0 && !plain && (len(s.phrase.tails) == 0 || s.op.method == "GET") && !strings.Contains(verb, "_") && !n.own(s):
		object = n.pathObject(s, verb)
	case len(object)+1 > mostWords:
		object = object[len(object)-mostWords+1:]
	}
	if len(object) == 0 {
		return nil
	}
	object = slices.Clone(object)
	last := &object[len(object)-1]
	switch {
	case verb == "list", verb == "search" && s.many:
		*last = plural(*last)
	case uncounted(*last):
	case s.byID && ofItsOwn(s.segments, s.params) && !s.phrase.bulk && slices.Contains([]string{"get", "update", "delete"}, verb), (verb == "create" || verb == "upsert") && !s.phrase.bulk:
		*last = singular(*last)
	}
	return object
}

// pathObject returns what a path says it is about.
func (n *namer) pathObject(s *saying, verb string) []string {
	segments := s.segments
	for len(segments) > 0 && n.isGroup(segments[0]) {
		segments = segments[1:]
	}
	if len(segments) == 0 {
		return nil
	}
	last := strings.Split(segments[len(segments)-1], "_")
	if verbOf(last[0]) == verb || last[0] == verb {
		last = last[1:]
	}
	vague := []string{"details", "start", "stats", "completed", "status", "initiate", "count", "info", "list", "settings", "configuration", "data", "all", "saved", "bulk", "public"}
	if len(segments) > 1 && (len(last) == 0 || len(last) == 1 && slices.Contains(vague, last[0])) {
		before := strings.Split(singular(segments[len(segments)-2]), "_")
		if len(last) == 0 || last[0] == "list" || last[0] == "all" {
			return before
		}
		return slices.Concat(before, last)
	}
	return last
}

// tries returns the names an operation may have, the best first.
func (n *namer) tries(s *saying, verb string, object []string) []string {
	var out []string
	base := join(verb, object)
	tail := func(t []string) {
		for k := len(t); k > 1; k-- {
			out = append(out, base+"_"+strings.Join(t[:k], "_"))
		}
	}
	must := false
	for _, t := range s.phrase.tails {
		if t[0] == "as" || len(object) == 0 && (t[0] == "from" || t[0] == "to" || !n.own(s) || !slices.Contains(plainVerbs(), verb)) {
			tail(t)
			must = true
			break
		}
	}
	if s.phrase.bulk && len(object) == 0 {
		out = append(out, base+"_in_bulk")
	}
	like := slices.DeleteFunc(slices.Clone(n.alike[base]), func(o *saying) bool { return o == s })
	if len(like) > 0 && len(s.phrase.tails) > 0 && !slices.ContainsFunc(like, func(o *saying) bool { return slices.EqualFunc(o.phrase.tails, s.phrase.tails, slices.Equal[[]string]) }) {
		tail(s.phrase.tails[0])
	}
	out = append(out, n.apart(s, verb, object, slices.DeleteFunc(like, func(o *saying) bool { return late(o.op) != late(s.op) }))...)
	if !must {
		out = append(out, base)
	}
	for _, t := range s.phrase.tails {
		tail(t)
	}
	if s.phrase.bulk {
		out = append(out, base+"_in_bulk")
	}
	for _, b := range s.op.bodies() {
		if slices.Contains(b.names, "filters") {
			out = append(out, base+"_with_filters")
		}
	}
	out = append(out, join(verb, n.pathObject(s, verb)))
	for i := len(s.segments) - 2; i >= 0; i-- {
		if !n.isGroup(s.segments[i]) {
			out = append(out, join(verb, append(strings.Split(singular(s.segments[i]), "_"), object...)))
		}
	}
	for _, p := range slices.Backward(s.params) {
		out = append(out, base+"_by_"+strings.TrimSuffix(p, "_id"))
	}
	return append(out, base+"_with_"+strings.ToLower(s.op.method), join(verb, slices.Concat(s.segments, s.params)))
}

// apart returns the name with the word of the path that tells an operation from
// those that are otherwise called the same: google and facebook, where both
// have campaigns.
func (n *namer) apart(s *saying, verb string, object []string, others []*saying) []string {
	if len(others) == 0 {
		return nil
	}
	for i, word := range s.segments {
		shared := slices.ContainsFunc(others, func(o *saying) bool {
			return slices.Contains(o.segments, word) || !slices.EqualFunc(o.phrase.tails, s.phrase.tails, slices.Equal[[]string])
		})
		if said := strings.Split(word, "_"); !shared && !n.isGroup(word) && !slices.ContainsFunc(said, func(w string) bool { return w == first(verb) || slices.Contains(object, w) }) {
			if i > 0 && i == len(s.segments)-1 {
				return []string{join(verb, slices.Concat(object, said))}
			}
			return []string{join(verb, slices.Concat(said, object))}
		}
	}
	return nil
}

// join returns a verb and words as a name.
func join(verb string, object []string) string {
	return strings.Trim(verb+"_"+strings.Join(object, "_"), "_")
}

// unique returns the first name that no other operation has, with words that
// are in it twice and the name of the group left out.
func (n *namer) unique(tries []string, s *saying) string {
	for _, long := range []bool{false, true} {
		for _, t := range tries {
			said := n.lean(t)
			if len(said) > mostWords && !long || len(said) == 0 {
				continue
			}
			name := strings.Join(said[:min(len(said), mostWords)], "_")
			if n.taken[name] && s.op.yes("deprecated") && len(said) < mostWords {
				name += "_deprecated"
			}
			if !n.taken[name] {
				n.taken[name] = true
				return name
			}
		}
	}
	base := strings.Join(n.lean(tries[0])[:1], "_")
	for _, more := range []string{"other", "further", "one", "more", "this", "that"} {
		if name := base + "_" + more; !n.taken[name] {
			n.taken[name] = true
			return name
		}
	}
	name := snake(s.op.method + " " + s.op.path)
	n.taken[name] = true
	return name
}

// lean returns the words of a name without those that stand in it twice.
func (n *namer) lean(name string) []string {
	var out []string
	for w := range strings.SplitSeq(name, "_") {
		if w != "" && !slices.ContainsFunc(out, func(o string) bool { return singular(o) == singular(w) }) {
			out = append(out, w)
		}
	}
	if less := without(out, n.group); len(less) > 0 {
		out = less
	}
	for len(out) > 1 && isPreposition(out[len(out)-1]) {
		out = out[:len(out)-1]
	}
	return out
}

// effectOf returns what an operation does to the world.
func effectOf(s *saying, verb string) string {
	e := effects()[first(verb)]
	switch s.op.method {
	case "GET", "HEAD":
		return "read"
	case "DELETE":
		if e == "update" {
			return "update"
		}
		return "delete"
	case "PUT", "PATCH":
		if e == "send" || e == "delete" {
			return e
		}
		return "update"
	}
	if s.phrase.sends || len(s.segments) > 0 && s.segments[len(s.segments)-1] == "send" {
		return "send"
	}
	return e
}
