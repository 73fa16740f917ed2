package catalog

import (
	"context"
	"time"
)

// RunByEvents is Run without the look at the files every few seconds, so that
// only events can show a change.
func (c *Catalog) RunByEvents(ctx context.Context) error { return c.run(ctx, time.Hour) }

// RebuiltHash returns the hash that the stored version of a flow comes to when
// it is built again.
func (c *Catalog) RebuiltHash(ctx context.Context, hash string) (string, error) {
	flow, err := c.rebuild(ctx, hash)
	if err != nil {
		return "", err
	}
	return flow.Hash, nil
}

// Serve notes that what is live is served, as Run does.
func (c *Catalog) Serve(ctx context.Context) error { return c.serve(ctx) }

// Again returns an empty catalog over the same folder and store.
func (c *Catalog) Again() *Catalog { return New(c.opt) }
