package main

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// madeArchive holds what is wanted of the cases that the test makes.
const madeArchive = "made.txtar"

// A flow without mistakes, from which broken ones are made.
const soundFlow = `flow: 1
name: Order paid → tag the contact
triggers:
  - trigger: shop.order_paid
conditions:
  - event.customer?.email != nil
vars:
  mail: ${{ event.customer.email }}
steps:
  - id: found
    action: shop.contacts.find
    with: { email: "${{ vars.mail }}" }
  - if: steps.found == nil
    stop: nobody has this address
  - id: tag
    action: shop.contacts.add_tags
    with:
      contactId: ${{ steps.found.id }}
      tags: ${{ event.tags }}
  - for_each: event.lines
    as: line
    steps:
      - set: { text: "${{ line.sku }}: ${{ line.count }}" }
  - action: slack.post_message
    with:
      channel: "#orders"
      text: |-
        Order ${{ event.id }} was paid,
        ${{ event.total }} in all
`

// madeCases returns the cases that are made in place of being kept.
func madeCases() []*corpusCase {
	var cases []*corpusCase
	add := func(name, file, text string) {
		cases = append(cases, &corpusCase{name: name, files: map[string][]byte{file: []byte(text)}})
	}
	flow := func(name, text string) { add(name, "flows/broken.yaml", text) }
	for _, these := range []func(func(name, text string)){halfWritten, bytesOfOtherKinds, tooMuch, tooDeeply} {
		these(flow)
	}
	add("deep-types-of-a-connector", "connectors/kiosk/connector.yaml", deepTypes(60))
	add("many-connections", "flows/connections.yaml", manyConnections(500))
	circle := &corpusCase{name: "a-circle-of-300-flows", files: map[string][]byte{}}
	for i := range 300 {
		circle.files[fmt.Sprintf("flows/circle-%03d.yaml", i)] = fmt.Appendf(nil,
			"flow: 1\ntriggers: [{ on_demand: {} }]\nsteps: [{ call: circle-%03d }]\n", (i+1)%300)
	}
	return append(cases, circle)
}

// halfWritten cuts the flow behind each of its lines, and within some of them:
// what an editor shows while somebody types.
func halfWritten(flow func(name, text string)) {
	at := 0
	for i, line := range strings.SplitAfter(soundFlow, "\n") {
		if line == "" {
			break
		}
		flow(fmt.Sprintf("cut-in-line-%02d", i+1), soundFlow[:at+len(strings.TrimRight(line, "\n"))*2/3])
		if i%3 == 0 {
			flow(fmt.Sprintf("cut-behind-line-%02d", i+1), soundFlow[:at+len(line)])
		}
		at += len(line)
	}
	for i, cut := range []string{"${{ vars.", "${{", "vars.mail }", "[", "{ text: \"", "#ord"} {
		text, _, _ := strings.Cut(soundFlow, cut)
		flow(fmt.Sprintf("cut-at-a-sign-%d", i+1), text+cut)
	}
}

