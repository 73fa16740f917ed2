package sandbox

import (
	"bytes"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// TestEveryAction sends the request of every action of every connector that
// Patchbay brings along, made of the examples of its inputs. Each must be
// answered, by that action, with what the action promises to bring.
func TestEveryAction(t *testing.T) {
	for _, k := range builtIns(t) {
		for _, a := range k.Actions() {
			if a.Transport != program.HTTP {
				continue
			}
			t.Run(a.ID, func(t *testing.T) { everyAction(t, k, a) })
		}
	}
}

// before are the actions without which another one finds nothing to work on.
var before = map[string]string{
	"slack.update_message":              "post_message",
	"slack.delete_message":              "post_message",
	"qonto.list_webhook_subscriptions":  "create_webhook_subscription",
	"qonto.delete_webhook_subscription": "create_webhook_subscription",
	"qwilr.list_webhooks":               "create_webhook",
	"qwilr.delete_webhook":              "create_webhook",
}

// given are inputs whose examples are not those of a record of the fixtures,
// or are.
var given = map[string]map[string]any{
	"ghl.forms.upload_files":   {"files": map[string]any{"cfContract_1": nil}},
	"qwilr.create_tax":         {"id": "vat-5"},
	"slack.find_user_by_email": {"email": "grace@harbourlane.example.com"},
}

// alike are actions whose requests cannot be told from those of another one.
var alike = map[string]string{"http.download": "http.get"}

func everyAction(t *testing.T, k *program.Connector, a *program.Action) {
	s := New(Options{Connectors: func() []*program.Connector { return []*program.Connector{k} }, Now: func() time.Time { return monday }})
	if name := before[a.ID]; name != "" {
		first, _ := k.Action(name)
		w := &exampleRequest{sandbox: s, stage: s.stage(k), action: first, inputs: map[string]any{}}
		resp, err := s.Transport(k).RoundTrip(w.request(t))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	w := &exampleRequest{sandbox: s, stage: s.stage(k), action: a, inputs: map[string]any{}, given: given[a.ID]}
	if slices.ContainsFunc(k.Auths, func(auth *program.Auth) bool { return auth.TokenURL == k.BaseURL+a.Path }) {
		w.given = signedIn(t, s, w.stage)
	}
	w.first(t)
	req := w.request(t)
	resp, err := s.Transport(k).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %s", req.Method, req.URL, resp.StatusCode, body.String())
	}
	effects := s.Effects()
	if got := effects[len(effects)-1].Action; got != a.ID && got != alike[a.ID] {
		t.Errorf("%s %s was answered by %s", req.Method, req.URL, got)
	}
	if a.Output.Type == nil || a.Output.Decode == program.DecodeFile {
		return
	}
	root := map[string]any{"status": resp.StatusCode, "headers": map[string]any{}}
	if body.Len() > 0 {
		v, err := value.Decode(body.Bytes())
		if err != nil {
			t.Fatalf("body %s: %v", body.String(), err)
		}
		root["body"] = v
	}
	at := (&scene{action: a}).at()
	record, found := value.Get(root, at)
	if !found {
		t.Fatalf("nothing lies at %s of %s", strings.Join(at, "."), body.String())
	}
	if wrong := misfit(a.Output.Whole(), record, strings.Join(at, ".")); wrong != "" {
		t.Errorf("%s\nin %s", wrong, body.String())
	}
	if list, ok := record.([]any); ok && len(list) == 0 {
		t.Errorf("the list is empty: %s", body.String())
	}
}

// signedIn returns what a client gives for a token after somebody has signed
// in: the address of tokens answers nobody else.
func signedIn(t *testing.T, s *Sandbox, st *stage) map[string]any {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1/authorize", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	code := s.code(r, st, url.Values{"client_id": {"app"}, "redirect_uri": {"http://127.0.0.1/back"}, "scope": {"contacts.readonly"}})
	return map[string]any{
		"client_id": "app", "client_secret": "sandbox-client_secret", "grant_type": "authorization_code",
		"code": code, "redirect_uri": "http://127.0.0.1/back", "user_type": "Location",
	}
}

var monday = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

// builtIns returns the connectors as an engine has them: a group is read when a
// request may mean one of its actions.
func builtIns(t *testing.T) []*program.Connector {
	t.Helper()
	src := program.Sources{Connectors: map[string][]program.File{}}
	root := filepath.Join("..", "..", "connectors")
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		inside, _ := filepath.Rel(root, path)
		id, _, nested := strings.Cut(filepath.ToSlash(inside), "/")
		if err != nil || d.IsDir() || !nested {
			return err
		}
		data, err := os.ReadFile(path)
		src.Connectors[id] = append(src.Connectors[id], program.File{Path: "connectors/" + filepath.ToSlash(inside), Data: data})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	src.AsNeeded = map[string]bool{}
	for id := range src.Connectors {
		src.AsNeeded[id] = true
	}
	return slices.Collect(program.Build(src, program.Options{}).AllConnectors())
}

// exampleRequest writes the request of an action the way a client does.
type exampleRequest struct {
	sandbox *Sandbox
	stage   *stage
	action  *program.Action
	inputs  map[string]any
	answers map[string]any // to the requests before
	given   map[string]any // inputs that are known

	path  string
	query url.Values
	body  map[string]any
	form  url.Values
	raw   string // the body as a whole, where it is text
	whole any    // the body as a whole, where it is anything else
	parts map[string]value.File
	texts map[string]string // of a multipart body
}

// first makes the requests that come before the action's own.
func (w *exampleRequest) first(t *testing.T) {
	t.Helper()
	w.fill()
	w.answers = map[string]any{}
	for _, b := range w.action.Before {
		part := &exampleRequest{sandbox: w.sandbox, stage: w.stage, action: b.Action, inputs: w.inputs, answers: w.answers}
		resp, err := w.sandbox.Transport(w.stage.connector).RoundTrip(part.request(t))
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode >= 300 {
			t.Fatalf("request %s: %d %s, %v", b.ID, resp.StatusCode, data, err)
		}
		body, err := value.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		w.answers[b.ID] = map[string]any{"status": resp.StatusCode, "headers": map[string]any{}, "body": body}
	}
}

// fill gives each input its example.
func (w *exampleRequest) fill() {
	for _, in := range w.action.Input {
		if v := w.example(in); v != nil {
			w.inputs[in.Name] = v
		}
	}
}

func (w *exampleRequest) request(t *testing.T) *http.Request {
	t.Helper()
	a := w.action
	w.path, w.query, w.body, w.parts = a.Path, url.Values{}, map[string]any{}, map[string]value.File{}
	w.texts = map[string]string{}
	w.form, w.raw, w.whole = url.Values{}, "", nil
	header := http.Header{"Accept": {"application/json"}}
	if a.Output.Decode != program.DecodeJSON {
		header.Set("Accept", "*/*")
	}
	w.fill()
	env := &expr.Env{Names: map[string]any{"input": w.inputs, "connection": w.stage.connection, "before": w.answers}}
	for _, in := range a.Input {
		v, given := w.inputs[in.Name]
		switch {
		case !given:
		case in.Comma:
			w.put(in.Place, joined(v))
		case in.AsText:
			w.put(in.Place, textOf(v))
		case in.Tick > 0:
			w.put(in.Place, sinceEpoch(t, v, in.Tick))
		default:
			w.put(in.Place, v)
		}
	}
	for _, send := range a.Send {
		v, err := send.Value.Eval(env)
		if err != nil {
			t.Fatal(err)
		}
		if v != nil {
			w.put(send.Place, v)
		}
	}
	for _, h := range a.Headers {
		v, err := h.Value.Eval(env)
		if err != nil {
			t.Fatal(err)
		}
		header.Set(h.Name, textOf(v))
	}
	w.firstPage()
	return w.build(t, header)
}

func (w *exampleRequest) firstPage() {
	p := w.action.Paginate
	if p == nil {
		return
	}
	number := func(n int, asText bool) any {
		if asText {
			return strconv.Itoa(n)
		}
		return n
	}
	if p.Style == "offset" || p.Style == "page" {
		w.put(p.Param, number(p.First, p.AsText))
	}
	if p.SizeAt.In != "" {
		w.put(p.SizeAt, number(p.Size, p.SizeText))
	}
}

func (w *exampleRequest) build(t *testing.T, header http.Header) *http.Request {
	t.Helper()
	k := w.stage.connector
	address, method := k.BaseURL+w.path, w.action.Method
	switch {
	case strings.HasPrefix(w.path, "http"):
		address = w.path
	case w.action.Host != "":
		address = "https://" + w.action.Host + w.path
	}
	if method == "{method}" {
		method = http.MethodPost
	}
	if len(w.query) > 0 {
		address += "?" + w.query.Encode()
	}
	var body bytes.Buffer
	switch {
	case len(w.parts)+len(w.texts) > 0:
		m := multipart.NewWriter(&body)
		for name, f := range w.parts {
			p, err := m.CreateFormFile(name, f.Name)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = p.Write(f.Data)
		}
		for name, text := range w.texts {
			if err := m.WriteField(name, text); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		header.Set("Content-Type", m.FormDataContentType())
	case len(w.form) > 0:
		body.WriteString(w.form.Encode())
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	case w.raw != "":
		body.WriteString(w.raw)
	case len(w.body) > 0 || w.whole != nil:
		all := w.whole
		if all == nil {
			all = w.body
		}
		data, err := value.Encode(all)
		if err != nil {
			t.Fatal(err)
		}
		body.Write(data)
		header.Set("Content-Type", "application/json")
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, &body)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, header)
	w.authorize(req)
	return req
}

func (w *exampleRequest) authorize(req *http.Request) {
	if len(w.stage.credentials) == 0 {
		return
	}
	for _, c := range w.stage.credentials {
		if c.path != "" {
			req.URL.Path = strings.ReplaceAll(req.URL.Path, "{"+c.path+"}", strings.Join(c.pieces, "anybody"))
		}
	}
	c := w.stage.credentials[0]
	text := strings.Join(c.pieces, "anybody")
	if c.token {
		text = "Bearer " + playedToken
	}
	req.Header.Set(c.header, text)
}

func (w *exampleRequest) put(p program.Place, v any) {
	switch p.In {
	case program.InPath:
		w.path = strings.ReplaceAll(w.path, "{"+p.Path[0]+"}", textOf(v))
	case program.InQuery:
		for _, e := range asList(v) {
			w.query.Add(p.Path[0], textOf(e))
		}
	case program.InBody:
		if text, ok := v.(string); ok && len(p.Path) == 0 {
			w.raw = text
		} else if len(p.Path) > 0 {
			value.Put(w.body, p.Path, v)
		} else {
			w.whole = v
		}
	case program.InForm:
		w.form.Add(p.Path[0], textOf(v))
	case program.InMultipart:
		w.putPart(p.Path[0], v)
	default:
	}
}

// putPart puts a value into a multipart body: files as they are, each of
// several under its own name, and anything else as text.
func (w *exampleRequest) putPart(name string, v any) {
	switch v := v.(type) {
	case value.File:
		w.parts[name] = value.File{Name: "a.pdf", Data: []byte("%PDF-")}
	case []any:
		for _, each := range v {
			w.putPart(name, each)
		}
	case map[string]any:
		for each := range v {
			w.parts[each] = value.File{Name: "a.pdf", Data: []byte("%PDF-")}
		}
	default:
		w.texts[name] = textOf(v)
	}
}

// sinceEpoch returns a time as a count of ticks since 1970.
func sinceEpoch(t *testing.T, v any, tick time.Duration) int {
	t.Helper()
	at, err := time.Parse(time.RFC3339, textOf(v))
	if err != nil {
		t.Fatal(err)
	}
	return int(at.UnixNano() / int64(tick))
}

func asList(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

func joined(v any) string {
	var texts []string
	for _, e := range asList(v) {
		texts = append(texts, textOf(e))
	}
	return strings.Join(texts, ",")
}

// example is what the input is filled with: the id of a record that exists,
// the default, the example, or something of its type.
func (w *exampleRequest) example(in *program.Input) any {
	played := w.stage.played(w.action)
	store, records := (*program.SandboxStore)(nil), (*records)(nil)
	if played != nil && played.Store != nil {
		store, records = played.Store, w.sandbox.service(w.stage.connector.ID).store(played.Store)
	}
	switch v := w.given[in.Name]; {
	case v != nil:
		return v
	case in.Default != nil:
		v, err := in.Default.Eval(&expr.Env{Names: map[string]any{"connection": w.stage.connection}})
		if err == nil {
			return v
		}
	case !in.Required():
		return nil
	case in.Example != nil:
		return onWire(in.Type, in.Example)
	case store != nil && len(records.items) > 0 && played.Does != "create":
		for _, path := range [][]string{in.Place.Path, {in.Name}, value.SplitPath(store.ID)} {
			v, ok := value.Get(records.items[0], path)
			if ok && misfit(in.Type, v, "") == "" && (in.Place.In == program.InPath || path[0] == in.Place.Path[0]) {
				return v
			}
		}
	}
	s := &scene{stage: w.stage, action: w.action, now: monday}
	v := s.example(in.Type, in.Name, 0)
	if text, ok := v.(string); ok && in.Type.Kind == value.String {
		return text + "-" + strconv.Itoa(1)
	}
	return v
}
