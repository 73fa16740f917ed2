package call

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// judge reads an answer and returns its root, {status, headers, body}, or the
// failure that it tells.
func (o *operation) judge(a *answer) (map[string]any, *value.Failure) {
	body, unreadable := o.decode(a)
	root := map[string]any{"status": a.status, "headers": headersOf(a.header), "body": body}
	o.learn(a)
	if f := o.classify(a, root); f != nil {
		if f.Class == value.ClassRateLimit {
			o.block(a, f)
		}
		return nil, f
	}
	if unreadable != nil && o.Action.Output.Type != nil {
		return nil, o.unagreed(a.status, unreadable)
	}
	return root, nil
}

// decode reads the body of an answer. A body that is not JSON where JSON is
// agreed comes back as text, for the rules to look at, beside the failure it
// is if no rule minds.
func (o *operation) decode(a *answer) (any, *value.Failure) {
	if len(a.body) == 0 && o.Action.Output.Decode != program.DecodeFile {
		return nil, nil //nolint:nilnil // an empty body is nil
	}
	success := a.status >= 200 && a.status < 300
	switch decode := o.Action.Output.Decode; {
	case decode == program.DecodeText && success:
		return strings.ToValidUTF8(string(a.body), "\uFFFD"), nil
	case decode == program.DecodeFile && success:
		return fileOfAnswer(a), nil
	case decode == program.DecodeAuto && !saysJSON(a.header):
		if !utf8.Valid(a.body) {
			return fileOfAnswer(a), nil
		}
		return string(a.body), nil
	}
	v, err := value.Decode(bytes.TrimPrefix(a.body, []byte("\ufeff")))
	if err == nil {
		return v, nil
	}
	text := strings.ToValidUTF8(string(a.body), "\uFFFD")
	start := strconv.Quote(excerpt(text, 80))
	if saysJSON(a.header) {
		return text, value.Fail(value.ClassInvalid, "the answer is broken JSON (%v): %s", err, start)
	}
	return text, value.Fail(value.ClassInvalid, "the answer is not JSON but %s: %s", sayType(a.header), start)
}

func saysJSON(h http.Header) bool {
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return kind == "application/json" || strings.HasSuffix(kind, "+json")
}

func sayType(h http.Header) string {
	if kind, _, err := mime.ParseMediaType(h.Get("Content-Type")); err == nil {
		return kind
	}
	return "something else"
}

