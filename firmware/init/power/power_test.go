package power

import (
	"encoding/binary"
	"testing"
)

func TestPresses(t *testing.T) {
	event := func(kind, code uint16, value uint32) []byte {
		b := make([]byte, evSize)
		binary.NativeEndian.PutUint16(b[evSize-8:], kind)
		binary.NativeEndian.PutUint16(b[evSize-6:], code)
		binary.NativeEndian.PutUint32(b[evSize-4:], value)
		return b
	}
	f := func(name string, want int, events ...[]byte) {
		t.Helper()
		var b []byte
		for _, e := range events {
			b = append(b, e...)
		}
		if got := presses(b); got != want {
			t.Errorf("%s: %d presses, want %d", name, got, want)
		}
	}
	f("down and up", 1, event(evKey, keyPower, 1), event(0, 0, 0), event(evKey, keyPower, 0))
	f("held", 1, event(evKey, keyPower, 1), event(evKey, keyPower, 2), event(evKey, keyPower, 2))
	f("another key", 0, event(evKey, 115, 1), event(5, keyPower, 1))
	f("cut short", 0, event(evKey, keyPower, 1)[:evSize-1])
	f("twice", 2, event(evKey, keyPower, 1), event(evKey, keyPower, 1))
}
