package program

import (
	"maps"
	"slices"
	"time"

	"patchbay/engine/expr"
	"patchbay/engine/value"
)

// Flow is a checked flow. It is immutable.
type Flow struct {
	ID, Name, Description string
	// Hash is the content hash of the flow's file and of all connectors and
	// tables it uses.
	Hash    string
	Enabled bool

	Uses       map[string]*Use // by role
	Triggers   []*FlowTrigger
	Conditions []*expr.Code
	Mode       Mode
	QueueBy    *expr.Code
	Inputs     []*Input
	Vars       []Named
	Steps      []*Step
	Output     *Value // nil for none
	OutputType *value.Type
	OnError    []*Step
	Finally    []*Step
	RunTime    time.Duration // how long a run may be worked on; 0 for no limit
	Queue      int           // how many runs may be open; 0 for no limit
	AtOnce     int           // how many runs may be worked on at the same time; 0 for no limit
	Keep       Keep

	// Links are the places of its approve steps by their ids, as far as they
	// are known before the step begins: not those inside a loop.
	Links map[string]string
	// Calls are the flows it calls, by id, at the version it was checked with.
	Calls map[string]*Flow
	// Tables are those it names, by id, as it was checked with them.
	Tables map[string]*TableShape

	awaiting []*Step // of its own
	hands    origin  // what its output is made of
	rights   []right // what its triggers and actions need to be allowed
}

// Awaiting returns the steps of the flow, and of those it calls, that wait for
// an event.
func (f *Flow) Awaiting() []*Step {
	all := slices.Clip(f.awaiting)
	for _, id := range slices.Sorted(maps.Keys(f.Calls)) {
		all = append(all, f.Calls[id].Awaiting()...)
	}
	return all
}

// InputType returns the inputs of the flow as an object type.
func (f *Flow) InputType() *value.Type {
	return (&Action{ID: f.ID, Input: f.Inputs}).InputType()
}

// Keep is how much of the history of a flow is kept, where the flow says so: what
// is 0 it leaves to whoever runs it.
type Keep struct {
	Age  time.Duration
	Runs int
	Size int64 // bytes
}

// Mode says what happens if an event arrives while the flow is at work.
type Mode string

// The modes.
const (
	Parallel   Mode = "parallel"
	QueuedMode Mode = "queued"
	Single     Mode = "single"
	Restart    Mode = "restart"
)

// Use is what a role of a flow stands for.
type Use struct {
	Role      string
	Connector *Connector
	// Connection is the name of the connection, "" where none is needed. Behind
	// the name of one whose sign-in serves many accounts stands "/" and the id
	// of one of them, or "*" for each in turn.
	Connection string
}

// FlowTrigger is what starts a flow. Exactly one of Event, Schedule, Webhook,
// OnDemand and FlowFailed is set.
type FlowTrigger struct {
	ID   string
	Type *value.Type // what `event` is

	Event      *Trigger
	Use        *Use // of Event
	With       *Value
	FromStart  bool // of a poll: its first look fires for what is there already
	Schedule   *Schedule
	Webhook    *Inbound
	OnDemand   bool
	FlowFailed string // a flow's id or [AnyFlow]
}

// Schedule is when a flow runs by the clock.
type Schedule struct {
	Every  time.Duration
	Days   []time.Weekday
	Hour   int
	Minute int
	Zone   *time.Location
	Cron   string
	Missed Missed
	Spread time.Duration
}

// Missed says what becomes of the ticks that passed while nothing ran.
type Missed string

// What becomes of missed ticks.
const (
	MissedSkip    Missed = "skip"
	MissedRunOnce Missed = "run_once"
	MissedRunAll  Missed = "run_all"
)

// Inbound is a webhook of a flow's own.
type Inbound struct {
	Verify  *Verify
	EventID *expr.Code // over body and headers; nil: each delivery is an event of its own
	Type    *value.Type
}

// Named is a name with the value it stands for.
type Named struct {
	Name  string
	Value *Value
}

// StepKind is what a step does.
type StepKind string

