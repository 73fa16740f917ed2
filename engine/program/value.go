package program

import (
	"fmt"
	"strconv"
	"strings"

	"patchbay/engine/expr"
	"patchbay/engine/value"
)

// Value is a written value with its expressions compiled: a constant, one
// expression, a text with expressions in it, a list, or an object. Exactly one
// of the forms is used: Code, Parts, List, Object, else Const.
type Value struct {
	Type *value.Type

	Const  any
	Code   *expr.Code
	Parts  []Part
	List   []*Value
	Object []Named
	form   form
}

type form uint8

const (
	formConst form = iota
	formCode
	formParts
	formList
	formObject
)

// Part is a piece of a text: literal text, or an expression.
type Part struct {
	Text string
	Code *expr.Code
}

// Constant returns a value that is always v.
func Constant(v any, t *value.Type) *Value { return &Value{Const: v, Type: t} }

// Eval returns the value for the names of env. A nil *Value is nil.
func (v *Value) Eval(env *expr.Env) (any, error) {
	if v == nil {
		return nil, nil //nolint:nilnil // a value that is not written is nil
	}
	switch v.form {
	case formCode:
		return v.Code.Eval(env)
	case formParts:
		return v.text(env)
	case formList:
		l := make([]any, len(v.List))
		for i, e := range v.List {
			item, err := e.Eval(env)
			if err != nil {
				return nil, err
			}
			l[i] = item
		}
		return l, nil
	case formObject:
		return evalObject(v.Object, env)
	default:
		return v.Const, nil
	}
}

func evalObject(fields []Named, env *expr.Env) (any, error) {
	m := make(map[string]any, len(fields))
	for _, f := range fields {
		e, err := f.Value.Eval(env)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		m[f.Name] = e
	}
	return m, nil
}

func (v *Value) text(env *expr.Env) (any, error) {
	var b strings.Builder
	for _, p := range v.Parts {
		if p.Code == nil {
			b.WriteString(p.Text)
			continue
		}
		e, err := p.Code.Eval(env)
		if err != nil {
			return nil, err
		}
		s, err := textOf(e)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Code.Source(), err)
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

// textOf returns a value as it stands inside a text. A value that may be
// missing has been refused before, so nil here is one nothing was known of.
func textOf(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case nil:
		return "", fmt.Errorf("is missing, and cannot stand in a text")
	default:
		return "", fmt.Errorf("is no text, number or boolean, and cannot stand in a text")
	}
}

// IsConst reports whether the value is the same whatever the names are.
func (v *Value) IsConst() bool { return v != nil && v.form == formConst }
