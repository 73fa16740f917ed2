package engine

import (
	"context"
	"net/url"
	"slices"
	"strconv"

	"patchbay/engine/program"
)

// awaited returns the triggers that runs wait for, as the versions they began
// with know them. A version that cannot be loaded any more waits in vain, and
// its run says so when its time is over.
func (e *Engine) awaited(ctx context.Context) ([]*program.Trigger, error) {
	waits, err := e.store.Awaited(ctx)
	if err != nil {
		return nil, err
	}
	var all []*program.Trigger
	for _, w := range waits {
		flow, err := e.catalog.Definition(ctx, w.Definition)
		if err != nil {
			e.log.Warn("load a version that waits for an event", "definition", w.Definition, "trigger", w.Trigger, "error", err)
			continue
		}
		for _, t := range flow.Awaited {
			known := slices.ContainsFunc(all, func(k *program.Trigger) bool { return k.ID == t.ID })
			if t.ID == w.Trigger && !known {
				all = append(all, t)
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
