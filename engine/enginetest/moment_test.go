//go:build unix

package enginetest_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// The kinds of moments at which an engine is killed.
const (
	anywhere   = iota // whatever it is doing
	beforeTold        // a request has reached the service, and nothing happened yet
	beforeSaid        // it has happened, and was not answered
	afterSaid         // it was answered, and the answer is on its way to the disk
	inCommit          // a commit is being written
	inDelivery        // an event comes in
	inStart           // the engine killed before is starting
	longDead          // anywhere, and it stays dead for longer than a key is known
	allMoments
)

var momentNames = [allMoments]string{
	"anywhere", "before an effect", "before an answer", "after an answer", "in a commit", "in a delivery", "in a start", "for long",
}

// writes are the requests that a kill looks for: method and beginning of the path.
var writes = []string{"GET /prices", "PUT /orders", "POST /payments", "POST /reservations", "POST /messages"}

// untimely is how long a kill waits for its moment.
const untimely = 2 * time.Second

// kill kills the engine at a moment of a kind that the dice choose.
func (k *killing) kill() {
	k.t.Helper()
	moment := k.dice.IntN(allMoments)
	if moment == longDead && k.dice.IntN(5) > 0 {
		moment = anywhere // what takes long is rare
	}
	k.moments[momentNames[moment]]++
	switch moment {
	case beforeTold, beforeSaid, afterSaid:
		k.killAtRequest(moment, writes[k.dice.IntN(len(writes))], k.dice.IntN(3))
	case inCommit:
		k.killInCommit()
	case inDelivery:
		k.killInDelivery()
	default:
		target := k.l.requests.Load() + 5 + k.dice.Int64N(60)
		await(k.t, "the engine makes requests", func() bool { return k.l.requests.Load() >= target })
		time.Sleep(k.some(15 * time.Millisecond))
	}
	k.p.kill()
	switch moment {
	case inStart:
		k.p = launch(k.t, k.dir)
		time.Sleep(k.some(150 * time.Millisecond))
		k.p.kill()
	case longDead:
		time.Sleep(2500 * time.Millisecond)
	}
}

// some returns a part of a time.
func (k *killing) some(of time.Duration) time.Duration {
	return time.Duration(k.dice.Int64N(int64(of)))
}

// killAtRequest kills at a request of that kind, after letting some pass by.
func (k *killing) killAtRequest(moment int, request string, pass int) {
	var mu sync.Mutex
	sprung := make(chan struct{})
	later := k.some(3 * time.Millisecond)
	k.l.slow(func(r *http.Request, done bool) {
		if done != (moment != beforeTold) || !strings.HasPrefix(r.Method+" "+r.URL.Path, request) {
			dawdle(r, done)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		switch pass--; {
		case pass != -1:
		case moment == afterSaid:
			time.AfterFunc(later, func() { close(sprung) })
		default:
			_ = k.p.cmd.Process.Kill()
			close(sprung)
		}
	})
	select {
	case <-sprung:
	case <-time.After(untimely):
	}
	k.l.slow(dawdle)
}

// killInCommit kills when the file that commits are written to first has grown.
func (k *killing) killInCommit() {
	wal := filepath.Join(options(k.dir, k.t.Output()).DataDir(), "patchbay.db-wal")
	size := func() int64 {
		info, err := os.Stat(wal)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	before := size()
	for end := time.Now().Add(untimely / 4); size() == before && time.Now().Before(end); {
		time.Sleep(50 * time.Microsecond)
	}
}

// killInDelivery kills when an event has been sent a moment ago.
func (k *killing) killInDelivery() {
	select {
	case <-k.s.sending:
	case <-time.After(untimely):
	}
	time.Sleep(k.some(2 * time.Millisecond))
}
