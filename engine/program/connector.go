package program

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
	"patchbay/engine/value"
)

// Connector is a checked connector. What it tells never changes; its groups may
// be read only when they are asked for.
type Connector struct {
	ID, Name, Docs, Help string
	// Hash is the content hash of the YAML files, Sum that of all files.
	Hash, Sum string

	BaseURL string
	Hosts   []string // the hosts it may talk to beside the one of BaseURL; "*" for any public host
	Timeout time.Duration
	MaxBody int64 // bytes of an answer

	Fields   []*Input // what every connection of this kind has, secrets excluded
	Auths    []*Auth  // the ways in, in the order they are offered
	Test     *Test    // how a connection is tried, nil for none
	Limits   []*Limit
	Errors   []*ErrorRule
	Webhooks *Webhooks // nil where the vendor delivers none
	// SandboxError is the form of the played vendor's errors, over status,
	// message and class; nil for {"message": …}.
	SandboxError *Value

	// Files are the fixtures and keys of the connector's folder, by their
	// path inside it.
	Files map[string][]byte

	own    *group // what connector.yaml says; nil for a connector that was not built from files
	groups *groups
}

// Auth returns the way in of that name.
func (c *Connector) Auth(name string) (*Auth, bool) {
	for _, a := range c.Auths {
		if a.Name == name {
			return a, true
		}
	}
	return nil, false
}

// Own reports whether the connector was checked whole, as those of a workspace
// are, and not only as far as it is used.
func (c *Connector) Own() bool { return c.groups != nil && c.groups.whole }

// NeedsConnection reports whether actions need a connection: false if one of
// the ways in is none and there is nothing to fill in.
func (c *Connector) NeedsConnection() bool {
	if len(c.Fields) > 0 {
		return true
	}
	open := func(a *Auth) bool { return a.Type == AuthNone }
	return len(c.Auths) > 0 && !slices.ContainsFunc(c.Auths, open)
}

// AuthType is the form of a way in.
type AuthType string

// The ways in.
const (
	AuthBearer       AuthType = "bearer"
	AuthAPIKey       AuthType = "api_key"
	AuthBasic        AuthType = "basic"
	AuthOAuth2Code   AuthType = "oauth2_code"
	AuthOAuth2Client AuthType = "oauth2_client"
	AuthNone         AuthType = "none"
)

// Auth is one way in.
type Auth struct {
	Name, Label, Help string
	Type              AuthType
	Fields            []*Input // of its own, secrets among them

	// Token, Username, Password and Value are evaluated with the name
	// `connection`, which here holds the secret fields too, as text.
	Token, Username, Password, Value *Value
	Header, Query                    string // where an api_key goes
	Path                             string // or the {name} in the path of a request that it fills

	AuthorizeURL, TokenURL       string
	AuthorizeParams, TokenParams map[string]string
	ScopesAuto                   bool
	Scopes                       []string
	ScopeSeparator               string // " " unless the connector says otherwise
	PKCE                         bool
	ClientAuthHeader             bool // client id and secret in the Authorization header instead of the body

	Members *Members // the accounts that one sign-in serves, nil where it serves one

	Rotates      bool          // every refresh brings a new refresh token
	BeforeExpiry time.Duration // how long before its end a token is renewed
	Grace        time.Duration // how long an old refresh token still works after its first use
}

// Serves reports whether the way in can authorize an action: a key that stands
// in the path of requests serves those alone, and they take no other.
func (a *Auth) Serves(action *Action) bool {
	if a != nil && a.Path != "" {
		return strings.Contains(action.Path, "{"+a.Path+"}")
	}
	return !slices.ContainsFunc(action.Connector.Auths, func(other *Auth) bool {
		return other.Path != "" && strings.Contains(action.Path, "{"+other.Path+"}")
	})
}

