package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Nearest returns the name of valid that is most probably meant by got: equal
// but for case, or at most a third of its letters away, with one letter being
// enough for short names. Where both have as many words, each of them shares at
// least half of its letters: send_message is not pin_message. It returns ""
// where nothing is near, and where two names are equally near.
func Nearest(got string, valid []string) string {
	best, distance, tied := "", reach(fold(got))+1, false
	for _, v := range valid {
		switch d := editDistance(fold(got), fold(v)); {
		case d < distance && wordsNear(got, v):
			best, distance, tied = v, d, false
		case d == distance && best != "" && v != best && wordsNear(got, v):
			tied = true
		}
	}
	if tied {
		return ""
	}
	return best
}

// reach is how many letters may differ in a name.
func reach(name []rune) int { return max(1, len(name)/3) }

// wordsNear reports whether each word of a name is near the one at its place
// in another. Names of different numbers of words are only near as a whole.
func wordsNear(a, b string) bool {
	as, bs := words(a), words(b)
	if len(as) != len(bs) || len(as) < 2 {
		return true
	}
	for i, word := range as {
		if editDistance([]rune(word), []rune(bs[i])) > max(1, len([]rune(word))/2) {
			return false
		}
	}
	return true
}

func words(name string) []string {
	return strings.FieldsFunc(string(fold(name)), func(r rune) bool { return r == '_' || r == '.' || r == ' ' || r == '/' })
}

// How many names are listed: all of them up to a wall, the nearest few behind
// it where it is clear which is meant, else as many as one may read.
const (
	wall   = 20
	few    = 8
	enough = 40
)

// Names lists the names that may stand where got stands.
func Names(got string, names []string) string {
	switch {
	case len(names) <= wall:
		return strings.Join(names, ", ")
	case Nearest(got, names) != "":
		return Few(got, names, few)
	}
	return Few(got, names, enough)
}

// Few lists the names that may be meant by got, in their order: those nearest
// to it where they are more than most, and how many others there are. Nearer
// than others are names that share words with it.
func Few(got string, names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	order := slices.Clone(names)
	slices.SortStableFunc(order, func(a, b string) int {
		return cmp.Or(cmp.Compare(shared(got, b), shared(got, a)), cmp.Compare(editDistance(fold(got), fold(a)), editDistance(fold(got), fold(b))))
	})
	order = order[:most]
	var list []string
	for _, name := range names {
		if slices.Contains(order, name) {
			list = append(list, name)
		}
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list, ", "), len(names)-most)
}

// shared counts the words of a name that stand, or nearly, in another.
func shared(a, b string) int {
	n := 0
	for _, word := range words(a) {
		if slices.ContainsFunc(words(b), func(o string) bool { return editDistance([]rune(word), []rune(o)) <= len([]rune(word))/3 }) {
			n++
		}
	}
	return n
}

// Sure reports whether name, the nearest to got, can be put in its place
// without asking: it is equal but for case, or at most two letters and a third
// of them away, with the same digits. Of dotted names only what lies behind
// the path they share counts.
func Sure(got, name string) bool {
	for {
		a, restA, okA := strings.Cut(got, ".")
		b, restB, okB := strings.Cut(name, ".")
		if !okA || !okB || a != b {
			break
		}
		got, name = restA, restB
	}
	return digits(got) == digits(name) && editDistance(fold(got), fold(name)) <= min(2, len([]rune(got))/3)
}

// digits returns the digits of a name: another number is no misspelling.
func digits(name string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, name)
}

func fold(s string) []rune {
	return []rune(strings.ReplaceAll(strings.ToLower(s), "-", "_"))
}

// editDistance counts the letters to insert, delete, replace or swap with
// their neighbour to make b of a.
func editDistance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
