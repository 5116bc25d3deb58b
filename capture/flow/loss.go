package flow

import (
	"time"

	"cafeprobe/capture"
)

// A mirror port drops frames that no counter of ours sees. TCP shows them: octets that the receiver acknowledged and that
// never came by here were on the wire, and not in the mirror. Octets that were lost on their way are sent again before
// they are acknowledged, and come by then; what came early or twice leaves no hole. Counting goes by acknowledgements
// alone, so a direction whose answers are not seen says nothing.

const (
	// maxStreams is how many connections are looked at, one page of holes each; others are counted as flows only.
	maxStreams = 4096

	// maxHoles is how many holes of one direction may wait for their acknowledgement; more are not counted as lost. On a
	// LAN it comes after two segments, over a slow uplink after a window of some dozens, of which one in five may be lost.
	maxHoles = 16

	// maxJump is how far sequence numbers go on in one connection from one frame to the next: no window is larger in
	// practice. Beyond it begins something else, and is taken as seen for the first time.
	maxJump = 1 << 24

	// lossPeriod is how often what was counted is told.
	lossPeriod = 10 * time.Second
)

// TCP flags (RFC 9293 §3.1).
const (
	flagFIN = 0x01
	flagSYN = 0x02
	flagRST = 0x04
	flagACK = 0x10
)

// stream is one connection: what the end that sorts first sends, and what the other does.
type stream [2]half

// half is one direction, by what came by.
type half struct {
	known uint8  // nothing, begun, or exact
	n     uint8  // holes in use
	acked uint32 // all before this was acknowledged, or is before our time
	next  uint32 // behind the last octet that came by
	holes [maxHoles]hole
}

// What is known of a half. Of one that was under way already, what was in flight when its first segment came by is not
// known: the first acknowledgement sets the mark from which on holes count.
const (
	nothing uint8 = iota
	begun
	exact
)

// hole is a range of sequence numbers, the end not included.
type hole struct{ start, end uint32 }

// tally is what was counted since it was last told.
type tally struct {
	first, last int64
	told        int64
	acked, lost uint64 // octets that were acknowledged, and those of them that never came by
	seen        uint64 // segments with something new
}

// losses holds the connections that are looked at. Its memory is fixed.
type losses struct {
	streams []stream
	free    []uint16
	tally   tally
	obs     capture.Observation
}

func newLosses() losses {
	l := losses{streams: make([]stream, maxStreams), free: make([]uint16, maxStreams)}
	for i := range l.free {
		l.free[i] = uint16(maxStreams - 1 - i)
	}
	return l
}

// segment takes one TCP segment of e.
func (l *losses) segment(e *Flow, f *capture.Header, srcIsA bool) {
	if e.stream == 0 {
		if f.PayloadLen == 0 && f.TCPFlags&flagSYN == 0 || len(l.free) == 0 {
			return
		}
		e.stream = l.free[len(l.free)-1] + 1
		l.free = l.free[:len(l.free)-1]
		l.streams[e.stream-1] = stream{}
	}
	s := &l.streams[e.stream-1]
	out, back := &s[0], &s[1]
	if !srcIsA {
		out, back = back, out
	}
	if out.sent(f) {
		l.tally.seen++
	}
	if f.TCPFlags&(flagACK|flagRST) == flagACK {
		back.acknowledge(&l.tally, f)
	}
}

// end lets go of the stream of a flow that ends.
func (l *losses) end(e *Flow) {
	if e.stream != 0 {
		l.free = append(l.free, e.stream-1)
		e.stream = 0
	}
}

// tell tells what was counted, if it is time.
func (l *losses) tell(now int64, emit func(*capture.Observation)) {
	t := &l.tally
	if d := now - t.told; d >= 0 && d < int64(lossPeriod) {
		return
	}
	if t.acked > 0 {
		l.obs = capture.Observation{
			Kind: capture.KindLoss, First: t.first, Time: t.last,
			Up: capture.Count{Frames: t.seen, Octets: t.acked - t.lost}, Down: capture.Count{Octets: t.lost},
		}
		emit(&l.obs)
	}
	*t = tally{told: now}
}

// sent takes what a segment sends, and reports whether something of it had not come by before.
func (h *half) sent(f *capture.Header) (fresh bool) {
	seq, n := f.Seq, uint32(f.PayloadLen)
	if f.TCPFlags&flagSYN != 0 {
		if h.known != exact || h.acked != seq+1 && h.next != seq+1 { // not the same SYN again
			*h = half{known: exact, acked: seq + 1, next: seq + 1 + n}
		}
		return false
	}
	if f.TCPFlags&flagFIN != 0 {
		n++ // takes a number of its own
	}
	if n == 0 || f.TCPFlags&flagRST != 0 {
		return false
	}
	end := seq + n
	ahead := int32(seq - h.next)
	switch {
	case h.known == nothing || ahead > maxJump || ahead < -maxJump:
		*h = half{known: begun, acked: seq, next: end}
		return false
	case ahead > 0:
		if h.n < maxHoles {
			h.holes[h.n] = hole{h.next, seq}
			h.n++
		}
		h.next = end
		return true
	}
	if h.n > 0 {
		fresh = h.fill(seq, end)
	}
	if int32(end-h.next) > 0 {
		h.next, fresh = end, true
	}
	return fresh
}

// fill takes [start, end) out of the holes. Of a hole that it falls into the middle of, the rest behind it stays, for
// want of room, only if there is a free place.
func (h *half) fill(start, end uint32) (filled bool) {
	for i := uint8(0); i < h.n; {
		g := &h.holes[i]
		from, to := int32(start-g.start), int32(end-g.end)
		switch {
		case int32(end-g.start) <= 0 || int32(start-g.end) >= 0: // beside it
			i++
			continue
		case from <= 0 && to >= 0:
			h.n--
			*g = h.holes[h.n]
			filled = true
			continue
		case from <= 0:
			g.start = end
		case to >= 0:
			g.end = start
		default:
			rest := hole{end, g.end}
			g.end = start
			if h.n < maxHoles {
				h.holes[h.n] = rest
				h.n++
			}
		}
		filled = true
		i++
	}
	return filled
}

// acknowledge takes the receiver's word that all before f.Ack has come to it.
func (h *half) acknowledge(t *tally, f *capture.Header) {
	ack := f.Ack
	d := int32(ack - h.acked)
	switch {
	case h.known == nothing || d <= 0 && d >= -maxJump:
		return
	case d > maxJump || d < 0:
		*h = half{} // of another connection
		return
	}
	counts := h.known == exact
	lost := h.missing(ack)
	h.acked, h.known = ack, exact
	if !counts {
		return
	}
	if t.acked == 0 {
		t.first = f.Time
	}
	t.last = max(t.last, f.Time)
	t.acked += uint64(d)
	t.lost += uint64(lost)
}

// missing takes the holes before ack out of h, and returns how many octets they have.
func (h *half) missing(ack uint32) (lost uint32) {
	if int32(ack-h.next) > 0 {
		lost = ack - h.next
		h.next = ack
	}
	for i := uint8(0); i < h.n; {
		g := &h.holes[i]
		switch {
		case int32(g.end-ack) <= 0:
			lost += g.end - g.start
			h.n--
			*g = h.holes[h.n]
			continue
		case int32(g.start-ack) < 0:
			lost += ack - g.start
			g.start = ack
		}
		i++
	}
	return lost
}
