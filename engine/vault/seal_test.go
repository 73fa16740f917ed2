package vault

import (
	"bytes"
	"errors"
	"testing"
)

func TestSealOpensInItsPlaceOnly(t *testing.T) {
	b, err := newBox(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	home := binding{"acme", "api.acme.test"}
	sealed := b.seal("token", "main", home, []byte("text"))
	if got, err := b.open("token", "main", home, sealed); err != nil || string(got) != "text" {
		t.Errorf("open() = %q, %v, want text, nil", got, err)
	}
	if bytes.Equal(sealed, b.seal("token", "main", home, []byte("text"))) {
		t.Error("sealing twice gives the same bytes")
	}
	places := []struct{ kind, name string }{{"secret", "main"}, {"token", "other"}, {"toke", "nmain"}}
	for _, p := range places {
		if _, err := b.open(p.kind, p.name, home, sealed); !errors.Is(err, errAltered) {
			t.Errorf("open(%s, %s) = %v, want %v", p.kind, p.name, err, errAltered)
		}
	}
	for _, bound := range []binding{{}, {"acme", "evil.test"}, {"acme2", "api.acme.test"}, {"acmeapi.", "acme.test"}} {
		_, err := b.open("token", "main", bound, sealed)
		if other, ok := errors.AsType[*boundError](err); !ok || other.was != home {
			t.Errorf("open() for %v = %v, want a boundError for %v", bound, err, home)
		}
	}
	// A changed byte anywhere is noticed, whatever it stands for.
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := b.open("token", "main", home, bad); err == nil {
			t.Errorf("open() with byte %d changed = nil, want an error", i)
		}
	}
	// So is a host that was rewritten to the one that is asked for.
	moved := bytes.Replace(sealed, []byte("api.acme.test"), []byte("api.evil.test"), 1)
	if _, err := b.open("token", "main", binding{"acme", "api.evil.test"}, moved); !errors.Is(err, errAltered) {
		t.Errorf("open() with the host rewritten = %v, want %v", err, errAltered)
	}
}

func FuzzOpen(f *testing.F) {
	b, err := newBox(testKey(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b.seal("token", "main", binding{"a", "b"}, []byte("text")))
	f.Add([]byte{})
	f.Add(append([]byte{sealVersion}, b.id[:]...))
	f.Add(append(append([]byte{sealVersion}, b.id[:]...), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		plain, err := b.open("token", "main", binding{"c", "d"}, data)
		if err == nil {
			t.Errorf("open(%x) = %q, want an error: nothing was sealed there", data, plain)
		}
	})
}

func TestHostOf(t *testing.T) {
	tests := []struct{ in, want string }{
		{"https://API.Acme.test/v2", "api.acme.test"},
		{"https://api.acme.test:443", "api.acme.test"},
		{"http://api.acme.test:80/", "api.acme.test"},
		{"https://api.acme.test:80/", "api.acme.test:80"},
		{"http://[::1]:8080/", "[::1]:8080"},
		{"http://me:secret@api.acme.test/", "api.acme.test"},
		{"", ""},
		{"://", ""},
	}
	for _, tt := range tests {
		if got := hostOf(tt.in); got != tt.want {
			t.Errorf("hostOf(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}
