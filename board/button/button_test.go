package button

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cafeprobe/board"
	"cafeprobe/board/boardtest"
)

const keyRestart = 0x198 // linux/input-event-codes.h; what boards call their reset button

// event returns what the kernel says.
func event(at time.Duration, kind, code uint16, value int32) []byte {
	var b []byte
	seconds, micros := uint64(at/time.Second), uint64(at%time.Second/time.Microsecond)
	if word == 8 {
		b = binary.NativeEndian.AppendUint64(binary.NativeEndian.AppendUint64(b, seconds), micros)
	} else {
		b = binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(b, uint32(seconds)), uint32(micros))
	}
	b = binary.NativeEndian.AppendUint16(binary.NativeEndian.AppendUint16(b, kind), code)
	return binary.NativeEndian.AppendUint32(b, uint32(value))
}

// device is a device that a test speaks for.
type device struct {
	t   *testing.T
	w   *os.File
	now time.Duration
}

func newDevice(t *testing.T) (*Button, *device) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return wrap(r, keyRestart), &device{t, w, time.Hour}
}

func (d *device) say(kind, code uint16, value int32) {
	d.t.Helper()
	if _, err := d.w.Write(append(event(d.now, kind, code, value), event(d.now, evSyn, 0, 0)...)); err != nil {
		d.t.Fatal(err)
	}
}

// hold holds the button, which the kernel repeats meanwhile.
func (d *device) hold(long time.Duration) {
	d.t.Helper()
	d.say(evKey, keyRestart, 1)
	d.now += long / 2
	d.say(evKey, keyRestart, 2)
	d.now += long - long/2
	d.say(evKey, keyRestart, 0)
	d.now += time.Second
}

func TestButton(t *testing.T) {
	b, d := newDevice(t)
	boardtest.Button(t, b, d.hold)
}

// TestOdd: what is no press is none.
func TestOdd(t *testing.T) {
	b, d := newDevice(t)
	d.say(evKey, keyRestart, 0) // it was held when the box started
	d.say(evKey, 116, 1)
	d.now += time.Minute
	d.say(evKey, 116, 0) // another key
	d.say(evKey, keyRestart, 1)
	d.say(evSyn, synDropped, 0)
	d.now += time.Hour
	d.say(evKey, keyRestart, 0) // nobody knows when that began
	d.say(evKey, keyRestart, 1)
	d.now -= time.Minute
	d.say(evKey, keyRestart, 0) // a clock that went back
	d.now += time.Hour
	d.hold(4 * time.Second)
	for _, want := range []board.Press{board.Short, board.Hold} {
		if got, err := b.Press(t.Context()); got != want || err != nil {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	d.w.Close()
	if _, err := b.Press(t.Context()); !errors.Is(err, board.ErrNone) {
		t.Errorf("gone: %v, want ErrNone", err)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "event0"), nil, 0o600); err != nil { // what is no device has no name
		t.Fatal(err)
	}
	if _, err := Open(dir, "gpio-keys", keyRestart); !errors.Is(err, board.ErrNone) {
		t.Errorf("got %v, want ErrNone", err)
	}
}

// FuzzLook: whatever a device says, each press is one of three, and nothing of it is left over.
func FuzzLook(f *testing.F) {
	f.Add(append(event(time.Second, evKey, keyRestart, 1), event(time.Minute, evKey, keyRestart, 0)...))
	f.Fuzz(func(t *testing.T, said []byte) {
		b := wrap(nil, keyRestart)
		b.rest = said
		for n := 0; ; n++ {
			p := b.look()
			if p == 0 {
				break
			}
			if p < board.Short || p > board.LongHold || n > len(said)/eventSize {
				t.Fatalf("%x: press %v, the %dth", said, p, n)
			}
		}
		if b.rest != nil {
			t.Errorf("%x: left over", b.rest)
		}
	})
}
