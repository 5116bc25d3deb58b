package pcapfile

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"

	"cafeprobe/capture"
)

// Block types of pcapng (draft-ietf-opsawg-pcapng §11.1).
const (
	blockSection     = 0x0a0d0d0a
	blockInterface   = 1
	blockPacket      = 2 // obsolete
	blockSimple      = 3
	blockNames       = 4
	blockStatistics  = 5
	blockEnhanced    = 6
	blockJournal     = 9
	blockSecrets     = 10
	blockCustom      = 0x0bad
	blockCustomNoted = 0x40000bad

	byteOrderMagic = 0x1a2b3c4d
)

const (
	minBlock      = 12       // type, length, length
	maxBlock      = 16 << 20 // as Wireshark bounds it; blocks without frames may be that long, and are not held
	maxHeld       = MaxRecord + 64<<10
	maxInterfaces = 1 << 16 // the obsolete packet block numbers no more
)

// ng is the state of reading pcapng.
type ng struct {
	seen    bool
	first   capture.LinkType
	ifaces  []iface // of the current section
	past    uint64  // drops of past sections
	counted uint64  // drops counted beside packets
	skipped bool    // a frame was passed over for its link type
	unknown capture.LinkType
}

// iface is one interface of the current section.
type iface struct {
	link    capture.LinkType
	snap    uint32 // 0 for no limit; bounds the simple packet block, which does not say its captured length
	fcs     int    // octets at the end of each frame
	mul     uint64 // nanoseconds are units * mul / div, or units * 1e9 >> shift
	div     uint64
	shift   uint8
	binary  bool
	offset  int64  // seconds to add
	dropped uint64 // by the last statistics block
}

func (g *ng) dropped() uint64 {
	n := g.past + g.counted
	for i := range g.ifaces {
		n += g.ifaces[i].dropped
	}
	return n
}

// openNG reads up to the first interface: before it no block can hold a frame.
func (r *Reader) openNG() error {
	if n, err := r.block(); err != nil && err != io.EOF {
		return err
	} else if err == nil && n == 0 {
		return fmt.Errorf("read %s: %w: section header without a byte order or with two lengths", r.name, ErrFormat)
	}
	for !r.ng.seen && r.err == nil {
		_, r.err = r.nextBlock(nil)
	}
	return nil
}

// nextBlock reads one block. It returns false without an error when that held no frame.
func (r *Reader) nextBlock(f *capture.Frame) (bool, error) {
	n, err := r.block()
	switch {
	case err == io.EOF && len(r.rest()) == 0:
		return false, r.end()
	case err == io.EOF:
		return false, r.resync(4, r.atBlock, true)
	case err != nil:
		return false, err
	case n == 0:
		return false, r.resync(4, r.atBlock, false)
	case n > maxHeld:
		return false, r.skip(n)
	}
	b := r.buf[r.at : r.at+n]
	r.at += n
	ok := true
	switch body := b[8 : n-4]; r.u32(b) {
	case blockSection:
		for i := range r.ng.ifaces {
			r.ng.past += r.ng.ifaces[i].dropped
		}
		r.ng.ifaces = r.ng.ifaces[:0]
	case blockInterface:
		ok = r.readInterface(body)
	case blockStatistics:
		ok = r.readStatistics(body)
	case blockEnhanced, blockPacket:
		return r.readPacket(f, body, r.u32(b) == blockPacket), nil
	case blockSimple:
		return r.readSimple(f, body), nil
	}
	if !ok {
		r.stats.Damaged++
	}
	return false, nil
}

// block returns the length of the block that comes next and, where it is short enough, holds it. It returns 0
// if what comes next is no sound block, and io.EOF if the source ends before the block does. On a sound section header it
// takes over the byte order.
func (r *Reader) block() (int, error) {
	big := r.big
	n, err := r.length()
	if n == 0 {
		r.big = big
	}
	return n, err
}

