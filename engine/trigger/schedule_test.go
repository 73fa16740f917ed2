package trigger_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/trigger"
)

// The clock of a synctest bubble begins at midnight UTC of Saturday,
// 2000-01-01.

// scheduled returns a workspace whose flows have these schedules.
func scheduled(t *testing.T, schedules map[string]string) *program.Set {
	t.Helper()
	files := map[string]string{}
	for id, text := range schedules {
		files["flows/"+id+".yaml"] = flowFile("schedule: { "+text+" }", "")
	}
	return build(t, program.Options{}, nil, files)
}

// runSchedules runs the schedules of a workspace until stop is called.
func runSchedules(t *testing.T, w *workspace) (s *trigger.Schedules, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s = trigger.NewSchedules(w.intake())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	synctest.Wait()
	return s, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	}
}

func wantTicks(t *testing.T, w *workspace, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, w.scheduled(t)); diff != "" {
		t.Errorf("ticks (-want +got):\n%s", diff)
	}
}

func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestSchedule(t *testing.T) {
	set := scheduled(t, map[string]string{"often": "every: 15m", "weekly": `on: [monday], time: "08:00", timezone: Europe/Paris`})
	synctest.Test(t, func(t *testing.T) {
		w := newWorkspace(set)
		time.Sleep(7 * time.Minute)
		s, stop := runSchedules(t, w)
		defer stop()
		wantTicks(t, w)
		got := s.Upcoming()
		for i, want := range []string{"often schedule 2000-01-01T00:15:00Z", "weekly schedule 2000-01-03T08:00:00+01:00"} {
			if text := got[i].Flow + " " + got[i].Trigger + " " + got[i].Next.Format(time.RFC3339); text != want {
				t.Errorf("Upcoming[%d] = %s, want %s", i, text, want)
			}
		}
		sleep(7 * time.Minute)
		wantTicks(t, w)
		sleep(time.Minute)
		all := w.take()
		want := []journal.Arrival{{
			Flow: "often", Definition: set.Flows["often"].Hash, Trigger: "schedule",
			EventID: "2000-01-01T00:15:00Z", Event: map[string]any{"scheduled": "2000-01-01T00:15:00Z"}, At: time.Now(),
		}}
		if diff := cmp.Diff(want, all); diff != "" {
			t.Errorf("arrivals (-want +got):\n%s", diff)
		}
		sleep(30 * time.Minute)
		wantTicks(t, w, "2000-01-01T00:30:00Z", "2000-01-01T00:45:00Z")
		set := *set
		set.Flows = map[string]*program.Flow{"weekly": set.Flows["weekly"]}
		w.set.Store(&set)
		s.Refresh()
		sleep(72 * time.Hour)
		wantTicks(t, w, "2000-01-03T08:00:00+01:00")
	})
}

func TestMissedTicks(t *testing.T) {
	tests := []struct {
		name, schedule string
		down           time.Duration
		want           []string
	}{
		{"skip", "every: 1h, missed: skip", 3*time.Hour + 30*time.Minute, nil},
		{"skip is what is done unasked", "every: 1h", 3*time.Hour + 30*time.Minute, nil},
		{"skip, but the last one only just", "every: 1h, missed: skip", 3*time.Hour + 30*time.Second, []string{"2000-01-01T03:00:00Z"}},
		{"run once", "every: 1h, missed: run_once", 3*time.Hour + 30*time.Minute, []string{"2000-01-01T03:00:00Z"}},
		{"run all", "every: 1h, missed: run_all", 3*time.Hour + 30*time.Minute, []string{"2000-01-01T01:00:00Z", "2000-01-01T02:00:00Z", "2000-01-01T03:00:00Z"}},
		{"nothing was missed", "every: 1h, missed: run_all", 30 * time.Minute, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set := scheduled(t, map[string]string{"flow": tt.schedule})
			synctest.Test(t, func(t *testing.T) {
				w := newWorkspace(set)
				_, stop := runSchedules(t, w)
				stop()
				time.Sleep(tt.down)
				_, stop = runSchedules(t, w)
				wantTicks(t, w, tt.want...)
				stop()
				// What was made up for, or not, stays so.
				_, stop = runSchedules(t, w)
				wantTicks(t, w)
				stop()
			})
		})
	}
}

// TestMissedTicksWait makes up for ticks of a flow that otherwise leaves out
// what comes while it is at work.
func TestMissedTicksWait(t *testing.T) {
	set := build(t, program.Options{}, nil, map[string]string{
		"flows/flow.yaml": flowFile("schedule: { every: 1h, missed: run_all }", "mode: single\nlimits: { queue: 1 }\n"),
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorkspace(set)
		_, stop := runSchedules(t, w)
		stop()
		time.Sleep(3*time.Hour + 30*time.Minute)
		_, stop = runSchedules(t, w)
		for _, a := range w.take() {
			if a.Busy != journal.Wait || a.Most != 0 || a.Queue == "" {
				t.Errorf("%s: busy %q, most %d, queue %q, want it to wait in the queue of the flow", a.EventID, a.Busy, a.Most, a.Queue)
			}
		}
		sleep(time.Hour)
		stop()
		for _, a := range w.take() {
			if a.Busy != journal.Skip || a.Most != 1 {
				t.Errorf("%s: busy %q, most %d, want it left out while another runs", a.EventID, a.Busy, a.Most)
			}
		}
	})
}