// bytesOfOtherKinds are files that are no text, or none that an editor here
// saves.
func bytesOfOtherKinds(flow func(name, text string)) {
	misspelt := strings.Replace(soundFlow, "event.lines", "event.liens", 1)
	var utf16le strings.Builder
	utf16le.WriteString("\xff\xfe")
	for _, u := range utf16.Encode([]rune(soundFlow)) {
		utf16le.WriteString(string([]byte{byte(u), byte(u >> 8)}))
	}
	for _, c := range [][2]string{
		{"byte-order-mark", "\ufeff" + misspelt},
		{"byte-order-mark-and-a-mistake-in-the-first-line", "\ufefflow: 1\n" + misspelt[len("flow: 1\n"):]},
		{"line-ends-of-windows", strings.ReplaceAll(misspelt, "\n", "\r\n")},
		{"line-ends-of-old-macs", strings.ReplaceAll(misspelt, "\n", "\r")},
		{"line-separator", strings.Replace(misspelt, "nobody has", "nobody\u2028has", 1)},
		{"latin-1", strings.Replace(soundFlow, "→", "\xe9", 1)},
		{"utf-16", utf16le.String()},
		{"nul", strings.Replace(soundFlow, "nobody", "no\x00body", 1)},
		{"bell", strings.Replace(soundFlow, "nobody", "no\abody", 1)},
		{"escape-sequences", strings.Replace(soundFlow, "nobody", "\x1b[31mnobody\x1b[0m", 1)},
		{"png", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01"},
		{"zip", "PK\x03\x04\x14\x00\x00\x00\x08\x00"},
		{"gzip", "\x1f\x8b\x08\x00\x00\x00\x00\x00"},
		{"empty", ""},
		{"line-ends-alone", "\n\n\n"},
		{"no-break-spaces-as-indentation", strings.Replace(soundFlow, "  - if", "\u00a0\u00a0- if", 1)},
		{"no-break-space-behind-a-colon", strings.Replace(soundFlow, "as: line", "as:\u00a0line", 1)},
		{"no-break-space-in-marks", strings.Replace(soundFlow, "${{ event.total", "${{\u00a0event.total", 1)},
		{"zero-width-space-in-a-name", strings.Replace(soundFlow, "event.lines", "event.\u200blines", 1)},
		{"cyrillic-letter-in-a-name", strings.Replace(soundFlow, "event.tags", "event.t\u0430gs", 1)},
		{"letters-from-right-to-left", strings.Replace(misspelt, "nobody has this address", "אין כתובת ${{ event.idd }}", 1)},
		{"emoji-in-a-key", strings.Replace(soundFlow, "vars:\n  mail", "vars:\n  📧", 1)},
		{"emoji-of-several-signs", strings.Replace(soundFlow, "nobody has", "👩‍👩‍👧‍👦🇫🇷 ${{ event.idd }}", 1)},
		{"tab-in-a-text", strings.Replace(soundFlow, "nobody has", "nobody\thas ${{ event.idd }}", 1)},
		{"spaces-behind-every-line", strings.ReplaceAll(misspelt, "\n", "   \n")},
		{"no-line-end-at-the-end", strings.TrimSuffix(misspelt, "\n")},
	} {
		flow(c[0], c[1])
	}
}

// tooMuch are files that are larger than anybody writes.
func tooMuch(flow func(name, text string)) {
	const head = "flow: 1\ntriggers:\n  - trigger: shop.order_paid\nsteps:\n"
	repeated := func(n int, form string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, form, i)
		}
		return b.String()
	}
	for _, c := range [][2]string{
		{"larger-than-1-mb", soundFlow + "# " + strings.Repeat("x", 1<<20) + "\n"},
		{"a-line-of-900-kb", head + "  - stop: \"" + strings.Repeat("x", 900_000) + " ${{ event.idd }} y\"\n"},
		{"a-line-of-900-kb-without-quotes", head + "  - stop: " + strings.Repeat("x ", 450_000) + "${{ event.idd }}\n"},
		{"a-key-of-900-kb", head + "  - " + strings.Repeat("x", 900_000) + ": 1\n"},
		{"10000-unknown-keys", head + "  - stop: done\n" + repeated(10_000, "key_%d: 1\n")},
		{"10000-fields", head + "  - set:\n" + repeated(10_000, "      field_%d: \"${{ event.id }}\"\n") + "  - set: { a: \"${{ event.idd }}\" }\n"},
		{"10000-fields-of-which-one-is-misspelt", head + "  - id: a\n    set:\n" + repeated(10_000, "      field_%d: 1\n") + "  - set: { a: \"${{ steps.a.feild_77 }}\" }\n"},
		{"5000-steps-with-one-mistake-each", head + repeated(5_000, "  - { id: s%d, set: { a: \"${{ event.idd }}\" } }\n")},
		{"2000-expressions-in-a-text", head + "  - stop: \"" + strings.Repeat("${{ event.id }} ", 2000) + "${{ event.idd }}\"\n"},
		{"20000-marks-not-closed", head + "  - stop: \"" + strings.Repeat("${{ ", 20_000) + "\"\n"},
		{"100000-dollars", head + "  - stop: \"" + strings.Repeat("$", 100_000) + "{{ event.idd }}\"\n"},
		{"10000-commas", head + "  - set: { a: [" + strings.Repeat(",", 10_000) + "] }\n"},
		{"10000-anchors", head + "  - set: { a: [" + strings.Repeat("&a x, ", 10_000) + "] }\n"},
		{"billion-laughs", head + "  - set:\n      a: &a [x, x]\n      b: &b [*a, *a]\n      c: &c [*b, *b]\n      d: [*c, *c]\n"},
		{"10000-empty-lines-and-a-mistake", head + strings.Repeat("\n", 10_000) + "  - stpo: done\n"},
		{"a-number-of-100000-digits", head + "  - set: { a: " + strings.Repeat("9", 100_000) + " }\n"},
		{"a-number-of-100000-digits-in-an-expression", head + "  - set: { a: \"${{ " + strings.Repeat("9", 100_000) + " }}\" }\n"},
		{"a-duration-of-100000-digits", head + "  - wait: " + strings.Repeat("9", 100_000) + "s\n"},
		{"a-duration-of-300-years", head + "  - wait: 109500d\n"},
		{"an-exponent-of-9-digits", head + "  - set: { a: 1e999999999 }\n"},
		{"a-regular-expression-of-10000-signs", head + "  - if: event.id matches \"" + strings.Repeat("(a|b)*", 1_700) + "\"\n    stop: done\n"},
	} {
		flow(c[0], c[1])
	}
}

