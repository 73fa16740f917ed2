package contract

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// namer gives each operation of a group a name that says what it does, such as
// list_tags. The name comes from the method, the path and the first word of the
// summary, so that it is the same on every import.
type namer struct {
	group   string
	tenants []string // parameters that stand for the account, and say nothing of what an operation is about
	taken   map[string]bool
}

// named is what the name of an action is made of.
type named struct {
	name   string
	verb   string
	thing  string // what it is about, in the singular: "tag"
	effect string
}

// verbs are the first words of summaries and path segments that say what an
// operation does, with the effect they have.
func verbs() map[string]string {
	return map[string]string{
		"get": "read", "list": "read", "find": "read", "fetch": "read", "search": "read", "retrieve": "read", "read": "read", "lookup": "read",
		"check": "read", "validate": "read", "verify": "read", "preview": "read", "export": "read", "download": "read", "count": "read", "filter": "read", "query": "read",
		"create": "create", "add": "update", "upload": "create", "generate": "create", "register": "create", "duplicate": "create", "clone": "create", "import": "create",
		"update": "update", "upsert": "update", "edit": "update", "set": "update", "change": "update", "patch": "update", "replace": "update", "modify": "update",
		"assign": "update", "attach": "update", "enable": "update", "disable": "update", "pause": "update", "resume": "update", "archive": "update", "merge": "update",
		"connect": "update", "disconnect": "update", "publish": "update", "unpublish": "update", "void": "update", "cancel": "update", "complete": "update",
		"record": "create", "remove": "update", "delete": "delete", "purchase": "create", "install": "update", "uninstall": "delete",
		"send": "send", "schedule": "send", "trigger": "send", "start": "send", "push": "send", "post": "send", "invite": "send", "finalize": "update", "mark": "update", "accept": "update", "decline": "update",
	}
}

// of names an operation. many is true where it brings a list.
func (n *namer) of(o *operation, many bool) named {
	segments, params := n.segments(o.path)
	last := ""
	if len(segments) > 0 {
		last = segments[len(segments)-1]
	}
	byID := strings.HasSuffix(strings.TrimSuffix(o.path, "/"), "}") && len(params) > 0 && !slices.Contains(n.tenants, params[len(params)-1])
	out := named{verb: n.verb(o, many, byID)}
	first, rest, _ := strings.Cut(last, "_")
	said, _, _ := strings.Cut(snake(o.text("summary")), "_")
	agree := said == first || verbs()[said] == "" || verbs()[said] == "read" && verbs()[first] == "read"
	doing := agree && verbs()[first] != "" && !byID && (o.method != "GET" || strings.Contains(o.path, ".") || first == "search" || first == "list" || first == "lookup")
	if doing {
		out.verb, last = first, rest
		if first == "list" && many || first == "lookup" {
			out.verb = "list"
		}
		if last == "" && len(segments) > 1 {
			last = segments[len(segments)-2]
		}
	}
	if last == out.verb && len(segments) > 1 {
		last = segments[len(segments)-2]
	}
	out.effect = n.effect(o.method, out.verb)
	out.thing = singular(last)
	thing := n.thing(out.verb, last, byID, segments)
	if n.isGroup(last) && (len(segments) < 2 || doing && rest == "") {
		thing = ""
	}
	if out.thing == "" {
		out.thing = singular(n.group)
	}
	out.name = n.unique(strings.Trim(out.verb+"_"+thing, "_"), segments, params, o)
	return out
}

// thing returns what the name of an operation says it is about: one, or many,
// and of what, where the word alone says little.
func (n *namer) thing(verb, last string, byID bool, segments []string) string {
	single := byID && verb != "add" && verb != "remove" && verb != "attach"
	switch {
	case verb == "list":
		last = plural(last)
	case single || verb == "create" || verb == "upsert":
		last = singular(last)
	}
	vague := []string{"details", "start", "stats", "completed", "status", "initiate", "count", "info", "preview", "generate", "list", "settings", "configuration", "duplicate"}
	if i := slices.Index(segments, last); i > 0 && slices.Contains(vague, last) && !n.isGroup(segments[i-1]) {
		last = singular(segments[i-1]) + "_" + last
	}
	return last
}

// verb returns the word an operation's name begins with.
func (n *namer) verb(o *operation, many, byID bool) string {
	first, _, _ := strings.Cut(snake(o.text("summary")), "_")
	if _, ok := verbs()[first]; !ok {
		first, _, _ = strings.Cut(snake(o.id), "_")
	}
	switch o.method {
	case "GET", "HEAD":
		switch {
		case first == "search" || first == "download" || first == "export":
			return first
		case many && !byID:
			return "list"
		}
		return "get"
	case "PUT", "PATCH":
		switching := first == "enable" || first == "disable" // one of the two, as the body says
		if e := verbs()[first]; (e == "update" || e == "send") && !switching {
			return first
		}
		return "update"
	case "DELETE":
		if first == "remove" || first == "cancel" || first == "disconnect" || first == "uninstall" {
			return first
		}
		return "delete"
	}
	switch e := verbs()[first]; {
	case first == "retrieve" || first == "fetch" || first == "read":
		return "get"
	case e == "" || e == "delete" && o.method == "POST" && !strings.Contains(snake(o.path), "delete"):
		return "create"
	}
	return first
}

