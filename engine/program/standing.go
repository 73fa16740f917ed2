package program

import "regexp"

// Standing is a step as it stands in its flow.
type Standing struct {
	*Step

	// Of is how many steps the list has in which it stands.
	Of int
}

var turn = regexp.MustCompile(`\[\d+\]`)

// WrittenPath returns the path of a step in a journal as the step stands in
// the file: without the numbers of the turns, "each.apply" for "each[3].apply".
func WrittenPath(path string) string { return turn.ReplaceAllString(path, "") }

// Standings returns the steps of the flow and of those it calls by their paths,
// which are those of a journal without the numbers of the turns.
func (f *Flow) Standings() map[string]Standing {
	places := map[string]Standing{}
	f.placesIn(places, "")
	return places
}

func (f *Flow) placesIn(places map[string]Standing, prefix string) {
	f.placesOf(places, prefix, f.Steps)
	f.placesOf(places, prefix+"on_error/", f.OnError)
	f.placesOf(places, prefix+"finally/", f.Finally)
}

func (f *Flow) placesOf(places map[string]Standing, prefix string, steps []*Step) {
	for _, s := range steps {
		path := prefix + s.Path
		places[path] = Standing{Step: s, Of: len(steps)}
		f.placesOf(places, path+".", s.Steps)
		for _, b := range s.Branches {
			f.placesOf(places, path+"."+b.Path+".", b.Steps)
		}
		if called := f.Calls[s.Flow]; s.Kind == DoCall && called != nil {
			called.placesIn(places, path+"/")
		}
	}
}
