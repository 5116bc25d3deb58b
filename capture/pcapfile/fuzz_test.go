package pcapfile

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

// FuzzReader: whatever the octets, frames stay within their bounds, the reader moves forward and ends, counts what it
// hands out, and what it reads does not depend on how the source cuts it.
func FuzzReader(f *testing.F) {
	small, err := filepath.Glob(filepath.Join(capturetest.Shared(f), "*.pcap*"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range small {
		if b, err := os.ReadFile(path); err == nil && len(b) < 3000 {
			f.Add(b)
		}
	}
	f.Add(sample(f, 3))
	f.Add(section(binary.BigEndian).iface(1, 0).enhanced(0, 7, "abcde", 9).simple("x", 1).bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(bytes.NewReader(b))
		slow, slowErr := NewReader(iotest.OneByteReader(bytes.NewReader(b)))
		if (err == nil) != (slowErr == nil) {
			t.Fatalf("whole: %v; octet by octet: %v", err, slowErr)
		}
		if err != nil {
			return
		}
		defer r.Close()
		defer slow.Close()
		plain := len(b) > 0 && b[0] != 0x1f && b[0] != 0x28 // not compressed
		var fr, sf capture.Frame
		var frames, octets uint64
		for at := r.Offset(); ; at = r.Offset() {
			err, slowErr = r.Next(&fr), slow.Next(&sf)
			if (err == nil) != (slowErr == nil) || err != nil && err.Error() != slowErr.Error() {
				t.Fatalf("whole: %v; octet by octet: %v", err, slowErr)
			}
			if r.Offset() < at || plain && r.Offset() > int64(len(b)) {
				t.Fatalf("offset went from %d to %d of %d", at, r.Offset(), len(b))
			}
			if err != nil {
				break
			}
			if r.Offset() == at {
				t.Fatalf("a frame took no octets at %d", at)
			}
			if len(fr.Data) > fr.Len || len(fr.Data) > MaxRecord || fr.Time < 0 || !fr.Link.Known() {
				t.Fatalf("frame of %d octets, %d on the wire, time %d, link %v", len(fr.Data), fr.Len, fr.Time, fr.Link)
			}
			if !bytes.Equal(fr.Data, sf.Data) || fr.Time != sf.Time || fr.Len != sf.Len || fr.Link != sf.Link {
				t.Fatalf("whole: %+v; octet by octet: %+v", fr, sf)
			}
			frames++
			octets += uint64(fr.Len)
		}
		if s := r.Stats(); s.Frames != frames || s.Octets != octets || s != slow.Stats() {
			t.Fatalf("stats %+v and %+v after %d frames of %d octets", s, slow.Stats(), frames, octets)
		}
		if again := r.Next(&fr); again != err {
			t.Fatalf("after %v Next returned %v", err, again)
		}
	})
}

// FuzzRoundTrip: what Write takes, Next gives back.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("first"), []byte("second"), int64(1700000000e9), int64(0), uint16(1), uint16(0))
	f.Add([]byte("ddddddssssssEE"), []byte{}, int64(7), int64(1e18), uint16(1), uint16(9))
	f.Add([]byte{0}, []byte{0}, int64(-1), int64(5e18), uint16(101), uint16(4))
	f.Fuzz(func(t *testing.T, a, b []byte, ta, tb int64, link, more uint16) {
		var file bytes.Buffer
		w, err := NewWriter(&file, capture.LinkType(link))
		if err != nil {
			t.Fatal(err)
		}
		var want []capture.Frame
		for _, fr := range []capture.Frame{
			{Time: ta, Data: a, Len: len(a) + int(more), Link: capture.LinkType(link)},
			{Time: tb, Data: b, Len: len(b), Link: capture.LinkType(link)},
		} {
			if w.Write(&fr) == nil {
				want = append(want, fr)
			} else if fr.Len > 0 && len(fr.Data) <= MaxRecord && fr.Time >= 0 && fr.Time < 1<<32*1e9 {
				t.Errorf("refused %+v", fr)
			}
		}
		r, err := NewReader(&file)
		if err != nil {
			if capture.LinkType(link).Known() {
				t.Fatal(err)
			}
			return
		}
		for _, fr := range want {
			var got capture.Frame
			if err := r.Next(&got); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Data, fr.Data) || got.Time != fr.Time || got.Len != fr.Len || got.Link != fr.Link {
				t.Errorf("wrote %+v, read %+v", fr, got)
			}
		}
		if err := r.Next(new(capture.Frame)); err != io.EOF {
			t.Errorf("after the last frame: %v", err)
		}
	})
}
