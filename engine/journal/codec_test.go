package journal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/value"
)

var at = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func TestEncode(t *testing.T) {
	tests := []struct {
		name  string
		event journal.Event
		want  string
	}{
		{"least", journal.Event{At: at, Kind: journal.Began}, `{"at":"2026-03-01T09:00:00Z","kind":"began"}`},
		{
			"time in UTC",
			journal.Event{At: at.In(time.FixedZone("", 3600)), Kind: journal.Waiting, Path: "pause", Until: at.Add(time.Nanosecond)},
			`{"at":"2026-03-01T09:00:00Z","kind":"waiting","path":"pause","until":"2026-03-01T09:00:00.000000001Z"}`,
		},
		{
			"data in the form of a value",
			journal.Event{At: at, Kind: journal.Done, Path: "a", Data: map[string]any{"n": int64(2), "l": []string{"<b>"}, "d": time.Minute}},
			`{"at":"2026-03-01T09:00:00Z","kind":"done","path":"a","data":{"d":"1m0s","l":["<b>"],"n":2}}`,
		},
		{
			"failure",
			journal.Event{At: at, Kind: journal.Failed, Failure: &value.Failure{Class: value.ClassAuth, Message: "no", NotBefore: at}},
			`{"at":"2026-03-01T09:00:00Z","kind":"failed","failure":{"class":"auth","message":"no","not_before":"2026-03-01T09:00:00Z"}}`,
		},
		{
			"request",
			journal.Event{At: at, Kind: journal.Intent, Action: "a.b", Attempt: 3, Request: &journal.Exchange{Method: "POST", Took: time.Second}},
			`{"at":"2026-03-01T09:00:00Z","kind":"intent","attempt":3,"action":"a.b","request":{"method":"POST","took":1000000000}}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := journal.Encode(test.event)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("Encode = %s\nwant     %s", got, test.want)
			}
			back, err := journal.Decode(got)
			if err != nil {
				t.Fatal(err)
			}
			normal, err := journal.Normalize(test.event)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(normal, back); diff != "" {
				t.Errorf("what Decode read is not what Normalize gives (-normal +read):\n%s", diff)
			}
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	tests := []struct {
		event journal.Event
		want  string
	}{
		{journal.Event{At: at}, `encode event: it has no kind`},
		{
			journal.Event{At: at, Kind: journal.Done, Path: "login", Data: map[string]any{"token": value.NewSecret("x")}},
			`encode event done login: a value cannot hold a value.Secret`,
		},
	}
	for _, test := range tests {
		if _, err := journal.Encode(test.event); err == nil || err.Error() != test.want {
			t.Errorf("Encode(%+v) = %v, want %s", test.event, err, test.want)
		}
	}
}

func TestDecode(t *testing.T) {
	tests := []struct {
		name, text string
		want       journal.Event
	}{
		{
			"keys of a later version",
			`{"at":"2026-03-01T09:00:00Z","kind":"done","path":"a","mood":"good","failure":{"class":"auth","message":"m","since":1}}`,
			journal.Event{At: at, Kind: journal.Done, Path: "a", Failure: &value.Failure{Class: value.ClassAuth, Message: "m"}},
		},
		{
			"a kind of a later version",
			`{"at":"2026-03-01T09:00:00Z","kind":"dreamed","data":[1,1.5,null]}`,
			journal.Event{At: at, Kind: "dreamed", Data: []any{1, 1.5, nil}},
		},
		{
			"a file",
			`{"at":"2026-03-01T09:00:00Z","kind":"done","data":{"$file":"a.txt","content_type":"text/plain","data":"aGk="}}`,
			journal.Event{At: at, Kind: journal.Done, Data: value.File{Name: "a.txt", ContentType: "text/plain", Data: []byte("hi")}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := journal.Decode([]byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Decode (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct{ text, want string }{
		{``, `decode event: unexpected end of JSON input`},
		{`{"at":"2026-03-01T09:00:00Z"}`, `decode event: it has no kind`},
		{`{"kind":"done","at":"today"}`, `decode event: parsing time "today" as "2006-01-02T15:04:05Z07:00": cannot parse "today" as "2006"`},
		{`{"kind":"done","data":1e999}`, `decode event done : 1e999 is too large for a number`},
	}
	for _, test := range tests {
		if _, err := journal.Decode([]byte(test.text)); err == nil || err.Error() != test.want {
			t.Errorf("Decode(%s) = %v, want %s", test.text, err, test.want)
		}
	}
}

// TestOldJournals reads the journals earlier versions wrote: each line is
// read, and written again as it stands.
func TestOldJournals(t *testing.T) {
	files, err := filepath.Glob("testdata/*.journal")
	if err != nil || len(files) == 0 {
		t.Fatalf("no journals in testdata: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			line = bytes.TrimSpace(line)
			e, err := journal.Decode(line)
			if err != nil {
				t.Errorf("%s: Decode(%s): %v", file, line, err)
				continue
			}
			again, err := journal.Encode(e)
			if err != nil || !bytes.Equal(again, line) {
				t.Errorf("%s: Encode = %s, %v\nwant         %s", file, again, err, line)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	text, err := os.ReadFile("testdata/format1.journal")
	if err != nil {
		f.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := journal.Decode(text)
		if err != nil {
			return
		}
		journal.Fold([]journal.Event{e, e}).Apply(journal.Event{Kind: journal.Retried, Path: e.Path})
		// Once written by Encode, an event stays what it is.
		written, err := journal.Encode(e)
		if err != nil {
			t.Fatalf("Encode(%+v): %v", e, err)
		}
		read, err := journal.Decode(written)
		if err != nil {
			t.Fatalf("Decode(%s): %v", written, err)
		}
		again, err := journal.Encode(read)
		if err != nil || !bytes.Equal(again, written) {
			t.Fatalf("Encode = %s, %v, want %s", again, err, written)
		}
	})
}
