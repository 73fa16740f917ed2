package store_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/store"
)

func TestSigns(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	later := arrival("f", "later")
	later.Due = start.Add(time.Hour)
	accept(t, s, arrival("f", "1"), arrival("f", "2"), arrival("f", "3"), later, arrival("f", "5"), inQueue("f", "6", "q"), inQueue("f", "7", "q"))
	runs := claim(t, s, start, 6)
	progress(t, s, runs[0], journal.OutcomeUnknown)
	progress(t, s, runs[1], journal.WaitingStatus) // for a run that it called, of which there is none
	progress(t, s, runs[2], journal.WaitingStatus) // for this one:
	child := arrival("f", "child")
	child.Parent, child.Due = runs[2].ID, start.Add(10*time.Hour)
	accept(t, s, child)
	signs, err := s.Signs(ctx, start.Add(90*time.Minute))
	want := store.Signs{
		Format: 8, World: "live", Open: 8, Oldest: start, Latest: start, Stats: signs.Stats,
		NoLease: []int64{5, 6}, Overdue: []int64{4}, Asleep: []int64{2}, Asking: []int64{1},
	}
	if diff := cmp.Diff(want, signs); diff != "" || err != nil {
		t.Errorf("Signs, %v (-want +got):\n%s", err, diff)
	}
	// Where everything is in time nothing is odd but what nobody can end.
	signs, err = s.Signs(ctx, start)
	if len(signs.NoLease)+len(signs.Overdue) > 0 || !cmp.Equal(signs.Asleep, []int64{2}) || err != nil {
		t.Errorf("Signs at once = %+v, %v, want run 2 asleep alone", signs, err)
	}
}

func TestSignsOfDamage(t *testing.T) {
	dir := t.TempDir()
	s, stop := begin(t, dir)
	if err := s.SaveDefinition(t.Context(), "d1", nil, "f", true); err != nil {
		t.Fatal(err)
	}
	stop()
	edit(t, filepath.Join(dir, "patchbay.db"), `pragma foreign_keys = 0; delete from definition`)
	signs, err := open(t, dir).Signs(t.Context(), start)
	want := []string{"a row of published names one of definition that is not there"}
	if diff := cmp.Diff(want, signs.Damage); diff != "" || err != nil {
		t.Errorf("Damage, %v (-want +got):\n%s", err, diff)
	}
}

func TestSpareDefinitions(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	accept(t, s, arrival("f", "1")) // pinned to d1
	for hash, data := range map[string]string{"d1": "part1", "d2": "part2", "d3": "part3", "part1": "", "part2": "", "part3": "", "loose": ""} {
		if err := s.SaveDefinition(ctx, hash, []byte(data), "f", hash == "d2"); err != nil {
			t.Fatal(err)
		}
	}
	needs := func(_ string, data []byte) ([]string, error) {
		if len(data) == 0 {
			return nil, nil
		}
		return []string{string(data)}, nil
	}
	spare, err := s.SpareDefinitions(ctx, needs)
	if diff := cmp.Diff([]string{"d3", "loose", "part3"}, spare); diff != "" || err != nil {
		t.Errorf("SpareDefinitions, %v (-want +got):\n%s", err, diff)
	}
	if err := s.RemoveDefinitions(ctx, spare); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Definition(ctx, "d3"); !errors.Is(err, store.ErrNoDefinition) {
		t.Errorf("Definition of what was removed = %v, want ErrNoDefinition", err)
	}
	if spare, err = s.SpareDefinitions(ctx, needs); len(spare) > 0 || err != nil {
		t.Errorf("SpareDefinitions afterwards = %v, %v, want none", spare, err)
	}
}