// Reach says, of a way in that does not serve an action, what it does serve, or
// which one the action needs.
func (a *Auth) Reach(action *Action) string {
	own := "it does not sign in"
	if a != nil && a.Type != AuthNone {
		own = fmt.Sprintf("it signs in with %q", a.Label)
	}
	var names []string
	if a != nil && a.Path != "" {
		for _, other := range action.Connector.Actions() {
			if a.Serves(other) {
				names = append(names, other.Name)
			}
		}
		return own + ", which is good for nothing but " + strings.Join(names, ", ")
	}
	for _, other := range action.Connector.Auths {
		if other.Serves(action) {
			names = append(names, strconv.Quote(other.Label))
		}
	}
	return own + ", and the action needs " + strings.Join(names, " or ")
}

// Test is the call that shows whether a connection works.
type Test struct {
	Action *Action
	With   map[string]any
}

// Limit is one rate limit: Allow calls in Per.
type Limit struct {
	Allow     int
	Per       time.Duration
	Remaining string   // the header of an answer that says how many calls are left, "" for none
	Reset     string   // the header that says when (seconds or HTTP date), "" for none
	By        []string // path into the input: one budget per value, nil for one in all
}

// ErrorRule gives an answer its class.
type ErrorRule struct {
	When    *expr.Code // over status, body, headers
	Class   value.Class
	Message []string // where the vendor's sentence is, as a path from the root of the answer; nil for the usual places
}

// ClassNone is the class of a rule for answers that are no errors, whatever
// the rules after it say.
const ClassNone value.Class = "none"

// Effect says what an action does to the service.
type Effect string

// The effects.
const (
	EffectRead   Effect = "read"
	EffectCreate Effect = "create"
	EffectUpdate Effect = "update"
	EffectDelete Effect = "delete"
	EffectSend   Effect = "send"
)

// Repeat says what happens if the same request is sent twice.
type Repeat struct {
	Safe   bool   // the second one changes nothing
	Header string // the header that carries a key by which the vendor knows a repeat, "" for none
	Part   string // the part of a multipart body that carries such a key behind each file, "" for none
	For    time.Duration
}

// Keyed reports whether the vendor knows a repeat by a key.
func (r Repeat) Keyed() bool { return r.Header != "" || r.Part != "" }

// Transport says by what an action reaches its service.
type Transport string

// The transports.
const (
	HTTP  Transport = "http"
	SMTP  Transport = "smtp"
	Table Transport = "table"
)

// Action is one operation.
type Action struct {
	Connector *Connector
	ID        string // "ghl.social.list_tags"
	Name      string // inside the connector: "social.list_tags"
	Title     string
	Help      string
	Docs      string

	Effect     Effect
	Repeat     Repeat // of a read: Safe
	Scopes     []string
	Deprecated string

	Before    []*Before // what is asked first, in this order
	Transport Transport
	Method    string // HTTP method; of the others: send, send_each, upsert, append, find, delete
	Host      string // "" for that of the connection
	Path      string // "/contacts/{contactId}/tags"; "{url}" where an input or an earlier answer holds the whole address
	Headers   []Header
	Send      []Send
	Input     []*Input
	Paginate  *Paginate // nil for a single answer
	Output    Output
	Limits    []*Limit
	Errors    []*ErrorRule  // before those of the connector
	Timeout   time.Duration // of one request; 0 for the connector's

	Pos     diag.Pos     // where the action stands in its file
	Differs []Difference // from the vendor's description, on purpose

	group *group // kept as long as one of its actions is
}

// Difference is a departure from the vendor's description, and the reason.
type Difference struct {
	What, Reason string
	Pos          diag.Pos
}

// InputType returns the inputs as an object type, with `limit` where the
// action lists.
func (a *Action) InputType() *value.Type {
	t := &value.Type{Kind: value.Object, Name: a.ID}
	for _, in := range a.Input {
		f := in.Field
		if !in.Required() {
			f.Type = f.Type.AsOptional()
		}
		t.Fields = append(t.Fields, f)
	}
	if a.Output.List {
		t.Fields = append(t.Fields, value.Field{Name: "limit", Type: value.Of(value.Integer).AsOptional(), Help: "the most items to bring"})
	}
	return t
}

