// Package button hears a button of the box as a key of Linux' input layer (gpio-keys; Documentation/input/input.rst).
package button

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
	"unsafe"

	"cafeprobe/board"

	"golang.org/x/sys/unix"
)

// Of linux/input-event-codes.h and linux/input.h.
const (
	evSyn      = 0
	evKey      = 1
	synDropped = 3
	eventSize  = int(unsafe.Sizeof(unix.Timeval{})) + 8 // struct input_event: time, type, code, value
	word       = int(unsafe.Sizeof(unix.Timeval{})) / 2 // of its time's two halves
	nameSize   = 256
)

// Button is one key of a device. Use Open. Its methods are for one goroutine.
type Button struct {
	f    *os.File
	code uint16
	held time.Duration // when it went down, by the kernel's steady time; -1: it is up
	rest []byte        // what was read and not looked at yet
	buf  []byte
}

var _ board.Button = (*Button)(nil)

// Open returns the key of a code of the device in dir (/dev/input) that calls itself name. The error wraps board.ErrNone where
// there is no such device.
func Open(dir, name string, code uint16) (*Button, error) {
	files, err := filepath.Glob(filepath.Join(dir, "event*"))
	if err != nil {
		return nil, fmt.Errorf("button %s: %w", name, err)
	}
	errs := []error{board.ErrNone}
	for _, path := range files {
		f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if calls(f) == name {
			steady(f)
			return wrap(f, code), nil
		}
		f.Close()
	}
	return nil, fmt.Errorf("button %s: %w", name, errors.Join(errs...))
}

// wrap returns a button that is heard through f, a pipe or a device that can be waited for.
func wrap(f *os.File, code uint16) *Button {
	return &Button{f: f, code: code, held: -1, buf: make([]byte, 16*eventSize)}
}

// ioctl returns the number of a call of the input layer's (asm-generic/ioctl.h).
func ioctl(dir, size, number uintptr) uintptr { return dir<<30 | size<<16 | 'E'<<8 | number }

// control calls the device that f is.
func control(f *os.File, request uintptr, arg unsafe.Pointer) (n uintptr, ok bool) {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = conn.Control(func(fd uintptr) {
		var e unix.Errno
		n, _, e = unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(arg))
		ok = e == 0
	})
	return n, ok && err == nil
}

// calls asks what a device calls itself (EVIOCGNAME).
func calls(f *os.File) string {
	var name [nameSize]byte
	n, ok := control(f, ioctl(2, nameSize, 0x06), unsafe.Pointer(&name))
	if !ok {
		return ""
	}
	return unix.ByteSliceToString(name[:min(n, nameSize)])
}

// steady asks for times that nobody sets (EVIOCSCLOCKID): a step of the clock while a finger is on the button would make it a
// long hold.
func steady(f *os.File) {
	id := int32(unix.CLOCK_MONOTONIC)
	_, _ = control(f, ioctl(1, unsafe.Sizeof(id), 0xa0), unsafe.Pointer(&id)) // else by UTC, which seldom steps
}

// Close gives the device back.
func (b *Button) Close() error { return b.f.Close() }

// Press is board.Button's. A press that began before Open is none.
func (b *Button) Press(ctx context.Context) (board.Press, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := b.f.SetReadDeadline(time.Time{}); err != nil {
		return 0, fmt.Errorf("button: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = b.f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		if p := b.look(); p != 0 {
			return p, nil
		}
		n, err := b.f.Read(b.buf)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if err != nil {
			return 0, fmt.Errorf("button: %w: %w", board.ErrNone, err)
		}
		b.rest = b.buf[:n]
	}
}

// look takes what was read up to the next press, 0 for none. The kernel gives whole events.
func (b *Button) look() board.Press {
	for len(b.rest) >= eventSize {
		e := b.rest[:eventSize]
		b.rest = b.rest[eventSize:]
		at := timeOf(e)
		e = e[eventSize-8:]
		kind, code, value := binary.NativeEndian.Uint16(e), binary.NativeEndian.Uint16(e[2:]), int32(binary.NativeEndian.Uint32(e[4:]))
		switch {
		case kind == evSyn && code == synDropped: // events are lost: it may be up or down
			b.held = -1
		case kind != evKey || code != b.code:
		case value == 1:
			b.held = at
		case value == 0 && b.held >= 0:
			held := at - b.held
			b.held = -1
			return board.PressOf(held)
		}
	}
	b.rest = nil
	return 0
}

// timeOf returns an event's time, 0 for what is no time.
func timeOf(e []byte) time.Duration {
	var seconds, micros int64
	if word == 8 {
		seconds, micros = int64(binary.NativeEndian.Uint64(e)), int64(binary.NativeEndian.Uint64(e[8:]))
	} else {
		seconds, micros = int64(binary.NativeEndian.Uint32(e)), int64(binary.NativeEndian.Uint32(e[4:]))
	}
	if seconds < 0 || seconds > 1<<33 || micros < 0 || micros >= 1e6 {
		return 0
	}
	return time.Duration(seconds)*time.Second + time.Duration(micros)*time.Microsecond
}
