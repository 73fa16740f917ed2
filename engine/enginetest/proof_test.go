package enginetest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"patchbay/connectors"
	"patchbay/engine/call"
	"patchbay/engine/catalog"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// TestDescribedActions makes every action of a connector once with the inputs
// it must have, and with all of them as often as its enums have values, against
// a server that checks each request with the service's own description and
// answers with what the description says the answer is.
func TestDescribedActions(t *testing.T) {
	if _, err := os.Stat(descriptions); err != nil {
		t.Skipf("the services' descriptions are not here, so nothing is proven against them: %v", err)
	}
	set := builtIn(t)
	for _, test := range []struct {
		connector string
		files     []string
	}{
		{"ghl", []string{"ghl/apps/*", "ghl/apps-v3/*"}},
		{"qonto", []string{"qonto/*"}},
		{"qwilr", []string{"qwilr/*"}},
	} {
		t.Run(test.connector, func(t *testing.T) {
			v := &vendor{described: describe(t, test.files...)}
			v.server = httptest.NewServer(v)
			defer v.server.Close()
			k := set.Connectors[test.connector]
			for _, a := range k.Actions() {
				t.Run(a.Name, func(t *testing.T) { v.prove(t, a) })
			}
			t.Logf("%d actions, %d requests; %d answers have no form in the description, %d requests depart from it on purpose",
				len(k.Actions()), v.requests, v.formless, v.departed)
			for _, defect := range slices.Sorted(maps.Keys(v.mended)) {
				t.Logf("mended %4d × %s", v.mended[defect], defect)
			}
		})
	}
}

// builtIn checks all connectors that Patchbay brings along, whole.
func builtIn(t *testing.T) *program.Set {
	t.Helper()
	src, err := catalog.Read(os.DirFS(t.TempDir()), connectors.Files)
	if err != nil {
		t.Fatal(err)
	}
	src.AsNeeded = nil // whole, whether a flow names it or not
	set := program.Build(src, program.Options{})
	if err := set.Findings.Err(); err != nil {
		t.Fatal(err)
	}
	return set
}

// vendor is a service that is what its description says.
type vendor struct {
	*described

	server *httptest.Server

	mu       sync.Mutex
	requests int
	formless int             // answers whose form the description does not tell
	departed int             // requests that depart from the description on purpose
	action   *program.Action // the one that is being proven
	fault    string          // what was wrong with the last request
	route    *routers.Route
	blank    bool // the last answer had no form
}

// prove makes the calls of one action.
func (v *vendor) prove(t *testing.T, a *program.Action) {
	most := 0
	for _, in := range a.Input {
		if in.Type.Kind == value.Enum {
			most = max(most, len(in.Type.Values))
		}
	}
	op := v.operation(a)
	v.try(t, a, inputs(a, op, true, 0))
	for turn := range max(most, 1) {
		v.try(t, a, inputs(a, op, false, turn))
	}
}

func (v *vendor) try(t *testing.T, a *program.Action, input map[string]any) {
	t.Helper()
	v.mu.Lock()
	v.action, v.fault, v.route, v.blank = a, "", nil, false
	v.mu.Unlock()
	conn := program.SandboxConnection(a.Connector)
	conn.Sandbox = false
	base, err := url.Parse(a.Connector.BaseURL)
	if err != nil {
		t.Fatal(err)
	}
	conn.BaseURL = v.server.URL + base.Path
	// A client of its own: the limits of the real service are not the matter here.
	client := call.New(call.Options{Credentials: bearer{}})
	result, err := client.Do(t.Context(), call.Request{Action: a, Connection: conn, Input: input, Key: "3f0c1c52-6a0b-4b1e-9d0a-5a1f3b1c2d4e"})
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.fault != "" && departs(a, v.fault):
		v.departed++ // the connector says where it departs from the description, and why
	case v.fault != "":
		t.Errorf("with %s: the service refuses the request:\n%s", printed(input), v.fault)
	case v.route == nil:
		t.Errorf("with %s: no request was made: %v", printed(input), err)
	case !sameOperation(a, v.route):
		t.Errorf("%s %s reached %s %s", a.Method, a.Path, v.route.Method, v.route.Path)
	case v.blank:
		v.formless++ // the request was right; of the answer nothing is known
	case err != nil:
		t.Errorf("with %s: the answer as described does not come through: %v", printed(input), err)
	case a.Output.List && len(result.Output.([]any)) == 0:
		t.Errorf("with %s: the list that was answered did not come through", printed(input))
	}
}

