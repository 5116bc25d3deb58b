package tty

import (
	"testing"

	"cafeprobe/firmware/console/consoletest"

	"golang.org/x/sys/unix"
)

// TestOpen: what the far end of the line types comes as it is, a line's end for a carriage return, with no echo, no editing, and no
// signal.
func TestOpen(t *testing.T) {
	far, name := consoletest.Pair(t)
	f, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const typed = "diag\x03\x7f\x04\x13\r"
	if _, err := far.WriteString(typed); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 0, len(typed))
	for len(got) < len(typed) {
		b := make([]byte, len(typed))
		n, err := f.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b[:n]...)
	}
	if want := typed[:len(typed)-1] + "\n"; string(got) != want {
		t.Errorf("heard %q, want %q", got, want)
	}
	if waiting, err := unix.IoctlGetInt(int(far.Fd()), unix.TIOCINQ); err != nil || waiting != 0 {
		t.Errorf("%d octets are echoed, %v", waiting, err)
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a folder is no terminal, and is opened")
	}
}
