package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"patchbay/engine/value"
)

// service is what one vendor knows, shared by all versions of its connector.
type service struct {
	id    string
	state State
	log   *slog.Logger

	mu      sync.Mutex
	loaded  bool
	stores  map[string]*records
	replies map[string]reply
	grants  grants
	made    int // how many identifiers were made: no two are alike
	budgets map[string]*window
	dirty   bool
	saved   time.Time
	size    int // of the document when it was last saved
}

// records are the records of one store, in wire form. A record is never
// changed, only replaced.
type records struct {
	fixture string // the hash of the fixture they began as
	items   []any
}

// reply is the first answer to a request that carried a repeat key.
type reply struct {
	Status int       `json:"status"`
	Body   []byte    `json:"body,omitempty"`
	Until  time.Time `json:"until"`
}

const (
	mostReplies = 10_000
	// A document larger than this is saved at most once in savingPause, so that
	// a vendor with many records does not write all of them for each new one.
	largeDocument = 256 << 10
	savingPause   = time.Second
)

func newService(id string, state State, log *slog.Logger) *service {
	v := &service{id: id, state: state, log: log}
	v.empty()
	return v
}

func (v *service) empty() {
	v.stores, v.replies, v.budgets = map[string]*records{}, map[string]reply{}, map[string]*window{}
	v.grants = newGrants()
}

func (v *service) document() string { return "service/" + v.id }

// The stored form of a service. Later versions read what earlier ones wrote:
// keys are only ever added, and unknown ones are left alone.
type serviceJSON struct {
	Stores  map[string]storeJSON `json:"stores"`
	Replies map[string]reply     `json:"replies,omitempty"`
	Grants  grants               `json:"grants"`
	Made    int                  `json:"made"`
}

type storeJSON struct {
	Fixture string          `json:"fixture"`
	Items   json.RawMessage `json:"items"`
}

// load reads what was kept, once. Whatever cannot be read is told to the log,
// and the vendor begins with its fixtures. The caller holds the lock.
func (v *service) load(ctx context.Context) {
	if v.loaded || v.state == nil {
		return
	}
	v.loaded = true
	data, ok, err := v.state.Load(ctx, v.document())
	if err != nil {
		v.log.Warn("sandbox state not read", "connector", v.id, "error", err)
	}
	if err != nil || !ok {
		return
	}
	var kept serviceJSON
	if err := json.Unmarshal(data, &kept); err != nil {
		v.log.Warn("sandbox state not read", "connector", v.id, "error", err)
		return
	}
	for name, s := range kept.Stores {
		items, err := value.Decode(s.Items)
		list, isList := items.([]any)
		if err != nil || !isList {
			v.log.Warn("sandbox store not read", "connector", v.id, "store", name)
			continue
		}
		v.stores[name] = &records{fixture: s.Fixture, items: list}
	}
	for key, r := range kept.Replies {
		v.replies[key] = r
	}
	v.grants.take(kept.Grants)
	v.made = kept.Made
}

// changed keeps what has changed. The caller holds the lock.
func (v *service) changed(ctx context.Context, now time.Time) {
	v.dirty = true
	if v.size > largeDocument && now.Sub(v.saved) < savingPause {
		return
	}
	if err := v.save(ctx); err != nil {
		v.log.Warn("sandbox state not kept", "connector", v.id, "error", err)
	}
	v.saved = now
}

func (v *service) save(ctx context.Context) error {
	if v.state == nil || !v.dirty {
		return nil
	}
	kept := serviceJSON{Stores: map[string]storeJSON{}, Replies: v.replies, Grants: v.grants, Made: v.made}
	for name, r := range v.stores {
		items, err := value.Encode(r.items)
		if err != nil {
			return err
		}
		kept.Stores[name] = storeJSON{Fixture: r.fixture, Items: items}
	}
	data, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	v.size = len(data)
	// What the vendor has done is done, even if the client hangs up meanwhile.
	if err := v.state.Save(context.WithoutCancel(ctx), v.document(), data); err != nil {
		return err
	}
	v.dirty = false
	return nil
}

func (v *service) flush(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.save(ctx)
}

// reset brings the service back to its fixtures. The count of identifiers goes
// on, so that none comes a second time.
func (v *service) reset(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.load(ctx)
	v.empty()
	v.dirty = true
	return v.save(ctx)
}

// store returns the records of a store: those of the fixture at first, and
// again once the fixture was edited. The caller holds the lock.
func (v *service) store(live *stage, name string) *records {
	r, ok := v.stores[name]
	fixture := live.fixtures[name]
	if ok && r.fixture == fixture {
		return r
	}
	r = &records{fixture: fixture}
	if s := live.stores()[name]; s != nil {
		r.items = append(r.items, s.Items...)
	}
	v.stores[name] = r
	return r
}

// replied returns the answer that was given to the repeat key, while the
// vendor remembers it. The caller holds the lock.
func (v *service) replied(key string, now time.Time) (reply, bool) {
	r, ok := v.replies[key]
	return r, ok && now.Before(r.Until)
}

// remember keeps an answer by its repeat key. The caller holds the lock.
func (v *service) remember(key string, r reply, now time.Time) {
	if len(v.replies) >= mostReplies {
		v.forget(now)
	}
	v.replies[key] = r
}

// forget drops the answers that are over, and if that is not enough the one
// that would be over first.
func (v *service) forget(now time.Time) {
	oldest := ""
	for key, r := range v.replies {
		if !now.Before(r.Until) {
			delete(v.replies, key)
			continue
		}
		if oldest == "" || r.Until.Before(v.replies[oldest].Until) {
			oldest = key
		}
	}
	if len(v.replies) >= mostReplies {
		delete(v.replies, oldest)
	}
}

// fingerprint returns a hash of records.
func fingerprint(items []any) string {
	data, err := value.Encode(items)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}
