package expr

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"patchbay/engine/value"
)

func tryScope() *Scope {
	S := value.Of(value.String)
	page := &value.Type{Kind: value.Object, Name: "qwilr.Page", Fields: []value.Field{
		{Name: "id", Type: S}, {Name: "name", Type: S},
		{Name: "status", Type: &value.Type{Kind: value.Enum, Values: []string{"draft", "live"}}},
		{Name: "tags", Type: value.ListOf(S)},
		{Name: "count", Type: value.Of(value.Integer)},
		{Name: "price", Type: value.Of(value.Number)},
		{Name: "at", Type: value.Of(value.Datetime)},
		{Name: "note", Type: S.AsOptional()},
		{Name: "metadata", Type: value.MapOf(S).AsOptional()},
		{Name: "raw", Type: value.Of(value.Any)},
	}}
	contact := (&value.Type{Kind: value.Object, Name: "ghl.Contact", Fields: []value.Field{{Name: "id", Type: S}, {Name: "email", Type: S.AsOptional()}}})
	steps := &value.Type{Kind: value.Object, Fields: []value.Field{
		{Name: "page", Type: page}, {Name: "contact", Type: contact.AsOptional()}, {Name: "list", Type: value.ListOf(contact)},
	}}
	return NewScope(value.Field{Name: "steps", Type: steps},
		value.Field{Name: "event", Type: &value.Type{Kind: value.Object, Fields: []value.Field{{Name: "page", Type: page}}}},
		value.Field{Name: "trigger", Type: &value.Type{Kind: value.Object, Fields: []value.Field{{Name: "id", Type: &value.Type{Kind: value.Enum, Values: []string{"a", "b"}}}}}},
		value.Field{Name: "body", Type: value.Of(value.Any)},
	).Missing("steps.apply", `step "apply" comes after this one`)
}

func tryEnv() *Env {
	page := map[string]any{"id": "p1", "name": "Acmé", "status": "live", "tags": []any{"a", "b"}, "count": 3, "price": 2.5, "at": "2026-03-14T15:00:00Z", "raw": map[string]any{"x": 1, "list": []any{1, 2.5}}}
	return &Env{Names: map[string]any{
		"steps": map[string]any{"page": page, "contact": nil, "list": []any{map[string]any{"id": "c1", "email": "x@y"}, map[string]any{"id": "c2"}}},
		"event": map[string]any{"page": page}, "trigger": map[string]any{"id": "a"},
		"body":  map[string]any{"message": "scope missing", "n": 4},
	}, Now: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), Place: "x"}
}

func TestTry(t *testing.T) {
	b, err := os.ReadFile("/tmp/exprtry/in.txt")
	if err != nil {
		t.Skip()
	}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimRight(line, "\n")
		if line == "" {
			continue
		}
		c, ps := Compile(line, tryScope(), nil)
		fmt.Println("»", line)
		for _, p := range ps {
			fmt.Printf("    %s %s^%s^%s  %s | %s | fix %q\n", p.Code, line[:p.From], line[p.From:p.To], line[p.To:], p.Message, p.Hint, p.Fix)
		}
		if c != nil {
			v, err := c.Eval(tryEnv())
			fmt.Printf("    : %s  = %v  err=%v refs=%v\n", c.Type(), v, err, c.Refs())
			if v == false {
				fmt.Println("    explain:", c.Explain(tryEnv()))
			}
		}
	}
	for _, d := range Functions() {
		ex, want, _ := strings.Cut(d.Example, " → ")
		c, ps := Compile(ex, NewScope(), nil)
		if c == nil {
			fmt.Println("EXAMPLE", d.Name, ps)
			continue
		}
		v, err := c.Eval(tryEnv())
		enc, _ := value.Encode(v)
		fmt.Println(d.Signature, "|", ex, "→", string(enc), err, want == string(enc))
	}
}
