package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// scene is one call being answered. Whoever plays it holds the lock of the
// service.
type scene struct {
	*stage

	live    *stage // whose data the vendor has
	service *service
	action  *program.Action
	played  *program.SandboxAction // nil where the connector says nothing
	store   *program.SandboxStore  // nil where played speaks of none
	req     *request
	origin  string // where the client sees the vendor, such as https://api.example.com
	inputs  map[string]any
	now     time.Time
}

// cast settles how the action is answered, and of which records: as the live
// version of the connector says, else as the one that the request was made by.
func (s *scene) cast(own *stage) {
	if s.played = s.live.played(s.action); s.played != nil {
		s.store = s.played.Store
		return
	}
	if s.played = own.played(s.action); s.played == nil || s.played.Store == nil {
		return
	}
	if s.store = s.live.store(s.played.Store.Name); s.store == nil {
		s.store = s.played.Store
	}
}

// env is what the expressions of the connector's sandbox see. Each has a
// series of identifiers of its own.
func (s *scene) env(item any) *expr.Env {
	s.service.made++
	return &expr.Env{
		Names: map[string]any{"input": s.inputs, "item": item, "connection": s.connection, "body": s.req.body},
		Now:   s.now,
		Place: s.action.ID + "#" + strconv.Itoa(s.service.made),
	}
}

// act does what the action does and returns the root of the answer.
func (s *scene) act() (root map[string]any, status int, p *problem) {
	status = http.StatusOK
	if s.played == nil {
		return s.place(s.generated(), nil, nil), status, nil
	}
	if s.played.Status != 0 {
		status = s.played.Status
	}
	switch s.played.Does {
	case "list":
		root, p = s.list()
	case "first":
		root, p = s.first()
	case "create":
		root, p = s.create()
	case "merge", "upsert":
		root, p = s.merge()
	case "delete":
		root, p = s.remove()
	case "answer":
		root, p = s.answer()
	default:
		root = s.place(s.generated(), nil, nil)
	}
	return root, status, p
}

// at is where in the answer the record or the list lies. An input that says it
// stays with the client, so there the answer is the list itself.
func (s *scene) at() []string {
	at := s.action.Output.At
	if len(at) > 0 && at[0] == program.FromInput {
		return []string{"body"}
	}
	return at
}

func (s *scene) records() *records { return s.service.store(s.store) }

// idPath is where the records of the store keep their id.
func (s *scene) idPath() []string {
	if s.store != nil && s.store.ID != "" {
		return value.SplitPath(s.store.ID)
	}
	return []string{"id"}
}

// matching returns the positions of the records that are meant.
func (s *scene) matching() ([]int, *problem) {
	var found []int
	for i, item := range s.records().items {
		ok, err := s.matches(item)
		if err != nil {
			return nil, s.broken("where", err)
		}
		if ok {
			found = append(found, i)
		}
	}
	return found, nil
}

func (s *scene) matches(item any) (bool, error) {
	if s.played.Where == nil {
		id, named := s.idInput()
		if !named {
			return s.played.Does == "list" || s.played.Does == "first", nil
		}
		own, _ := value.Get(item, s.idPath())
		return s.played.Does == "list" || textOf(own) == textOf(id), nil
	}
	out, err := s.played.Where.Eval(s.env(item))
	return out == true, err
}

// idInput returns the input that names a record where the connector does not
// say which: the last one of the path, else the one called like the id.
func (s *scene) idInput() (any, bool) {
	for _, part := range slices.Backward(inBraces.FindAllStringSubmatch(s.action.Path, -1)) {
		for _, in := range s.action.Input {
			if in.Place.In == program.InPath && in.Place.Path[0] == part[1] {
				return s.inputs[in.Name], true
			}
		}
	}
	id := s.idPath()
	for _, in := range s.action.Input {
		if slices.Equal(in.Place.Path, id) && s.inputs[in.Name] != nil {
			return s.inputs[in.Name], true
		}
	}
	return nil, false
}

// broken tells that an expression of the connector's sandbox failed.
func (s *scene) broken(key string, err error) *problem {
	return refuse(http.StatusBadRequest, value.ClassInvalid, "sandbox of %s: %s: %v", s.action.ID, key, err)
}

func (s *scene) missing() *problem {
	p := refuse(http.StatusNotFound, value.ClassNotFound, "%s not found", s.noun())
	if id, ok := s.idInput(); ok && id != nil {
		p.message = fmt.Sprintf("%s %s not found", s.noun(), textOf(id))
	}
	return p
}

// noun is what the vendor calls a record of the store: the name of its type
// without the group.
func (s *scene) noun() string {
	return s.store.Name[strings.LastIndexByte(s.store.Name, '.')+1:]
}

