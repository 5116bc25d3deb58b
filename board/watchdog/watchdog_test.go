package watchdog

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/board"
	"cafeprobe/board/boardtest"

	"golang.org/x/sys/unix"
)

// fake is a driver: what drivers/watchdog/watchdog_dev.c does with what the hardware can.
type fake struct {
	options  uint32
	most     int // seconds
	seconds  int
	status   uint32
	mute     bool // its timeout cannot be asked
	fed      int
	magic    bool // the last that was written is the word
	closed   bool
	stops    bool
	nowayout bool
}

func (f *fake) support() (uint32, error)    { return f.options, nil }
func (f *fake) bootStatus() (uint32, error) { return f.status, nil }

func (f *fake) timeout() (int, error) {
	if f.mute {
		return 0, unix.ENOTTY
	}
	return f.seconds, nil
}

func (f *fake) setTimeout(s int) error {
	if s < 1 || s > f.most {
		return unix.EINVAL
	}
	f.seconds = s
	return nil
}

func (f *fake) keepAlive() error {
	if f.closed {
		return os.ErrClosed
	}
	f.fed++
	return nil
}

func (f *fake) Write(b []byte) (int, error) {
	f.magic = strings.Contains(string(b), "V")
	return len(b), nil
}

func (f *fake) Close() error {
	f.closed, f.stops = true, f.magic && !f.nowayout && f.options&unix.WDIOF_MAGICCLOSE != 0
	return nil
}

const usual = unix.WDIOF_SETTIMEOUT | unix.WDIOF_KEEPALIVEPING | unix.WDIOF_MAGICCLOSE

func TestWatchdog(t *testing.T) {
	f := func(name string, dev *fake, want time.Duration) *Watchdog {
		t.Helper()
		w, err := start(dev, time.Minute)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if w.Timeout() != want || dev.fed != 1 {
			t.Errorf("%s: timeout %v, fed %d times, want %v, once", name, w.Timeout(), dev.fed, want)
		}
		return w
	}
	dev := &fake{options: usual, most: 300, seconds: 30}
	w := f("as usual", dev, time.Minute)
	boardtest.Watchdog(t, w)
	if !dev.stops || w.Caused() {
		t.Errorf("stops: %v, caused: %v, want it stopped, and nothing caused", dev.stops, w.Caused())
	}
	if w := f("it has reset the box", &fake{options: usual, most: 300, status: unix.WDIOF_CARDRESET}, time.Minute); !w.Caused() {
		t.Error("the reset was not its doing")
	}
	f("one of 15 s", &fake{options: usual, most: 15, seconds: 15}, 15*time.Second)
	f("one whose timeout is fixed", &fake{options: unix.WDIOF_MAGICCLOSE, seconds: 2}, 2*time.Second)
	dev = &fake{options: unix.WDIOF_SETTIMEOUT, most: 300}
	if err := f("one that cannot be stopped", dev, time.Minute).Close(); !errors.Is(err, ErrNoStop) || dev.stops {
		t.Errorf("close: %v, want ErrNoStop", err)
	}
	if w, err := start(&fake{options: usual, mute: true}, time.Minute); err == nil {
		t.Errorf("one that does not say its timeout: %+v", w)
	}
	if w, err := start(&fake{options: usual, most: 300}, time.Millisecond); err == nil {
		t.Errorf("a timeout of nothing: %+v", w)
	}
}

func TestOpen(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "watchdog0"), time.Minute); !errors.Is(err, board.ErrNone) {
		t.Errorf("none: %v, want ErrNone", err)
	}
	if _, err := Open("/dev/null", time.Minute); err == nil || errors.Is(err, board.ErrNone) {
		t.Errorf("no watchdog: %v, want an error of the device's", err)
	}
}

// TestSoftdog: the kernel's own watchdog in software, where it is loaded and can be stopped.
func TestSoftdog(t *testing.T) {
	const sys = "/sys/class/watchdog/watchdog0/"
	identity, err := os.ReadFile(sys + "identity")
	noway, _ := os.ReadFile(sys + "nowayout")
	if err != nil || strings.TrimSpace(string(identity)) != "Software Watchdog" || strings.TrimSpace(string(noway)) != "0" {
		t.Skip("no softdog here that could be stopped")
	}
	w, err := Open("/dev/watchdog0", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	boardtest.Watchdog(t, w)
	if state, err := os.ReadFile(sys + "state"); err != nil || strings.TrimSpace(string(state)) != "inactive" {
		t.Errorf("state %q, %v, want it stopped", state, err)
	}
}