// Repeatable reports whether the action may be sent again when nobody knows
// whether the first one arrived.
func (a *Action) Repeatable() bool { return a.Effect == EffectRead || a.Repeat.Safe }

// Before is a request that an action makes before its own. Its answer is what
// later ones see as before.<id>, with status, headers and body.
type Before struct {
	ID string
	// Action is the request by itself: a read without inputs and output, in
	// whose expressions stand the inputs of the action it belongs to.
	Action *Action
}

// Header is one header of a request.
type Header struct {
	Name  string
	Value *Value // over input, connection and before
}

// Send is a value that goes out with every request of an action.
type Send struct {
	Place Place
	Value *Value // over input, connection and before
}

// In is the part of a request a value goes into.
type In string

// The parts of a request.
const (
	InPath      In = "path"
	InQuery     In = "query"
	InBody      In = "body"
	InHeader    In = "header"
	InForm      In = "form"
	InMultipart In = "multipart"
	InNowhere   In = "nowhere" // only expressions look at it
)

// Place is where in a request a value goes.
type Place struct {
	In   In
	Path []string // of the body: the nested keys; else the one name
}

// Input is one input of an action, a trigger or a flow, or one field of a
// connection.
type Input struct {
	value.Field

	Optional  bool   // may be left out
	Default   *Value // nil for none
	Secret    bool
	FromToken string // the key of the token answer that fills it, "" for none

	Place  Place
	Comma  bool // a list goes out as one text joined by commas
	AsText bool // numbers and booleans go out as text
	// Tick is what a time goes out as a count of since 1970, a second or a
	// millisecond; 0 sends it as it is.
	Tick time.Duration
}

// Required reports whether the input must be given.
func (in *Input) Required() bool { return !in.Optional && in.Default == nil && in.FromToken == "" }

// Output is what an action or trigger brings.
type Output struct {
	Type *value.Type // of one record; nil if there is none
	List bool
	// At is where the record or the list lies in the answer, from the root
	// {status, headers, body}; or [FromInput] and the name of an input that
	// holds the path inside the body.
	At            []string
	Below         [][]string // of a webhook: where a field lies that At has not
	MayBeMissing  bool
	NotFoundIsNil bool
	Decode        Decode
}

// Whole returns the type of the output as a step sees it: a list where the
// action lists, optional where it may be missing, Nil where there is none.
func (o Output) Whole() *value.Type {
	switch {
	case o.Type == nil:
		return value.Of(value.Nil)
	case o.List:
		return value.ListOf(o.Type)
	case o.MayBeMissing:
		return o.Type.AsOptional()
	}
	return o.Type
}

// Decode says how the body of an answer is read.
type Decode string

// The ways to read a body.
const (
	DecodeJSON Decode = ""
	DecodeText Decode = "text"
	DecodeFile Decode = "file"
	DecodeAuto Decode = "auto" // JSON if the content type says so, else text
)

// Paginate is how a list comes in pages.
type Paginate struct {
	Style    string // offset, page, cursor, link, last_item
	Param    Place  // where the position goes; zero for link
	AsText   bool
	First    int
	Size     int // items asked for per page; 0 leaves it to the vendor
	SizeMin  int // the least the vendor takes
	SizeAt   Place
	SizeText bool
	Next     []string // from the root of the answer, or from the last item for last_item
	AndParam Place    // where the second half of a position goes; zero for none
	AndNext  []string // where that half comes from, as Next
	Total    []string
	More     []string
	StopWhen *expr.Code
	MaxPages int
}

