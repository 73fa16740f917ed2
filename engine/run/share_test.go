package run

import "testing"

// TestShare lets flows and connections take workers until they get no more: in
// the order of the table, each as many as it can.
func TestShare(t *testing.T) {
	type taker struct {
		flow, connection string
		want             int
	}
	three := func(flow string) int { return map[string]int{"limited": 3}[flow] }
	tests := []struct {
		name    string
		workers int
		takers  []taker
	}{
		{"one connection", 256, []taker{{"a", "1", 163}}},
		{"connections", 256, []taker{{"a", "1", 163}, {"a", "2", 32}, {"a", "3", 7}, {"a", "4", 1}, {"a", "5", 1}, {"a", "6", 0}, {"b", "", 32}}},
		{"flows", 256, []taker{{"a", "", 163}, {"b", "", 59}, {"c", "", 21}, {"d", "", 8}, {"e", "", 3}, {"f", "", 1}, {"g", "", 1}, {"h", "", 0}}},
		{"a flow with a limit", 256, []taker{{"limited", "1", 3}, {"limited", "2", 0}, {"b", "", 161}}},
		{"one worker", 1, []taker{{"a", "", 1}, {"b", "", 0}}},
		{"two workers", 2, []taker{{"a", "1", 1}, {"a", "2", 0}, {"b", "", 1}}},
		{"four workers", 4, []taker{{"a", "1", 2}, {"a", "2", 1}, {"b", "", 1}, {"c", "", 0}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newShare(test.workers, three)
			for _, of := range test.takers {
				got := 0
				for s.Take(of.flow, of.connection) {
					got++
				}
				if got != of.want {
					t.Errorf("%s/%s took %d, want %d", of.flow, of.connection, got, of.want)
				}
			}
			for _, of := range test.takers {
				for range of.want {
					s.Free(of.flow, of.connection)
				}
			}
			if s.free() != test.workers || len(s.flows) != 0 || len(s.lanes) != 0 {
				t.Errorf("all given back leaves %d free and %v, %v, want all and nothing", s.free(), s.flows, s.lanes)
			}
		})
	}
}
