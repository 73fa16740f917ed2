package program

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"patchbay/engine/expr"
	"patchbay/engine/journal"
)

// Members is how one sign-in serves many accounts, each of which is a
// connection of its own.
type Members struct {
	List      *Action
	With      *Value   // over connection
	ID, Title []string // in the mapped item; no Title: the account has no name
	Field     string   // of the connection, which each account fills with its id
	Every     time.Duration
	Token     *MemberToken // nil: the sign-in's own token serves all accounts
	// Joined and Retired, over body, headers and connection, are true for the
	// deliveries that say that an account has come or gone; nil for none.
	Joined, Retired *expr.Code
}

// MemberToken is how an account gets a token of its own.
type MemberToken struct {
	Action          *Action
	With            *Value   // over connection and member
	Access, Expires []string // in the output; no Expires: the token does not say
}

// Member says of a connection which account of which sign-in it is.
type Member struct {
	ID, Name string
	// Of is the connection that signed in.
	Of   *Connection
	Seen time.Time // when it was first known
	// Retired is when the account left, zero while it is there.
	Retired time.Time
}

// everyMember stands behind the name of a connection where all its accounts
// are meant.
const everyMember = "*"

// MemberName returns the name of the connection to an account.
func MemberName(connection, id string) string { return connection + "/" + id }

// SplitMember splits the name of a connection to an account, or to all of
// them; account is "" for the name of a connection that was written.
func SplitMember(name string) (connection, account string) {
	connection, account, _ = strings.Cut(name, "/")
	return connection, account
}

// Written returns the connection of the connections file that the role uses:
// for an account the one that signed in.
func (u *Use) Written() string {
	written, _ := SplitMember(u.Connection)
	return written
}

// Every reports whether the role stands for each account of a sign-in in turn.
func (u *Use) Every() bool {
	_, account := SplitMember(u.Connection)
	return account == everyMember
}

// Stands reports whether the role may stand for that connection. An account
// that has left stands for nothing.
func (u *Use) Stands(c *Connection) bool {
	switch {
	case c.Member != nil && !c.Member.Retired.IsZero():
		return false
	case u.Every():
		return c.Member != nil && c.Member.Of.Name == u.Written()
	default:
		return u.Connection == c.Name
	}
}

// Fanned returns the role of the flow that stands for each account of a
// sign-in in turn, nil if none does.
func (f *Flow) Fanned() *Use {
	for _, role := range slices.Sorted(maps.Keys(f.Uses)) {
		if use := f.Uses[role]; use.Every() {
			return use
		}
	}
	return nil
}

// IsAgency reports whether the connection serves many accounts.
func (c *Connection) IsAgency() bool {
	return c.Member == nil && c.Auth != nil && c.Auth.Members != nil
}

// WithMembers returns the set with a connection for each of the accounts. Those
// of a connection that serves none any more are left out.
func (s *Set) WithMembers(accounts []journal.Account) *Set {
	if len(accounts) == 0 {
		return s
	}
	out := *s
	out.Connections = make(map[string]*Connection, len(s.Connections)+len(accounts))
	maps.Copy(out.Connections, s.Connections)
	out.members = map[string][]*Connection{}
	for _, a := range accounts {
		agency := s.Connections[a.Connection]
		if agency == nil || !agency.IsAgency() {
			continue
		}
		made := agency.member(a)
		out.Connections[made.Name] = made
		out.members[agency.Name] = append(out.members[agency.Name], made)
	}
	for _, all := range out.members {
		slices.SortFunc(all, func(a, b *Connection) int { return cmp.Compare(a.Name, b.Name) })
	}
	return &out
}

// member returns the connection to an account.
func (c *Connection) member(a journal.Account) *Connection {
	made := *c
	made.Name = MemberName(c.Name, a.ID)
	made.Member = &Member{ID: a.ID, Name: a.Name, Of: c, Seen: a.Seen, Retired: a.Retired}
	made.Fields = make(map[string]any, len(c.Fields)+1)
	maps.Copy(made.Fields, c.Fields)
	made.Fields[c.Auth.Members.Field] = a.ID
	return &made
}

// MembersOf returns the connections to the accounts of a connection, those
// that have left among them, sorted by name.
func (s *Set) MembersOf(connection string) []*Connection { return s.members[connection] }

// ConnectionsOf returns the connections that a role stands for in this set: the one it
// names, or all accounts that are there. It is empty for a connection that
// there is none of.
func (s *Set) ConnectionsOf(u *Use) []*Connection {
	if !u.Every() {
		if c, ok := s.Connections[u.Connection]; ok && u.Stands(c) {
			return []*Connection{c}
		}
		return nil
	}
	var there []*Connection
	for _, c := range s.members[u.Written()] {
		if u.Stands(c) {
			there = append(there, c)
		}
	}
	return there
}

// WrittenConnections returns the connections of the connections file, without
// those to accounts that were found at run time, sorted by name.
func (s *Set) WrittenConnections() []string {
	var names []string
	for name, c := range s.Connections {
		if c.Member == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// In returns the connection that the role stands for in a run whose event came
// through that connection.
func (u *Use) In(connection string) string {
	if u.Every() {
		return connection
	}
	return u.Connection
}

// Gone says why a connection cannot be used any more: the account has left. It
// is "" for one that can.
func (c *Connection) Gone() string {
	if c == nil || c.Member == nil || c.Member.Retired.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s has left %s on %s, so nothing can be done in it", c.Member.Called(), c.Member.Of.Name,
		c.Member.Retired.UTC().Format("2 January 2006 at 15:04 UTC"))
}

// Called is how people call the account.
func (m *Member) Called() string {
	if m.Name == "" || m.Name == m.ID {
		return fmt.Sprintf("the account %q", m.ID)
	}
	return fmt.Sprintf("the account %q (%s)", m.Name, m.ID)
}

// NoConnection says that there is no connection of that name: none was
// written, or the sign-in serves no such account.
func (s *Set) NoConnection(name string) string {
	written, account := SplitMember(name)
	if agency := s.Connections[written]; account != "" && agency != nil && agency.IsAgency() {
		return fmt.Sprintf("the sign-in of %q serves no account %q", written, account)
	}
	return fmt.Sprintf("there is no connection %q", name)
}
