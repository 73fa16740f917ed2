package sandbox

import (
	"context"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// credential is what a way in puts into a request.
type credential struct {
	header, query, path string
	pieces              []string // of the text; between them stands what is no secret, which may be anything
	token               bool     // the header holds an access token
}

// playedToken is the access token of a connection that was made for the
// sandbox and never signed in.
const playedToken = "sandbox-access-token"

// hole stands for a field that is no secret while a credential is evaluated.
const hole = "\x00"

// newCredentials returns what the connector's ways in put into a request, nil
// if everybody may come in.
func newCredentials(k *program.Connector) []*credential {
	var out []*credential
	for _, a := range k.Auths {
		if a.Type == program.AuthNone {
			return nil
		}
		out = append(out, newCredential(k, a))
	}
	return out
}

func newCredential(k *program.Connector, a *program.Auth) *credential {
	connection := map[string]any{}
	for _, in := range slices.Concat(k.Fields, a.Fields) {
		switch {
		case in.Secret:
			connection[in.Name] = "sandbox-" + in.Name
		default:
			connection[in.Name] = hole
		}
	}
	env := &expr.Env{Names: map[string]any{"connection": connection}}
	text := func(v *program.Value) string {
		out, err := v.Eval(env)
		if err != nil {
			return ""
		}
		return textOf(out)
	}
	c := &credential{header: "Authorization"}
	switch a.Type {
	case program.AuthBearer:
		c.pieces = strings.Split("Bearer "+text(a.Token), hole)
	case program.AuthAPIKey:
		c.header, c.query, c.path = a.Header, a.Query, a.Path
		c.pieces = strings.Split(text(a.Value), hole)
	case program.AuthBasic:
		c.pieces = strings.Split(text(a.Username)+":"+text(a.Password), hole)
		c.header = basicHeader
	default:
		c.token = true
	}
	return c
}

// basicHeader marks a credential whose header is user and password, encoded.
const basicHeader = "Authorization: Basic"

// fits reports whether the text is what the way in gives.
func (c *credential) fits(text string) bool {
	rest, ok := strings.CutPrefix(text, c.pieces[0])
	if !ok {
		return false
	}
	for i, piece := range c.pieces[1:] {
		if i == len(c.pieces)-2 {
			return strings.HasSuffix(rest, piece)
		}
		_, after, found := strings.Cut(rest, piece)
		if !found {
			return false
		}
		rest = after
	}
	return rest == "" || len(c.pieces) > 1
}

// presented returns the text a request presents for the way in.
func (c *credential) presented(req *request) string {
	switch {
	case c.query != "":
		return req.query.Get(c.query)
	case c.path != "":
		return req.filled[c.path]
	case c.header == basicHeader:
		encoded, ok := strings.CutPrefix(req.header.Get("Authorization"), "Basic ")
		plain, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil {
			return ""
		}
		return string(plain)
	default:
		return req.header.Get(c.header)
	}
}

// admit checks the credentials of a request and returns the account they are
// for. The caller holds the service's lock.
func (st *stage) admit(ctx context.Context, v *service, req *request, now time.Time) (account string, refused *problem) {
	byPath := func(c *credential) bool { return c.path != "" && req.filled[c.path] != "" }
	inPath := slices.ContainsFunc(st.credentials, byPath)
	if st.credentials == nil || req.outside && !inPath {
		return "", nil // to other hosts a client takes no credentials but those in a path
	}
	v.load(ctx)
	missing, expired := true, false
	for _, c := range st.credentials {
		text := c.presented(req)
		if text == "" || inPath && c.path == "" {
			continue
		}
		missing = false
		if !c.token {
			if c.fits(text) {
				return text, nil
			}
			continue
		}
		token, ok := strings.CutPrefix(text, "Bearer ")
		if !ok {
			continue
		}
		// Behind it may stand the account of a sign-in that the token is for.
		if of, ok := strings.CutPrefix(token, playedToken); ok && (of == "" || of[0] == '-') {
			return text, nil
		}
		g, known := v.grants.Access[token]
		if known && now.Before(g.Until) {
			return g.Account, nil
		}
		expired = expired || known
	}
	return "", unauthorized(missing, expired)
}

func unauthorized(missing, expired bool) *problem {
	message := "the credentials are not those of the sandbox: a secret field is \"sandbox-\" and its name"
	switch {
	case missing:
		message = "the request carries no credentials"
	case expired:
		message = "the access token has expired"
	}
	return refuse(http.StatusUnauthorized, value.ClassAuth, "%s", message)
}

// masked returns the inputs with those that are secret masked.
func masked(a *program.Action, inputs map[string]any) map[string]any {
	out := maps.Clone(inputs)
	for _, in := range a.Input {
		if in.Secret && out[in.Name] != nil {
			out[in.Name] = value.Secret{}.String()
		}
	}
	return out
}