// Trigger is one kind of event a connector can bring.
type Trigger struct {
	Connector *Connector
	ID        string // "qwilr.page_accepted"
	Name      string
	Title     string
	Help      string

	Scopes     []string
	CausedBy   []string // the actions that make it happen, by their names inside the connector
	Deprecated string
	Output     Output
	Example    []byte // a delivery or an item as it comes from the vendor, JSON; nil for none

	Webhook bool
	Match   *expr.Code // over body and headers; nil matches every delivery
	Event   string     // the vendor's name of what is delivered, "" where nobody subscribes to it
	// Same are the fields of an event, as paths, by which two are known to be
	// one; nil where the delivery says so.
	Same [][]string
	// Connection is whose event a delivery is, nil for what Webhooks says.
	Connection *Addressee
	Timeless   bool // a delivery with an event id may come without a time

	// Poll is how a polling trigger looks for news, and how a webhook catches
	// up; nil for a webhook that does not.
	Poll  *Poll
	Input []*Input

	group *group // kept as long as one of its triggers is
}

// Poll is how a polling trigger looks for news.
type Poll struct {
	Action *Action
	With   *Value // over connection, input and cursor
	Every  time.Duration
	// ItemID and Changed are paths in the mapped item, or [FromInput] and the
	// name of an input that holds the path. Without Changed only new items fire.
	// ItemID is nil where Event is given.
	ItemID, Changed []string
	// Event makes the event of a webhook of an item, over item; nil where the
	// item is the event.
	Event *Value
}

// FromInput begins a path that an input of the action or trigger holds, in
// place of a path that stands in the connector: item_id: input.id.
const FromInput = "input"

// PathFrom returns a path, read from the inputs where they hold it: without
// the words in front that every such path has, nil where it was left out.
func PathFrom(path []string, inputs map[string]any, front ...string) []string {
	if len(path) != 2 || path[0] != FromInput {
		return path
	}
	text, _ := inputs[path[1]].(string)
	found := value.SplitPath(strings.TrimSpace(text))
	if len(found) > 0 && slices.Contains(front, found[0]) {
		found = found[1:]
	}
	return found
}

// Webhooks is how a vendor delivers.
type Webhooks struct {
	Subscribe       *Subscribe // nil where people enter the address at the vendor
	Connection      *Addressee // whose event it is; nil: each connection has an address of its own
	EventID         [][]string // the first that is there counts
	Fields          []*Input   // of a connection, needed to verify
	Verify          []*Verify
	TimestampAt     []string
	Tolerance       time.Duration
	AckWithin       time.Duration
	AckStatus       int
	ChallengeWhen   *expr.Code
	ChallengeAnswer []string
}

// Subscribe is how the vendor is told, by calls, where to deliver which events.
type Subscribe struct {
	All        bool     // one subscription for all events, else one for each
	Ways       []string // the ways in by which one may subscribe, nil for all
	On, Off    *Action
	OnWith     *Value         // over address, secret, events, and event unless All
	OffWith    *Value         // over kept.id
	KeepID     []string       // in the output of On
	KeepSecret []string       // nil unless the vendor chooses the secret
	List       *SubscribeList // nil where they cannot be seen
}

// SubscribeList is how the subscriptions there are can be seen.
type SubscribeList struct {
	Action              *Action
	With                *Value
	ID, Address, Events []string // in an item; Events leads to a text or a list
}

// Verify is one way a delivery proves where it comes from.
type Verify struct {
	Type      string // hmac_sha256, hmac_sha1, rsa_sha256, ed25519, shared_token, none
	Header    string
	Query     string
	Parse     string // "t={timestamp},v1={signature}"
	Prefix    string
	Signed    string // "raw_body", or a text with {timestamp}, {headers.name}, {raw_body}
	Base64    bool   // else hex
	Secret    string // the field of the connection
	PublicKey []byte // PEM
}

// SandboxStore is what the played vendor has at first.
type SandboxStore struct {
	Name  string // of the type of its records, "contacts.Contact" where that is a group's
	ID    string // the key of the id in the wire form
	Items []any  // in the wire form

	pos diag.Pos
}

// SandboxAction is how an action is answered.
type SandboxAction struct {
	Does     string        // list, first, create, merge, upsert, delete, answer
	Store    *SandboxStore // nil for none
	Answer   *Value
	Where    *expr.Code
	Set      *Value // an object
	Status   int
	Envelope *Value
}
