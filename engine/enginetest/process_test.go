//go:build unix

package enginetest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"patchbay/engine"
)

// serveVariable tells the test binary that it is to be an engine, over the
// workspace that it names.
const serveVariable = "ENGINETEST_SERVE"

// publicVariable gives such an engine a public address.
const publicVariable = "ENGINETEST_PUBLIC_URL"

func TestMain(m *testing.M) {
	if dir := os.Getenv(serveVariable); dir != "" {
		os.Exit(beEngine(dir))
	}
	os.Exit(m.Run())
}

// reach is what a process tells when it is ready.
type reach struct{ People, Vendors, Token string }

// beEngine serves until it is told to stop, or until the test that started it
// is gone.
func beEngine(dir string) int {
	// A write that the limit on files does not allow becomes an error.
	signal.Ignore(syscall.SIGXFSZ)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	opt := options(dir, os.Stderr)
	opt.PublicURL = os.Getenv(publicVariable)
	e, err := engine.Open(ctx, opt)
	if err == nil {
		err = e.Serve(ctx, func(people, vendors, token string) {
			_ = json.NewEncoder(os.Stdout).Encode(reach{people, vendors, token})
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// process is an engine in a process of its own.
type process struct {
	client

	cmd    *exec.Cmd
	stdout *os.File
	over   chan struct{} // closed when it is gone
	err    error         // how it ended, once it is gone
}

// spawn starts an engine over the workspace in a process of its own, and
// returns when it serves.
func spawn(t *testing.T, dir string) *process {
	t.Helper()
	p := launch(t, dir)
	var at reach
	line, err := bufio.NewReader(p.stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &at)
	}
	if err != nil {
		p.kill()
		t.Fatalf("start the engine: %v, %v", err, p.err)
	}
	p.base, p.vendors, p.token = "http://"+at.People, "http://"+at.Vendors, at.Token
	return p
}

// launch starts an engine in a process of its own. It is killed when the test
// ends.
func launch(t *testing.T, dir string) *process {
	t.Helper()
	p := &process{client: client{t: t}, over: make(chan struct{})}
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), serveVariable+"="+dir)
	p.cmd.Stderr = t.Output()
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, told, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout, p.cmd.Stdout = stdout, told
	err = p.cmd.Start()
	_ = told.Close()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.over)
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		p.kill()
		_ = stdout.Close()
	})
	return p
}

// kill ends the process without a warning.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.over
}

// terminate asks the process to stop, and fails the test if it does not do so
// in good order.
func (p *process) terminate() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	<-p.over
	if p.err != nil {
		p.t.Fatalf("stop the engine: %v", p.err)
	}
}
