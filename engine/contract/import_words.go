package contract

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// snake returns a text as words of the language: lower case, with underscores.
func snake(s string) string {
	out := strings.Join(wordsOf(s), "_")
	if out != "" && unicode.IsDigit(rune(out[0])) {
		out = "n" + out
	}
	return out
}

// wordsOf returns the words of a text, lower case: those between blanks and
// signs, and those that only a capital letter parts.
func wordsOf(s string) []string {
	var out []string
	for _, part := range strings.FieldsFunc(s, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		low := strings.ToLower(part)
		if _, known := brands()[low]; known || plurals.MatchString(part) {
			out = append(out, low)
			continue
		}
		for w := range strings.FieldsSeq(humps.ReplaceAllString(part, "$1$3 $2$4")) {
			out = append(out, strings.ToLower(w))
		}
	}
	return out
}

var (
	// humps are the places where a capital letter begins a word: bookingId,
	// URLSlug.
	humps = regexp.MustCompile(`([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])`)
	// plurals are several of what is written in capital letters: FAQs.
	plurals = regexp.MustCompile(`^[A-Z]{2,}s$`)
)

// brands are names that are written in their own way wherever they stand.
func brands() map[string]string {
	return map[string]string{
		"api": "API", "csv": "CSV", "facebook": "Facebook", "faq": "FAQ", "faqs": "FAQs", "github": "GitHub", "gmail": "Gmail", "google": "Google",
		"iban": "IBAN", "id": "id", "ids": "ids", "iframe": "iframe", "instagram": "Instagram", "json": "JSON", "linkedin": "LinkedIn", "oauth": "OAuth",
		"oauth2": "OAuth 2", "paypal": "PayPal", "pdf": "PDF", "saas": "SaaS", "sepa": "SEPA", "shopify": "Shopify", "sms": "SMS", "stripe": "Stripe",
		"tiktok": "TikTok", "twitter": "Twitter", "url": "URL", "urls": "URLs", "whatsapp": "WhatsApp", "youtube": "YouTube", "zoom": "Zoom",
	}
}

// singular returns one of what a word names many of.
func singular(s string) string {
	switch {
	case slices.Contains([]string{"news", "sms", "saas", "series", "always"}, s[strings.LastIndexByte(s, '_')+1:]):
		return s
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
	case s == "" || singular(s) != s || uncounted(s):
		return s
	case strings.HasSuffix(s, "y") && len(s) > 2 && !strings.ContainsRune("aeiou", rune(s[len(s)-2])):
		return s[:len(s)-1] + "ies"
	case strings.HasSuffix(s, "s"), strings.HasSuffix(s, "x"), strings.HasSuffix(s, "ch"), strings.HasSuffix(s, "sh"):
		return s + "es"
	}
	return s + "s"
}

// uncounted reports whether a word names one thing although it looks like many.
func uncounted(s string) bool {
	last := s[strings.LastIndexByte(s, '_')+1:]
	return strings.HasSuffix(last, "ics") || strings.HasSuffix(last, "ing") || slices.Contains([]string{
		"stats", "status", "settings", "details", "data", "info", "information", "metrics", "capabilities", "options", "limits", "funds",
		"preferences", "configuration", "inventory", "access", "address", "saved", "all", "news", "media", "me", "saas", "sms",
	}, last)
}

// many reports whether a word names many things.
func isMany(s string) bool { return s != "" && !uncounted(s) && singular(s) != s }

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

// effects are the words an operation's name can begin with, and what the
// operation then does to the world.
func effects() map[string]string {
	return map[string]string{
		"get": "read", "list": "read", "find": "read", "search": "read", "lookup": "read", "check": "read", "validate": "read", "verify": "read",
		"preview": "read", "export": "read", "download": "read", "count": "read", "filter": "read", "query": "read", "poll": "read", "estimate": "read", "calculate": "read",
		"create": "create", "upload": "create", "generate": "create", "register": "create", "duplicate": "create", "clone": "create", "copy": "create", "import": "create",
		"record": "create", "purchase": "create", "initiate": "create", "request": "create", "submit": "create", "book": "create",
		"add": "update", "update": "update", "upsert": "update", "edit": "update", "set": "update", "change": "update", "replace": "update", "manage": "update",
		"assign": "update", "unassign": "update", "attach": "update", "detach": "update", "enable": "update", "disable": "update", "activate": "update", "deactivate": "update",
		"pause": "update", "resume": "update", "archive": "update", "unarchive": "update", "restore": "update", "merge": "update", "move": "update", "rename": "update",
		"connect": "update", "disconnect": "update", "publish": "update", "unpublish": "update", "promote": "update", "void": "update", "cancel": "update",
		"complete": "update", "close": "update", "reopen": "update", "install": "update", "migrate": "update", "apply": "update", "lock": "update", "unlock": "update",
		"finalize": "update", "mark": "update", "unmark": "update", "accept": "update", "approve": "update", "decline": "update", "reject": "update", "confirm": "update",
		"deny": "update", "allow": "update", "trust": "update", "untrust": "update", "report": "update", "skip": "update", "sync": "update", "refresh": "update",
		"subscribe": "update", "unsubscribe": "update", "block": "update", "unblock": "update", "train": "update", "include": "update", "exclude": "update", "discard": "update",
		"remove": "update", "delete": "delete", "uninstall": "delete", "revoke": "delete", "trash": "delete",
		"send": "send", "resend": "send", "schedule": "send", "trigger": "send", "start": "send", "push": "send", "post": "send", "invite": "send",
		"execute": "send", "run": "send", "dispatch": "send", "notify": "send", "share": "send",
	}
}

// verbOf returns the word of the language for the first word of a summary,
// "" for one that says nothing of what is done.
func verbOf(word string) string {
	same := map[string]string{
		"retrieve": "get", "fetch": "get", "read": "get", "show": "get", "view": "get", "return": "get", "obtain": "get",
		"patch": "update", "modify": "update", "put": "update", "make": "create", "insert": "create", "erase": "delete", "destroy": "delete",
	}
	for _, w := range []string{word, strings.TrimSuffix(word, "s"), strings.TrimSuffix(word, "es"), strings.TrimSuffix(word, "ing"), strings.TrimSuffix(word, "ing") + "e"} {
		if v, ok := same[w]; ok {
			return v
		}
		if _, ok := effects()[w]; ok {
			return w
		}
	}
	return ""
}
