package call

import (
	"context"
	netmail "net/mail"

	"patchbay/engine/value"
)

// sendEach is the method of an action that sends a mail of its own to each
// recipient.
const sendEach = "send_each"

// The outcomes of a mail to one recipient.
const (
	mailSent    = "sent"
	mailRefused = "refused"
	mailUnknown = "unknown" // the line broke before the server said whether it took it
)

// mailEach sends the letter to each recipient by itself, so that nobody sees
// the others and one who is refused does not stop them, and returns what became
// of each. It fails only if nobody got it, with what went wrong first; whether
// it may be done again is then known too.
func (o *operation) mailEach(ctx context.Context, l *letter) (map[string]any, *value.Failure) {
	var first *value.Failure
	outcomes := []any{}
	count := map[string]int{}
	for _, to := range l.to {
		own := *l
		own.to, own.cc, own.bcc = []*netmail.Address{to}, nil, nil
		own.messageID = o.messageID(l.from.Address, " "+to.Address)
		f := o.post(ctx, &own, patienceInside)
		outcome := map[string]any{"recipient": to.Address, "outcome": mailSent, "reason": nil}
		if f != nil {
			outcome["outcome"], outcome["reason"] = mailRefused, o.scrub(f.Message)
			if f.Unsettled {
				outcome["outcome"] = mailUnknown
			}
			if first == nil || f.Unsettled && !first.Unsettled {
				first = f
			}
		}
		name, _ := outcome["outcome"].(string)
		count[name]++
		outcomes = append(outcomes, outcome)
	}
	if count[mailSent] == 0 {
		return nil, first
	}
	return map[string]any{
		"sent": count[mailSent], "refused": count[mailRefused], "unknown": count[mailUnknown], "recipients": outcomes,
	}, nil
}
