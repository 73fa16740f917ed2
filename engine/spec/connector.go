package spec

// Connector is the file connector.yaml of a connector's folder, or one of its
// group files, as written. A group file has Group and none of the keys that
// speak of the connector as a whole.
type Connector struct {
	File string // the path of the file, as findings print it

	Version Text // connector: 1
	Group   Text // group: social
	ID      Text
	Name    Text
	Docs    Text
	Help    Text

	API        *API
	Headers    []Entry // of a group file; those of connector.yaml stand in API
	Connection *ConnectionShape
	Limits     []Limit
	Errors     []ErrorRule
	Types      []TypeEntry
	Actions    []*Action
	Triggers   []*Trigger
	Webhooks   *Webhooks
	Sandbox    *Sandbox
}

// API is the `api:` of a connector.
type API struct {
	BaseURL Text
	Headers []Entry
	Hosts   []Text
	Timeout Text
	MaxBody Text
}

// ConnectionShape is the `connection:` of a connector: what a connection of
// this kind needs.
type ConnectionShape struct {
	Fields []Field
	Auth   []*Auth
	Test   *Invocation
}

// Invocation names an action of the same connector and what it is given.
type Invocation struct {
	Action Text
	With   []Entry
}

// Auth is one way in, under `connection.auth`.
type Auth struct {
	Name   Text // its key
	Label  Text
	Help   Text
	Type   Text
	Fields []Field

	Token, Header, Query, Path, Value, Username, Password Text

	AuthorizeURL, TokenURL           Text
	AuthorizeParams, TokenParams     []Entry
	Scopes                           *Value // the word auto, or a list
	ScopeSeparator, PKCE, ClientAuth Text
	Refresh                          *Refresh
	Members                          *Members
}

// Refresh is how a vendor renews tokens.
type Refresh struct {
	Rotates, BeforeExpiry, Grace Text
}

// Members is how one sign-in serves many accounts.
type Members struct {
	List, ID, Title, Field, Every Text // Title is the key name
	With                          []Entry
	Token                         *MemberToken
	Joined, Retired               Text
}

// MemberToken is how an account of a sign-in gets a token of its own.
type MemberToken struct {
	Action, AccessToken, ExpiresIn Text
	With                           []Entry
}

// Limit is one rate limit, of a connector or an action.
type Limit struct {
	Allow, Per, Remaining, Reset, By Text
}

// ErrorRule is one line of `errors:`.
type ErrorRule struct {
	When, Class, Message Text
}

// TypeEntry is one named type under `types:`: either fields, or a definition
// with `type:`.
type TypeEntry struct {
	Name Text
	Def  TypeDef
}

// TypeDef is a type as written, of a field, a list's items or a named type.
type TypeDef struct {
	Type     Text     // a kind or the name of a type; not given where the type is inline
	Of       *TypeDef // of a list or map
	Fields   []Field  // of an object
	Values   []Text   // of an enum
	IsFields bool     // a named type written as a map of fields
}

// Field is one field of a type, an input, or a field of a connection.
type Field struct {
	Name Text // its key
	TypeDef

	From, SendAs, Style, Wire, FromToken       Text
	Format                                     Text
	Optional, Label, Help, Pattern, Deprecated Text
	Min, Max                                   Text
	Example, Default                           *Value
	Choices                                    *Choices
}

// Choices is where a form finds the values to offer for a field.
type Choices struct {
	Action, Value, Label Text
	With                 []Entry
}

// Action is one operation as written.
type Action struct {
	Name Text // its key

	Title      Text // name:
	Help       Text
	Effect     Text
	Repeat     *Repeat
	Scopes     []Text
	Before     []*Before
	Request    Text
	Headers    []Entry
	Send       []Entry // place → value
	Input      []Field
	Paginate   *Paginate
	Output     *Output
	Limits     []Limit
	Errors     []ErrorRule
	Timeout    Text
	Deprecated Text
	Docs       Text
	Differs    []Entry // what differs from the vendor's description → why
}

