package value

import "fmt"

const masked = "[secret]"

// Secret is text that must never be shown: a token, a key, a password. Every
// way of printing it (fmt, slog, JSON, text) gives "[secret]"; only Reveal
// gives the text itself.
type Secret struct{ text string }

// NewSecret returns text as a secret.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the text. It is called where a request is authorized or a
// signature is verified, and nowhere else.
func (s Secret) Reveal() string { return s.text }

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.text == "" }

// Format prints the mask for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(masked)) }

// String returns the mask.
func (s Secret) String() string { return masked }

// MarshalText returns the mask.
func (s Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }
