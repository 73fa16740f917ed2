package value

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
)

// File is a value that holds bytes, such as an attachment. In JSON it is an
// object with the key "$file", so that it survives the journal.
type File struct {
	Name        string
	ContentType string
	Data        []byte
}

type fileJSON struct {
	File        string `json:"$file"`
	ContentType string `json:"content_type,omitempty"`
	Data        []byte `json:"data"`
}

// MarshalJSON writes the file with its bytes in base64.
func (f File) MarshalJSON() ([]byte, error) {
	return json.Marshal(fileJSON{File: f.Name, ContentType: f.ContentType, Data: f.Data})
}

// MaxDepth is how deep lists and objects may nest in a value.
const MaxDepth = 200

// Decode reads one JSON text as a value. Whole numbers become int, others
// float64; anything after the value, or nesting over [MaxDepth], is an error.
func Decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("empty text where JSON is expected")
		}
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("text after the JSON value at byte %d", d.InputOffset())
	}
	return Normalize(v)
}

// Encode writes a value as JSON, the keys of objects in sorted order: equal
// values give equal bytes. Characters of HTML are not escaped.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Normalize brings what a decoder or an expression made into the form of a
// value (see the package comment). It copies lists and objects and fails for
// anything that has no such form, a [Secret] among them.
func Normalize(v any) (any, error) { return normalize(v, 0) }

func normalize(v any, depth int) (any, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("value nests deeper than %d", MaxDepth)
	}
	switch v := v.(type) {
	case nil, bool, int, string, File:
		return v, nil
	case float64:
		return finite(v)
	case json.Number:
		return number(v)
	case map[string]any:
		if f, ok := fileFrom(v); ok {
			return f, nil
		}
		m := make(map[string]any, len(v))
		for k, e := range v {
			n, err := normalize(e, depth+1)
			if err != nil {
				return nil, err
			}
			m[k] = n
		}
		return m, nil
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			n, err := normalize(e, depth+1)
			if err != nil {
				return nil, err
			}
			l[i] = n
		}
		return l, nil
	case time.Time:
		return v.Format(time.RFC3339Nano), nil
	case time.Duration:
		return v.String(), nil
	default:
		return normalizeOther(v, depth)
	}
}

// normalizeOther handles the number and list types that expr's own functions
// make and no decoder does.
func normalizeOther(v any, depth int) (any, error) {
	switch v := v.(type) {
	case int8:
		return int(v), nil
	case int16:
		return int(v), nil
	case int32:
		return int(v), nil
	case int64:
		return int(v), nil
	case uint8:
		return int(v), nil
	case uint16:
		return int(v), nil
	case uint32:
		return int(v), nil
	case float32:
		return finite(float64(v))
	case []string:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = e
		}
		return l, nil
	case []int:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = e
		}
		return l, nil
	case map[any]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			s, ok := k.(string)
			if !ok {
				return nil, fmt.Errorf("an object has the key %v, which is not text", k)
			}
			m[s] = e
		}
		return normalize(m, depth)
	default:
		return nil, fmt.Errorf("a value cannot hold a %T", v)
	}
}

// exact is up to where every whole number has a float64 of its own.
const exact = 1 << 53

// finite returns f as a value: a whole number is an int, as it will be when it
// is read back from JSON, where 2.0 is written 2.
func finite(f float64) (any, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, fmt.Errorf("%v is not a number a value can hold", f)
	}
	if f == math.Trunc(f) && math.Abs(f) < exact {
		return int(f), nil
	}
	return f, nil
}

func number(n json.Number) (any, error) {
	if i, err := strconv.Atoi(n.String()); err == nil {
		return i, nil
	}
	f, err := n.Float64()
	if err != nil {
		return nil, fmt.Errorf("%s is too large for a number", n)
	}
	return finite(f)
}

func fileFrom(m map[string]any) (File, bool) {
	name, ok := m["$file"].(string)
	if !ok {
		return File{}, false
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return File{}, false
	}
	var f fileJSON
	if err := json.Unmarshal(raw, &f); err != nil {
		return File{}, false
	}
	return File{Name: name, ContentType: f.ContentType, Data: f.Data}, true
}
