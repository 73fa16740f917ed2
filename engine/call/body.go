package call

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// encodeBody returns the body and its content type; `given` is the content type
// the headers already have, "" for none. Nil is no body: where the action places
// something in a JSON body and nothing was given, a method that usually has one
// sends an empty object.
func (b *builder) encodeBody(method, given string) (body []byte, contentType string, f *value.Failure) {
	switch {
	case len(b.parts) > 0:
		return b.encodeParts()
	case len(b.form) > 0:
		return []byte(encodeParams(b.form)), "application/x-www-form-urlencoded", nil
	case b.whole != nil:
		return encodeWhole(b.together(), given)
	case b.object != nil:
		return encodeJSON(b.object)
	case b.isBody && (method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch):
		return []byte("{}"), "application/json", nil
	}
	return nil, "", nil
}

// together returns the whole body; into one that is an object goes what is
// placed in it one by one.
func (b *builder) together() any {
	whole, ok := b.whole.(map[string]any)
	if !ok || b.object == nil {
		return b.whole
	}
	all := maps.Clone(whole)
	maps.Copy(all, b.object)
	return all
}

func encodeJSON(v any) ([]byte, string, *value.Failure) {
	data, err := value.Encode(v)
	if err != nil {
		return nil, "", value.Fail(value.ClassInvalid, "the body of the request: %v", err)
	}
	return data, "application/json", nil
}

// encodeWhole encodes a body that is one value. A file goes out as it is, and so
// does text whose content type somebody named; everything else is JSON.
func encodeWhole(v any, given string) ([]byte, string, *value.Failure) {
	if f, ok := v.(value.File); ok {
		return f.Data, typeOfFile(f), nil
	}
	if text, ok := v.(string); ok && given != "" {
		return []byte(text), given, nil
	}
	return encodeJSON(withoutFiles(v))
}

// withoutFiles puts the bytes of files into JSON the way services take them,
// as text in base64.
func withoutFiles(v any) any {
	switch v := v.(type) {
	case value.File:
		return base64.StdEncoding.EncodeToString(v.Data)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = withoutFiles(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = withoutFiles(e)
		}
		return out
	default:
		return v
	}
}

func typeOfFile(f value.File) string {
	if f.ContentType != "" {
		return f.ContentType
	}
	return "application/octet-stream"
}

// part is one part of a multipart body.
type part struct {
	name string
	text string
	file *value.File
}

// partsOf returns a value as parts of a multipart body; a list gives several
// of one name, and a map that is spread those of each of its entries.
func partsOf(p placed) ([]part, *value.Failure) {
	if several, ok := p.value.(map[string]any); ok && spreads(p.place) {
		return partsOfEach(several)
	}
	if list, ok := p.wire().([]any); ok {
		var out []part
		for _, v := range list {
			parts, f := partsOf(placed{place: p.place, value: v, input: p.input})
			if f != nil {
				return nil, f
			}
			out = append(out, parts...)
		}
		return out, nil
	}
	if several, ok := p.value.(map[string]any); ok && spreads(p.place) {
		var out []part
		for _, name := range slices.Sorted(maps.Keys(several)) {
			parts, f := partsOf(placed{place: program.Place{In: program.InMultipart, Path: []string{name}}, value: several[name]})
			if f != nil {
				return nil, f
			}
			out = append(out, parts...)
		}
		return out, nil
	}
	name := strings.Join(p.place.Path, ".")
	if f, ok := fileOf(p.value); ok {
		return []part{{name: name, file: &f}}, nil
	}
	params, f := paramsOf(p)
	out := make([]part, len(params))
	for i, q := range params {
		out[i] = part{name: q.name, text: q.text}
	}
	return out, f
}

// partsOfEach gives one part for each entry of a map, under its own name.
func partsOfEach(several map[string]any) ([]part, *value.Failure) {
	var out []part
	for _, name := range slices.Sorted(maps.Keys(several)) {
		if several[name] == nil {
			continue
		}
		parts, f := partsOf(placed{place: program.Place{In: program.InMultipart, Path: []string{name}}, value: several[name]})
		if f != nil {
			return nil, f
		}
		out = append(out, parts...)
	}
	return out, nil
}

// fileOf returns a value that is a file, or an object that tells one: name,
// content_type and content, which is text or a file.
func fileOf(v any) (value.File, bool) {
	if f, ok := v.(value.File); ok {
		return f, true
	}
	m, ok := v.(map[string]any)
	if !ok {
		return value.File{}, false
	}
	content, ok := m["content"]
	if !ok {
		return value.File{}, false
	}
	var f value.File
	switch content := content.(type) {
	case value.File:
		f = content
	case string:
		f.Data = []byte(content)
	default:
		f.Data, f.ContentType = []byte(paramText(content)), "application/json"
	}
	if name, ok := m["name"].(string); ok {
		f.Name = name
	}
	if kind, ok := m["content_type"].(string); ok {
		f.ContentType = kind
	}
	return f, true
}

// keyFiles puts the key of each file behind it, where the vendor knows the
// repeat of a file by one. Each has its own, the same whenever the request is
// repeated.
func (b *builder) keyFiles(o *operation) {
	name := o.Action.Repeat.Part
	if name == "" || o.Key == "" {
		return
	}
	var keyed []part
	files := 0
	for _, p := range b.parts {
		keyed = append(keyed, p)
		if p.file != nil {
			files++
			keyed = append(keyed, part{name: name, text: value.UUID(o.Key + "/" + strconv.Itoa(files))})
		}
	}
	b.parts = keyed
}

// encodeParts writes a multipart body. Its boundary comes from the content, so
// that a repeat sends the same bytes.
func (b *builder) encodeParts() ([]byte, string, *value.Failure) {
	for _, p := range b.form {
		b.parts = append(b.parts, part{name: p.name, text: p.text})
	}
	sum := sha256.New()
	for _, p := range b.parts {
		fmt.Fprintf(sum, "%q %q ", p.name, p.text)
		if p.file != nil {
			_, _ = sum.Write(p.file.Data)
		}
	}
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	if err := w.SetBoundary("patchbay-" + hex.EncodeToString(sum.Sum(nil))[:40]); err != nil {
		return nil, "", value.Fail(value.ClassInvalid, "the parts of the request: %v", err) // unreachable: the boundary is plain text
	}
	for _, p := range b.parts {
		data, header := []byte(p.text), textproto.MIMEHeader{}
		disposition := `form-data; name="` + quoteParam(p.name) + `"`
		if p.file != nil {
			data = p.file.Data
			name := p.file.Name
			if name == "" {
				name = "file"
			}
			disposition += `; filename="` + quoteParam(name) + `"`
			header.Set("Content-Type", oneLine(typeOfFile(*p.file)))
		}
		header.Set("Content-Disposition", disposition)
		pw, err := w.CreatePart(header)
		if err == nil {
			_, err = pw.Write(data)
		}
		if err != nil {
			return nil, "", value.Fail(value.ClassInvalid, "the part %s of the request: %v", p.name, err) // unreachable: a buffer takes everything
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", value.Fail(value.ClassInvalid, "the parts of the request: %v", err) // unreachable: a buffer takes everything
	}
	return buf.Bytes(), w.FormDataContentType(), nil
}

// quoteParam escapes a name inside the quotes of a header, as browsers do.
func quoteParam(s string) string {
	return strings.NewReplacer("\r", "%0D", "\n", "%0A", `"`, "%22").Replace(s)
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if isControl(r) {
			return -1
		}
		return r
	}, s)
}
