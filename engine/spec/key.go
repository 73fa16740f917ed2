package spec

// Key is one key of one kind of map: a line of the tables that the parser
// follows and that the reference, the schema and completion are made from.
type Key struct {
	Name     string
	Form     Form
	Required bool
	Words    []string // the allowed words, where they are fixed
	Section  string   // the kind of map behind the key, or in the list or map behind it; "" for none
	Help     string   // one sentence without a full stop
	Example  string   // a value, as it would be written

	Least int // of Whole: the least number

	Forms []Form // of Either: which forms those are; of Pairs: the forms of a value, nil for any
	Names Form   // of a map with names of the author's choice: Name or Identifier, Line where any will do
}

// Form is what stands behind a key.
type Form uint8

// The forms of what stands behind a key.
const (
	Version     Form = iota // the version of the language: 1
	Line                    // text
	Word                    // one of the Words
	Name                    // a name in snake_case
	Identifier              // a name of letters, digits and _
	TypeName                // a kind, or the name of a type
	Expression              // an expression without ${{ }}
	Path                    // a dotted path such as body.items
	Duration                // 30s, 15m, 24h, 7d
	Size                    // 500KB, 10MB
	Clock                   // 08:00
	Switch                  // true or false
	Whole                   // a whole number
	Number                  // a number
	Literal                 // any value; ${{ }} where a value of data is meant
	Pairs                   // a map from any key to a value
	Lines                   // a list of texts
	OneOrLines              // a text, or a list of texts
	OneOrPaths              // a dotted path, or a list of them
	Expressions             // a list of expressions without ${{ }}
	Block                   // a map of the Section
	Blocks                  // a list of maps of the Section
	NamedBlocks             // a map from a name to a map of the Section
	Either                  // one of the Forms: see Help and Example
)

var formNames = [...]string{ //nolint:gochecknoglobals // the words of the Form constants, never written
	"the version", "text", "one word", "a name", "a name", "text", "an expression", "a path", "a duration", "a size",
	"a time of day", "true or false", "a whole number", "a number", "a value", "a map", "a list", "a text or a list", "a path or a list",
	"a list", "a map", "a list", "a map", "a value",
}

// String returns the form as findings call it, such as "a list".
func (f Form) String() string { return formNames[f] }

// Section is one kind of map of the languages.
type Section struct {
	Name string // "step"
	Noun string // as findings call it: "a step"
	Keys []Key
	// Rest is what any other key holds; its Help is "" where there are none.
	Rest Key
	// One lists keys of which exactly one is given, nil where there are none.
	One []string
}

// Sections returns all kinds of maps, from the whole files down to their
// parts.
func Sections() []Section {
	return []Section{
		connectorSection().shown(), groupSection().shown(), flowSection().shown(),
		connectionsSection().shown(), tableSection().shown(),

		triggerEntrySection().shown(), scheduleSection().shown(), inboundSection().shown(),
		stepSection().shown(), retrySection().shown(), branchSection().shown(), caseSection().shown(),
		waitForSection().shown(), approveSection().shown(), flowLimitsSection().shown(), flowKeepSection().shown(),
		connectionSection().shown(),

		apiSection().shown(), shapeSection().shown(), invocationSection().shown(), authSection().shown(),
		refreshSection().shown(), membersSection().shown(), memberTokenSection().shown(), limitSection().shown(), errorRuleSection().shown(),
		typeSection().shown(), fieldSection().shown(), choicesSection().shown(),
		actionSection().shown(), beforeSection().shown(), repeatSection().shown(), paginateSection().shown(), pageSizeSection().shown(), positionSection().shown(),
		outputSection().shown(), triggerSection().shown(),
		catchUpSection().shown(), webhooksSection().shown(), addresseeSection().shown(), subscribeSection().shown(), subscribeOnSection().shown(),
		keepSection().shown(), subscribeOffSection().shown(), subscribeListSection().shown(), verifySection().shown(), timestampSection().shown(),
		ackSection().shown(), challengeSection().shown(),
		sandboxSection().shown(), storeSection().shown(), sandboxActionSection().shown(), sandboxPartSection().shown(),
	}
}

// Keys returns the keys of one kind of map in the order of its table, nil for
// a name that is none.
func Keys(section string) []Key {
	for _, s := range Sections() {
		if s.Name == section {
			return s.Keys
		}
	}
	return nil
}
