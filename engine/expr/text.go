package expr

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"patchbay/engine/value"
)

// longestText is how many bytes a text made by an expression may have.
const longestText = 10 << 20

func textFunctions() []function {
	s, sep := textParam("text"), textParam("separator")
	return []function{
		{name: "lower", params: []param{s}, result: "string", help: "makes all letters small", example: `lower("ACME") → "acme"`, run: onText(strings.ToLower)},
		{name: "upper", params: []param{s}, result: "string", help: "makes all letters capital", example: `upper("acme") → "ACME"`, run: onText(strings.ToUpper)},
		{name: "trim", params: []param{s, textParam("characters").orNot()}, result: "string", help: "takes spaces, or the characters, off both ends", example: `trim("  hi ") → "hi"`, run: runTrim},
		{name: "trimPrefix", params: []param{s, textParam("prefix")}, result: "string", help: "takes the prefix off the front", example: `trimPrefix("#ops", "#") → "ops"`, run: onTexts(strings.TrimPrefix)},
		{name: "trimSuffix", params: []param{s, textParam("suffix")}, result: "string", help: "takes the suffix off the end", example: `trimSuffix("a.pdf", ".pdf") → "a"`, run: onTexts(strings.TrimSuffix)},
		{name: "hasPrefix", params: []param{s, textParam("prefix")}, result: "boolean", help: "tells whether the text starts with the prefix", example: `hasPrefix("#ops", "#") → true`, run: onTexts(strings.HasPrefix)},
		{name: "hasSuffix", params: []param{s, textParam("suffix")}, result: "boolean", help: "tells whether the text ends with the suffix", example: `hasSuffix("a.pdf", ".pdf") → true`, run: onTexts(strings.HasSuffix)},
		{name: "indexOf", params: []param{s, textParam("part")}, result: "integer", help: "tells where the part starts, -1 if it is not there", example: `indexOf("a-b", "-") → 1`, run: runIndex(strings.Index)},
		{name: "lastIndexOf", params: []param{s, textParam("part")}, result: "integer", help: "tells where the last such part starts, -1 if it is not there", example: `lastIndexOf("a-b-c", "-") → 3`, run: runIndex(strings.LastIndex)},
		{name: "replace", params: []param{s, textParam("old"), textParam("new"), wholeParam("times").orNot()}, result: "string", help: "puts new in place of old, everywhere or so many times", example: `replace("a-b", "-", "+") → "a+b"`, run: runReplace},
		{name: "repeat", params: []param{s, wholeParam("times")}, result: "string", help: "writes the text so many times", example: `repeat("ab", 2) → "abab"`, run: runRepeat},
		{name: "split", params: []param{s, sep, wholeParam("most").orNot()}, result: "list of string", help: "cuts the text at each separator", example: `split("a,b", ",") → ["a", "b"]`, run: runSplit},
		{name: "string", params: []param{anyParam("value")}, result: "string", help: "makes text of a value", example: `string(12.5) → "12.5"`, deep: true, typed: typedString, run: runString},
		{name: "bytes", params: []param{anyParam("value")}, result: "integer", help: "is how many bytes a text or a file has", example: `bytes("né") → 3`, typed: typedBytes, run: runBytes},
		{name: "html", params: []param{s}, result: "string", help: "makes text safe inside HTML", example: `html("a < b") → "a &lt; b"`, run: onText(html.EscapeString)},
		{name: "mrkdwn", params: []param{s}, result: "string", help: "makes text safe inside a Slack message", example: `mrkdwn("<!channel>") → "&lt;!channel&gt;"`, run: onText(escapeSlack)},
		{name: "urlencode", params: []param{s}, result: "string", help: "makes text safe inside an address", example: `urlencode("a b&c") → "a%20b%26c"`, run: onText(encodeURL)},
		{name: "sha256", params: []param{s}, result: "string", help: "is the SHA-256 of the text, in hexadecimal", example: `sha256("abc") → "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`, run: onText(sha256Hex)},
		{name: "base64", params: []param{s}, result: "string", help: "writes the text in base64", example: `base64("hi") → "aGk="`, run: onText(encodeBase64)},
		{name: "toBase64", params: []param{s}, result: "string", help: "is base64 by another name", example: `toBase64("hi") → "aGk="`, run: onText(encodeBase64)},
		{name: "fromBase64", params: []param{s}, result: "string", help: "reads base64", example: `fromBase64("aGk=") → "hi"`, run: runFromBase64},
		{name: "money", params: []param{numParam("amount"), textParam("currency")}, result: "string", help: "writes an amount with its currency", example: `money(1234.5, "EUR") → "€1,234.50"`, run: runMoney},
	}
}

