package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/journal"
	"patchbay/engine/value"
)

// fail answers with an error.
func fail(w http.ResponseWriter, status int, message, hint string) {
	answer(w, status, Error{Error: message, Hint: hint})
}

// answer writes v as JSON.
func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // the reader is gone; there is nobody to tell
}

// internal answers for an error of ours: the cause is for the log.
func (c *Console) internal(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, context.Canceled):
		fail(w, http.StatusServiceUnavailable, "patchbay is ending", "")
	case errors.Is(err, journal.ErrUnavailable):
		fail(w, http.StatusServiceUnavailable, "nothing can be written just now", "try again in a moment")
	default:
		c.opt.Logger.Error("answer request", "path", r.URL.Path, "error", err)
		fail(w, http.StatusInternalServerError, "the data folder could not be read or written", "the log of `patchbay serve` says why")
	}
}

// refused answers for an error of the vault: a failure has a sentence for
// people, everything else is ours.
func (c *Console) refused(w http.ResponseWriter, r *http.Request, err error) {
	if f, ok := errors.AsType[*value.Failure](err); ok {
		fail(w, http.StatusUnprocessableEntity, f.Message, "")
		return
	}
	c.internal(w, r, err)
}

// sentence is what an error says to people.
func sentence(err error) string {
	if f, ok := errors.AsType[*value.Failure](err); ok {
		return f.Message
	}
	return err.Error()
}

// nearest is the hint for a name that does not exist.
func nearest(got string, valid []string, plural string) string {
	const most = 20
	if near := diag.Nearest(got, valid); near != "" {
		return "did you mean " + strconv.Quote(near) + "?"
	}
	switch n := len(valid); {
	case n == 0:
		return "there are no " + plural
	case n > most:
		return fmt.Sprintf("%s: %s and %d more", plural, strings.Join(valid[:most], ", "), n-most)
	default:
		return plural + ": " + strings.Join(valid, ", ")
	}
}

// number reads a whole number from the query, none where it is not given; it
// has answered if it returns false.
func number(w http.ResponseWriter, q url.Values, name string, none, most int) (int, bool) {
	text := q.Get(name)
	if text == "" {
		return none, true
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		fail(w, http.StatusBadRequest, name+" must be a whole number, not "+strconv.Quote(text), "")
		return 0, false
	}
	if n == 0 {
		return none, true
	}
	return min(n, most), true
}

// largestBody is how much of a request's body is read.
const largestBody = 8 << 20

// decode reads the JSON body of a request into the struct v points to; it has
// answered if it returns false. Whole numbers stay whole.
func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			fail(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d MB", largestBody>>20), "")
			return false
		}
		fail(w, http.StatusBadRequest, "the body did not arrive whole", "")
		return false
	}
	message, hint := unmarshal(data, v)
	if message != "" {
		fail(w, http.StatusBadRequest, message, hint)
		return false
	}
	return true
}

// unmarshal reads an object; the message says what is wrong with it.
func unmarshal(data []byte, v any) (message, hint string) {
	keys := keysOf(v)
	form := "keys: " + strings.Join(keys, ", ")
	var given map[string]json.RawMessage
	if err := json.Unmarshal(data, &given); err != nil {
		if !json.Valid(data) {
			return "the body is not JSON: " + err.Error(), form
		}
		return "the body must be a JSON object", form
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(keys, key) {
			return "the body has a key that means nothing here: " + strconv.Quote(key), nearest(key, keys, "keys")
		}
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return fmt.Sprintf("%s must be %s, not %s", strconv.Quote(wrong.Field), called(wrong.Type), found(wrong.Value)), ""
		}
		return "the body cannot be read: " + err.Error(), form
	}
	return "", ""
}

// keysOf returns the JSON keys of the struct v points to, as they stand in it.
func keysOf(v any) []string {
	var keys []string
	for f := range reflect.TypeOf(v).Elem().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		keys = append(keys, name)
	}
	return keys
}

// called names a type as people who write JSON do.
func called(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	default:
		return "an object"
	}
}

// found names a kind of JSON value in the same words.
func found(kind string) string {
	switch kind {
	case "string":
		return "text"
	case "bool":
		return "true or false"
	case "array":
		return "a list"
	case "object":
		return "an object"
	default:
		return "a " + kind
	}
}

// object brings a decoded JSON object into the form of a value.
func object(given map[string]any) (map[string]any, error) {
	if given == nil {
		return nil, nil
	}
	v, err := value.Normalize(given)
	if err != nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("it must be an object, not a file")
	}
	return m, nil
}
