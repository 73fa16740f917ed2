package engine

import (
	"context"
	"net/http"
	"sync"
	"time"

	"patchbay/engine/console"
)

// door lets requests through to what is at work, and holds those that come
// while nothing is.
type door struct {
	mu    sync.Mutex
	room  *room         // nil while the door is closed
	ready chan struct{} // closed while it is open
}

// room is what is behind a door: one handler, for as long as it is at work.
type room struct {
	handler http.Handler
	ctx     context.Context //nolint:containedctx // of all requests inside, which end with it
	end     context.CancelFunc

	mu     sync.Mutex
	inside int
	left   chan struct{} // receives when somebody has left
}

// mannersTime is how long requests may go on once the door is closed.
const mannersTime = time.Second

func newDoor() *door { return &door{ready: make(chan struct{})} }

// open lets requests through to the handler.
func (d *door) open(ctx context.Context, h http.Handler) {
	r := &room{handler: h, left: make(chan struct{}, 1)}
	r.ctx, r.end = context.WithCancel(context.WithoutCancel(ctx))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room = r
	close(d.ready)
}

// shut holds the requests that come from now on, and returns when no more than
// so many are inside. What follows something and never ends by itself is told
// to end.
func (d *door) shut(ctx context.Context, mayStay int) {
	d.mu.Lock()
	r := d.room
	d.room, d.ready = nil, make(chan struct{})
	d.mu.Unlock()
	if r == nil {
		return
	}
	defer time.AfterFunc(mannersTime, r.end).Stop()
	for r.count() > mayStay {
		select {
		case <-r.left:
		case <-ctx.Done():
			return
		}
	}
	if mayStay == 0 {
		r.end()
	}
}

// ServeHTTP lets a request through, once the door is open.
func (d *door) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r := d.enter(req.Context())
	if r == nil {
		http.Error(w, "patchbay is ending", http.StatusServiceUnavailable)
		return
	}
	defer r.leave()
	ctx, cancel := context.WithCancel(req.Context())
	defer cancel()
	defer context.AfterFunc(r.ctx, cancel)()
	r.handler.ServeHTTP(w, req.WithContext(ctx))
}

// enter waits until the door is open and goes in; nil if ctx ends before.
func (d *door) enter(ctx context.Context) *room {
	for {
		d.mu.Lock()
		r, ready := d.room, d.ready
		if r != nil {
			r.mu.Lock()
			r.inside++
			r.mu.Unlock()
		}
		d.mu.Unlock()
		if r != nil {
			return r
		}
		select {
		case <-ready:
		case <-ctx.Done():
			return nil
		}
	}
}

func (r *room) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inside
}

func (r *room) leave() {
	r.mu.Lock()
	r.inside--
	r.mu.Unlock()
	select {
	case r.left <- struct{}{}:
	default:
	}
}

// asking is a rename that somebody waits for, inside of the door for people.
type asking struct {
	request console.RenameRequest
	answer  chan<- renamed
}

// renamed is what came of it.
type renamed struct {
	answer console.RenameAnswer
	err    error
}