// length is block, but may leave the byte order of what was no sound section header.
func (r *Reader) length() (int, error) {
	b, err := r.peek(minBlock)
	if err != nil {
		return 0, err
	}
	if binary.LittleEndian.Uint32(b) == blockSection { // the same in both byte orders
		switch binary.LittleEndian.Uint32(b[8:]) {
		case byteOrderMagic:
			r.big = false
		case bits.ReverseBytes32(byteOrderMagic):
			r.big = true
		default:
			return 0, nil
		}
	}
	kind, n := r.u32(b), r.u32(b[4:])
	if n < minBlock || n%4 != 0 || n > maxBlock || n > maxHeld && holdsState(kind) || kind == blockSection && n < 28 {
		return 0, nil
	}
	if n > maxHeld {
		return int(n), nil
	}
	if b, err = r.peek(int(n)); err != nil {
		return 0, err
	}
	if r.u32(b[n-4:]) != n {
		return 0, nil
	}
	return int(n), nil
}

// holdsState reports whether blocks of a kind are ones that nextBlock reads.
func holdsState(kind uint32) bool {
	switch kind {
	case blockSection, blockInterface, blockStatistics, blockEnhanced, blockPacket, blockSimple:
		return true
	}
	return false
}

// atBlock reports whether a sound block of a known type comes next.
func (r *Reader) atBlock() (bool, error) {
	b, err := r.peek(minBlock)
	if err != nil {
		return false, ignoreEOF(err)
	}
	switch r.u32(b) {
	case blockSection, blockInterface, blockPacket, blockSimple, blockNames, blockStatistics, blockEnhanced,
		blockJournal, blockSecrets, blockCustom, blockCustomNoted:
	default:
		return false, nil
	}
	if r.u32(b[4:]) > maxHeld {
		return false, nil
	}
	n, err := r.block()
	return n > 0, ignoreEOF(err)
}

// skip passes over a block that is too long to be held; it has no frame. A second length that differs from the first is
// damage, which the next block shows.
func (r *Reader) skip(n int) error {
	start := r.Offset()
	for n > 0 {
		if _, err := r.peek(1); err == io.EOF {
			return &TruncatedError{Name: r.name, Offset: start, Have: r.Offset() - start}
		} else if err != nil {
			return err
		}
		m := min(n, len(r.rest()))
		r.at += m
		n -= m
	}
	return nil
}

// readInterface reads an interface description block (draft-ietf-opsawg-pcapng §4.2). One whose options are damaged
// still takes its number, so that the numbers of those after it hold.
func (r *Reader) readInterface(b []byte) bool {
	if len(b) < 8 || len(r.ng.ifaces) == maxInterfaces {
		return false
	}
	i := iface{link: capture.LinkType(r.u16(b)), snap: r.u32(b[4:]), mul: 1000, div: 1}
	ok := r.options(b[8:], func(code uint16, v []byte) {
		switch {
		case code == 9 && len(v) >= 1: // if_tsresol
			i.resolution(v[0])
		case code == 13 && len(v) >= 1: // if_fcslen: bits, but the draft's own old example says 4 and meant octets
			i.fcs = int(v[0])
			if i.fcs >= 8 {
				i.fcs /= 8
			}
		case code == 14 && len(v) >= 8: // if_tsoffset
			i.offset = int64(r.u64(v))
		}
	})
	if !r.ng.seen {
		r.ng.seen, r.ng.first = true, i.link
	}
	r.ng.ifaces = append(r.ng.ifaces, i)
	return ok
}

// resolution sets the unit of time stamps: v is an exponent of 10 or, with the top bit set, of 2, negated.
func (i *iface) resolution(v uint8) {
	i.binary, i.shift = v&0x80 != 0, v&0x7f
	if i.binary {
		return
	}
	i.mul, i.div = 1, 1
	for e := v; e < 9; e++ {
		i.mul *= 10
	}
	for e := v; e > 9; e-- {
		if hi, lo := bits.Mul64(i.div, 10); hi == 0 {
			i.div = lo
		} else {
			i.div = math.MaxUint64 // finer than any clock: all time stamps are within the first second
		}
	}
}

// time returns what a time stamp of i is in nanoseconds since the Unix epoch; ok is false where that has no int64.
func (i *iface) time(units uint64) (ns int64, ok bool) {
	hi, lo := bits.Mul64(units, i.mul)
	switch {
	case i.binary:
		hi, lo = bits.Mul64(units, 1e9)
		if i.shift >= 64 {
			hi, lo = 0, hi>>(i.shift-64)
		} else if i.shift > 0 {
			hi, lo = hi>>i.shift, lo>>i.shift|hi<<(64-i.shift)
		}
	case i.div > 1:
		lo /= i.div // mul is 1, so hi is 0
	}
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	const most = math.MaxInt64 / int64(1e9)
	if i.offset > most || i.offset < -most {
		return 0, false
	}
	ns = int64(lo) + i.offset*1e9
	return ns, ns >= 0
}