func (s *scene) list() (map[string]any, *problem) {
	found, p := s.matching()
	if p != nil {
		return nil, p
	}
	items := make([]any, len(found))
	for i, at := range found {
		items[i] = s.records().items[at]
	}
	envelope, p := s.envelope(nil)
	if p != nil {
		return nil, p
	}
	return s.paged(items, envelope)
}

func (s *scene) first() (map[string]any, *problem) {
	found, p := s.matching()
	if p != nil {
		return nil, p
	}
	if len(found) == 0 {
		out := s.action.Output
		if !out.MayBeMissing || out.NotFoundIsNil {
			return nil, s.missing()
		}
		envelope, p := s.envelope(nil)
		return s.place(nil, envelope, s.at()), p
	}
	return s.told(s.records().items[found[0]], s.records().items[found[0]])
}

// told returns the answer with a record in it. The expressions of the envelope
// see the record as it was before.
func (s *scene) told(record, before any) (map[string]any, *problem) {
	envelope, p := s.envelope(before)
	if p != nil {
		return nil, p
	}
	if s.action.Output.Type == nil {
		return s.place(nil, envelope, nil), nil
	}
	if s.action.Output.List {
		return s.paged([]any{record}, envelope)
	}
	return s.place(record, envelope, s.at()), nil
}

func (s *scene) create() (map[string]any, *problem) {
	record, p := s.written(nil)
	if p != nil {
		return nil, p
	}
	id, chosen := value.Get(record, s.idPath())
	if !chosen || id == nil {
		id = s.freshID()
		value.Put(record, s.idPath(), id)
	}
	r := s.records()
	at := slices.IndexFunc(r.items, func(item any) bool {
		own, _ := value.Get(item, s.idPath())
		return equal(own, id)
	})
	switch {
	case at < 0:
		r.items = append(slices.Clip(r.items), record)
	case s.sent(s.idPath()):
		return nil, refuse(http.StatusConflict, value.ClassConflict, "%s %s exists already", s.noun(), textOf(id))
	default:
		// The vendor itself chose an id that is taken: it gives the same thing again.
		r.items = slices.Clone(r.items)
		r.items[at] = record
	}
	return s.told(record, nil)
}

// sent reports whether an input brings what lies at the path of a record.
func (s *scene) sent(path []string) bool {
	return slices.ContainsFunc(s.action.Input, func(in *program.Input) bool {
		return in.Place.In != program.InPath && slices.Equal(in.Place.Path, path) && s.inputs[in.Name] != nil
	})
}

// freshID returns an id like those the store has: the next number, or a text.
func (s *scene) freshID() any {
	highest, numbers := 0, false
	for _, item := range s.records().items {
		id, _ := value.Get(item, s.idPath())
		if n, ok := id.(int); ok {
			highest, numbers = max(highest, n), true
		}
	}
	if numbers {
		return highest + 1
	}
	s.service.made++
	return "sandbox-" + strconv.Itoa(s.service.made)
}

func (s *scene) merge() (map[string]any, *problem) {
	found, p := s.matching()
	if p != nil {
		return nil, p
	}
	if len(found) == 0 {
		if s.played.Does == "upsert" {
			return s.create()
		}
		return nil, s.missing()
	}
	r := s.records()
	items := slices.Clone(r.items)
	for _, at := range found {
		changed, p := s.written(items[at])
		if p != nil {
			return nil, p
		}
		items[at] = changed
	}
	before := r.items[found[0]]
	r.items = items
	if s.action.Output.List {
		envelope, p := s.envelope(before)
		if p != nil {
			return nil, p
		}
		all := make([]any, len(found))
		for i, at := range found {
			all[i] = items[at]
		}
		return s.paged(all, envelope)
	}
	return s.told(items[found[0]], before)
}

func (s *scene) remove() (map[string]any, *problem) {
	found, p := s.matching()
	if p != nil {
		return nil, p
	}
	if len(found) == 0 {
		return nil, s.missing()
	}
	r := s.records()
	gone := r.items[found[0]]
	var left []any
	for i, item := range r.items {
		if !slices.Contains(found, i) {
			left = append(left, item)
		}
	}
	r.items = left
	envelope, p := s.envelope(gone)
	if p != nil {
		return nil, p
	}
	at := s.at()
	if s.action.Output.Type == nil || len(at) > 1 && has(envelope, at[1:]) {
		return s.place(nil, envelope, nil), nil
	}
	return s.place(gone, envelope, at), nil
}

func has(envelope any, path []string) bool {
	_, ok := value.Get(envelope, path)
	return ok
}

