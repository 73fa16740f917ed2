// Package sandbox is every connector played back as a server, from the
// connector's own file: no account, no network, the same answers a vendor
// would give.
//
// What a request meets on its way, in the order of a life:
//
//	route     method and path → the action; of several the one whose constants fit
//	access    the credentials, checked the connector's own way, or an OAuth token given here
//	decode    send_as backwards: the inputs by their names, as they are on the wire
//	budget    the declared rate limits: 429 with Retry-After
//	repeat    the same key again gets the first answer again, and changes nothing
//	act       list, first, create, merge, upsert, delete or answer, on the stores of the vendor
//	page      one page of a list, with what leads to the next
//	render    the record in its place inside the envelope, in the vendor's form
//
// Each refusal comes in the vendor's own form of an error. [Sandbox.Fail] makes
// the next answers fail in the ways networks and vendors do.
//
// The vendor's data is kept per connector id and survives restarts through a
// [State]: one document "service/<id>" (stores in wire form, answers by repeat
// key, OAuth tokens) for each connector, and "keys", with which webhooks are
// signed. A store whose fixture was edited begins anew from the fixture.
//
// The same code answers over a socket ([Sandbox.Handler]) and without one
// ([Sandbox.Transport]).
package sandbox
