package pcapfile

import (
	"encoding/binary"
	"io"
	"math/bits"

	"cafeprobe/capture"
)

// Magic numbers of pcap, as the writing machine's own integers (draft-ietf-opsawg-pcap §4; the third is of Kuznetzov's
// patched libpcap, whose record headers are 8 octets longer).
const (
	magicMicro     = 0xa1b2c3d4
	magicNano      = 0xa1b23c4d
	magicKuznetzov = 0xa1b2cd34
)

func isClassic(magic uint32) bool {
	return magic == magicMicro || magic == magicNano || magic == magicKuznetzov
}

const (
	fileHeader   = 24 // octets
	recordHeader = 16

	week = 7 * 24 * 3600 // seconds; further from the last frame, no place counts as a record when resynchronising
)

// classic is the state of reading pcap.
type classic struct {
	link  capture.LinkType
	fcs   int    // octets of FCS at the end of each frame
	head  int    // octets of a record header
	parts uint32 // fractions in a second
	scale int64  // nanoseconds in one
}

func (r *Reader) openClassic(magic uint32) error {
	b, err := r.peek(fileHeader)
	if err == io.EOF {
		return &TruncatedError{Name: r.name, Offset: r.Offset(), Have: int64(len(r.rest()))}
	} else if err != nil {
		return err
	}
	c := &r.classic
	c.head, c.parts, c.scale = recordHeader, 1e6, 1e3
	switch magic {
	case magicNano:
		c.parts, c.scale = 1e9, 1
	case magicKuznetzov:
		c.head += 8
	}
	// Bit 26 says that the top four bits are the length of the FCS in units of 16 bits (draft-ietf-opsawg-pcap §4).
	network := r.u32(b[20:])
	c.link = capture.LinkType(network & 0xffff)
	if network&(1<<26) != 0 {
		c.fcs = int(network>>28) * 2
	}
	if !c.link.Known() {
		return &LinkError{Name: r.name, Link: c.link}
	}
	r.at += fileHeader
	return nil
}

// nextRecord reads one record. It returns false without an error when it passed over something.
func (r *Reader) nextRecord(f *capture.Frame) (bool, error) {
	c := &r.classic
	b, err := r.peek(c.head)
	if err == io.EOF && len(r.rest()) == 0 {
		return false, r.end()
	} else if err == io.EOF {
		return false, &TruncatedError{Name: r.name, Offset: r.Offset(), Have: int64(len(r.rest()))}
	} else if err != nil {
		return false, err
	}
	sec, frac, n, whole := r.u32(b), r.u32(b[4:]), r.u32(b[8:]), r.u32(b[12:])
	if n|whole == 0 && (isClassic(sec) || isClassic(bits.ReverseBytes32(sec))) {
		// The header of another file, put behind the first one with cat; no record has this time and no octets.
		magic := binary.LittleEndian.Uint32(b)
		r.big = false
		return false, r.header(magic)
	}
	// All zeros is what a power cut leaves of a file whose length was written before its octets.
	if n > MaxRecord || sec|frac|n|whole == 0 {
		return false, r.resync(1, r.atRecord, false)
	}
	b, err = r.peek(c.head + int(n))
	if err == io.EOF {
		// Either the tail is missing or the length lies: then sound records follow inside of it.
		return false, r.resync(1, r.atRecord, true)
	} else if err != nil {
		return false, err
	}
	f.Time = int64(sec)*1e9 + int64(frac)*c.scale
	f.Link, f.VLAN = c.link, 0
	fit(f, b[c.head:], whole, c.fcs)
	r.at += len(b)
	return true, nil
}

// buffered reads one record that lies in the buffer whole and has nothing odd about it. All others are nextRecord's.
func (r *Reader) buffered(f *capture.Frame) bool {
	c, b := &r.classic, r.buf[r.at:r.to]
	if len(b) < c.head {
		return false
	}
	sec, frac, n, whole := r.u32(b), r.u32(b[4:]), r.u32(b[8:]), r.u32(b[12:])
	if n == 0 || n > MaxRecord || len(b) < c.head+int(n) {
		return false
	}
	b = b[:c.head+int(n)]
	f.Time = int64(sec)*1e9 + int64(frac)*c.scale
	f.Link, f.VLAN = c.link, 0
	fit(f, b[c.head:], whole, c.fcs)
	r.at += len(b)
	r.last = f.Time
	r.stats.Frames++
	r.stats.Octets += uint64(f.Len)
	return true
}

// atRecord reports whether the next octets look like a record with another one behind it, or the end.
func (r *Reader) atRecord() (bool, error) {
	last := r.last / 1e9
	if r.stats.Frames == 0 {
		last = -1
	}
	b, err := r.peek(r.classic.head)
	if err != nil || !r.plausible(b, last) {
		return false, ignoreEOF(err)
	}
	n, sec := r.classic.head+int(r.u32(b[8:])), int64(r.u32(b))
	b, err = r.peek(n + r.classic.head)
	if err != nil {
		return err == io.EOF && len(r.rest()) == n, ignoreEOF(err)
	}
	return r.plausible(b[n:], sec), nil
}

// plausible reports whether b may be the header of a record after one of the second last, -1 for unknown. It is stricter
// than nextRecord, which believes what it can.
func (r *Reader) plausible(b []byte, last int64) bool {
	sec, frac, n, whole := r.u32(b), r.u32(b[4:]), r.u32(b[8:]), r.u32(b[12:])
	away := int64(sec) - last
	return n > 0 && n <= whole && whole <= MaxRecord && frac < r.classic.parts &&
		(last < 0 || -week < away && away < week)
}

func ignoreEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}
