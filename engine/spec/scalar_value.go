package spec

import (
	"fmt"
	"strings"
)

// ParseValue reads a value that stands alone, as on a command line: text that
// begins with [, {, " or ' is YAML; other text is a number, a boolean or null
// where YAML says so, and else text as it stands, whatever signs are in it.
func ParseValue(text string) (any, error) {
	if text == "" {
		return "", nil
	}
	if !strings.ContainsRune(`[{"'`, rune(text[0])) {
		scalar := &Value{Text: Text{Value: text, Plain: true}}
		scalar.Kind = kindOfScalar(scalar.Text)
		return scalar.Const(), nil
	}
	root, found := readTree("value", []byte("value: "+text))
	for _, f := range found.Errors() {
		return nil, fmt.Errorf("%s is no YAML value: %s", text, f.Message)
	}
	if len(root.Entries) != 1 {
		return nil, fmt.Errorf("%s is no YAML value: more text follows behind it", text)
	}
	return root.Lookup("value").Const(), nil
}
