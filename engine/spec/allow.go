package spec

import (
	"regexp"
	"strings"
)

var (
	allowForm = regexp.MustCompile(`(?:^|\s)#\s*patchbay:\s*allow((?:[\s,]+W\d+)+)`)
	codeForm  = regexp.MustCompile(`W\d+`)
)

// Allowed returns the codes of the warnings that a file allows, by line: those
// behind `# patchbay: allow` in the line they speak of.
func Allowed(text []byte) map[int][]string {
	allowed := map[int][]string{}
	line := 0
	for row := range strings.Lines(string(text)) {
		line++
		if !strings.Contains(row, "patchbay:") {
			continue
		}
		if m := allowForm.FindStringSubmatch(row); m != nil {
			allowed[line] = codeForm.FindAllString(m[1], -1)
		}
	}
	return allowed
}
