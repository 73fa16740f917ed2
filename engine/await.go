package engine

import (
	"context"
	"net/url"
	"strconv"

	"patchbay/engine/trigger"
)

// awaited returns what runs wait for, as the versions they began with know it. A
// run whose version cannot be loaded any more waits in vain, and says so when its
// time is over.
func (e *Engine) awaited(ctx context.Context) ([]trigger.Awaited, error) {
	waits, err := e.store.Awaited(ctx)
	if err != nil {
		return nil, err
	}
	var all []trigger.Awaited
	for _, w := range waits {
		flow, err := e.catalog.Definition(ctx, w.Definition)
		if err != nil {
			e.log.Warn("load a version that waits for an event", "definition", w.Definition, "trigger", w.Trigger, "error", err)
			continue
		}
		for _, s := range flow.Awaiting() {
			if s.WaitFor.Event.ID == w.Trigger {
				all = append(all, trigger.Awaited{Trigger: s.WaitFor.Event, Connection: w.Connection, Step: flow.ID + "/" + s.Path})
				break
			}
		}
	}
	return all, nil
}

// link returns the address at which a person answers an approve step. Its
// random part is made of the key of the data folder, so that it is known
// before the step begins and cannot be guessed.
func (e *Engine) link(run int64, path string) string {
	id := strconv.FormatInt(run, 10)
	secret := e.secretText("approve " + id + " " + path)[:26]
	return e.consoleURL() + "/approve/" + id + "/" + secret + "?step=" + url.QueryEscape(path)
}