// departs reports whether a fault is about an input of which the connector says
// that it differs from the description, and why.
func departs(a *program.Action, fault string) bool {
	return slices.ContainsFunc(a.Differs, func(d program.Difference) bool {
		name, ok := strings.CutPrefix(d.What, "input.")
		if !ok {
			return false
		}
		names := strings.Split(name, ".")
		for _, in := range a.Input {
			if in.Name == names[0] {
				names = append(names, in.Place.Path...)
				if in.Place.In == program.InBody {
					names = append(names, "request body not allowed") // the body as a whole is left out
				}
			}
		}
		_, told, _ := strings.Cut(fault, "\n") // behind the request itself, which names all it sends
		_, told, _ = strings.Cut(told, "\n")
		return slices.ContainsFunc(names, func(n string) bool { return strings.Contains(told, n) })
	})
}

// operation returns what the description says of an action, nil for nothing.
func (v *vendor) operation(a *program.Action) *routers.Route {
	base, err := url.Parse(a.Connector.BaseURL)
	if err != nil {
		panic(err) // unreachable: the checker has parsed it
	}
	// As it arrives at a server: without scheme and host.
	r := httptest.NewRequest(a.Method, base.Path+braces.ReplaceAllString(a.Path, "id"), http.NoBody)
	for _, h := range a.Headers {
		if h.Value.IsConst() {
			r.Header.Set(h.Name, fmt.Sprint(h.Value.Const))
		}
	}
	route, _, _ := v.find(r)
	return route
}

// sameOperation reports whether the action means the operation that its
// request reached.
func sameOperation(a *program.Action, route *routers.Route) bool {
	form := func(p string) string { return braces.ReplaceAllString(p, "{}") }
	return a.Method == route.Method && strings.HasSuffix(form(a.Path), form(route.Path)) ||
		a.Method == route.Method && strings.HasSuffix(form(route.Path), form(a.Path))
}

func printed(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// bearer proves who is calling as every described service accepts it.
type bearer struct{}

func (bearer) Authorize(_ context.Context, _ *program.Connection, r *http.Request) error {
	r.Header.Set("Authorization", "Bearer token")
	return nil
}

func (bearer) Renew(context.Context, *program.Connection, *http.Request) error {
	return errors.New("there is no other token")
}

func (bearer) Token(context.Context, *program.Connection) (string, error) { return "", nil }

func (bearer) Reveal(context.Context, *program.Connection) (map[string]string, error) {
	return nil, errors.New("nothing is secret here")
}

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	route, err := v.receive(r, body)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.requests++
	v.route = route
	if err != nil {
		v.fault = fmt.Sprintf("%s %s\n%s\n%s", r.Method, r.URL, body, short(err))
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	v.answer(w, route)
}

// receive returns the operation of a request, and what is wrong with it.
func (v *vendor) receive(r *http.Request, body []byte) (*routers.Route, error) {
	route, params, err := v.find(r)
	if err != nil {
		return nil, err
	}
	return route, check(r, concede(route, v.action), params, body)
}

// concede returns the operation without what the connector says, with a reason,
// that the description has wrong: what it requires, and what it leaves out. The
// position in a list is required of no first page.
func concede(route *routers.Route, a *program.Action) *routers.Route {
	copied := *route
	op := *route.Operation
	copied.Operation = &op
	for _, d := range a.Differs {
		what, name, _ := strings.Cut(d.What, ".")
		switch what {
		case "required":
			op.Parameters = unrequired(op.Parameters, name)
			op.RequestBody = mended(op.RequestBody, func(s *openapi3.Schema) {
				s.Required = slices.DeleteFunc(slices.Clone(s.Required), func(n string) bool { return n == name })
			})
		case "send":
			_, name, _ = strings.Cut(name, ".")
			op.Parameters = append(slices.Clip(op.Parameters), &openapi3.ParameterRef{Value: openapi3.NewQueryParameter(name).WithSchema(openapi3.NewStringSchema())})
		case "input":
			op.RequestBody = mended(op.RequestBody, func(s *openapi3.Schema) {
				if s.Properties[name] == nil {
					s.Properties = maps.Clone(s.Properties)
					s.Properties[name] = openapi3.NewStringSchema().WithFormat("binary").NewRef()
				}
			})
		}
	}
	if p := a.Paginate; p != nil && p.Param.In == program.InQuery {
		op.Parameters = unrequired(op.Parameters, p.Param.Path[0])
	}
	return &copied
}

func unrequired(list openapi3.Parameters, name string) openapi3.Parameters {
	out := slices.Clone(list)
	for i, ref := range out {
		if ref.Value.Name == name {
			p := *ref.Value
			p.Required = false
			out[i] = &openapi3.ParameterRef{Value: &p}
		}
	}
	return out
}

// mended returns a body with each of its schemas changed, and leaves the
// description as it is: others may share its schemas.
func mended(ref *openapi3.RequestBodyRef, change func(*openapi3.Schema)) *openapi3.RequestBodyRef {
	if ref == nil || ref.Value == nil {
		return ref
	}
	body := *ref.Value
	body.Content = openapi3.Content{}
	for form, media := range ref.Value.Content {
		m := *media
		if media.Schema != nil && media.Schema.Value != nil {
			s := *media.Schema.Value
			change(&s)
			m.Schema = s.NewRef()
		}
		body.Content[form] = &m
	}
	return &openapi3.RequestBodyRef{Value: &body}
}

// find returns the operation of a request: of several versions the one whose
// header it bears.
func (v *vendor) find(r *http.Request) (*routers.Route, map[string]string, error) {
	var first *routers.Route
	var params map[string]string
	for _, router := range v.routers {
		route, p, err := router.FindRoute(r)
		if err != nil {
			continue
		}
		if first == nil || !versionFits(r, first) && versionFits(r, route) {
			first, params = route, p
		}
	}
	if first == nil {
		return nil, nil, errors.New("the description has no such operation")
	}
	return first, params, nil
}

func versionFits(r *http.Request, route *routers.Route) bool {
	p := route.Operation.Parameters.GetByInAndName("header", "Version")
	return p == nil || p.Schema == nil || p.Schema.Value == nil || len(p.Schema.Value.Enum) == 0 ||
		slices.Contains(p.Schema.Value.Enum, any(r.Header.Get("Version")))
}

// check holds a request against its operation.
func check(r *http.Request, route *routers.Route, params map[string]string, body []byte) error {
	err := openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			MultiError: true, RejectWhenRequestBodyNotSpecified: true, SkipSettingDefaults: true,
			AuthenticationFunc: func(context.Context, *openapi3filter.AuthenticationInput) error {
				if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
					return errors.New("no token")
				}
				return nil
			},
		},
	})
	return errors.Join(err, undeclared(r, route), unknownKeys(route, body))
}

