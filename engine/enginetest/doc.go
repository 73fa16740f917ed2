// Package enginetest holds the proofs about the engine as a whole: what it
// promises when processes are killed, disks are full, services misbehave and
// senders lie. It has no code of its own, only tests.
//
// The engine under test is the real one, over real files, with real HTTP. Where
// it has to die, it runs in a process of its own: the test binary, started
// again. The service at the other end lives in the test, so that it remembers
// what the engine did to it when the engine does not.
//
//	service_test.go    the service: a ledger that writes down every effect
//	badservice_test.go the same one, answering by script
//	engine_test.go     an engine in this process, and its API
//	bank_test.go       a service with OAuth, and its authorization server
//	process_test.go    an engine in a process that can be killed
//
//	flows_test.go      every shipped flow, from its triggers
//	failure_test.go    a flow that watches others fail
//	bench_test.go      runs a second, and the time of a start
//	kill_test.go       what happens exactly once, at most once, or is asked about
//	wait_test.go       who waits for an event or a person goes on exactly once
//	oauth_test.go      one renewal for a thousand calls, and a kill in the middle of one
//	pause_test.go      runs wait until a connection is connected, and go on
//	stop_test.go       a stop in the middle of runs loses nothing
//	lock_test.go       two engines never share a data folder
//	version_test.go    a run finishes on the version it began with
//	disk_test.go       a database that is locked from outside
//	full_linux_test.go a full disk
//	answer_test.go     bad answers and bad networks
//	webhook_test.go    forged, malformed and repeated deliveries
//	subscribe_test.go  services that are told by calls where to deliver
//
// The flag -fault.rounds says how often the engine is killed, -fault.seed
// repeats the moments of an earlier run as far as the machine allows.
package enginetest
