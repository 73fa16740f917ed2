package program_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"patchbay/engine/program"
)

// company is a workspace of n flows of 20 steps beside the shipped connectors.
// Every tenth flow calls the flow "shared".
func company(tb testing.TB, n int) program.Sources {
	tb.Helper()
	src := shipped(tb)
	shop, err := os.ReadFile("testdata/shop/connector.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	src.Connectors["shop"] = []program.File{{Path: "connectors/shop/connector.yaml", Data: shop}}
	src.Flows = []program.File{
		{Path: "flows/connections.yaml", Data: []byte(connected)},
		{Path: "flows/shared.yaml", Data: []byte("flow: 1\ntriggers: [{ on_demand: {} }]\ninputs: { name: { type: string } }\nsteps: [{ wait: 1s }]\n")},
	}
	for i := range n {
		var b strings.Builder
		fmt.Fprintf(&b, "flow: 1\nname: Flow %d\ntriggers: [{ trigger: shop.order_paid }]\nvars:\n  mail: ${{ event.customer?.email ?? \"nobody\" }}\nsteps:\n", i)
		if i%10 == 0 {
			b.WriteString("  - call: shared\n    with: { name: \"${{ vars.mail }}\" }\n")
		} else {
			b.WriteString("  - wait: 1s\n")
		}
		b.WriteString("  - id: order\n    action: shop.get_order\n    with: { id: \"${{ event.id }}\" }\n")
		for step := range 9 {
			fmt.Fprintf(&b, "  - id: made_%d\n    if: steps.order.total > %d\n    action: shop.create_order\n    with: { email: \"${{ vars.mail }}\", total: \"${{ steps.order.total }}\" }\n", step, step)
			fmt.Fprintf(&b, "  - id: set_%d\n    set: { text: \"${{ vars.mail }} of ${{ steps.order.id }}\" }\n", step)
		}
		src.Flows = append(src.Flows, program.File{Path: fmt.Sprintf("flows/flow-%04d.yaml", i), Data: []byte(b.String())})
	}
	return src
}

// BenchmarkCompany builds 1,000 flows of 20 steps from nothing, and beside the
// set they made before one edit.
func BenchmarkCompany(b *testing.B) {
	src := company(b, 1000)
	before := program.Build(src, program.Options{})
	if err := before.Findings.Err(); err != nil || len(before.Flows) != 1001 {
		b.Fatalf("%d flows are sound, want 1001: %v", len(before.Flows), err)
	}
	for _, test := range []struct{ name, file, from, to string }{
		{"Nothing", "", "", ""},
		{"Flow", "flows/flow-0500.yaml", "wait: 1s", "wait: 2s"},
		{"CalledFlow", "flows/shared.yaml", "name: {", "other: { type: string, optional: true }, name: {"},
		{"CalledFlowInput", "flows/shared.yaml", "name: { type: string }", "name: { type: any }"},
		{"ConnectionField", "flows/connections.yaml", "shopId: a", "shopId: b"},
		{"ConnectionBroken", "flows/connections.yaml", "shopId", "shopIt"},
		{"Connector", "connectors/shop/connector.yaml", "name: ", "name: New "},
	} {
		after := edited(src, test.file, func(text string) string { return strings.Replace(text, test.from, test.to, 1) })
		b.Run(test.name, func(b *testing.B) {
			for b.Loop() {
				program.Build(after, program.Options{Previous: []*program.Set{before}})
			}
		})
	}
	b.Run("Cold", func(b *testing.B) {
		for b.Loop() {
			program.Build(src, program.Options{})
		}
	})
}

// BenchmarkShippedAgain builds all that is shipped beside the set it made.
func BenchmarkShippedAgain(b *testing.B) {
	src := shipped(b)
	opt := program.Options{Previous: []*program.Set{program.Build(src, program.Options{})}}
	for b.Loop() {
		program.Build(src, opt)
	}
}
