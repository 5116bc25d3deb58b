package owner

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var (
	here  = netip.MustParseAddr("192.168.1.20")
	there = netip.MustParseAddr("192.168.1.21")
)

// newLock returns a lock with testPIN at a clock that a test moves.
func newLock(t *testing.T) (*lock, *clock) {
	t.Helper()
	now := &clock{}
	now.set(noon())
	l, err := openLock(filepath.Join(t.TempDir(), PINFile), 10, now.now)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.set(testPIN); err != nil {
		t.Fatal(err)
	}
	return l, now
}

func TestLock(t *testing.T) {
	l, _ := newLock(t)
	if err := l.try(testPIN, here); err != nil {
		t.Errorf("the PIN: %v", err)
	}
	if err := l.try("999999", here); !errors.Is(err, errPIN) {
		t.Errorf("another: %v", err)
	}
	info, err := os.Stat(l.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
	empty, err := openLock(filepath.Join(t.TempDir(), PINFile), 10, time.Now)
	if err != nil || empty.isSet() || empty.try("", here) == nil || empty.try(testPIN, here) == nil {
		t.Errorf("a lock without a PIN lets somebody in, %v", err)
	}
}

// TestWaits: five failures are free; then each address waits 1, 2, 4 … 60 minutes, and no other address for it.
func TestWaits(t *testing.T) {
	l, now := newLock(t)
	for range freeTries {
		if err := l.try("000001", here); !errors.Is(err, errPIN) {
			t.Fatalf("a free try: %v", err)
		}
	}
	for _, minutes := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
		var w waitError
		if err := l.try(testPIN, here); !errors.As(err, &w) || w.d != time.Duration(minutes)*time.Minute {
			t.Fatalf("%v, want to wait %d minutes even with the PIN", err, minutes)
		}
		now.advance(time.Duration(minutes)*time.Minute - time.Second)
		if err := l.try(testPIN, here); !errors.As(err, &w) || w.d != time.Second {
			t.Fatalf("%v, want to wait a second", err)
		}
		if minutes == 1 {
			if err := l.try(testPIN, there); err != nil {
				t.Fatalf("another address: %v", err)
			}
		}
		now.advance(time.Second)
		if err := l.try("000001", here); !errors.Is(err, errPIN) {
			t.Fatalf("after %d minutes: %v", minutes, err)
		}
	}
	now.advance(time.Hour)
	if err := l.try(testPIN, here); err != nil {
		t.Fatalf("the PIN after the wait: %v", err)
	}
	if err := l.try("000001", here); !errors.Is(err, errPIN) {
		t.Errorf("a failure behind a success: %v, want no wait", err)
	}
}

// TestBudget: thirty failures from thirty addresses, and nobody gets in on that day; after it, as before. The right PIN does not refill it.
func TestBudget(t *testing.T) {
	l, now := newLock(t)
	for i := range budget {
		if err := l.try(testPIN, here); err != nil {
			t.Fatalf("the PIN after %d failures elsewhere: %v", i, err)
		}
		a := netip.AddrFrom4([4]byte{10, 0, 1, byte(i)})
		if err := l.try("000001", a); !errors.Is(err, errPIN) {
			t.Fatalf("failure %d: %v", i, err)
		}
		now.advance(time.Minute)
	}
	if err := l.try(testPIN, here); !errors.Is(err, errSpent) {
		t.Errorf("the PIN behind the budget: %v", err)
	}
	now.advance(window - budget*time.Minute)
	if err := l.try(testPIN, here); err != nil {
		t.Errorf("the PIN a day later: %v", err)
	}
	for range 20 {
		_ = l.try("000001", there)
		_ = l.try("000001", netip.MustParseAddr("10.0.3.1"))
		now.advance(time.Minute)
	}
	if err := l.set("771204"); err != nil || l.try("771204", there) != nil {
		t.Errorf("after a new PIN by setup, %v: an address still waits", err)
	}
}

