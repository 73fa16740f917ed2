package spec

// Flow is a flow file as written.
type Flow struct {
	File string
	ID   string // the file's name without .yaml

	Version     Text // flow: 1
	Name        Text
	Description Text
	Enabled     Text
	Use         []Entry // role → connection
	Triggers    []*FlowTrigger
	Conditions  []Text
	Mode        Text
	QueueBy     Text
	Inputs      []Field
	Vars        []Entry
	Steps       []*Step
	Output      *Value
	OnError     []*Step
	Finally     []*Step
	Limits      *FlowLimits
}

// FlowLimits is the `limits:` of a flow.
type FlowLimits struct {
	RunTime, Queue Text
}

// FlowTrigger is one entry of `triggers:`. Exactly one of Trigger, Schedule,
// Webhook, OnDemand and FlowFailed is given in a sound file.
type FlowTrigger struct {
	Pos  Text // the first key of the entry, for findings about the entry
	ID   Text
	With []Entry

	Trigger    Text
	FromStart  Text // with Trigger, of a poll: its first look fires, too
	Schedule   *Schedule
	Webhook    *InboundWebhook
	OnDemand   *Value
	FlowFailed Text
}

// Schedule is a `schedule:` trigger.
type Schedule struct {
	Pos                         Text
	Every, Time, Timezone, Cron Text
	On                          []Text
	Missed, Spread              Text
}

// InboundWebhook is a `webhook:` trigger with an address of its own.
type InboundWebhook struct {
	Pos     Text
	Verify  *Verify
	EventID Text
	Type    *TypeDef
}

// Step is one step as written. In a sound file exactly one of the keys that
// say what it does is given; Does is that key.
type Step struct {
	Does    Text // the key that says what the step does; the first one where there are several
	ID      Text
	Name    Text
	If      Text
	Retry   *Retry
	Timeout Text
	OnError Text

	Action  Text
	Call    Text
	With    []Entry
	HasWith bool
	// WithLost says that what is given could not be made out.
	WithLost bool

	Set       []Entry
	ForEach   Text
	As        Text
	AtOnce    Text
	Steps     []*Step // of for_each
	Parallel  []*Branch
	Switch    []*Branch
	Wait      Text
	WaitUntil Text
	WaitFor   *WaitFor
	Approve   *Approve
	Stop      Text
	Fail      Text
}

// Branch is one arm of `parallel` or `switch`. A single step of `parallel`
// is a branch of one step.
type Branch struct {
	Pos   Text
	If    Text
	Else  Text
	Steps []*Step
}

// Retry is the `retry:` of a step.
type Retry struct {
	Max, Wait, Backoff Text
}

// WaitFor is a step that waits for a later event.
type WaitFor struct {
	Trigger, Match, Timeout Text
	With                    []Entry
}

// Approve is a step that waits for a person.
type Approve struct {
	By      []Text
	Form    []Field
	Timeout Text
}

// Connections is the file connections.yaml as written.
type Connections struct {
	File        string
	Version     Text
	Connections []*Connection
}

// Connection is one entry of it.
type Connection struct {
	Name      Text
	Connector Text
	Auth      Text
	BaseURL   Text
	Fields    []Entry
}

// Table is a table file as written.
type Table struct {
	File        string
	ID          string
	Version     Text
	Name        Text
	Description Text
	Fields      []Field
	Key         []Text
	Keep        Text
}