func (n *namer) effect(method, verb string) string {
	switch method {
	case "GET", "HEAD":
		return "read"
	case "DELETE":
		if verb == "remove" || verb == "cancel" {
			return "update"
		}
		return "delete"
	case "PUT", "PATCH":
		if verbs()[verb] == "send" {
			return "send"
		}
		return "update"
	}
	return verbs()[verb]
}

// segments returns the words of a path, and those of its parameters.
func (n *namer) segments(p string) (words, params []string) {
	for s := range strings.SplitSeq(strings.Trim(p, "/"), "/") {
		switch {
		case strings.HasPrefix(s, "{"):
			params = append(params, snake(strings.Trim(s, "{}")))
		case s != "" && !version.MatchString(s):
			for part := range strings.SplitSeq(s, ".") { // chat.postMessage
				words = append(words, snake(part))
			}
		}
	}
	return words, params
}

var version = regexp.MustCompile(`^v[0-9.]+$`)

// isGroup reports whether a word only repeats the name of the group.
func (n *namer) isGroup(word string) bool { return singular(word) == singular(n.group) || word == "" }

// unique adds to a name what tells it from the others: the things above it in
// the path, its parameters, the method.
func (n *namer) unique(name string, segments, params []string, o *operation) string {
	tries := []string{name}
	for i := len(segments) - 2; i >= 0; i-- {
		if !n.isGroup(segments[i]) && !strings.Contains(name, segments[i]) {
			tries = append(tries, name+"_of_"+segments[i])
		}
	}
	for _, p := range slices.Backward(params) {
		tries = append(tries, name+"_by_"+p)
	}
	tries = append(tries, name+"_with_"+strings.ToLower(o.method), name+"_"+strings.Join(slices.Concat(segments, params), "_"), snake(o.id))
	for _, t := range tries {
		if t != "" && !n.taken[t] {
			n.taken[t] = true
			return t
		}
	}
	for _, more := range []string{"_2", "_3", "_4", "_5", "_6", "_7", "_8", "_9"} {
		if !n.taken[name+more] {
			n.taken[name+more] = true
			return name + more
		}
	}
	return name
}

// snake returns a text as words of the language: lower case, with underscores.
func snake(s string) string {
	var b strings.Builder
	last := '_'
	for i, r := range s {
		switch {
		case unicode.IsUpper(r) && r < unicode.MaxASCII:
			next := ' '
			if i+1 < len(s) {
				next = rune(s[i+1])
			}
			if last != '_' && (unicode.IsLower(last) || unicode.IsDigit(last) || unicode.IsLower(next)) {
				b.WriteByte('_')
			}
			b.WriteRune(unicode.ToLower(r))
			last = r
		case r < unicode.MaxASCII && (unicode.IsLower(r) || unicode.IsDigit(r)):
			b.WriteRune(r)
			last = r
		case last != '_':
			b.WriteByte('_')
			last = '_'
		}
	}
	out := strings.Trim(b.String(), "_")
	if out != "" && unicode.IsDigit(rune(out[0])) {
		out = "n" + out
	}
	return out
}

// singular returns one of what a word names many of.
func singular(s string) string {
	switch {
	case strings.HasSuffix(s, "ies") && len(s) > 4:
		return s[:len(s)-3] + "y"
	case strings.HasSuffix(s, "sses"), strings.HasSuffix(s, "xes"), strings.HasSuffix(s, "ches"), strings.HasSuffix(s, "shes"):
		return s[:len(s)-2]
	case strings.HasSuffix(s, "ss"), strings.HasSuffix(s, "us"), strings.HasSuffix(s, "is"), strings.HasSuffix(s, "ics"):
		return s
	case strings.HasSuffix(s, "s") && len(s) > 2:
		return s[:len(s)-1]
	}
	return s
}

// plural returns the word for many of what a word names.
func plural(s string) string {
	switch {
	case s == "" || singular(s) != s || strings.HasSuffix(s, "ics"):
		return s
	case strings.HasSuffix(s, "y") && len(s) > 2 && !strings.ContainsRune("aeiou", rune(s[len(s)-2])):
		return s[:len(s)-1] + "ies"
	case strings.HasSuffix(s, "s"), strings.HasSuffix(s, "x"), strings.HasSuffix(s, "ch"), strings.HasSuffix(s, "sh"):
		return s + "es"
	}
	return s + "s"
}

// pascal returns a text as the name of a type.
func pascal(s string) string {
	var b strings.Builder
	for w := range strings.SplitSeq(snake(s), "_") {
		if w != "" {
			b.WriteString(strings.ToUpper(w[:1]) + w[1:])
		}
	}
	return b.String()
}

// typeName returns the name of a schema without the words generators put
// around it.
func typeName(s string) string {
	name := pascal(s)
	for again := true; again; {
		again = false
		for _, end := range []string{"Dto", "Schema", "Response", "Successful", "Success", "Body", "Params", "Payload", "Request", "Model", "Object", "Type", "V2", "Resp"} {
			if short, ok := strings.CutSuffix(name, end); ok && len(short) > 2 {
				name, again = short, true
			}
		}
	}
	return name
}
