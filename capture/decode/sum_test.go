package decode

import (
	"bytes"
	"testing"
)

// slowSum is RFC 1071 as it is written.
func slowSum(b []byte) uint16 {
	var s uint32
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(b[i])<<8 | uint32(b[i+1])
		s = s>>16 + s&0xffff
	}
	if len(b)%2 == 1 {
		s += uint32(b[len(b)-1]) << 8
	}
	return uint16(s>>16 + s&0xffff)
}

// FuzzSum holds sum against the definition, at every way to cut the octets in two at an even place.
func FuzzSum(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add(bytes.Repeat([]byte{0xff}, 33))
	f.Add(bytes.Repeat([]byte{0xff}, 72)) // every addition carries
	f.Add(bytes.Repeat([]byte{0xff, 0xfe}, 750))
	f.Fuzz(func(t *testing.T, b []byte) {
		want := slowSum(b)
		if got := fold(sum(0, b)); got != want {
			t.Errorf("sum of %d octets = %#04x, want %#04x", len(b), got, want)
		}
		cut := len(b) / 4 * 2
		if got := fold(sum(sum(0, b[:cut]), b[cut:])); got != want {
			t.Errorf("sum of %d and %d octets = %#04x, want %#04x", cut, len(b)-cut, got, want)
		}
	})
}
