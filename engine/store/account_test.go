package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
)

func TestAccounts(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	at := time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)
	for _, accounts := range [][]journal.Account{
		{{Connection: "office", ID: "b", Name: "Bea", Seen: at}, {Connection: "office", ID: "a", Name: "Ada", Seen: at}},
		{{Connection: "office", ID: "b", Name: "Beatrix", Seen: at, Retired: at.Add(time.Hour)}, {Connection: "cabin", ID: "a", Seen: at}},
		nil,
	} {
		if err := s.KeepAccounts(ctx, accounts); err != nil {
			t.Fatal(err)
		}
	}
	want := []journal.Account{
		{Connection: "cabin", ID: "a", Seen: at},
		{Connection: "office", ID: "a", Name: "Ada", Seen: at},
		{Connection: "office", ID: "b", Name: "Beatrix", Seen: at, Retired: at.Add(time.Hour)},
	}
	got, err := s.Accounts(ctx)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Accounts, %v (-want +got):\n%s", err, diff)
	}
}

func TestRunsOfAConnection(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	for i, connection := range []string{"", "office/a", "office/b", "office/a"} {
		a := journal.Arrival{Flow: "f", Trigger: "t", Connection: connection, EventID: string(rune('0' + i)), At: time.Now()}
		if _, err := s.Accept(ctx, []journal.Arrival{a}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		filter journal.Filter
		want   []int64
	}{
		{journal.Filter{Connection: "office/a"}, []int64{4, 2}},
		{journal.Filter{Connection: "office/a", Before: 4}, []int64{2}},
		{journal.Filter{Connection: "office/b", Flow: "f", Status: journal.Queued}, []int64{3}},
		{journal.Filter{Connection: "office/b", Flow: "g"}, nil},
		{journal.Filter{Connection: "office/c"}, nil},
	} {
		found, err := s.Runs(ctx, test.filter)
		var got []int64
		for _, r := range found {
			got = append(got, r.ID)
		}
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("Runs(%+v), %v (-want +got):\n%s", test.filter, err, diff)
		}
	}
}
