package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"patchbay/engine/journal"
)

// Signs are what a store shows of its health.
type Signs struct {
	Stats

	Format int
	World  string
	Open   int       // runs that have not ended
	Oldest time.Time // when the oldest run was accepted, zero for none
	Latest time.Time // the latest time that any run has
	Damage []string  // what SQLite finds wrong in the file

	// The runs of each kind of trouble, at most troubleLimit of each.
	NoLease []int64 // running, and their lease is over
	Overdue []int64 // queued or waiting beyond their time
	Asleep  []int64 // waiting for something that cannot come any more
	Asking  []int64 // with a write of which nobody knows whether it happened
}

const (
	troubleLimit = 20
	// overdueAfter is how long a run may be due before that is odd: a busy
	// machine takes its time.
	overdueAfter = 10 * time.Minute
)

// Signs looks at everything the store holds: that takes as long as reading it.
func (s *Store) Signs(ctx context.Context, now time.Time) (Signs, error) {
	stats, err := s.Stats(ctx)
	if err != nil {
		return Signs{}, err
	}
	signs := Signs{Stats: stats}
	if signs.Damage, err = damageOf(ctx, s.read); err != nil && !isDamaged(err) {
		return Signs{}, wrap(err, "examine the store")
	}
	if err != nil || len(signs.Damage) > 0 { // more would fail, or mislead
		if err != nil {
			signs.Damage = []string{err.Error()}
		}
		return signs, nil
	}
	var oldest, latest int64
	_, err = s.queries.get(ctx, `select
		(select user_version from pragma_user_version()), (select value from meta where name = 'world'),
		(select count(*) from run where ended = 0),
		(select coalesce(min(created), 0) from run), (select coalesce(max(max(created, ended)), 0) from run)`, nil,
		&signs.Format, &signs.World, &signs.Open, &oldest, &latest)
	if err != nil {
		return Signs{}, wrap(err, "examine the store")
	}
	signs.Oldest, signs.Latest = fromNanos(oldest), fromNanos(latest)
	return signs, wrap(s.findTrouble(ctx, &signs, nanos(now.Add(-overdueAfter))), "examine the store")
}

func (s *Store) findTrouble(ctx context.Context, signs *Signs, before int64) error {
	for _, look := range []struct {
		into  *[]int64
		where string
		args  []any
	}{
		{&signs.NoLease, `status = 'running' and coalesce(wake, 0) < ?`, []any{before}},
		{&signs.Overdue, `status in ('queued', 'waiting') and wake < ?`, []any{before}},
		{&signs.Asleep, `status in ('queued', 'waiting') and wake is null
			and not exists (select 1 from wait where wait.run = run.id)
			and id not in (select parent from run where ended = 0)
			and not exists (select 1 from run other where other.flow = run.flow and other.queue = run.queue
				and other.queue <> '' and other.ended = 0 and other.id <> run.id)`, nil},
		{&signs.Asking, `status = ? and status <> 'succeeded'`, []any{string(journal.OutcomeUnknown)}},
	} {
		text := fmt.Sprintf(`select id from run where %s order by id limit %d`, look.where, troubleLimit)
		err := s.queries.each(ctx, text, look.args, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			*look.into = append(*look.into, id)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// SpareDefinitions returns the hashes of the definitions that are not live, that
// no run is pinned to, and that none of those needs, as needs says.
func (s *Store) SpareDefinitions(ctx context.Context, needs func(hash string, data []byte) ([]string, error)) ([]string, error) {
	wanted := map[string]bool{}
	roots, err := s.names(ctx, `select definition from run union select hash from published`)
	for len(roots) > 0 && err == nil {
		hash := roots[len(roots)-1]
		roots = roots[:len(roots)-1]
		if wanted[hash] {
			continue
		}
		wanted[hash] = true
		var data []byte
		var found bool
		found, err = s.queries.get(ctx, `select body from definition where hash = ?`, []any{hash}, &data)
		if err == nil && found {
			var more []string
			more, err = needs(hash, data)
			roots = append(roots, more...)
		}
	}
	if err != nil {
		return nil, wrap(err, "find spare definitions")
	}
	all, err := s.names(ctx, `select hash from definition order by hash`)
	return slices.DeleteFunc(all, func(hash string) bool { return wanted[hash] }), wrap(err, "find spare definitions")
}

// RemoveDefinitions removes definitions that are spare, while nobody saves any.
func (s *Store) RemoveDefinitions(ctx context.Context, hashes []string) error {
	err := s.perform(ctx, func(t *tx) error {
		for _, hash := range hashes {
			if err := t.exec(`delete from definition where hash = ?`, hash); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "remove %d definitions", len(hashes))
}