// tooDeeply are files in which things stand in one another without end.
func tooDeeply(flow func(name, text string)) {
	const head = "flow: 1\ntriggers:\n  - trigger: shop.order_paid\nsteps:\n"
	var maps, loops strings.Builder
	for i := range 200 {
		fmt.Fprintf(&maps, "%sa:\n", strings.Repeat(" ", i+6))
	}
	for i := range 30 {
		fmt.Fprintf(&loops, "%[1]s- for_each: event.lines\n%[1]s  as: line_%[2]d\n%[1]s  steps:\n", strings.Repeat(" ", 4*i+2), i)
	}
	loops.WriteString(strings.Repeat(" ", 4*30+2) + "- set: { a: \"${{ line_29.skuu }}\" }\n")
	for _, c := range [][2]string{
		{"10000-brackets", head + "  - set: { a: " + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + " }\n"},
		{"10000-brackets-not-closed", head + "  - set: { a: " + strings.Repeat("[", 10_000) + "\n"},
		{"10000-braces", head + "  - set: " + strings.Repeat("{ a: ", 10_000) + "1" + strings.Repeat(" }", 10_000) + "\n"},
		{"10000-dashes", head + "  " + strings.Repeat("- ", 10_000) + "stop\n"},
		{"200-maps", head + "  - set:\n" + maps.String()},
		{"30-loops", head + loops.String()},
		{"5000-parentheses-in-an-expression", head + "  - set: { a: \"${{ " + strings.Repeat("(", 5_000) + "1" + strings.Repeat(")", 5_000) + " }}\" }\n"},
		{"5000-parentheses-not-closed", head + "  - set: { a: \"${{ " + strings.Repeat("(", 5_000) + " }}\" }\n"},
		{"5000-times-not", head + "  - if: " + strings.Repeat("not ", 5_000) + "event.total > 1\n    stop: done\n"},
		{"5000-times-plus", head + "  - set: { a: \"${{ " + strings.Repeat("1 + ", 5_000) + "1 }}\" }\n"},
		{"2000-choices", head + "  - set: { a: \"${{ " + strings.Repeat("event.total > 1 ? 1 : ", 2_000) + "1 }}\" }\n"},
		{"a-path-of-5000-names", head + "  - set: { a: \"${{ event" + strings.Repeat(".id", 5_000) + " }}\" }\n"},
		{"1000-maps-in-an-expression", head + "  - set: { a: \"${{ " + strings.Repeat("map(event.lines, ", 1_000) + "1" + strings.Repeat(")", 1_000) + " }}\" }\n"},
	} {
		flow(c[0], c[1])
	}
}

// deepTypes is a connector with types of which each has two fields of the
// next, so that there are 2^n ways through them.
func deepTypes(n int) string {
	var b strings.Builder
	b.WriteString("connector: 1\nid: kiosk\nname: Kiosk\napi: { base_url: https://api.kiosk.example }\ntypes:\n")
	for i := range n {
		fmt.Fprintf(&b, "  T%[1]d: { a: { type: T%[2]d }, b: { type: T%[2]d } }\n", i, i+1)
	}
	fmt.Fprintf(&b, "  T%d: { a: { type: strng } }\n", n)
	return b.String()
}

// manyConnections is a file of connections that all lack the same.
func manyConnections(n int) string {
	var b strings.Builder
	b.WriteString("connections: 1\n")
	for i := range n {
		fmt.Fprintf(&b, "shop_%d: { connector: shop, shopId: s-%d }\n", i, i)
	}
	return b.String()
}
