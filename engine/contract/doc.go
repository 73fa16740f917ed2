// Package contract is a vendor's own description of its API, held against a
// connector or turned into one.
//
// A [Description] is read from OpenAPI 3, Swagger 2 or their YAML forms with
// [Load]. Descriptions in the wild are rarely sound, so the package keeps them
// as trees and reads each operation on its own: what is broken is a finding,
// and all else is used. [Compare] tells what in a connector agrees with the
// description, what differs and what nobody can tell, each with the place on
// both sides. [Import] writes connector files, or brings those it wrote before
// up to date: each piece it writes is a unit, such as the name of one action or
// one of its inputs, and a record of their hashes tells which of them a person
// has changed since. Those stay as they are.
//
// The package computes and nothing else: files come in as bytes, and go out
// as bytes.
package contract
