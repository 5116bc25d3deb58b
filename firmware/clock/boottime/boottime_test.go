package boottime

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// TestNow compares with what the kernel tells people: /proc/uptime is CLOCK_BOOTTIME in hundredths.
func TestNow(t *testing.T) {
	before := Now()
	b, err := os.ReadFile("/proc/uptime")
	if err != nil {
		t.Fatal(err)
	}
	after := Now()
	s, err := strconv.ParseFloat(strings.Fields(string(b))[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	up := time.Duration(s * float64(time.Second))
	if up < before-20*time.Millisecond || up > after+20*time.Millisecond {
		t.Errorf("got %v and %v around an uptime of %v", before, after, up)
	}
}

func TestID(t *testing.T) {
	f := func(name, content string, want string, ok bool) {
		t.Helper()
		got, err := ID(fstest.MapFS{idFile: {Data: []byte(content)}})
		if got != want || (err == nil) != ok {
			t.Errorf("%s: got %q, %v, want %q, %v", name, got, err, want, ok)
		}
	}
	f("as Linux writes it", "7f9c1d6e-0b5f-4c4e-9d4e-2f6d4a1c8e10\n", "7f9c1d6e-0b5f-4c4e-9d4e-2f6d4a1c8e10", true)
	f("empty", "\n", "", false)
	f("long", strings.Repeat("7", 65), "", false)
	if _, err := ID(os.DirFS("/")); err != nil {
		t.Errorf("this machine's: %v", err)
	}
}
