package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// FailureKind is a way in which an answer goes wrong.
type FailureKind string

// The ways. Those of the first line hit the request before anything was done,
// unless After is set; the others leave what was done.
const (
	FailStatus    FailureKind = "status"    // an error of the vendor, with a status
	FailTimeout   FailureKind = "timeout"   // no answer
	FailReset     FailureKind = "reset"     // the connection breaks off
	FailSlow      FailureKind = "slow"      // the right answer, late
	FailMalformed FailureKind = "malformed" // an answer that is not JSON
	FailTruncated FailureKind = "truncated" // half of the answer
)

func failureKinds() []string {
	return []string{
		string(FailStatus), string(FailTimeout), string(FailReset),
		string(FailSlow), string(FailMalformed), string(FailTruncated),
	}
}

// Failure makes the next answers of a vendor go wrong.
type Failure struct {
	Connector string // its id
	Action    string // its name inside the connector, its id, or "oauth.token"; "" for everything
	Kind      FailureKind
	Status    int  // of the kind status; 0 for 503
	Count     int  // how many answers; 0 for one, below 0 for all until Reset
	After     bool // the vendor does what it is asked before the answer is lost
	// Delay is how late the answer of the kind slow is; 0 for three seconds.
	Delay time.Duration
}

const usualDelay = 3 * time.Second

// Fail makes the next answers of a vendor go wrong. Failures of one vendor
// come in the order they were given.
func (s *Sandbox) Fail(f Failure) error {
	if f.Connector == "" {
		return errors.New("fail: the connector is missing")
	}
	if !slices.Contains(failureKinds(), string(f.Kind)) {
		return fmt.Errorf("fail %s: %q is no way to fail; the ways are %s",
			f.Connector, f.Kind, strings.Join(failureKinds(), ", "))
	}
	if f.Kind == FailStatus && f.Status == 0 {
		f.Status = 503
	}
	if f.Kind == FailStatus && (f.Status < 400 || f.Status > 599) {
		return fmt.Errorf("fail %s: %d is no status of an error; those are 400 to 599", f.Connector, f.Status)
	}
	if f.Count == 0 {
		f.Count = 1
	}
	if f.Kind == FailSlow && f.Delay <= 0 {
		f.Delay = usualDelay
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, &f)
	return nil
}

// failing takes the next failure meant for an answer, nil where it may succeed.
func (s *Sandbox) failing(connector, action string) *Failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.failures {
		if f.Connector != connector || f.Action != "" && f.Action != action && f.Action != connector+"."+action {
			continue
		}
		hit := *f
		if f.Count--; f.Count == 0 {
			s.failures = slices.Delete(s.failures, i, i+1)
		}
		return &hit
	}
	return nil
}

// before reports whether the failure keeps the vendor from doing anything.
func (f *Failure) before() bool {
	if f == nil || f.After {
		return false
	}
	return f.Kind == FailStatus || f.Kind == FailTimeout || f.Kind == FailReset
}
