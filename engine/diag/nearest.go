package diag

import "strings"

// Nearest returns the name of valid that is most probably meant by got: equal
// but for case, or at most a third of its letters away, with one letter being
// enough for short names. It returns "" where nothing is near, and where two
// names are equally near.
func Nearest(got string, valid []string) string {
	best, distance, tied := "", max(1, len([]rune(got))/3)+1, false
	for _, v := range valid {
		switch d := editDistance(fold(got), fold(v)); {
		case d < distance:
			best, distance, tied = v, d, false
		case d == distance && best != "" && v != best:
			tied = true
		}
	}
	if tied {
		return ""
	}
	return best
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
