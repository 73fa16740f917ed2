package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// request is a request as it arrived, its body read once.
type request struct {
	method string
	path   string // escaped, below the connector's base address
	url    *url.URL
	header http.Header
	query  url.Values
	body   any // decoded JSON, or a file; nil where there is none
	form   url.Values
	files  map[string][]value.File
	filled map[string]string // what stands in the braces of the path

	outside bool // not below the connector's base address
}

// problem is why a request is refused.
type problem struct {
	status  int
	class   value.Class
	message string
	header  http.Header
}

func refuse(status int, class value.Class, format string, args ...any) *problem {
	return &problem{status: status, class: class, message: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) *problem {
	return refuse(http.StatusUnprocessableEntity, value.ClassInvalid, format, args...)
}

// mostBody is how much of a body is read.
const mostBody = 32 << 20

// read takes in a request. The problem is one of its body; the rest of the
// request is there beside it.
func read(r *http.Request, path string) (*request, *problem) {
	req := &request{
		method: r.Method, path: path, url: r.URL, header: r.Header, query: r.URL.Query(),
		form: url.Values{}, files: map[string][]value.File{},
	}
	if r.Body == nil {
		return req, nil
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, mostBody+1))
	switch {
	case err != nil:
		return req, refuse(http.StatusBadRequest, value.ClassInvalid, "the body cannot be read: %v", err)
	case len(raw) > mostBody:
		return req, refuse(http.StatusRequestEntityTooLarge, value.ClassInvalid, "the body is larger than %d MB", mostBody>>20)
	case len(raw) == 0:
		return req, nil
	}
	return req, req.decode(raw)
}

// decode reads the body as its content type says.
func (req *request) decode(raw []byte) *problem {
	kind, params, err := mime.ParseMediaType(req.header.Get("Content-Type"))
	if err != nil {
		return refuse(http.StatusUnsupportedMediaType, value.ClassInvalid, "the request has a body and no Content-Type")
	}
	switch {
	case kind == "application/x-www-form-urlencoded":
		req.form, err = url.ParseQuery(string(raw))
	case kind == "multipart/form-data":
		err = req.parts(multipart.NewReader(bytes.NewReader(raw), params["boundary"]))
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		req.body, err = value.Decode(raw)
	default:
		req.body = value.File{Name: "body", ContentType: kind, Data: raw}
	}
	if err != nil {
		return refuse(http.StatusBadRequest, value.ClassInvalid, "the body cannot be read as %s: %v", kind, err)
	}
	return nil
}

// unexpected tells that the body is bytes where the action takes none.
func (req *request) unexpected(a *program.Action) *problem {
	f, isFile := req.body.(value.File)
	takes := func(p program.Place) bool { return p.In == program.InBody && (len(p.Path) == 0 || p.Path[0] == "*") }
	if !isFile || slices.ContainsFunc(a.Input, func(in *program.Input) bool { return takes(in.Place) }) ||
		slices.ContainsFunc(a.Send, func(s program.Send) bool { return takes(s.Place) }) {
		return nil
	}
	return refuse(http.StatusUnsupportedMediaType, value.ClassInvalid, "the body is %s, application/json is expected", f.ContentType)
}

func (req *request) parts(r *multipart.Reader) error {
	for {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		data, err := io.ReadAll(p)
		if err != nil {
			return err
		}
		if p.FileName() == "" {
			req.form.Add(p.FormName(), string(data))
			continue
		}
		f := value.File{Name: p.FileName(), ContentType: p.Header.Get("Content-Type"), Data: data}
		req.files[p.FormName()] = append(req.files[p.FormName()], f)
	}
}

// texts returns what stands at a place that holds text.
func (req *request) texts(p program.Place) []string {
	if len(p.Path) == 0 {
		return nil
	}
	name := p.Path[0]
	switch p.In {
	case program.InPath:
		if text, ok := req.filled[name]; ok {
			return []string{text}
		}
		return nil
	case program.InQuery:
		return req.query[name]
	case program.InHeader:
		return req.header.Values(name)
	case program.InForm, program.InMultipart:
		return req.form[name]
	default:
		return nil
	}
}

// lookup returns what the request holds for an input, before its type is
// looked at: a value of JSON, a file, or the texts of a place.
func (req *request) lookup(in *program.Input) (any, bool) {
	p := in.Place
	if len(p.Path) == 1 && p.Path[0] == "*" {
		return req.spread(p.In)
	}
	switch p.In {
	case program.InBody:
		if len(p.Path) == 0 {
			return req.body, req.body != nil
		}
		v, ok := value.Get(req.body, p.Path)
		return v, ok && v != nil
	case program.InMultipart:
		if files := req.files[p.Path[0]]; len(files) > 0 {
			return filesFor(in.Type, files), true
		}
	case program.InPath:
		if p.Path[0] == "url" && req.filled == nil {
			return []string{req.url.String()}, true
		}
		if p.Path[0] == "method" && req.filled == nil {
			return []string{req.method}, true
		}
	default:
	}
	texts := req.texts(p)
	return texts, len(texts) > 0
}

// filesFor returns files as an input of that type has them: a list, or the last
// one of that name.
func filesFor(t *value.Type, files []value.File) any {
	if t == nil || t.Kind != value.List {
		return files[len(files)-1]
	}
	list := make([]any, len(files))
	for i, f := range files {
		list[i] = f
	}
	return list
}

// repeatKey returns the key by which the vendor knows a repeat of an action, ""
// where the request has none.
func (req *request) repeatKey(r program.Repeat) string {
	switch {
	case r.Part != "":
		return strings.Join(req.form[r.Part], " ")
	case r.Header != "":
		return req.header.Get(r.Header)
	default:
		return ""
	}
}

// spread returns all of a query, of the headers or of a form as a map.
func (req *request) spread(in program.In) (any, bool) {
	from := map[string][]string(req.query)
	m := map[string]any{}
	switch in {
	case program.InHeader:
		from = req.header
	case program.InForm, program.InMultipart:
		from = req.form
		for name, files := range req.files {
			m[name] = files[len(files)-1]
		}
	default:
	}
	for name, texts := range from {
		m[name] = strings.Join(texts, ", ")
	}
	return m, len(m) > 0
}
