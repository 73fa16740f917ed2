package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// service is what one vendor knows, shared by all versions of its connector.
type service struct {
	id    string
	state State
	log   *slog.Logger

	saving sync.Mutex // held while a document is written; taken before mu

	mu      sync.Mutex
	loaded  bool
	stores  map[string]*records
	replies map[string]reply
	grants  grants
	made    int // how many identifiers were made: no two are alike
	budgets map[string]*window
	changes int // counted
	kept    int // the changes that are saved
	saved   time.Time
	size    int // of the document when it was last saved
}

// records are the records of one store, in wire form. A record is never
// changed, only replaced.
type records struct {
	fixture string                // the hash of the fixture they began as
	of      *program.SandboxStore // the store whose fixture is known to be that one, nil for none
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
	maps.Copy(v.replies, kept.Replies)
	v.grants.take(kept.Grants)
	v.made = kept.Made
}

// change notes a change and returns its number, for [service.keep]. The caller
// holds the lock.
func (v *service) change() int {
	v.changes++
	return v.changes
}

// keep saves the service unless a save since the change of that number did. It
// is called without the lock, after what was changed: many changes at once
// share a save. A large service is not saved each time, see [Sandbox.Flush].
func (v *service) keep(ctx context.Context, change int, now time.Time) {
	if v.state == nil {
		return
	}
	v.saving.Lock()
	defer v.saving.Unlock()
	v.mu.Lock()
	enough := v.kept >= change || v.size > largeDocument && now.Sub(v.saved) < savingPause
	v.mu.Unlock()
	if enough {
		return
	}
	if err := v.save(ctx, now); err != nil {
		v.log.Warn("sandbox state not kept", "connector", v.id, "error", err)
	}
}

// save writes the document. The caller holds the lock saving, and not mu.
func (v *service) save(ctx context.Context, now time.Time) error {
	v.mu.Lock()
	change := v.changes
	data, err := v.encoded()
	v.mu.Unlock()
	if err != nil {
		return err
	}
	// What the vendor has done is done, even if the client hangs up meanwhile.
	if err := v.state.Save(context.WithoutCancel(ctx), v.document(), data); err != nil {
		return err
	}
	v.mu.Lock()
	v.kept, v.size, v.saved = change, len(data), now
	v.mu.Unlock()
	return nil
}

func (v *service) encoded() ([]byte, error) {
	kept := serviceJSON{Stores: map[string]storeJSON{}, Replies: v.replies, Grants: v.grants, Made: v.made}
	for name, r := range v.stores {
		items, err := value.Encode(r.items)
		if err != nil {
			return nil, err
		}
		kept.Stores[name] = storeJSON{Fixture: r.fixture, Items: items}
	}
	return json.Marshal(kept)
}

// flush saves what has changed and was not saved yet.
func (v *service) flush(ctx context.Context, now time.Time) error {
	v.saving.Lock()
	defer v.saving.Unlock()
	v.mu.Lock()
	clean := v.kept == v.changes || v.state == nil
	v.mu.Unlock()
	if clean {
		return nil
	}
	return v.save(ctx, now)
}

// reset brings the service back to its fixtures. The count of identifiers goes
// on, so that none comes a second time.
func (v *service) reset(ctx context.Context, now time.Time) error {
	v.mu.Lock()
	v.load(ctx)
	v.empty()
	v.change()
	v.mu.Unlock()
	return v.flush(ctx, now)
}

// store returns the records of a store: those of the fixture at first, and
// again once the fixture was edited. The caller holds the lock.
func (v *service) store(of *program.SandboxStore) *records {
	r, ok := v.stores[of.Name]
	if ok && r.of == of {
		return r
	}
	fixture := fingerprint(of.Items)
	if ok && r.fixture == fixture {
		r.of = of
		return r
	}
	r = &records{fixture: fixture, of: of, items: slices.Clone(of.Items)}
	v.stores[of.Name] = r
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