// answer gives the answer the connector writes down, as the whole body.
func (s *scene) answer() (map[string]any, *problem) {
	body, err := s.played.Answer.Eval(s.env(nil))
	if err == nil {
		body, err = value.Normalize(body)
	}
	if err != nil {
		return nil, s.broken("answer", err)
	}
	root := map[string]any{"headers": map[string]any{}, "body": body}
	out := s.action.Output
	items, ok := value.Get(root, s.at())
	list, isList := items.([]any)
	if !out.List || !ok || !isList || len(s.at()) == 0 {
		return root, nil
	}
	return s.paged(list, body)
}

// written returns the record as the request leaves it: what it was, with the
// inputs of the body, with what the connector sets.
func (s *scene) written(before any) (map[string]any, *problem) {
	record := map[string]any{}
	if m, ok := before.(map[string]any); ok {
		record = copied(m)
	}
	for _, in := range s.action.Input {
		s.copyInput(record, in)
	}
	for _, send := range s.action.Send {
		if p := send.Place; p.In == program.InBody && len(p.Path) > 0 {
			if v, ok := value.Get(s.req.body, p.Path); ok {
				value.Put(record, p.Path, v)
			}
		}
	}
	if err := s.set(record, s.played.Set, before); err != nil {
		return nil, s.broken("set", err)
	}
	normal, err := value.Normalize(record)
	if err != nil {
		return nil, s.broken("set", err)
	}
	m, _ := normal.(map[string]any)
	return m, nil
}

func (s *scene) copyInput(record map[string]any, in *program.Input) {
	v, there := s.req.lookup(in)
	if !there {
		return
	}
	switch in.Place.In {
	case program.InBody:
		if m, ok := v.(map[string]any); ok && len(in.Place.Path) == 0 {
			maps.Copy(record, m)
		} else if len(in.Place.Path) > 0 {
			value.Put(record, in.Place.Path, v)
		}
	case program.InForm, program.InMultipart:
		value.Put(record, in.Place.Path, s.inputs[in.Name])
	default:
	}
}

// set writes what the connector says into the record. An object that stands in
// the file is merged into the one that is there; a computed one takes its place.
func (s *scene) set(record map[string]any, set *program.Value, before any) error {
	if set == nil {
		return nil
	}
	if constant, ok := set.Const.(map[string]any); ok && set.IsConst() {
		overlay(record, constant)
		return nil
	}
	for _, f := range set.Object {
		inner, isMap := record[f.Name].(map[string]any)
		if isMap && (f.Value.Object != nil || f.Value.IsConst()) {
			if _, object := f.Value.Const.(map[string]any); object || f.Value.Object != nil {
				if err := s.set(inner, f.Value, before); err != nil {
					return fmt.Errorf("%s.%w", f.Name, err)
				}
				continue
			}
		}
		v, err := f.Value.Eval(s.env(before))
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		record[f.Name] = v
	}
	return nil
}

// envelope returns what stands around the record.
func (s *scene) envelope(item any) (any, *problem) {
	if s.played.Envelope == nil {
		return nil, nil //nolint:nilnil // no envelope is the usual case
	}
	v, err := s.played.Envelope.Eval(s.env(item))
	if err == nil {
		v, err = value.Normalize(v)
	}
	if err != nil {
		return nil, s.broken("envelope", err)
	}
	return v, nil
}

// place returns the root of an answer: the record at its place on top of the
// envelope. Without a place there is only the envelope.
func (s *scene) place(record, envelope any, at []string) map[string]any {
	if s.played == nil {
		at = s.at()
	}
	if envelope == nil && (len(at) != 1 || at[0] != "body") {
		envelope = map[string]any{}
	}
	root := map[string]any{"headers": map[string]any{}, "body": envelope}
	switch {
	case at == nil:
	case len(at) == 0:
		m, ok := record.(map[string]any)
		if !ok {
			root["body"] = record
		} else if body, ok := m["body"]; ok {
			root["body"] = body
		}
	default:
		below, isMap := record.(map[string]any)
		around, _ := value.Get(root, at)
		if inner, ok := around.(map[string]any); ok && isMap {
			merged := copied(inner)
			maps.Copy(merged, below)
			record = merged
		}
		value.Put(root, at, record)
	}
	return root
}

// overlay writes the fields of b over those of a; objects are merged.
func overlay(a, b map[string]any) {
	for k, v := range b {
		inner, ok := a[k].(map[string]any)
		if over, both := v.(map[string]any); ok && both {
			overlay(inner, over)
			continue
		}
		a[k] = v
	}
}

// copied returns a copy whose objects may be written into.
func copied(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		if inner, ok := v.(map[string]any); ok {
			v = copied(inner)
		}
		out[k] = v
	}
	return out
}
