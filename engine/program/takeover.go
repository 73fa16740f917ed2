package program

import (
	"bytes"
	"maps"
	"reflect"
	"slices"

	"patchbay/engine/diag"
	"patchbay/engine/spec"
)

// A flow comes out the same while its file is the same and whatever its check
// has read of the rest of the workspace answers the same. So the check asks for
// it by the methods below, which keep each question beside its answer, and a
// later Build puts the questions again, in their order. They are those the
// check would put, up to the first that is answered otherwise: what comes of
// asking, such as a connector that is read for it, is the same either way.

// kept is what a set keeps for the Builds after it.
type kept struct {
	sandbox bool // as the flows were checked
	flows   map[string]*keptFlow
}

// keptFlow is what is known of the file of a flow.
type keptFlow struct {
	file  File
	found diag.List // by the parser
	lost  bool      // the parser could make nothing of it
	check *keptCheck
}

// keptCheck is what came out of the check of a flow.
type keptCheck struct {
	flow   *Flow
	failed bool
	found  diag.List
	asked  []asked
}

// asked is a question with the answer that a check was given: it reports
// whether the answer is still the same. It must hold on to nothing of the Build
// it was asked in but what the flow itself holds.
type asked func(*builder) bool

// keep enters a file for the Builds after this one. The flows of a definition
// are built once.
func (b *builder) keep(f *keptFlow) {
	if b.opt.Pinned {
		return
	}
	if b.set.kept.flows == nil {
		b.set.kept.flows = map[string]*keptFlow{}
	}
	b.set.kept.flows[f.file.Path] = f
}

// known returns what earlier Builds kept of the file of a flow that has the
// same text.
func (b *builder) known(f File) []*keptFlow {
	if b.opt.Pinned || b.opt.Named != nil && b.opt.NamedIn == f.Path {
		return nil
	}
	var known []*keptFlow
	for _, s := range b.opt.Previous {
		if k := s.kept.flows[f.Path]; k != nil && s.kept.sandbox == b.opt.Sandbox && bytes.Equal(k.file.Data, f.Data) {
			known = append(known, k)
		}
	}
	return known
}

// earlier returns a connector of an earlier Build with the same content.
func (b *builder) earlier(id, sum string) *Connector {
	for _, s := range b.opt.Previous {
		k := s.inHand(id)
		switch {
		case k == nil || k.Sum != sum:
		case k.groups.whole == !b.src.AsNeeded[id], k.groups.whole && b.opt.Pinned:
			return k
		}
	}
	return nil
}

// inHand returns a connector that was read and of which somebody has a part.
func (s *Set) inHand(id string) *Connector {
	if k, ok := s.Connectors[id]; ok {
		return k
	}
	return s.unread.inHand(id)
}

// takeOver takes the flow of an earlier Build if it would come out the same.
func (b *builder) takeOver(f *flowFile) bool {
	if f.tried {
		return f.taken
	}
	f.tried = true
	for _, k := range f.known {
		if k.check == nil || slices.ContainsFunc(k.check.asked, func(same asked) bool { return !same(b) }) {
			continue
		}
		f.taken, f.kept.check = true, k.check.relinked(b, f.file.Data)
		f.flow = f.kept.check.flow
		b.done(f)
		return true
	}
	return false
}

// relinked returns the check with a flow that calls the flows of this Build: of
// those it calls, other things may have changed than what it saw of them.
func (k *keptCheck) relinked(b *builder, source []byte) *keptCheck {
	flow := *k.flow
	flow.Calls = map[string]*Flow{}
	for id := range k.flow.Calls {
		flow.Calls[id] = b.flows[id].flow
	}
	if maps.Equal(flow.Calls, k.flow.Calls) {
		return k
	}
	flow.Hash = flow.hash(source)
	again := *k
	again.flow = &flow
	return &again
}

// about is what a question is about, for one that is put again by the same
// check.
type about struct{ what, name, of string }

// ask puts a question to the rest of the workspace, once, and keeps it with its
// answer. The question must not hold on to the check.
func ask[T comparable](c *flowCheck, a about, question func(*builder) T) T {
	if known, ok := c.answers[a]; ok {
		return known.(T)
	}
	answer := question(c.b)
	c.answers[a] = answer
	c.asked = append(c.asked, func(b *builder) bool { return question(b) == answer })
	return answer
}

// names asks for a list of names.
func (c *flowCheck) names(list func(*builder) []string) []string {
	answer := list(c.b)
	c.asked = append(c.asked, func(b *builder) bool { return slices.Equal(list(b), answer) })
	return slices.Clone(answer)
}

func (b *builder) flowIDs() []string         { return slices.Sorted(maps.Keys(b.flows)) }
func (b *builder) tableIDs() []string        { return slices.Sorted(maps.Keys(b.set.Tables)) }
func (b *builder) connectionNames() []string { return slices.Sorted(maps.Keys(b.set.Connections)) }

func (c *flowCheck) connector(id string) *Connector {
	return ask(c, about{what: "connector", name: id}, func(b *builder) *Connector { return b.connector(id) })
}

func (c *flowCheck) unsoundConnector(id string) bool {
	return ask(c, about{what: "unsound connector", name: id}, func(b *builder) bool { return b.unsound.connectors[id] })
}

