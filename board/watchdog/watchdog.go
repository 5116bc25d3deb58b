// Package watchdog is the hardware watchdog as Linux shows it (Documentation/watchdog/watchdog-api.rst).
package watchdog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"cafeprobe/board"

	"golang.org/x/sys/unix"
)

// device is what the kernel does for who has a watchdog open.
type device interface {
	io.WriteCloser
	support() (options uint32, err error)
	bootStatus() (uint32, error)
	timeout() (seconds int, err error)
	setTimeout(seconds int) error
	keepAlive() error
}

// Watchdog is a watchdog that runs. Use Open.
type Watchdog struct {
	dev     device
	timeout time.Duration
	options uint32
	caused  bool
}

var _ board.Watchdog = (*Watchdog)(nil)

// Open starts the watchdog at path (/dev/watchdog0) with a timeout of about d, whole seconds: some hardware takes none but its
// own, which Timeout then says. The error wraps board.ErrNone where there is none. Once it is open, only Close keeps the box from
// being reset.
func Open(path string, d time.Duration) (*Watchdog, error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
		return nil, fmt.Errorf("watchdog %s: %w", path, board.ErrNone)
	}
	if err != nil {
		return nil, fmt.Errorf("watchdog: %w", err)
	}
	w, err := start(file{f}, d)
	if err != nil {
		return nil, fmt.Errorf("watchdog %s: %w", path, errors.Join(err, f.Close()))
	}
	return w, nil
}

// ErrNoStop is returned by Close for a watchdog that cannot be stopped: the box is reset within Timeout.
var ErrNoStop = errors.New("watchdog: it cannot be stopped")

// start takes a watchdog that was opened, and so runs.
func start(dev device, d time.Duration) (w *Watchdog, err error) {
	w = &Watchdog{dev: dev}
	if w.options, err = dev.support(); err != nil {
		return nil, err
	}
	if w.options&unix.WDIOF_SETTIMEOUT != 0 {
		_ = dev.setTimeout(int(d / time.Second)) // what it does not take it says next
	}
	seconds, err := dev.timeout()
	if err != nil {
		return nil, err
	}
	if seconds < 1 {
		return nil, fmt.Errorf("a timeout of %d s", seconds)
	}
	w.timeout = time.Duration(seconds) * time.Second
	if status, err := dev.bootStatus(); err == nil {
		w.caused = status&unix.WDIOF_CARDRESET != 0
	}
	return w, w.Feed()
}

// Caused reports whether the machine started because this watchdog reset it. Not all hardware knows.
func (w *Watchdog) Caused() bool { return w.caused }

// Feed is board.Watchdog's.
func (w *Watchdog) Feed() error {
	if err := w.dev.keepAlive(); err != nil {
		return fmt.Errorf("feed the watchdog: %w", err)
	}
	return nil
}

// Timeout is board.Watchdog's.
func (w *Watchdog) Timeout() time.Duration { return w.timeout }

// Close is board.Watchdog's. It says the word that tells an end in order from a crash. A driver that was told to know no such
// word (nowayout) gives no sign: the box is then reset.
func (w *Watchdog) Close() error {
	var errs []error
	if w.options&unix.WDIOF_MAGICCLOSE == 0 {
		errs = append(errs, ErrNoStop)
	} else if _, err := w.dev.Write([]byte("V")); err != nil {
		errs = append(errs, fmt.Errorf("stop the watchdog: %w", err))
	}
	return errors.Join(append(errs, w.dev.Close())...)
}

// file is a device of Linux'.
type file struct{ *os.File }

func (f file) support() (uint32, error) {
	info, err := unix.IoctlGetWatchdogInfo(int(f.Fd()))
	if err != nil {
		return 0, fmt.Errorf("ask what it is: %w", err)
	}
	return info.Options, nil
}

func (f file) bootStatus() (uint32, error) {
	n, err := unix.IoctlGetInt(int(f.Fd()), unix.WDIOC_GETBOOTSTATUS)
	return uint32(n), err
}

func (f file) timeout() (int, error) {
	n, err := unix.IoctlGetInt(int(f.Fd()), unix.WDIOC_GETTIMEOUT)
	if err != nil {
		return 0, fmt.Errorf("ask its timeout: %w", err)
	}
	return n, nil
}

func (f file) setTimeout(seconds int) error {
	return unix.IoctlSetPointerInt(int(f.Fd()), unix.WDIOC_SETTIMEOUT, seconds)
}

func (f file) keepAlive() error { return unix.IoctlWatchdogKeepalive(int(f.Fd())) }
