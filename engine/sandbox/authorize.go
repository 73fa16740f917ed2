package sandbox

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"patchbay/engine/program"
)

const authorizePage = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{{.Name}} (sandbox)</title></head>
<body style="font: 16px sans-serif; max-width: 34em; margin: 4em auto">
<h1>{{.Name}} (sandbox)</h1>
{{if .Problem}}<p><strong>This sign-in cannot go on:</strong> {{.Problem}}</p>{{else}}
<p>The app <code>{{.Client}}</code> asks for access to your played {{.Name}} account.</p>
{{if .Scopes}}<ul>{{range .Scopes}}<li><code>{{.}}</code></li>{{end}}</ul>{{end}}
<form method="post">
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button>
</form>{{end}}
</body>
</html>
`

// serveAuthorize shows the page on which a person allows a sign-in, and
// answers the decision.
func (s *Sandbox) serveAuthorize(w http.ResponseWriter, r *http.Request, st *stage) {
	q := r.URL.Query()
	wrong := st.signIn(q)
	if wrong != "" {
		s.showAuthorize(w, http.StatusBadRequest, st, q, wrong)
		return
	}
	if r.Method != http.MethodPost {
		s.showAuthorize(w, http.StatusOK, st, q, "")
		return
	}
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil {
		s.showAuthorize(w, http.StatusBadRequest, st, q, "the redirect_uri is no address")
		return
	}
	answer := back.Query()
	if state := q.Get("state"); state != "" {
		answer.Set("state", state)
	}
	if r.PostFormValue("decision") == "allow" {
		answer.Set("code", s.code(r, st, q))
	} else {
		answer.Set("error", "access_denied")
		answer.Set("error_description", "the sign-in to "+st.connector.Name+" was denied")
	}
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// signIn checks the request of a sign-in and returns what is wrong with it.
func (st *stage) signIn(q url.Values) string {
	i := slices.IndexFunc(st.connector.Auths, func(a *program.Auth) bool { return a.Type == program.AuthOAuth2Code })
	if i < 0 {
		return st.connector.Name + " has no sign-in"
	}
	auth := st.connector.Auths[i]
	back, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case q.Get("response_type") != "code":
		return "response_type is " + shown(q.Get("response_type")) + `, "code" is expected`
	case q.Get("client_id") == "":
		return "the client_id is missing"
	case err != nil || back.Host == "" || back.Scheme != "http" && back.Scheme != "https":
		return "the redirect_uri is no address"
	case q.Get("code_challenge") != "" && !slices.Contains([]string{"", "plain", "S256"}, q.Get("code_challenge_method")):
		return "the code_challenge_method is neither S256 nor plain"
	}
	for name, text := range auth.AuthorizeParams {
		if q.Get(name) != text {
			return name + " is " + shown(q.Get(name)) + ", " + shown(text) + " is expected"
		}
	}
	return ""
}

// code gives a code for a sign-in that was allowed.
func (s *Sandbox) code(r *http.Request, st *stage, q url.Values) string {
	v, ctx, now, text := s.service(st.connector.ID), contextOf(r), s.now(), secretText()
	v.mu.Lock()
	v.load(ctx)
	v.grants.prune(now)
	v.grants.Codes[text] = codeGrant{
		Client: q.Get("client_id"), Redirect: q.Get("redirect_uri"), Scope: q.Get("scope"),
		Challenge: q.Get("code_challenge"), Method: q.Get("code_challenge_method"), Until: now.Add(codeLife),
	}
	change := v.change()
	v.mu.Unlock()
	v.keep(ctx, change, now)
	return text
}

func (s *Sandbox) showAuthorize(w http.ResponseWriter, status int, st *stage, q url.Values, problem string) {
	page, err := template.New("authorize").Parse(authorizePage)
	if err != nil {
		tell(w, http.StatusInternalServerError, "the page cannot be shown") // unreachable: the page is a constant
		return
	}
	scopes := strings.FieldsFunc(q.Get("scope"), func(r rune) bool { return r == ' ' || r == ',' })
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	err = page.Execute(w, map[string]any{"Name": st.connector.Name, "Client": q.Get("client_id"), "Scopes": scopes, "Problem": problem})
	if err != nil {
		s.log.Warn("page not written", "error", err)
	}
}
