package expr

import "time"

// Problem is something wrong in the source of an expression, told without
// knowing in which file the source stands. From and To are byte offsets into
// that source.
type Problem struct {
	From, To int
	Code     string // "F301"
	Message  string
	Hint     string   // "fields: id, name"
	Fix      string   // the text to put in place of From..To; "" where there is no certain fix
	Allowed  []string // the names that may stand there, where it is about a name
}

// Env is what a compiled expression sees when it is evaluated.
type Env struct {
	// Names maps each name of the scope to its value.
	Names map[string]any
	// Now is what now() answers.
	Now time.Time
	// Place makes uuid() repeatable: the same place gives the same series.
	Place string
}
