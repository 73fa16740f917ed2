package expr

import (
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"patchbay/engine/value"
)

// meant is what a word of another language or tool is written as here: a fix,
// or a hint where another form is needed.
type meant struct{ fix, hint string }

// meantName returns what a name stands for that other languages have.
func meantName(name string) (meant, bool) {
	const hintSecrets = "env and secret stand only in flows/connections.yaml, in the secret fields of a connection"
	switch name {
	case "null", "none", "None", "NULL", "undefined", "Null", "NONE", "Nil", "NIL":
		return meant{"nil", "nothing is written nil"}, true
	case "True", "TRUE":
		return meant{"true", "it is written true"}, true
	case "False", "FALSE":
		return meant{"false", "it is written false"}, true
	case "env", "ENV", "secret", "secrets":
		return meant{"", hintSecrets}, true
	case "payload", "data", "msg", "request", "json":
		return meant{"event", "what the trigger brought is event"}, true
	}
	return meant{}, false
}

// meantFunction returns what a function stands for that other languages have.
func meantFunction(name string) (meant, bool) {
	key := strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
	if known := map[string]string{
		"strlen": "len", "length": "len", "size": "len", "count": "len",
		"touppercase": "upper", "uppercase": "upper", "toupper": "upper", "ucase": "upper",
		"tolowercase": "lower", "lowercase": "lower", "tolower": "lower", "lcase": "lower",
		"str": "string", "tostring": "string", "totext": "string", "text": "string",
		"parseint": "int", "tointeger": "int", "integer": "int", "number": "float", "tonumber": "float", "parsefloat": "float",
		"tojson": "json", "jsonencode": "json", "stringify": "json",
		"formatdate": "format_date", "strftime": "format_date", "dateformat": "format_date", "todate": "date", "parsedate": "date", "datetime": "date",
		"currenttime": "now", "today": "now", "getdate": "now",
		"explode": "split", "implode": "join", "strip": "trim", "ifnull": "default", "nvl": "default", "coalesce": "default",
	}[key]; known != "" && isFunction(known) {
		return meant{known, signatureOf(known)}, true
	}
	hints := map[string]string{
		"contains": `text contains "part", or item in list`, "includes": `text contains "part", or item in list`,
		"if": "condition ? one value : another", "iif": "condition ? one value : another", "cond": "condition ? one value : another",
		"substr": "text[0:5] are its first five characters", "substring": "text[0:5] are its first five characters",
		"concat":  `texts are joined with +, or written one behind the other: ${{ a }} ${{ b }}`,
		"isempty": "len(x) == 0", "empty": "len(x) == 0", "isnull": "x == nil", "isnil": "x == nil", "exists": "x != nil", "defined": "x != nil",
		"startswith": `text startsWith "part"`, "endswith": `text endsWith "part"`, "equals": "a == b",
	}
	hint, ok := hints[key]
	return meant{"", hint}, ok
}

// meantWord returns the operator that a word or sign stands for.
func meantWord(word string) meant {
	switch word {
	case "AND", "And":
		return meant{"and", hintAndOr}
	case "OR", "Or":
		return meant{"or", hintAndOr}
	case "NOT", "Not":
		return meant{"not", hintAndOr}
	case "is", "IS", "equals", "eq":
		return meant{"==", hintCompare}
	case "isnt", "ne", "neq":
		return meant{"!=", "that two values differ is asked with !="}
	case "gt":
		return meant{">", hintCompare}
	case "lt":
		return meant{"<", hintCompare}
	case "then", "THEN", "if", "IF", "else":
		return meant{"", "a choice is written  condition ? one value : another"}
	case "for", "in":
		return meant{"", "map(list, .field) takes a field of every item, filter(list, .field > 1) some of the items"}
	}
	return meant{}
}

var (
	// arrow matches what other languages have for what is done with an item.
	arrow = regexp.MustCompile(`^\s*\(?\w*\)?\s*$`)
	// piped matches a name behind | that has no parentheses.
	piped = regexp.MustCompile(`\|\s*([A-Za-z_]\w*)\s*(\||$)`)
	// inCurly matches a text in quotes as programs that write letters make them.
	inCurly = regexp.MustCompile(`^[“”„‘’‚]([^“”„‘’‚"]*)[“”„‘’‚]`)
)

// reread finds what is meant where the source could not be read, from what
// stands there.
func (s *source) reread(p *Problem) {
	at := s.text[min(p.From, len(s.text)):]
	before := s.text[:min(p.From, len(s.text))]
	switch {
	case strings.HasPrefix(at, "=>") && arrow.MatchString(before[strings.LastIndexAny(before, ",(")+1:]):
		p.To, p.Hint = p.From+2, "inside map, filter and the like # is the item, and .name a field of it: map(list, .name)"
	case strings.HasPrefix(at, "=") && strings.HasSuffix(before, "=="):
		p.From, p.To, p.Fix, p.Hint = p.From-2, p.From+1, "==", hintCompare
		p.Message = `"===" has no meaning here`
	case strings.HasPrefix(at, "=") && !strings.Contains(before, "let "):
		p.Fix = "=="
	case inCurly.MatchString(at):
		m := inCurly.FindStringSubmatch(at)
		p.To, p.Fix = p.From+len(m[0]), `"`+m[1]+`"`
		p.Message, p.Hint = "the quotes are curly ones, which mean nothing here", `quotes are straight: "…"`
	case strings.HasPrefix(at, "~"), strings.HasPrefix(at, "&") && !strings.HasPrefix(at, "&&"):
		p.Hint = "texts are joined with +; " + hintAndOr
	case p.Message == wordEndTooEarly && piped.MatchString(s.text), strings.HasPrefix(at, "|") && piped.MatchString(s.text):
		m := piped.FindStringSubmatchIndex(s.text)
		name := s.text[m[2]:m[3]]
		p.From, p.To, p.Fix = m[2], m[3], name+"()"
		p.Message, p.Hint = name+" stands behind | without parentheses", "as in: text | trim() | upper()"
	default:
		if word := s.text[min(p.From, len(s.text)):min(max(p.To, p.From), len(s.text))]; word != "" {
			if m := meantWord(word); m != (meant{}) {
				p.Fix, p.Hint = m.fix, m.hint
			}
		}
	}
}

// bareText reports a name that is not known and stands beside a text that it
// is compared with: then a text is meant, which has lost its quotes.
func (c *checker) bareText(n *ast.BinaryNode, left, right *value.Type) {
	if n.Operator != "==" && n.Operator != "!=" {
		return
	}
	for _, side := range []struct {
		node  ast.Node
		other *value.Type
	}{{n.Left, right}, {n.Right, left}} {
		id, ok := side.node.(*ast.IdentifierNode)
		if !ok || side.other == nil || side.other.Kind != value.Enum && side.other.Kind != value.String {
			continue
		}
		part := c.src.at(id.Location())
		i := slices.IndexFunc(c.problems, func(p Problem) bool {
			return p.Code == codeName && p.From == part.from && p.Fix == ""
		})
		if i >= 0 && (side.other.Kind == value.String || slices.Contains(side.other.Values, id.Value)) {
			c.problems[i].Hint, c.problems[i].Fix = "a text stands in quotes", `"`+id.Value+`"`
		}
	}
}
