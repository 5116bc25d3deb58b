package port

import (
	"strings"
	"testing"

	"go.bug.st/serial/enumerator"
)

// TestChoose: the one adapter is taken, and of several, or none, the technician is asked.
func TestChoose(t *testing.T) {
	usb := func(name, vid, pid string) *enumerator.PortDetails {
		return &enumerator.PortDetails{Name: name, IsUSB: true, VID: vid, PID: pid}
	}
	board := &enumerator.PortDetails{Name: "/dev/ttyS0"}
	f := func(name, want string, list ...*enumerator.PortDetails) {
		t.Helper()
		got, err := choose(list)
		if got == "" && err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || want == "" {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	f("none", "plug the USB serial cable in")
	f("only the board's own", "plug the USB serial cable in", board)
	f("one", "/dev/ttyUSB0", board, usb("/dev/ttyUSB0", "1a86", "7523"))
	f("one that nobody knows", "/dev/ttyACM0", usb("/dev/ttyACM0", "ffff", "0001"))
	f("one beside a modem", "/dev/ttyUSB1", usb("/dev/ttyACM0", "ffff", "0001"), usb("/dev/ttyUSB1", "0403", "6001"))
	f("two", "/dev/ttyUSB0, /dev/ttyUSB1", usb("/dev/ttyUSB1", "10C4", "EA60"), usb("/dev/ttyUSB0", "0403", "6001"))
}