// unsoundGroup reports whether what has that name in a connector stands in a
// file with errors, and has them told.
func (c *flowCheck) unsoundGroup(k *Connector, name string) bool {
	group := groupOf(name)
	return ask(c, about{what: "group", name: group, of: k.ID}, func(b *builder) bool {
		g := k.part(group)
		return g != nil && b.note(g)
	})
}

// reach is all that the check of a flow may know of a connection: what else
// is written there can change without it.
type reach struct {
	connector *Connector
	auth      *Auth
	sandbox   bool
}

func (c *Connection) reach() reach {
	if c == nil {
		return reach{}
	}
	return reach{c.Connector, c.Auth, c.Sandbox}
}

// connection returns what may be known of a connection; nil if there is no
// sound one of that name.
func (c *flowCheck) connection(name string) *Connection {
	return ask(c, about{what: "connection", name: name}, func(b *builder) reach { return b.set.Connections[name].reach() }).of(name)
}

func (r reach) of(name string) *Connection {
	if r.connector == nil {
		return nil
	}
	return &Connection{Name: name, Connector: r.connector, Auth: r.auth, Sandbox: r.sandbox}
}

// unsoundConnection reports whether a connection has errors of its own, or may
// have, and the connector it is written to be of.
func (c *flowCheck) unsoundConnection(name string) (connector string, unsound bool) {
	type answer struct {
		connector string
		unsound   bool
	}
	a := ask(c, about{what: "unsound connection", name: name}, func(b *builder) answer {
		connector, unsound := b.unsound.connections[name]
		return answer{connector, unsound || b.unsound.unreadable}
	})
	return a.connector, a.unsound
}

// mayBeUnsound reports whether a connection with errors may be one to k.
func (c *flowCheck) mayBeUnsound(k *Connector) bool {
	return ask(c, about{what: "may be unsound", name: k.ID}, func(b *builder) bool { return b.unsound.mayBeOf(k) })
}

func (c *flowCheck) bearsName(k *Connector) bool {
	return ask(c, about{what: "bears name", name: k.ID}, func(b *builder) bool { return b.set.bearsName(k) })
}

// play makes a connection to the sandbox that a role stands for.
func (c *flowCheck) play(k *Connector, name string) *Connection {
	return ask(c, about{what: "play", name: name, of: k.ID}, func(b *builder) reach { return b.play(k, name).reach() }).of(name)
}

// existence is what may be said of a flow before it is checked.
type existence uint8

const (
	absent existence = iota
	present
	broken // there is a file, of which nobody knows what it says
)

func (c *flowCheck) flowNamed(id string) existence {
	return ask(c, about{what: "flow", name: id}, func(b *builder) existence {
		switch _, exists := b.flows[id]; {
		case exists:
			return present
		case b.unsound.flows[id]:
			return broken
		}
		return absent
	})
}

// called keeps what a call with those inputs has seen of the flow it calls.
func (c *flowCheck) called(callee *Flow, given []string, wrong bool) {
	caller, id, seen := c.made.ID, callee.ID, callee.face(given, wrong)
	c.asked = append(c.asked, func(b *builder) bool {
		now := b.checkedFor(caller, id)
		return now != nil && reflect.DeepEqual(now.face(given, wrong), seen)
	})
}

// uncalled keeps that a flow is called which is not sound. Such a call is
// always checked again, for of flows that call each other in a circle each is
// told what depends on where the check of the circle began.
func (c *flowCheck) uncalled() *Flow {
	c.asked = append(c.asked, func(*builder) bool { return false })
	return nil
}

// checkedFor returns the flow of that id once it is checked; nil if it is not
// sound, or calls the caller.
func (b *builder) checkedFor(caller, id string) *Flow {
	f := b.flows[id]
	if f == nil || f.state == checking || f.state == unchecked && !b.takeOver(f) && b.reaches(id, caller, map[string]bool{}) {
		return nil
	}
	b.flow(id)
	return b.set.Flows[id]
}

// reaches reports whether a flow calls another, be it by way of others.
func (b *builder) reaches(from, to string, seen map[string]bool) bool {
	f := b.flows[from]
	if f == nil || seen[from] {
		return false
	}
	seen[from] = true
	if f.parsed == nil {
		f.parsed, _ = parseFlow(f.file)
	}
	for _, id := range callsIn(f.parsed.spec) {
		if id == to || b.reaches(id, to, seen) {
			return true
		}
	}
	return false
}

// callsIn returns the ids of the flows that the steps of a flow call.
func callsIn(flow *spec.Flow) []string {
	var ids []string
	var visit func([]*spec.Step)
	visit = func(steps []*spec.Step) {
		for _, s := range steps {
			if s.Call.Given() {
				ids = append(ids, s.Call.Value)
			}
			visit(s.Steps)
			for _, branch := range slices.Concat(s.Parallel, s.Switch) {
				visit(branch.Steps)
			}
		}
	}
	visit(flow.Steps)
	visit(flow.OnError)
	visit(flow.Finally)
	return ids
}

// table returns the table of that name, nil if there is no sound one; told
// says that it has errors of its own.
func (c *flowCheck) table(name string) (shape *TableShape, told bool) {
	type answer struct {
		sum  string
		told bool
	}
	a := ask(c, about{what: "table", name: name}, func(b *builder) answer { return answer{b.tableSums[name], b.unsound.tables[name]} })
	shape = c.b.set.Tables[name]
	return shape, shape == nil && a.told
}