// The kinds of steps, by the key that says so in the file.
const (
	DoAction    StepKind = "action"
	DoSet       StepKind = "set"
	DoForEach   StepKind = "for_each"
	DoParallel  StepKind = "parallel"
	DoSwitch    StepKind = "switch"
	DoCall      StepKind = "call"
	DoWait      StepKind = "wait"
	DoWaitUntil StepKind = "wait_until"
	DoWaitFor   StepKind = "wait_for"
	DoApprove   StepKind = "approve"
	DoStop      StepKind = "stop"
	DoFail      StepKind = "fail"
)

// Step is one step of a flow.
type Step struct {
	ID   string // "" if it has none
	Path string // its id, or its position "#2"; inside another step only the last part
	Name string
	Kind StepKind
	Line int // in the file, for traces

	If       *expr.Code // nil for always
	Retry    *Retry     // nil for the default
	Timeout  time.Duration
	Continue bool // on_error: continue

	Action *Action // of DoAction
	Use    *Use
	With   *Value // of DoAction and DoCall: an object
	Flow   string // of DoCall
	Set    []Named

	ForEach *expr.Code
	As      string
	AtOnce  int
	Collect bool

	Steps    []*Step   // of DoForEach
	Branches []*Branch // of DoParallel and DoSwitch

	Wait      time.Duration // of DoWait, and the longest of DoWaitFor and DoApprove
	WaitUntil *expr.Code
	WaitFor   *WaitFor
	Approve   *Approve
	Reason    *Value // of DoStop and DoFail

	Output *value.Type
	hands  origin // what the output is made of
}

// WaitFor is the event that a step waits for, through the Use of the step.
type WaitFor struct {
	Event *Trigger
	Match *expr.Code // over `arriving` and all the step sees; nil for any event
	// At is a path in the event at which there must be the text that Key
	// gives, found in Match: so an event is not shown to every run that waits.
	// It is nil where Match has no such condition.
	At  []string
	Key *expr.Code
	// Optional is set where the step gives nil when its time is over. Else it
	// fails.
	Optional bool
}

// Approve is what a person is asked.
type Approve struct {
	By   []string // who may answer; empty for anybody
	Form []*Input
}

// Branch is one arm of a step that has several.
type Branch struct {
	Path  string     // "0", "1", …
	If    *expr.Code // of a switch; nil for else
	Steps []*Step
}

// Retry is how often and when a step is tried again.
type Retry struct {
	Max   int // attempts after the first
	Wait  time.Duration
	Fixed bool // the wait does not grow
}

// Connection is an account at a service: what a connections file says, with
// its secrets still unread.
type Connection struct {
	Name      string
	Connector *Connector
	Auth      *Auth
	BaseURL   string         // "" for the connector's
	Fields    map[string]any // the values of the fields that are no secrets, defaults applied
	Secrets   map[string]SecretRef
	// Member says which account of which sign-in it is; nil for a connection
	// that stands in a connections file.
	Member *Member
	// Sandbox marks a connection to the sandbox, made up from examples.
	Sandbox bool
}

// URL returns the base address its requests go to.
func (c *Connection) URL() string {
	if c.BaseURL != "" {
		return c.BaseURL
	}
	return c.Connector.BaseURL
}

// Playing returns the connection as it is for an action: one to the sandbox has
// every way in of its connector, so that each action can be played.
func (c *Connection) Playing(a *Action) *Connection {
	if c == nil || !c.Sandbox || c.Auth.Serves(a) {
		return c
	}
	other := *c
	other.Secrets = maps.Clone(c.Secrets)
	for _, auth := range c.Connector.Auths {
		if !auth.Serves(a) {
			continue
		}
		other.Auth = auth
		for _, in := range auth.Fields {
			if in.Secret {
				other.Secrets[in.Name] = SecretRef{Plain: value.NewSecret("sandbox-" + in.Name)}
			}
		}
		return &other
	}
	return c
}

// SecretRef says where a secret comes from: an environment variable, a secret
// set by hand, or plain text in the file.
type SecretRef struct {
	Env, Secret string
	Plain       value.Secret
}

// TableShape is a checked table.
type TableShape struct {
	ID, Name, Description string
	Row                   *value.Type
	Key                   []string
	Keep                  time.Duration // 0 for ever
}
