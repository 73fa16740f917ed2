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
	body   any // decoded JSON, nil where there is none
	form   url.Values
	files  map[string]value.File
	filled map[string]string // what stands in the braces of the path
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
		form: url.Values{}, files: map[string]value.File{},
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
		return refuse(http.StatusUnsupportedMediaType, value.ClassInvalid, "the body is %s, application/json is expected", kind)
	}
	if err != nil {
		return refuse(http.StatusBadRequest, value.ClassInvalid, "the body cannot be read as %s: %v", kind, err)
	}
	return nil
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
		req.files[p.FormName()] = value.File{Name: p.FileName(), ContentType: p.Header.Get("Content-Type"), Data: data}
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
		if f, ok := req.files[p.Path[0]]; ok {
			return f, true
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

// spread returns all of a query, of the headers or of a form as a map.
func (req *request) spread(in program.In) (any, bool) {
	from := map[string][]string(req.query)
	m := map[string]any{}
	switch in {
	case program.InHeader:
		from = req.header
	case program.InForm:
		from = req.form
	case program.InMultipart:
		from = req.form
		for name, file := range req.files {
			m[name] = file
		}
	default:
	}
	for name, texts := range from {
		m[name] = strings.Join(texts, ", ")
	}
	return m, len(m) > 0
}