func TestMissedTicksAreBounded(t *testing.T) {
	set := scheduled(t, map[string]string{"every": "every: 1m, missed: run_all", "cron": `cron: "* * * * *", missed: run_all`})
	synctest.Test(t, func(t *testing.T) {
		w := newWorkspace(set)
		_, stop := runSchedules(t, w)
		stop()
		time.Sleep(60 * 24 * time.Hour)
		_, stop = runSchedules(t, w)
		stop()
		all := w.take()
		if len(all) != 2000 {
			t.Fatalf("%d runs, want 1000 of each", len(all))
		}
		for _, i := range []int{999, 1999} {
			if got := all[i].EventID; got != "2000-03-01T00:00:00Z" {
				t.Errorf("the newest tick is %s, want 2000-03-01T00:00:00Z", got)
			}
		}
	})
}

// A schedule that was edited has missed nothing.
func TestEditedSchedule(t *testing.T) {
	first := scheduled(t, map[string]string{"flow": "every: 1h, missed: run_all"})
	second := scheduled(t, map[string]string{"flow": "every: 10m, missed: run_all"})
	synctest.Test(t, func(t *testing.T) {
		w := newWorkspace(first)
		s, stop := runSchedules(t, w)
		sleep(90 * time.Minute)
		wantTicks(t, w, "2000-01-01T01:00:00Z")
		w.set.Store(second)
		s.Refresh()
		synctest.Wait()
		wantTicks(t, w)
		sleep(10 * time.Minute)
		wantTicks(t, w, "2000-01-01T01:40:00Z")
		stop()
		w.set.Store(first)
		sleep(10 * time.Hour)
		_, stop = runSchedules(t, w)
		wantTicks(t, w)
		sleep(time.Hour)
		wantTicks(t, w, "2000-01-01T12:00:00Z")
		stop()
	})
}

// What passed while a flow was switched off does not count, even if nothing
// ran when it was switched off.
func TestSwitchedOffSchedule(t *testing.T) {
	on := scheduled(t, map[string]string{"flow": "every: 1h, missed: run_all"})
	off := build(t, program.Options{}, nil, map[string]string{
		"flows/flow.yaml": flowFile("schedule: { every: 1h, missed: run_all }", "enabled: false\n"),
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorkspace(on)
		s, stop := runSchedules(t, w)
		sleep(time.Hour)
		wantTicks(t, w, "2000-01-01T01:00:00Z")
		w.set.Store(off)
		s.Refresh()
		sleep(3 * time.Hour)
		wantTicks(t, w)
		w.set.Store(on)
		s.Refresh()
		synctest.Wait()
		wantTicks(t, w)
		sleep(time.Hour)
		wantTicks(t, w, "2000-01-01T05:00:00Z")
		stop()
		w.set.Store(off)
		_, stop = runSchedules(t, w)
		stop()
		sleep(3 * time.Hour)
		w.set.Store(on)
		_, stop = runSchedules(t, w)
		wantTicks(t, w)
		stop()
	})
}

func TestScheduleSpread(t *testing.T) {
	set := scheduled(t, map[string]string{"a": "every: 1h, spread: 10m", "b": "every: 1h, spread: 10m"})
	synctest.Test(t, func(t *testing.T) {
		w := newWorkspace(set)
		_, stop := runSchedules(t, w)
		defer stop()
		var first []time.Duration
		for range 2 {
			sleep(time.Hour)
			all := w.take()
			if len(all) != 2 {
				t.Fatalf("%d runs, want 2", len(all))
			}
			var now []time.Duration
			for _, a := range all {
				now = append(now, time.Until(a.Due))
			}
			if now[0] == now[1] || now[0] < 0 || now[0] >= 10*time.Minute || now[1] < 0 || now[1] >= 10*time.Minute {
				t.Errorf("the runs are due after %v, want two moments within 10 minutes", now)
			}
			if first != nil {
				if diff := cmp.Diff(first, now); diff != "" {
					t.Errorf("the moments changed (-first +second):\n%s", diff)
				}
			}
			first = now
		}
	})
}

// A tick that cannot be stored is stored as soon as that works again.
func TestScheduleStoreDown(t *testing.T) {
	set := scheduled(t, map[string]string{"flow": "every: 1h"})
	synctest.Test(t, func(t *testing.T) {
		w := newWorkspace(set)
		_, stop := runSchedules(t, w)
		defer stop()
		w.breakDown(journal.ErrUnavailable)
		sleep(time.Hour + 10*time.Second)
		wantTicks(t, w)
		w.breakDown(nil)
		sleep(20 * time.Second)
		wantTicks(t, w, "2000-01-01T01:00:00Z")
	})
}
