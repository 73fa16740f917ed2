package contract

import (
	"regexp"
	"slices"
	"strings"
)

// phrase is what a summary says: "Add a contact to a campaign" is the verb
// add, the object contact and the tail to campaign.
type phrase struct {
	verb   string
	object []string
	tails  [][]string // each begins with its preposition
	about  []string   // the object as it was said, with the name of the group
	bulk   bool
	sends  bool // what is done is sent as well
}

var aside = regexp.MustCompile(`\([^)]*\)|["“”'’]s\b|["“”'’]`)

// phraseOf takes a summary apart. Its verb is "" where it has none.
func phraseOf(summary string) phrase {
	if _, after, ok := strings.Cut(summary, ": "); ok {
		summary = after
	}
	summary = aside.ReplaceAllString(summary, "")
	summary = strings.ReplaceAll(strings.ReplaceAll(summary, "/", " or "), "&", " and ")
	said := wordsOf(summary)
	var p phrase
	for len(said) > 0 && slices.Contains([]string{"bulk", "batch"}, said[0]) {
		p.bulk, said = true, said[1:]
	}
	if len(said) == 0 {
		return p
	}
	if p.verb = verbOf(said[0]); p.verb == "" {
		return p
	}
	p.read(p.otherVerb(said[1:]))
	p.about = p.object
	return p
}

// otherVerb takes a second verb from the words behind the first: "create or
// update" is upsert, "add or remove" stays, "create and send" too.
func (p *phrase) otherVerb(said []string) []string {
	if len(said) < 2 || said[0] != "or" && said[0] != "and" || verbOf(said[1]) == "" {
		return said
	}
	other := verbOf(said[1])
	switch {
	case p.verb == "create" && other == "update":
		p.verb = "upsert"
	case p.verb == "add" && other == "remove":
		p.verb = "add_or_remove"
	case said[0] == "and":
		p.verb += "_and_" + other
		p.sends = effects()[other] == "send"
	}
	return said[2:]
}

// read parts the words behind the verb into the object and its tails.
func (p *phrase) read(said []string) {
	if len(said) > 1 && said[0] == "list" && said[1] == "of" {
		p.verb, said = "list", said[2:]
	}
	at := &p.object
	for i, w := range said {
		switch {
		case isFiller(w):
		case w == "and" && i+1 < len(said) && verbOf(said[i+1]) != "":
			p.sends = p.sends || effects()[verbOf(said[i+1])] == "send"
			p.tidy()
			return
		case isPreposition(w) && i > 0 && said[i-1] == "as":
		case isPreposition(w):
			if i+1 < len(said) && w == "as" && said[i+1] == "per" {
				w = "by"
			}
			p.tails = append(p.tails, []string{w})
			at = &p.tails[len(p.tails)-1]
		default:
			*at = append(*at, w)
		}
	}
	p.tidy()
}

// isFiller reports whether a word says nothing.
func isFiller(w string) bool {
	return slices.Contains([]string{
		"a", "an", "the", "all", "any", "each", "new", "your", "you", "given", "specific", "individual", "existing", "api", "v1", "v2", "v3", "public",
		"endpoint", "authenticated", "that", "this", "its", "existent", "now", "be",
	}, w) || strings.Trim(w, "0123456789") == ""
}

// isPreposition reports whether a word begins a tail.
func isPreposition(w string) bool {
	return slices.Contains([]string{
		"by", "for", "from", "to", "of", "in", "into", "inside", "within", "on", "with", "via", "at", "as", "per", "between", "about", "using",
		"during", "under", "based", "where", "if", "when", "which", "whether", "is", "are", "can", "through", "against", "across", "after", "before", "per",
	}, w)
}

// tidy takes out of the object what tells nothing from anything else.
func (p *phrase) tidy() {
	for len(p.object) > 0 && p.object[0] == "or" {
		p.object = p.object[1:]
	}
	for {
		i := slices.Index(p.object, "or")
		if i < 1 {
			break
		}
		if i+2 < len(p.object) { // two words for the kind of one thing
			p.object = slices.Delete(slices.Clone(p.object), i-1, i+2)
			continue
		}
		p.object = p.object[:i]
	}
	if i := slices.Index(p.object, "and"); i >= 0 {
		p.object = p.object[:i]
	}
	if n := len(p.object); n > 1 && slices.Contains([]string{"details", "data", "information", "info"}, p.object[n-1]) {
		p.object = p.object[:n-1]
	}
	if len(p.object) == 1 && slices.Contains([]string{"details", "data", "information", "info"}, p.object[0]) && len(p.tails) > 0 {
		p.object, p.tails = p.tails[0][1:], p.tails[1:]
	}
	// "count of pages" is the page count.
	if n := len(p.object); n == 1 && slices.Contains([]string{"count", "number", "status", "list"}, p.object[0]) && len(p.tails) > 0 && p.tails[0][0] == "of" && len(p.tails[0]) > 1 {
		thing := p.tails[0][1:]
		if p.object[0] != "list" {
			thing = append(slices.Clone(thing), p.object[0])
			thing[len(thing)-2] = singular(thing[len(thing)-2])
		}
		p.object, p.tails = thing, p.tails[1:]
	}
}

// without takes a run of words out of some words, whether they stand there in
// the singular or the plural.
func without(said, run []string) []string {
	if len(run) == 0 {
		return said
	}
	for i := 0; i+len(run) <= len(said); i++ {
		if slices.EqualFunc(said[i:i+len(run)], run, func(a, b string) bool { return singular(a) == singular(b) }) {
			return slices.Concat(said[:i], said[i+len(run):])
		}
	}
	return said
}