func typedString(_ []ast.Node, types []*value.Type) (*value.Type, string) {
	if types[0].Kind == value.FileKind {
		return nil, "a file cannot become text"
	}
	return textType, ""
}

func typedBytes(_ []ast.Node, types []*value.Type) (*value.Type, string) {
	if t := types[0]; !t.IsAny() && !isText(t) && t.Kind != value.FileKind {
		return nil, fmt.Sprintf("a text or a file is wanted, %s is given", t)
	}
	return wholeType, ""
}

func onText(do func(string) string) func(*state, []any) (any, error) {
	return func(_ *state, args []any) (any, error) { return do(args[0].(string)), nil }
}

func onTexts[T any](do func(a, b string) T) func(*state, []any) (any, error) {
	return func(_ *state, args []any) (any, error) { return do(args[0].(string), args[1].(string)), nil }
}

func encodeBase64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func sha256Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// escapeSlack takes their meaning from the characters that start a mention, a
// link or a command in Slack's mrkdwn.
func escapeSlack(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// encodeURL makes text that means itself in the path and in the query.
func encodeURL(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func runTrim(_ *state, args []any) (any, error) {
	if len(args) == 1 {
		return strings.TrimSpace(args[0].(string)), nil
	}
	return strings.Trim(args[0].(string), args[1].(string)), nil
}

// runBytes counts what goes over the wire, where len counts characters.
func runBytes(_ *state, args []any) (any, error) {
	switch v := args[0].(type) {
	case string:
		return len(v), nil
	case value.File:
		return len(v.Data), nil
	default:
		return nil, errors.New("bytes counts those of a text or a file")
	}
}

// runIndex counts in characters, as len and slices do.
func runIndex(find func(s, part string) int) func(*state, []any) (any, error) {
	return func(_ *state, args []any) (any, error) {
		s := args[0].(string)
		at := find(s, args[1].(string))
		if at < 0 {
			return at, nil
		}
		return utf8.RuneCountInString(s[:at]), nil
	}
}

func runReplace(_ *state, args []any) (any, error) {
	s, old, replacement, times := args[0].(string), args[1].(string), args[2].(string), -1
	if len(args) > 3 {
		times = args[3].(int)
	}
	if strings.Count(s, old)*(len(replacement)+1) > longestText-len(s) {
		return nil, errTooLong
	}
	return strings.Replace(s, old, replacement, times), nil
}

func runRepeat(st *state, args []any) (any, error) {
	s, times := args[0].(string), args[1].(int)
	if times < 0 {
		return nil, fmt.Errorf("a text cannot be written %d times", times)
	}
	if len(s) > 0 && times > longestText/len(s) {
		return nil, errTooLong
	}
	return strings.Repeat(s, times), st.spend(len(s) * times / textPerStep)
}

func runSplit(st *state, args []any) (any, error) {
	most := -1
	if len(args) > 2 {
		most = args[2].(int)
	}
	parts := strings.SplitN(args[0].(string), args[1].(string), most)
	list := make([]any, len(parts))
	for i, p := range parts {
		list[i] = p
	}
	return list, st.spend(len(list))
}

func runString(_ *state, args []any) (any, error) { return textOf(args[0]) }

// textOf writes a value as text: a list or an object as JSON, a time as RFC
// 3339.
func textOf(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case time.Time:
		return v.Format(time.RFC3339), nil
	case time.Duration:
		return v.String(), nil
	case value.File:
		return "", errors.New("a file cannot become text")
	}
	b, err := encode(v)
	return string(b), err
}

func runFromBase64(_ *state, args []any) (any, error) {
	b, err := base64.StdEncoding.DecodeString(args[0].(string))
	if err != nil {
		return nil, errors.New("the text is not base64")
	}
	if !utf8.Valid(b) {
		return nil, errors.New("what the text holds is not text")
	}
	return string(b), nil
}

// runMoney writes an amount with thousands separated by commas. The digits
// after the point are those of the currency: none for JPY, two for most.
func runMoney(_ *state, args []any) (any, error) {
	amount, currency := toFloat(args[0]), strings.ToUpper(args[1].(string))
	digits := 2
	switch currency {
	case "JPY", "KRW", "VND", "CLP", "ISK", "XAF", "XOF":
		digits = 0
	case "BHD", "KWD", "OMR", "TND", "JOD":
		digits = 3
	}
	number := strconv.FormatFloat(amount, 'f', digits, 64)
	sign := ""
	if rest, negative := strings.CutPrefix(number, "-"); negative {
		sign, number = "-", rest
	}
	whole, fraction, point := strings.Cut(number, ".")
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if point {
		whole += "." + fraction
	}
	symbol := map[string]string{"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}[currency]
	if symbol == "" {
		return sign + whole + " " + currency, nil
	}
	return sign + symbol + whole, nil
}
