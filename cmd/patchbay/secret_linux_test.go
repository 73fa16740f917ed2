package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair returns both ends of a terminal: what a person sees and types, and what
// the program has.
func pair(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("this machine has no terminals at all:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	fd := int(person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	return person, program
}

// shows reports whether a terminal shows what is typed.
func shows(t *testing.T, terminal *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// TestTypedSecretIsNotShown types a secret at a terminal.
func TestTypedSecretIsNotShown(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "flows"), 0o700); err != nil {
		t.Fatal(err)
	}
	person, program := pair(t)
	seen := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(person) // ends with the last of the program's ends
		seen <- all
	}()
	over := make(chan int, 1)
	var out bytes.Buffer
	go func() {
		over <- Main(t.Context(), Process{
			Args: []string{"secret", "set", "bot", "--dir", dir}, Stdin: program, Stdout: &out, Stderr: program, Env: noEnv,
		})
	}()
	for end := time.Now().Add(time.Minute); shows(t, program); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the terminal still shows what is typed")
		}
	}
	if _, err := person.WriteString("xoxb-123\n"); err != nil {
		t.Fatal(err)
	}
	code := <-over
	if !shows(t, program) {
		t.Error("the terminal shows nothing any more")
	}
	_ = program.Close()
	if want := "Value of bot (it is not shown while you type): \r\n"; code != 0 || string(<-seen) != want {
		t.Errorf("exit code %d, or what was seen is not %q", code, want)
	}
	if want := "secret bot is kept; a connection names it as ${{ secret.bot }}\n"; out.String() != want {
		t.Errorf("output = %q, want %q", out.String(), want)
	}
}
