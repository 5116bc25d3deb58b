package decode

import (
	"bytes"
	"testing"
)

// FuzzAssembly compares an assembly with the plain way to do it: one flag an octet.
func FuzzAssembly(f *testing.F) {
	f.Add([]byte{0, 3, 10, 3, 3, 7, 5, 6})
	f.Add([]byte{250, 9, 60, 60, 20, 1, 0, 70})
	f.Fuzz(func(t *testing.T, script []byte) {
		const size = 64
		a := assembly{buf: make([]byte, size)}
		var octets [size]byte
		var have [size]bool
		for step := byte(1); len(script) >= 2; step++ {
			off, n := int(int8(script[0])), int(script[1]&31)
			script = script[2:]
			if off < -16 { // now and then take something off the front, as a reader does
				if n = min(n, len(a.prefix())); n == 0 {
					continue
				}
				a.discard(n)
				copy(octets[:], octets[n:])
				copy(have[:], have[n:])
				clear(have[size-n:])
				continue
			}
			a.insert(off, bytes.Repeat([]byte{step}, n))
			for i := max(off, 0); i < min(off+n, size); i++ {
				if !have[i] {
					octets[i], have[i] = step, true
				}
			}
		}
		n := 0
		for n < size && have[n] {
			n++
		}
		if got := a.prefix(); !bytes.Equal(got, octets[:n]) {
			t.Errorf("prefix %v, want %v", got, octets[:n])
		}
	})
}

// TestAssemblyBounded: pieces beyond maxSpans holes are left out, and those that fill the holes are still taken.
func TestAssemblyBounded(t *testing.T) {
	a := assembly{buf: make([]byte, 1024)}
	for i := range 200 {
		a.insert(2*i+1, []byte{byte(i)})
	}
	if a.n != maxSpans {
		t.Errorf("%d spans, want %d", a.n, maxSpans)
	}
	for i := range maxSpans {
		a.insert(2*i, []byte{byte(i)})
	}
	if got := len(a.prefix()); got != 2*maxSpans {
		t.Errorf("prefix of %d octets, want %d", got, 2*maxSpans)
	}
}