// undeclared tells of query parameters that the operation does not have, which
// the library lets through.
func undeclared(r *http.Request, route *routers.Route) error {
	var err error
	for name := range r.URL.Query() {
		known := func(list openapi3.Parameters) bool {
			return list.GetByInAndName("query", name) != nil || list.GetByInAndName("query", strings.TrimSuffix(name, "[]")) != nil
		}
		if !known(route.Operation.Parameters) && !known(route.PathItem.Parameters) {
			err = errors.Join(err, fmt.Errorf("the operation has no query parameter %q", name))
		}
	}
	return err
}

// unknownKeys tells of keys of a JSON body that the operation does not have.
func unknownKeys(route *routers.Route, body []byte) error {
	if route.Operation.RequestBody == nil {
		return nil
	}
	var sent map[string]any
	_ = json.Unmarshal(body, &sent) // a body of another form has no keys
	content := route.Operation.RequestBody.Value.Content.Get("application/json")
	if content == nil || content.Schema == nil {
		return nil
	}
	known, open := keysOf(content.Schema)
	if open {
		return nil
	}
	var err error
	for _, key := range slices.Sorted(maps.Keys(sent)) {
		if !known[key] {
			err = errors.Join(err, fmt.Errorf("the body has no key %q", key))
		}
	}
	return err
}

// keysOf returns the keys an object of the schema may have; open if any.
func keysOf(ref *openapi3.SchemaRef) (known map[string]bool, open bool) {
	known = map[string]bool{}
	s := ref.Value
	for name := range s.Properties {
		known[name] = true
	}
	for _, part := range slices.Concat(s.AllOf, s.OneOf, s.AnyOf) {
		more, all := keysOf(part)
		maps.Copy(known, more)
		open = open || all
	}
	return known, open || len(known) == 0 || s.AdditionalProperties.Schema != nil
}

// short leaves schemas and values out of the library's messages.
func short(err error) string {
	var out []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !strings.HasPrefix(line, "  ") && line != "" && line != "Schema:" && line != "Value:" {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}
