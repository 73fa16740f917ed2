package value

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
)

func TestSecretDoesNotPrintItself(t *testing.T) {
	s := NewSecret("hunter2")
	holder := struct{ Token Secret }{s}
	inJSON, err := json.Marshal(map[string]any{"s": s, "p": &s})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})).Info("signed in", "token", s)
	for _, test := range []struct{ how, got, want string }{
		{"%v", fmt.Sprintf("%v", s), "[secret]"},
		{"%s", fmt.Sprintf("%s", s), "[secret]"},
		{"%q", fmt.Sprintf("%q", s), "[secret]"},
		{"%x", fmt.Sprintf("%x", s), "[secret]"},
		{"%#v", fmt.Sprintf("%#v", s), "[secret]"},
		{"%+v of a struct", fmt.Sprintf("%+v", holder), "{Token:[secret]}"},
		{"%v of a list", fmt.Sprint([]Secret{s, s}), "[[secret] [secret]]"},
		{"an error", errors.Join(fmt.Errorf("sign in with %v: refused", s)).Error(), "sign in with [secret]: refused"},
		{"String", s.String(), "[secret]"},
		{"JSON", string(inJSON), `{"p":"[secret]","s":"[secret]"}`},
		{"slog", log.String(), `{"level":"INFO","msg":"signed in","token":"[secret]"}` + "\n"},
	} {
		if test.got != test.want {
			t.Errorf("a secret as %s = %s, want %s", test.how, test.got, test.want)
		}
	}
	if s.Reveal() != "hunter2" || s.IsZero() || !NewSecret("").IsZero() {
		t.Errorf("Reveal() = %q, IsZero() = %v, want the text", s.Reveal(), s.IsZero())
	}
}
