package vault

import (
	"context"
	"fmt"
)

// kindSubscription is a subscription to the events of a service: its address
// and its secret are as good as a key.
const kindSubscription = "subscription"

// SaveSubscription seals what is known of a subscription under a name, in
// place of what was there.
func (v *Vault) SaveSubscription(ctx context.Context, name string, data []byte) error {
	if err := v.store.PutSealed(ctx, kindSubscription, name, v.box.seal(kindSubscription, name, binding{}, data)); err != nil {
		return fmt.Errorf("save subscription: %w", err)
	}
	return nil
}

// Subscriptions returns what is known of each subscription, by name.
func (v *Vault) Subscriptions(ctx context.Context) (map[string][]byte, error) {
	names, err := v.store.SealedNames(ctx, kindSubscription)
	if err != nil {
		return nil, fmt.Errorf("list subscriptions: %w", err)
	}
	all := make(map[string][]byte, len(names))
	for _, name := range names {
		data, found, err := v.store.Sealed(ctx, kindSubscription, name)
		if err == nil && found {
			all[name], err = v.box.open(kindSubscription, name, binding{}, data)
		}
		if err != nil {
			return nil, fmt.Errorf("read subscription: %w", err)
		}
	}
	return all, nil
}

// RemoveSubscription forgets a subscription. One that is not there is no error.
func (v *Vault) RemoveSubscription(ctx context.Context, name string) error {
	if err := v.store.DeleteSealed(ctx, kindSubscription, name); err != nil {
		return fmt.Errorf("remove subscription: %w", err)
	}
	return nil
}
