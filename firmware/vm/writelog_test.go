package vm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// memory is a disk in memory.
type memory []byte

func (m memory) WriteAt(b []byte, at int64) (int, error) { return copy(m[at:], b), nil }

// logOf returns the octets of a log of writes.
func logOf(writes ...Write) []byte {
	b := make([]byte, sector)
	binary.LittleEndian.PutUint64(b, logMagic)
	binary.LittleEndian.PutUint64(b[8:], logVersion)
	binary.LittleEndian.PutUint32(b[24:], sector)
	for _, w := range writes {
		e := make([]byte, sector)
		var flags uint64
		if w.Flush {
			flags |= flagFlush
		}
		if w.FUA {
			flags |= flagFUA
		}
		binary.LittleEndian.PutUint64(e, uint64(w.Offset/sector))
		binary.LittleEndian.PutUint64(e[8:], uint64(len(w.Data)/sector))
		binary.LittleEndian.PutUint64(e[16:], flags)
		b = append(append(b, e...), w.Data...)
	}
	return b
}

// filled returns n sectors of one octet.
func filled(octet byte, n int) []byte { return bytes.Repeat([]byte{octet}, n*sector) }

// TestCrashes: a power cut keeps what was flushed and what was written through, and may leave any part of the rest; each of
// these parts does come up.
func TestCrashes(t *testing.T) {
	l, err := parseLog(logOf(
		Write{Offset: 0, Data: filled(1, 1)},
		Write{Flush: true},
		Write{Offset: sector, Data: filled(2, 4)},
		Write{Offset: 8 * sector, Data: filled(3, 1), FUA: true},
		Write{Offset: 9 * sector, Data: filled(4, 1)},
	))
	if err != nil {
		t.Fatal(err)
	}
	var lost, torn, whole int
	for _, c := range l.Crashes(2000, rand.New(rand.NewPCG(1, 2))) {
		disk := make(memory, 16*sector)
		if err := l.Apply(disk, c); err != nil {
			t.Fatal(err)
		}
		if c.At >= 2 && disk[0] != 1 {
			t.Fatalf("%+v: what was flushed is lost", c)
		}
		if c.At >= 4 && disk[8*sector] != 3 {
			t.Fatalf("%+v: what was written through is lost", c)
		}
		if c.At < 5 && disk[9*sector] != 0 {
			t.Fatalf("%+v: what was not written yet is there", c)
		}
		if c.At < 3 {
			continue
		}
		switch part := disk[sector : 5*sector]; {
		case bytes.Equal(part, filled(2, 4)):
			whole++
		case part[0] == 0:
			lost++
		case slices.Contains(part, 0):
			torn++
		}
	}
	if lost == 0 || torn == 0 || whole == 0 {
		t.Errorf("of the write that was open %d are lost, %d torn, %d whole, want some of each", lost, torn, whole)
	}
}

func FuzzLog(f *testing.F) {
	f.Add(logOf(Write{Offset: sector, Data: filled(7, 2)}, Write{Flush: true}))
	f.Add(logOf(Write{Offset: sector, Data: filled(7, 2)})[:3*sector])
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := parseLog(b)
		if err != nil {
			if !errors.Is(err, ErrLog) {
				t.Errorf("error %v, want one of ErrLog", err)
			}
			return
		}
		for _, w := range l.Writes {
			if w.Offset < 0 || w.Length < 0 || len(w.Data) > len(b) || w.Data != nil && int64(len(w.Data)) != w.Length {
				t.Errorf("entry at %d of %d octets has %d", w.Offset, w.Length, len(w.Data))
			}
		}
		l.Crashes(3, rand.New(rand.NewPCG(1, 2)))
	})
}
