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
//	store_test.go      what an engine that has stopped left behind
//	senders_test.go    those who deliver events
//	books_test.go      what was promised, held against the books of the ledger
//
//	flows_test.go      every shipped flow, from its triggers
//	failure_test.go    a flow that watches others fail
//	bench_test.go      runs a second, and the time of a start
//	oauth_test.go      one renewal for a thousand calls, and a kill in the middle of one
//	pause_test.go      runs wait until a connection is connected, and go on
//	version_test.go    a run finishes on the version it began with
//	webhook_test.go    forged, malformed and repeated deliveries
//	subscribe_test.go  services that are told by calls where to deliver
//
// # The fault suite
//
// The tests whose names begin with TestFault break what the engine stands on:
//
//	kill_test.go, moment_test.go  a process is killed: what happens exactly once, at most once, or is asked about
//	wait_test.go             who waits for an event or a person goes on exactly once
//	stop_test.go             a stop in the middle of runs loses nothing
//	suspend_test.go          a process sleeps for longer than its leases last
//	network_test.go          every fifth call goes wrong
//	answer_test.go           bad answers, one by one
//	reload_test.go           a thousand edits while events pour in
//	lock_test.go             two engines never share a data folder
//	disk_test.go             a database that is locked from outside
//	full_linux_test.go       a full disk
//	power_linux_test.go      a loss of power
//	backup_test.go           backups while events pour in
//	load_linux_test.go       events pile up: memory stays flat
//
// Its other parts stand beside what they break: a clock that is set forward and
// back in package trigger, leases that run out in package run, a database that
// may not be written in package store.
//
//	go test ./engine/... -run Fault
//	go test ./engine/... -run Fault -fault.rounds=2000 -fault.events=1000000 -timeout=3h
//
// Each test logs (-v) what it did, what was lost and doubled, and the seed of its
// choices; -fault.seed makes the same ones again, as far as the machine allows.
// The flags are those of package fault.
package enginetest
