// Package power waits for somebody to press the box's power button.
package power

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Of linux/input-event-codes.h and linux/input.h.
const (
	evKey    = 1
	keyPower = 116
	maxKey   = 0x2ff
	evSize   = int(unsafe.Sizeof(unix.Timeval{})) + 8 // struct input_event
)

// Watch calls pressed at each press of a power key, of whatever input device in dir (/dev/input) has one, until ctx ends. Devices may
// come later.
func Watch(ctx context.Context, dir string, pressed func()) {
	var readers sync.WaitGroup
	defer readers.Wait()
	var mu sync.Mutex
	open := map[string]bool{}
	for {
		names, _ := filepath.Glob(filepath.Join(dir, "event*"))
		for _, n := range names {
			mu.Lock()
			seen := open[n]
			open[n] = true
			mu.Unlock()
			if seen {
				continue
			}
			readers.Go(func() {
				if read(ctx, n, pressed) {
					mu.Lock()
					delete(open, n) // it may come back
					mu.Unlock()
				}
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(5 * time.Second):
		}
	}
}

// read reads a device until that is gone or ctx ends. It reports false for one without a power key.
func read(ctx context.Context, path string, pressed func()) bool {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return true
	}
	defer f.Close()
	if !hasPower(f) {
		return false
	}
	stop := context.AfterFunc(ctx, func() { f.Close() })
	defer stop()
	b := make([]byte, 16*evSize)
	for {
		n, err := f.Read(b)
		if err != nil {
			return true
		}
		for range presses(b[:n]) {
			pressed()
		}
	}
}

// hasPower asks which keys the device has (EVIOCGBIT).
func hasPower(f *os.File) bool {
	var bits [(maxKey + 8) / 8]byte
	const request = 2<<30 | uintptr(len(bits))<<16 | 'E'<<8 | (0x20 + evKey) // _IOC(_IOC_READ, 'E', 0x20 + EV_KEY, len)
	conn, err := f.SyscallConn()
	if err != nil {
		return false
	}
	ok := false
	_ = conn.Control(func(fd uintptr) {
		_, _, e := unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(&bits)))
		ok = e == 0 && bits[keyPower/8]>>(keyPower%8)&1 == 1
	})
	return ok
}

// presses returns how often the power key goes down in what a device said.
func presses(b []byte) (n int) {
	for ; len(b) >= evSize; b = b[evSize:] {
		e := b[evSize-8 : evSize]
		if binary.NativeEndian.Uint16(e) == evKey && binary.NativeEndian.Uint16(e[2:]) == keyPower && binary.NativeEndian.Uint32(e[4:]) == 1 {
			n++
		}
	}
	return n
}