// readPacket reads an enhanced packet block (draft-ietf-opsawg-pcapng §4.3), or an obsolete packet block (appendix A),
// which differs in its first four octets.
func (r *Reader) readPacket(f *capture.Frame, b []byte, obsolete bool) bool {
	if len(b) < 20 {
		r.stats.Damaged++
		return false
	}
	id, drops := r.u32(b), uint64(0)
	if obsolete {
		id = uint32(r.u16(b))
		if n := r.u16(b[2:]); n != math.MaxUint16 {
			drops = uint64(n)
		}
	}
	units := uint64(r.u32(b[4:]))<<32 | uint64(r.u32(b[8:]))
	n, whole := r.u32(b[12:]), r.u32(b[16:])
	if uint64(id) >= uint64(len(r.ng.ifaces)) || n > MaxRecord || uint64(n) > uint64(len(b)-20) {
		r.stats.Damaged++
		return false
	}
	i := &r.ng.ifaces[id]
	ns, ok := i.time(units)
	if !ok {
		r.stats.Damaged++
		return false
	}
	if tail := b[20+(n+3)&^3:]; !obsolete && len(tail) >= 16 {
		drops = r.dropCount(tail)
	}
	r.ng.counted += drops
	return r.frame(f, i, ns, b[20:20+n], whole)
}

// dropCount returns the value of option epb_dropcount: frames lost since the packet before.
func (r *Reader) dropCount(b []byte) uint64 {
	for len(b) >= 4 {
		code, n := r.u16(b), int(r.u16(b[2:]))
		if code == 0 || n > len(b)-4 {
			break
		}
		if code == 4 && n == 8 {
			return r.u64(b[4:])
		}
		b = b[min(len(b), 4+(n+3)&^3):]
	}
	return 0
}

// readSimple reads a simple packet block (draft-ietf-opsawg-pcapng §4.4), which is always of interface 0 and has no time:
// the frame gets that of the frame before.
func (r *Reader) readSimple(f *capture.Frame, b []byte) bool {
	if len(b) < 4 || len(r.ng.ifaces) == 0 {
		r.stats.Damaged++
		return false
	}
	i := &r.ng.ifaces[0]
	whole := r.u32(b)
	n := whole
	if i.snap > 0 {
		n = min(n, i.snap)
	}
	if n = min(n, uint32(len(b)-4)); n > MaxRecord {
		r.stats.Damaged++
		return false
	}
	return r.frame(f, i, r.last, b[4:4+n], whole)
}

func (r *Reader) frame(f *capture.Frame, i *iface, ns int64, data []byte, whole uint32) bool {
	if !i.link.Known() {
		r.stats.Damaged++
		r.ng.skipped, r.ng.unknown = true, i.link
		return false
	}
	f.Time, f.Link, f.VLAN = ns, i.link, 0
	fit(f, data, whole, i.fcs)
	return true
}

// readStatistics reads an interface statistics block (draft-ietf-opsawg-pcapng §4.6): counts since the capture began.
func (r *Reader) readStatistics(b []byte) bool {
	if len(b) < 12 || uint64(r.u32(b)) >= uint64(len(r.ng.ifaces)) {
		return false
	}
	var sum uint64
	ok := r.options(b[12:], func(code uint16, v []byte) {
		if (code == 5 || code == 7) && len(v) >= 8 { // isb_ifdrop, isb_osdrop
			sum += r.u64(v)
		}
	})
	r.ng.ifaces[r.u32(b)].dropped = sum
	return ok
}

// options calls f for each option in b; it returns false if one runs past the end.
func (r *Reader) options(b []byte, f func(code uint16, v []byte)) bool {
	for len(b) >= 4 {
		code, n := r.u16(b), int(r.u16(b[2:]))
		if code == 0 {
			return true
		}
		if n > len(b)-4 {
			return false
		}
		f(code, b[4:4+n])
		b = b[min(len(b), 4+(n+3)&^3):]
	}
	return true
}

func (r *Reader) u64(b []byte) uint64 {
	v := binary.LittleEndian.Uint64(b)
	if r.big {
		v = bits.ReverseBytes64(v)
	}
	return v
}
