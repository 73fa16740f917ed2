package contract

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// title returns what people call an action: the summary as a request, in
// sentence case, else the name.
func (a *importing) title() string {
	if s := requestOf(a.op.text("summary"), a.named.verb); s != "" && len(s) <= 80 && a.titles[titleKey(a.op, s)] < 2 {
		return s
	}
	name := a.named.name
	if !strings.Contains(name, "_") {
		about := singular(snake(a.to.Group))
		if a.named.verb == "list" || a.named.verb == "search" {
			about = plural(about)
		}
		name += "_" + about
	}
	return label(name)
}

// titleKey tells titles apart; what is deprecated may be called as what
// replaces it.
func titleKey(op *operation, title string) string {
	return strings.Repeat("-", late(op)) + strings.ToLower(title)
}

// requestOf returns a summary as a request: "Retrieves all Orders" is "Get all
// orders". It is "" where the summary does not say what is done.
func requestOf(summary, verb string) string {
	summary = strings.Trim(strings.Join(strings.Fields(plainProse(parentheses.ReplaceAllString(summary, ""))), " "), " .")
	if _, after, ok := strings.Cut(summary, ": "); ok {
		summary = after
	}
	said := strings.Fields(summary)
	if len(said) == 0 {
		return ""
	}
	does := verbOf(strings.ToLower(strings.TrimRight(said[0], "/&,")))
	unknown := does == "" && verbOf(strings.Split(strings.ToLower(said[0]), "/")[0]) == "" && !slices.Contains([]string{"bulk", "batch"}, strings.ToLower(said[0]))
	if unknown && verb != "create" {
		return "" // the name says it better
	}
	if does == "get" && verb == "list" {
		does = "list"
	}
	if m := listOf.FindString(strings.ToLower(strings.Join(said[1:], " ")) + " "); m != "" {
		does, said = "list", said[len(strings.Fields(m)):]
	}
	for i, w := range said {
		said[i] = sentenceCase(w)
	}
	if does != "" && !strings.ContainsAny(said[0], "/&,") {
		said[0] = does
	}
	out := byID.ReplaceAllString(strings.Join(said, " "), "")
	return strings.ToUpper(out[:1]) + out[1:]
}

// byID is what a title need not say: its inputs do.
var byID = regexp.MustCompile(` by (its |the )?id$`)

var listOf = regexp.MustCompile(`^(an? |the )?list of `)

var parentheses = regexp.MustCompile(`\([^)]*\)`)

// sentenceCase returns a word as it stands in the middle of a sentence.
func sentenceCase(w string) string {
	core := strings.TrimFunc(w, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if core == "" {
		return w
	}
	low := strings.ToLower(core)
	for _, known := range []string{low, strings.TrimSuffix(low, "'s")} {
		if spelled, ok := brands()[known]; ok {
			return strings.Replace(w, core, spelled+low[len(known):], 1)
		}
	}
	switch {
	case plurals.MatchString(core), len(core) > 1 && strings.ToUpper(core) == core && verbOf(low) == "":
		return w
	case !strings.ContainsAny(core, "-/'’") && len(wordsOf(core)) > 1:
		parts := wordsOf(core)
		for i, part := range parts {
			parts[i] = sentenceCase(part)
		}
		return strings.Replace(w, core, strings.Join(parts, " "), 1)
	}
	return strings.ToLower(w)
}

// label returns a name as people read it: "locationId" is "Location id".
func label(name string) string {
	said := wordsOf(name)
	if len(said) == 0 {
		return name
	}
	for i, w := range said {
		said[i] = sentenceCase(w)
	}
	out := strings.Join(said, " ")
	return strings.ToUpper(out[:1]) + out[1:]
}

// sentence returns the first sentence of a description that says something, in
// one line, "" for none.
func sentence(s string) string {
	s = strings.Join(strings.Fields(plainProse(s)), " ")
	for s != "" {
		first, rest := s, ""
		if m := fullStop.FindStringIndex(s); m != nil {
			first, rest = s[:m[0]+2], s[m[1]-1:]
		}
		if !strings.HasSuffix(strings.TrimRight(first, " .:"), "here") {
			return shortened(strings.Trim(first, " *#`|-:"))
		}
		s = rest // what a link said is lost
	}
	return ""
}

func shortened(s string) string {
	r := []rune(s)
	if len(r) <= 160 {
		return s
	}
	s = string(r[:159])
	if i := strings.LastIndexByte(s, ' '); i > 80 {
		s = s[:i]
	}
	return strings.TrimRight(s, " ,;:(") + "…"
}

// plainProse returns a text without HTML, Markdown, signs and expressions.
func plainProse(s string) string {
	s = links.ReplaceAllString(s, "$1")
	s = markup.ReplaceAllString(s, " ")
	s = strings.NewReplacer("${{", "{{", "&nbsp;", " ", "&amp;", "&", "&lt;", "<", "&gt;", ">", "&quot;", `"`, "&#39;", "'", " .", ".").Replace(s)
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.So, r) || r == '\ufe0f' || r == '\u200d' {
			return -1
		}
		return r
	}, s)
}

var (
	// fullStop is the end of a sentence: a word, a stop, and a capital letter.
	fullStop = regexp.MustCompile(`[A-Za-z0-9)"][.!] +[A-Z]`)
	links    = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
	markup   = regexp.MustCompile("</?[A-Za-z][^>]*>|[*`#|]+")
)

// telling returns the sentence of a description, "" where it says no more than
// the name does.
func telling(description, name string) string {
	s := sentence(description)
	known := append(wordsOf(name), "the", "a", "an", "of", "this", "unique", "identifier", "your", "id", "ids", "is", "for", "to", "be", "in", "specific", "specified", "by", "string", "list", "all", "as")
	for _, w := range wordsOf(s) {
		if !slices.Contains(known, w) && !slices.Contains(known, singular(w)) && !slices.Contains(known, plural(w)) {
			return s
		}
	}
	return ""
}