// Before is one request that an action makes before its own.
type Before struct {
	ID, Request Text
	Headers     []Entry
	Send        []Entry // place → value
}

// Repeat is the `repeat:` of an action: a word, or a key header with its time.
type Repeat struct {
	Word     Text // safe or unsafe
	Key, For Text
}

// Paginate is the `paginate:` of an action.
type Paginate struct {
	Type, Param, First, Next, Total, More, StopWhen, MaxPages, Wire Text
	PageSize                                                        *PageSize
	And                                                             *Position
}

// Position is the second half of a position, where the service takes two
// values to find its way.
type Position struct{ Param, Next Text }

// PageSize is how many items are asked for, and where that is said.
type PageSize struct {
	SendAs, Value, Min, Wire Text
}

// Output is the `output:` of an action or trigger.
type Output struct {
	Key          Text // the word list or one, where it stands
	Type         *TypeDef
	IsList       bool
	At           []Text
	MayBeMissing Text
	NotFound     Text
	Decode       Text
}

// Trigger is one trigger as written.
type Trigger struct {
	Name Text // its key

	Title      Text // name:
	Help       Text
	Type       Text // webhook or poll
	Scopes     []Text
	Match      Text
	Event      Text // the vendor's name of it, to subscribe to
	CatchUp    *CatchUp
	Connection *Addressee
	Timestamp  Text
	Output     *Output
	Example    *Value
	Action     Text
	With       []Entry
	Every      Text
	ItemID     Text
	Changed    Text
	Input      []Field
	CausedBy   []Text // the actions that make it happen
	Deprecated Text
}

// Webhooks is how a vendor delivers events, for all its webhook triggers.
type Webhooks struct {
	Subscribe  *Subscribe // nil for in_vendor_console
	Connection *Addressee
	EventID    []Text
	Fields     []Field
	Verify     []Verify
	Timestamp  *Timestamp
	Ack        *Ack
	Challenge  *Challenge
}

// Subscribe is how a vendor is told, by calls, where to deliver which events.
type Subscribe struct {
	Each    Text // event or all
	Ways    []Text
	On, Off *Invocation
	Keep    *Keep
	List    *SubscribeList
}

// Keep is what of a subscription is kept.
type Keep struct{ ID, Secret Text }

// SubscribeList is how the subscriptions there are can be seen.
type SubscribeList struct {
	Action              Text
	With                []Entry
	ID, Address, Events Text
}

// CatchUp is how events that were not delivered are found.
type CatchUp struct {
	Action         Text
	With           []Entry
	Every, Changed Text
	Event          []Entry
	Same           []Text
}

// Addressee is what says whose event a delivery is.
type Addressee struct {
	Word   Text // the path, or the word any, where it is no map
	Fields []AddresseeField
}

// AddresseeField is a field of a connection, and where a delivery has its value.
type AddresseeField struct {
	Name Text
	At   []Text
}

// Verify is one way a delivery may prove where it comes from.
type Verify struct {
	Type, Header, Query, Parse, Prefix, Signed, Encoding, Secret, PublicKey Text
}

// Timestamp is where a delivery says when it was made, and how old it may be.
type Timestamp struct {
	At, Tolerance Text
}

// Ack is what a delivery is answered.
type Ack struct {
	Within, Status Text
}

// Challenge is the question a vendor asks before it delivers.
type Challenge struct {
	When, Answer Text
}

// Sandbox is how the sandbox plays the vendor.
type Sandbox struct {
	Store   []Entry // type → fixture file, or { file, id }
	Actions []*SandboxAction
	Error   *Value
}

// SandboxAction is how the sandbox answers one action.
type SandboxAction struct {
	Name                                       Text
	List, First, Create, Merge, Upsert, Delete Text // the store to work on
	Answer                                     *Value
	Where                                      Text
	Set                                        []Entry
	Status                                     Text
	Envelope                                   *Value
	Before                                     []*SandboxAction // by the id of the request before
}
