package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// ownPrefix begins the environment variables that are the engine's own.
const ownPrefix = "PATCHBAY_"

// SetSecret seals a secret under a name, in place of what was there.
func (v *Vault) SetSecret(ctx context.Context, name string, s value.Secret) error {
	if name == "" {
		return errors.New("set secret: it has no name")
	}
	if s.IsZero() {
		return fmt.Errorf("set secret %s: it is empty", name)
	}
	data := v.box.seal(kindSecret, name, binding{}, []byte(s.Reveal()))
	v.secretMu.Lock()
	defer v.secretMu.Unlock()
	if err := v.store.PutSealed(ctx, kindSecret, name, data); err != nil {
		return fmt.Errorf("set secret %s: %w", name, err)
	}
	v.secrets[name] = s
	v.tell()
	return nil
}

// RemoveSecret forgets a secret. One that is not there is no error.
func (v *Vault) RemoveSecret(ctx context.Context, name string) error {
	v.secretMu.Lock()
	defer v.secretMu.Unlock()
	if err := v.store.DeleteSealed(ctx, kindSecret, name); err != nil {
		return fmt.Errorf("remove secret %s: %w", name, err)
	}
	delete(v.secrets, name)
	return nil
}

// Secrets returns the names of the secrets that are set, sorted.
func (v *Vault) Secrets(ctx context.Context) ([]string, error) {
	names, err := v.store.SealedNames(ctx, kindSecret)
	if err != nil {
		return nil, fmt.Errorf("list secrets: %w", err)
	}
	return names, nil
}

// Secret returns the secret of that name. One that is not set is a
// *value.Failure that says how to set it.
func (v *Vault) Secret(ctx context.Context, name string) (value.Secret, error) {
	s, err := v.secret(ctx, name)
	if err == nil && s.IsZero() {
		return s, value.Fail(value.ClassAuth, "the secret %q is not set; set it with: patchbay secret set %s", name, name)
	}
	return s, err
}

// secret returns the secret of that name; the zero one if it is not set.
func (v *Vault) secret(ctx context.Context, name string) (value.Secret, error) {
	v.secretMu.Lock()
	defer v.secretMu.Unlock()
	if s, known := v.secrets[name]; known {
		return s, nil
	}
	data, found, err := v.store.Sealed(ctx, kindSecret, name)
	if err != nil || !found {
		return value.Secret{}, err
	}
	plain, err := v.box.open(kindSecret, name, binding{}, data)
	if err != nil {
		return value.Secret{}, err
	}
	s := value.NewSecret(string(plain))
	v.secrets[name] = s
	return s, nil
}

// Reveal returns all fields of a connection as text by their names: the open
// ones, the secret ones, and those a sign-in filled. If a secret is not set the
// error names the first such field and what to do, and the map holds all the
// others.
func (v *Vault) Reveal(ctx context.Context, conn *program.Connection) (map[string]string, error) {
	given, err := v.fromToken(ctx, conn)
	texts := map[string]string{}
	for _, fields := range []map[string]any{given, conn.Fields} {
		for name, field := range fields {
			if text, ok := fieldText(field); ok {
				texts[name] = text
			}
		}
	}
	secrets, missing := v.reveal(ctx, conn, func(string) bool { return true })
	maps.Copy(texts, secrets)
	if err == nil && len(missing) > 0 {
		err = missing[0]
	}
	return texts, err
}

func fieldText(field any) (string, bool) {
	switch f := field.(type) {
	case string:
		return f, true
	case bool, int:
		return fmt.Sprint(f), true
	case float64:
		return strconv.FormatFloat(f, 'f', -1, 64), true
	default:
		return "", false
	}
}

// reveal returns the secrets of the wanted fields, and a failure for each
// that cannot be had, in the order of the names.
func (v *Vault) reveal(ctx context.Context, conn *program.Connection, want func(field string) bool) (map[string]string, []*value.Failure) {
	if conn.Sandbox {
		return playedSecrets(conn), nil
	}
	texts := map[string]string{}
	var missing []*value.Failure
	for _, field := range slices.Sorted(maps.Keys(conn.Secrets)) {
		if !want(field) {
			continue
		}
		s, failure := v.resolve(ctx, conn, field)
		if failure != nil {
			missing = append(missing, failure)
			continue
		}
		texts[field] = s.Reveal()
	}
	return texts, missing
}

// resolve reads one secret field from where the connection says it is.
func (v *Vault) resolve(ctx context.Context, conn *program.Connection, field string) (value.Secret, *value.Failure) {
	ref := conn.Secrets[field]
	switch {
	case ref.Env != "":
		return v.fromEnv(conn, field, ref.Env)
	case ref.Secret != "":
		s, err := v.secret(ctx, ref.Secret)
		if err != nil {
			return value.Secret{}, value.Fail(value.ClassTransient, "connection %q takes %s from the secret %s, which cannot be read: %v",
				conn.Name, field, ref.Secret, err)
		}
		if s.IsZero() {
			return value.Secret{}, lacking(conn, `connection %q takes %s from the secret %s, which is not set: run "patchbay secret set %s"`,
				conn.Name, field, ref.Secret, ref.Secret)
		}
		return s, nil
	case ref.Plain.IsZero():
		return value.Secret{}, lacking(conn, "connection %q has no %s: write %s: ${{ secret.NAME }} there, and set that secret",
			conn.Name, field, field)
	default:
		return ref.Plain, nil
	}
}

func (v *Vault) fromEnv(conn *program.Connection, field, variable string) (value.Secret, *value.Failure) {
	if strings.HasPrefix(strings.ToUpper(variable), ownPrefix) {
		return value.Secret{}, value.Fail(value.ClassInvalid, "connection %q takes %s from the environment variable %s: those that begin with %s are never given to a service",
			conn.Name, field, variable, ownPrefix)
	}
	text, set := v.env(variable)
	// A secret that was read from a file on its way into the environment
	// often brings the line break of that file.
	text = strings.TrimRight(text, "\r\n")
	if text == "" {
		state := "not set"
		if set {
			state = "empty"
		}
		return value.Secret{}, lacking(conn, "connection %q takes %s from the environment variable %s, which is %s: set it and start patchbay again",
			conn.Name, field, variable, state)
	}
	return value.NewSecret(text), nil
}

// playedSecrets stands in for the secrets of a connection to the sandbox. A
// real one never goes there.
func playedSecrets(conn *program.Connection) map[string]string {
	texts := map[string]string{}
	play := func(inputs []*program.Input) {
		for _, in := range inputs {
			if in.Secret {
				texts[in.Name] = "sandbox-" + in.Name
			}
		}
	}
	play(conn.Connector.Fields)
	if conn.Connector.Webhooks != nil {
		play(conn.Connector.Webhooks.Fields)
	}
	if conn.Auth != nil {
		play(conn.Auth.Fields)
	}
	for field := range conn.Secrets {
		texts[field] = "sandbox-" + field
	}
	return texts
}

// mask takes secrets out of a text that others wrote, as they are and as they
// stand in a form, and brings the text to one line of bearable length.
func mask(text string, secrets ...string) string {
	for _, s := range secrets {
		if s == "" {
			continue
		}
		text = strings.ReplaceAll(text, s, "[secret]")
		if escaped := url.QueryEscape(s); escaped != s {
			text = strings.ReplaceAll(text, escaped, "[secret]")
		}
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if r := []rune(text); len(r) > longest {
		text = string(r[:longest]) + "…"
	}
	return text
}

// longest is how many characters of a service's own words are passed on.
const longest = 400
