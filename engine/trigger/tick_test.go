package trigger_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
	"patchbay/engine/trigger"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// Each case asks for the next ticks, one after the other.
func TestNext(t *testing.T) {
	daily := func(hour, minute int) *program.Schedule { return &program.Schedule{Hour: hour, Minute: minute} }
	cron := func(text string) *program.Schedule { return &program.Schedule{Cron: text} }
	tests := []struct {
		name     string
		schedule *program.Schedule
		zone     string
		after    string
		want     []string
	}{
		{
			"every quarter of an hour, aligned", &program.Schedule{Every: 15 * time.Minute}, "UTC", "2026-03-14T10:07:31Z",
			[]string{"2026-03-14T10:15:00Z", "2026-03-14T10:30:00Z"},
		},
		{
			"a tick is not its own next", &program.Schedule{Every: 15 * time.Minute}, "UTC", "2026-03-14T10:15:00Z",
			[]string{"2026-03-14T10:30:00Z"},
		},
		{
			"every day begins at midnight UTC", &program.Schedule{Every: 24 * time.Hour}, "UTC", "2026-03-14T10:15:00Z",
			[]string{"2026-03-15T00:00:00Z", "2026-03-16T00:00:00Z"},
		},
		{
			"every week begins on Monday", &program.Schedule{Every: 7 * 24 * time.Hour}, "UTC", "2026-03-14T10:15:00Z",
			[]string{"2026-03-16T00:00:00Z"},
		},
		{
			"every hour goes on through a change of the clocks", &program.Schedule{Every: time.Hour}, "Europe/Paris", "2026-03-29T01:30:00+01:00",
			[]string{"2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"},
		},
		{
			"every day", daily(8, 0), "Europe/Paris", "2026-03-14T08:00:00+01:00",
			[]string{"2026-03-15T08:00:00+01:00"},
		},
		{
			"later the same day", daily(8, 0), "Europe/Paris", "2026-03-14T07:59:59+01:00",
			[]string{"2026-03-14T08:00:00+01:00"},
		},
		{
			"one weekday", &program.Schedule{Days: []time.Weekday{time.Friday}, Hour: 9}, "Europe/Paris", "2026-03-13T09:00:00+01:00",
			[]string{"2026-03-20T09:00:00+01:00", "2026-03-27T09:00:00+01:00", "2026-04-03T09:00:00+02:00"},
		},
		{
			"two weekdays", &program.Schedule{Days: []time.Weekday{time.Monday, time.Thursday}, Hour: 9}, "UTC", "2026-03-14T12:00:00Z",
			[]string{"2026-03-16T09:00:00Z", "2026-03-19T09:00:00Z", "2026-03-23T09:00:00Z"},
		},
		{
			"the zone decides about the day", &program.Schedule{Days: []time.Weekday{time.Monday}, Hour: 1}, "Pacific/Auckland", "2026-06-14T00:00:00Z",
			[]string{"2026-06-15T01:00:00+12:00"},
		},
		{
			"a time in the gap runs at its end", daily(2, 30), "Europe/Paris", "2026-03-28T12:00:00+01:00",
			[]string{"2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"},
		},
		{
			"the first moment of the gap, too", daily(2, 0), "Europe/Paris", "2026-03-28T12:00:00+01:00",
			[]string{"2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"},
		},
		{
			"the end of the gap is no gap", daily(3, 0), "Europe/Paris", "2026-03-28T12:00:00+01:00",
			[]string{"2026-03-29T03:00:00+02:00", "2026-03-30T03:00:00+02:00"},
		},
		{
			"a time that comes twice runs the first time", daily(2, 30), "Europe/Paris", "2026-10-24T12:00:00+02:00",
			[]string{"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"},
		},
		{
			"also if asked in the second hour", daily(2, 30), "Europe/Paris", "2026-10-25T02:10:00+01:00",
			[]string{"2026-10-26T02:30:00+01:00"},
		},
		{
			"the end of the repeated hour runs once", daily(3, 0), "Europe/Paris", "2026-10-25T02:59:00+02:00",
			[]string{"2026-10-25T03:00:00+01:00", "2026-10-26T03:00:00+01:00"},
		},
		{
			"where midnight does not exist", daily(0, 0), "America/Sao_Paulo", "2018-11-03T12:00:00-03:00",
			[]string{"2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"},
		},
		{
			"where half an hour is skipped", daily(2, 15), "Australia/Lord_Howe", "2026-10-03T12:00:00+10:30",
			[]string{"2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"},
		},
		{
			"where a whole day is skipped", daily(9, 0), "Pacific/Apia", "2011-12-29T08:00:00-10:00",
			[]string{"2011-12-29T09:00:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31T09:00:00+14:00"},
		},
		{
			"cron", cron("0 7 * * 1"), "Europe/Paris", "2026-03-23T07:00:00+01:00",
			[]string{"2026-03-30T07:00:00+02:00", "2026-04-06T07:00:00+02:00"},
		},
		{
			"cron in the gap", cron("30 2 * * *"), "America/New_York", "2026-03-07T12:00:00-05:00",
			[]string{"2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"},
		},
		{
			"several in the gap are one", cron("*/20 2 * * *"), "America/New_York", "2026-03-08T00:00:00-05:00",
			[]string{"2026-03-08T03:00:00-04:00", "2026-03-09T02:00:00-04:00"},
		},
		{
			"cron in the repeated hour", cron("30 1 * * *"), "America/New_York", "2026-10-31T12:00:00-04:00",
			[]string{"2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"},
		},
		{
			"cron without an hour knows no gap", cron("30 * * * *"), "America/New_York", "2026-03-08T01:00:00-05:00",
			[]string{"2026-03-08T01:30:00-05:00", "2026-03-08T03:30:00-04:00"},
		},
		{
			"and runs in both of the repeated hours", cron("30 * * * *"), "America/New_York", "2026-11-01T01:00:00-04:00",
			[]string{"2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00", "2026-11-01T02:30:00-05:00"},
		},
		{
			"cron with a zone of its own", cron("CRON_TZ=Asia/Tokyo 0 9 * * *"), "Europe/Paris", "2026-03-14T12:00:00Z",
			[]string{"2026-03-15T09:00:00+09:00"},
		},
		{
			"cron by a word", cron("@daily"), "Europe/Paris", "2026-03-14T12:00:00Z",
			[]string{"2026-03-15T00:00:00+01:00"},
		},
		{
			"cron by an interval", cron("@every 20m"), "UTC", "2026-03-14T12:01:00Z",
			[]string{"2026-03-14T12:20:00Z"},
		},
		{
			"cron on a leap day", cron("0 0 29 2 *"), "UTC", "2026-03-14T12:01:00Z",
			[]string{"2028-02-29T00:00:00Z"},
		},
		{
			"cron that never comes", cron("0 0 30 2 *"), "UTC", "2026-03-14T12:01:00Z",
			[]string{"0001-01-01T00:00:00Z"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.schedule.Zone = zone(t, tt.zone)
			at, err := time.Parse(time.RFC3339, tt.after)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for range tt.want {
				at = trigger.Next(tt.schedule, at)
				got = append(got, at.Format(time.RFC3339))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Next(%+v, %s), ticks (-want +got):\n%s", *tt.schedule, tt.after, diff)
			}
		})
	}
}

// Whatever is asked, and whenever: the answer lies in the future, nothing lies
// between, and a time of day comes once a day.
func TestNextThroughYears(t *testing.T) {
	for _, name := range []string{"Europe/Paris", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata"} {
		z := zone(t, name)
		for _, hour := range []int{0, 1, 2, 3, 23} {
			s := &program.Schedule{Hour: hour, Minute: 30, Zone: z}
			at := time.Date(2015, 1, 1, 12, 0, 0, 0, z)
			end := time.Date(2027, 1, 1, 12, 0, 0, 0, z)
			ticks := 0
			for {
				next := trigger.Next(s, at)
				if !next.After(at) || next.Sub(at) > 26*time.Hour {
					t.Fatalf("Next(%d:30 %s, %s) = %s", hour, name, at, next)
				}
				if half := at.Add(next.Sub(at) / 2); !trigger.Next(s, half).Equal(next) {
					t.Fatalf("Next(%d:30 %s, %s) = %s, want %s", hour, name, half, trigger.Next(s, half), next)
				}
				if next.After(end) {
					break
				}
				at = next
				ticks++
			}
			if want := 12*365 + 3; ticks != want {
				t.Errorf("%d:30 in %s came %d times in twelve years, want %d", hour, name, ticks, want)
			}
		}
	}
}
