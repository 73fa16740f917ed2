package expr

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/expr-lang/expr/ast"

	"patchbay/engine/value"
)

func dataFunctions() []function {
	return []function{
		{name: "default", params: []param{anyParam("x").orNil(), anyParam("instead")}, result: "value", help: "is x, or the other value where x is nil or an empty text", example: `default("", "none") → "none"`, typed: typedDefault, run: runDefault},
		{name: "json", params: []param{anyParam("value").orNil()}, result: "string", help: "writes a value as JSON on one line", example: `json({"a": 1}) → "{\"a\":1}"`, deep: true, run: runJSON},
		{name: "toJSON", params: []param{anyParam("value").orNil()}, result: "string", help: "writes a value as JSON with indents", example: `toJSON([]) → "[]"`, deep: true, run: runToJSON},
		{name: "fromJSON", params: []param{textParam("text")}, result: "any", help: "reads JSON", example: `fromJSON("[1]") → [1]`, run: runFromJSON},
		{name: "csv", params: []param{listParam(), {name: "columns", typ: textList, optional: true}}, result: "string", help: "writes a list of objects as CSV with a head line", example: `csv([{"a": 1}]) → "a\n1\n"`, typed: typedCSV, deep: true, run: runCSV},
		{name: "type", params: []param{anyParam("x").orNil()}, result: "string", help: "names what a value is", example: `type(1) → "integer"`, run: runType},
		{name: "uuid", result: "string", help: "makes an identifier; a retry of the step makes the same again", example: `len(uuid()) → 36`, varies: true, run: runUUID},
	}
}

func typedDefault(_ []ast.Node, types []*value.Type) (*value.Type, string) {
	if types[0].Kind == value.Nil {
		return types[1], ""
	}
	return join(types[0].AsPresent(), types[1]), ""
}

func runDefault(_ *state, args []any) (any, error) {
	if args[0] == nil || args[0] == "" {
		return args[1], nil
	}
	return args[0], nil
}

// encode writes what expr's machine made as JSON.
func encode(v any) ([]byte, error) {
	settled, err := settle(v)
	if err != nil {
		return nil, err
	}
	return value.Encode(settled)
}

func runJSON(_ *state, args []any) (any, error) {
	b, err := encode(args[0])
	return string(b), err
}

func runToJSON(_ *state, args []any) (any, error) {
	b, err := encode(args[0])
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		return nil, err
	}
	return out.String(), nil
}

func runFromJSON(_ *state, args []any) (any, error) {
	v, err := value.Decode([]byte(args[0].(string)))
	if err != nil {
		return nil, fmt.Errorf("the text is not JSON: %w", err)
	}
	return v, nil
}

func typedCSV(args []ast.Node, types []*value.Type) (*value.Type, string) {
	e := elemOf(types[0])
	if types[0].IsAny() || e.IsAny() || e.Kind == value.Map {
		return textType, ""
	}
	if e.Optional {
		return nil, itemsMayBeMissing
	}
	if e.Kind != value.Object {
		return nil, fmt.Sprintf("a list of objects is wanted, %s is given", types[0])
	}
	if len(args) < 2 {
		return textType, ""
	}
	columns, ok := args[1].(*ast.ArrayNode)
	if !ok {
		return textType, ""
	}
	for _, n := range columns.Nodes {
		if s, ok := n.(*ast.StringNode); ok && !slices.Contains(e.FieldNames(), s.Value) {
			return nil, fmt.Sprintf("the items have no field %q", s.Value)
		}
	}
	return textType, ""
}

// runCSV writes the columns named, or all fields in the order of their names.
func runCSV(_ *state, args []any) (any, error) {
	rows, columns := args[0].([]any), []string(nil)
	if len(args) > 1 {
		for i, name := range args[1].([]any) {
			s, ok := name.(string)
			if !ok {
				return nil, fmt.Errorf("column %d is %s, not text", i+1, kindWord(name))
			}
			columns = append(columns, s)
		}
	} else {
		all := map[string]any{}
		for _, row := range rows {
			m, _ := row.(map[string]any)
			for k := range m {
				all[k] = nil
			}
		}
		columns = sortedKeys(all)
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(columns) // a buffer does not fail
	for i, row := range rows {
		m, ok := row.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("item %d of the list is %s, not an object", i+1, kindWord(row))
		}
		record := make([]string, len(columns))
		for j, name := range columns {
			if m[name] == nil {
				continue
			}
			text, err := textOf(m[name])
			if err != nil {
				return nil, err
			}
			record[j] = text
		}
		_ = w.Write(record)
		if b.Len() > longestText {
			return nil, errTooLong
		}
	}
	w.Flush()
	return b.String(), w.Error()
}

func runType(_ *state, args []any) (any, error) {
	if args[0] == nil {
		return "nil", nil
	}
	return kindWord(args[0]), nil
}

// runUUID makes an identifier of version 8: the place of the expression and how
// many were made there before.
func runUUID(st *state, _ []any) (any, error) {
	st.uuids++
	sum := sha256.Sum256([]byte(st.env.Place + "\x00" + strconv.Itoa(st.uuids)))
	b := sum[:16]
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:], nil
}

// kindWord names what a value at run time is.
func kindWord(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case bool:
		return "boolean"
	case int:
		return "integer"
	case float64:
		return "number"
	case string:
		return "string"
	case []any, []int:
		return "list"
	case map[string]any, map[any][]any:
		return "object"
	case value.File:
		return "file"
	case time.Time:
		return "datetime"
	case time.Duration:
		return "duration"
	}
	return "something else"
}