// fileOfAnswer takes the body as a file, named by the service or by the last
// part of the address.
func fileOfAnswer(a *answer) value.File {
	f := value.File{Name: path.Base(a.draft.url.Path), ContentType: a.header.Get("Content-Type"), Data: a.body}
	if f.Name == "/" || f.Name == "." {
		f.Name = "file"
	}
	if _, params, err := mime.ParseMediaType(a.header.Get("Content-Disposition")); err == nil {
		if name := path.Base(strings.ReplaceAll(params["filename"], `\`, "/")); name != "." && name != "/" {
			f.Name = name
		}
	}
	return f
}

// headersOf returns headers as a value: names in lower case, several of one
// name joined by commas.
func headersOf(h http.Header) map[string]any {
	out := make(map[string]any, len(h))
	for name, texts := range h {
		out[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(texts, ", "), "\uFFFD")
	}
	return out
}

// classify returns the failure an answer tells, nil for success: by the rules
// of the action, those of the connector, and the meaning of the status.
func (o *operation) classify(a *answer, root map[string]any) *value.Failure {
	class, message := value.Class(""), []string(nil)
	env := &expr.Env{Names: root}
	for _, rule := range slices.Concat(o.Action.Errors, o.Action.Connector.Errors) {
		// A rule that itself fails, on a field that is not there for example,
		// does not match.
		if matches, err := rule.When.EvalBool(env); err == nil && matches {
			class, message = rule.Class, rule.Message
			break
		}
	}
	if class == "" {
		class = classOf(a.status)
	}
	if class == "" || class == program.ClassNone {
		return nil
	}
	f := value.Fail(class, "%s", o.sentence(a, root, message))
	f.Status = a.status
	f.NotBefore = retryAfter(a.header, a.at)
	// A service that breaks down while it works may have done the work. One
	// that refuses the request (4xx) has not.
	if class == value.ClassTransient || class == value.ClassUnknown {
		f.Unsettled = a.status >= 500 || a.status < 300
	}
	if class == value.ClassForbidden && len(o.Action.Scopes) > 0 {
		f.Message += "; the action needs the scope " + strings.Join(o.Action.Scopes, ", ")
	}
	return f
}

// classOf is the class of a status that no rule speaks of; "" for success.
func classOf(status int) value.Class {
	switch {
	case status >= 200 && status < 300:
		return ""
	case status >= 500:
		return value.ClassTransient
	}
	switch status {
	case 401:
		return value.ClassAuth
	case 403:
		return value.ClassForbidden
	case 404, 410:
		return value.ClassNotFound
	case 409:
		return value.ClassConflict
	case 400, 405, 406, 412, 413, 415, 422:
		return value.ClassInvalid
	case 408:
		return value.ClassTransient
	case 429:
		return value.ClassRateLimit
	default:
		return value.ClassUnknown
	}
}

// sentence returns the vendor's own words about a failure, else the status.
func (o *operation) sentence(a *answer, root map[string]any, at []string) string {
	const most = 500
	places := [][]string{
		{"body", "message"},
		{"body", "error_description"},
		{"body", "error", "message"},
		{"body", "error"},
		{"body", "errors", "0", "detail"},
		{"body", "errors", "0", "message"},
		{"body", "detail"},
	}
	if at != nil {
		places = slices.Insert(places, 0, at)
	}
	for _, place := range places {
		v, _ := value.Get(root, place)
		if s := wordsOf(v); s != "" {
			return excerpt(s, most)
		}
	}
	status := strings.TrimSpace(fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)))
	if s, ok := root["body"].(string); ok && s != "" && !strings.Contains(s, "<") {
		return fmt.Sprintf("%s (the service answered %s)", excerpt(s, 200), status)
	}
	return "the service answered " + status
}

// wordsOf returns a text, or a list of texts as one.
func wordsOf(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case []any:
		var texts []string
		for _, e := range v {
			if s, ok := e.(string); ok && s != "" {
				texts = append(texts, s)
			}
		}
		return strings.Join(texts, "; ")
	default:
		return ""
	}
}

const longestWait = 7 * 24 * time.Hour

// retryAfter reads when the service wants to be asked again, zero if it does
// not say.
func retryAfter(h http.Header, now time.Time) time.Time {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 {
		return now.Add(min(time.Duration(min(seconds, longestWait.Seconds())*float64(time.Second)), longestWait))
	}
	if at, err := http.ParseTime(text); err == nil && at.After(now) {
		return earlier(at, now.Add(longestWait))
	}
	return time.Time{}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// record returns the output of an answer that is not a list.
func (o *operation) record(root map[string]any) (any, *value.Failure) {
	out := o.Action.Output
	if out.Type == nil {
		return nil, nil //nolint:nilnil // the action brings nothing
	}
	wire, _ := value.Get(root, o.at())
	if wire == nil && (out.MayBeMissing || out.Type.MayBeNil()) {
		return nil, nil //nolint:nilnil // the action says that it may be missing
	}
	if wire == nil && !out.Type.IsAny() {
		return nil, o.unagreed(root["status"], o.lacks(root))
	}
	v, wrong := fromWire(out.Type, wire)
	if wrong != nil {
		return nil, o.unagreed(root["status"], wrong.within(o.prefix()).failure(""))
	}
	return v, nil
}

// at is where the record or the list lies in the root of an answer.
func (o *operation) at() []string {
	at := o.Action.Output.At
	switch {
	case at == nil:
		return []string{"body"}
	case len(at) > 0 && at[0] == program.FromInput:
		return append([]string{"body"}, program.PathFrom(at, o.inputs, "body")...)
	}
	return at
}

// prefix is the path of the output as messages name it: inside the body,
// where nearly all outputs lie, without that word.
func (o *operation) prefix() string {
	at := o.at()
	if len(at) > 0 && at[0] == "body" {
		at = at[1:]
	}
	return strings.Join(at, ".")
}

// lacks tells that the answer has nothing where the output should be.
func (o *operation) lacks(root map[string]any) *value.Failure {
	name := o.prefix()
	f := value.Fail(value.ClassInvalid, "the answer is empty")
	if body, ok := root["body"].(map[string]any); ok {
		f.Message = fmt.Sprintf("%s is missing%s", name, beside(body))
	} else if root["body"] != nil {
		f.Message = fmt.Sprintf("%s is missing: the answer is %s", name, kindOf(root["body"]))
	}
	f.Field = name
	return f
}

// unagreed completes a failure about an answer that is not what was agreed.
func (o *operation) unagreed(status any, f *value.Failure) *value.Failure {
	f.Status, _ = status.(int)
	if !strings.HasPrefix(f.Message, "the answer") {
		f.Message = "the answer is not as agreed: " + f.Message
	}
	if o.Action.Effect != program.EffectRead {
		f.Message += fmt.Sprintf("; the service had already accepted the request (status %d)", f.Status)
	}
	return f
}