// TestMadeUp: who makes up an address for each try is held by the budget, and nobody of his prefix waits for him.
func TestMadeUp(t *testing.T) {
	l, _ := newLock(t)
	owner := netip.MustParseAddr("2001:db8:0:1::abcd")
	for i := range budget {
		if err := l.try(testPIN, owner); err != nil {
			t.Fatalf("the owner behind %d failures of his neighbour: %v", i, err)
		}
		if err := l.try("000001", netip.MustParseAddr(fmt.Sprintf("2001:db8:0:1::%x", i+1))); !errors.Is(err, errPIN) {
			t.Fatal(err)
		}
	}
	if err := l.try("000001", netip.MustParseAddr("2001:db8:0:1::ffff")); !errors.Is(err, errSpent) {
		t.Errorf("behind the budget: %v", err)
	}
	if got := source(netip.MustParseAddr("::ffff:192.168.1.20")); got != here.String() {
		t.Errorf("a mapped address is %s", got)
	}
	if a, b := source(netip.MustParseAddr("fe80::1%eth0")), source(netip.MustParseAddr("fe80::1%eth1")); a != b {
		t.Errorf("one address is two: %s, %s", a, b)
	}
}

// TestRestart: a restart forgets no failure, also if the power was cut while a PIN was compared, or the clock is behind then.
func TestRestart(t *testing.T) {
	l, now := newLock(t)
	again := func() *lock {
		l, err := openLock(l.path, 10, now.now)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for range freeTries {
		l = again()
		_ = l.try("000001", here)
	}
	var w waitError
	if err := again().try(testPIN, here); !errors.As(err, &w) {
		t.Errorf("after restarts: %v, want to wait", err)
	}
	now.set(noon().Add(-30 * 24 * time.Hour))
	if err := again().try(testPIN, here); !errors.As(err, &w) || w.d > maxWait {
		t.Errorf("with a clock that is behind: %v, want to wait an hour at most", err)
	}
	now.set(noon())

	l, _ = newLock(t)
	var written []byte
	l.rounds = 10
	l.f.Rounds = -1 // the comparison fails: as if the power went away in it
	if err := l.try(testPIN, here); err == nil {
		t.Fatal("compared with no rounds")
	}
	written, err := os.ReadFile(l.path)
	if err != nil || len(l.f.Failures) != 1 {
		t.Errorf("%s, %v: a try that was cut does not count", written, err)
	}
}

// TestUnkept: where the card takes no writes nobody gets in: a failure that is not counted is not allowed.
func TestUnkept(t *testing.T) {
	l, _ := newLock(t)
	dir := filepath.Dir(l.path)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for _, pin := range []string{testPIN, "000001"} {
		if err := l.try(pin, here); err == nil || errors.Is(err, errPIN) {
			t.Errorf("%s: %v, want why it was not kept", pin, err)
		}
	}
}

// TestBrokenFile: a file that says nothing sensible is no PIN, and an error that names it.
func TestBrokenFile(t *testing.T) {
	for _, text := range []string{
		``, `{`, `[]`, `{"v":2}`, `{"v":1,"hash":"AAAA"}`, `{"v":1,"salt":"AAAAAAAAAAAAAAAAAAAAAA==","hash":"AAAA","rounds":10}`,
		`{"v":1,"salt":"AAAAAAAAAAAAAAAAAAAAAA==","hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","rounds":99999999}`,
	} {
		path := filepath.Join(t.TempDir(), PINFile)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := openLock(path, 10, time.Now)
		if err == nil || l.isSet() {
			t.Errorf("%q: %v, a PIN is set: %v", text, err, l.isSet())
		}
		if err := l.set(testPIN); err != nil || l.try(testPIN, here) != nil {
			t.Errorf("%q: no new PIN: %v", text, err)
		}
	}
}

func TestGoodPIN(t *testing.T) {
	f := func(pin string, want bool) {
		t.Helper()
		if goodPIN(pin) != want {
			t.Errorf("%q: %v, want %v", pin, !want, want)
		}
	}
	f("408172", true)
	f("123457", true)
	f("112233", true)
	f("100000", true)
	f("408172408172", true)
	f("40817", false)
	f("4081724081721", false)
	f("123456", false)
	f("987654", false)
	f("0000000", false)
	f("40817x", false)
	f("４０８１７２", false)
	f("40 817", false)
	f("", false)
}

func TestSameCode(t *testing.T) {
	f := func(given string, want bool) {
		t.Helper()
		if sameCode(given, testCode) != want {
			t.Errorf("%q: %v, want %v", given, !want, want)
		}
	}
	f("7K3QM-9ZX0T", true)
	f("7k3qm9zxot", true)
	f(" 7K3QM 9ZXOT ", true)
	f("7K3QM-9ZX0", false)
	f("7K3QM-9ZX0T0", false)
	f("", false)
	if sameCode("", "") || sameCode("-", "-") {
		t.Error("a box without a code has one that is empty")
	}
}
