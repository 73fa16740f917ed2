package value

import (
	"fmt"
	"time"
)

// Class says what kind of failure an attempt met. The class decides everything
// else: whether it is tried again, whether the credentials are renewed, whether
// the connection is retired.
type Class string

// The classes, as the `errors:` of a connector name them.
const (
	ClassAuth      Class = "auth"       // credentials refused: renewed once, then tried once more
	ClassForbidden Class = "forbidden"  // credentials valid, right missing
	ClassInvalid   Class = "invalid"    // the request, or the answer, is not what was agreed
	ClassNotFound  Class = "not_found"  // the thing does not exist
	ClassConflict  Class = "conflict"   // the thing exists already, or was changed meanwhile
	ClassRateLimit Class = "rate_limit" // too many calls: waits, uses up no retry
	ClassTransient Class = "transient"  // may work if tried again
	ClassUnknown   Class = "unknown"    // none of the above
)

// Classes lists every class, in the order the documentation shows them.
func Classes() []Class {
	return []Class{
		ClassAuth, ClassForbidden, ClassInvalid, ClassNotFound,
		ClassConflict, ClassRateLimit, ClassTransient, ClassUnknown,
	}
}

// Failure is how one attempt, one step or one run went wrong, in words for a
// person and in a form that can be stored. It never holds a secret.
type Failure struct { //nolint:errname // the word of the project for it
	Class   Class  `json:"class"`
	Message string `json:"message"`          // one sentence, the vendor's own where there is one
	Action  string `json:"action,omitempty"` // "ghl.contacts.add_tags"
	Step    string `json:"step,omitempty"`   // the path of the step
	Field   string `json:"field,omitempty"`  // the field of the input or of the answer that is wrong
	Status  int    `json:"status,omitempty"` // the HTTP status, 0 where none was received

	// NotBefore is the earliest time of another attempt, zero where the
	// service named none.
	NotBefore time.Time `json:"not_before,omitzero"`
	// Unsettled is true if the request may have reached the service and no
	// final answer came back: a write may or may not have happened.
	Unsettled bool `json:"unsettled,omitempty"`
	// Reconnect is the connection that a person has to connect again, or to put
	// right, before another attempt can come out otherwise; "" for none.
	Reconnect string `json:"reconnect,omitempty"`
}

// Error returns the message, led by the action and the class.
func (f *Failure) Error() string {
	if f.Action == "" {
		return fmt.Sprintf("%s (%s)", f.Message, f.Class)
	}
	return fmt.Sprintf("%s: %s (%s)", f.Action, f.Message, f.Class)
}

// Decides reports whether the failure says what became of the attempts before
// it at the same write: the service looked at the request, and refused it
// though it knows its key. Any other one says nothing about them.
func (f *Failure) Decides() bool {
	return !f.Unsettled && (f.Class == ClassInvalid || f.Class == ClassNotFound)
}

// Fail returns a failure of the class with a formatted message.
func Fail(class Class, format string, args ...any) *Failure {
	return &Failure{Class: class, Message: fmt.Sprintf(format, args...)}
}
