package remote

import "net/netip"

// maxSenders bounds how many sessions are told apart. A café has one or two; an address may be forged, and each can claim
// many. The one that was silent for longest makes room.
const maxSenders = 64

// Sender tells of one session of one sender.
type Sender struct {
	Addr       netip.Addr
	Format     Format
	Session    uint32 // ERSPAN's session, VXLAN's VNI, gretap's key; TZSP and ERSPAN I have none: 0
	Frames     uint64
	Numbered   bool   // its frames have numbers, so that what follows can be told
	Lost       uint64 // frames that did not come
	Late       uint64 // frames that came after later ones
	Duplicates uint64 // frames that came twice, and were handed out twice
	Beginnings uint64 // times that its numbers began anew: it was started again, or lost more than a million frames
	Last       int64  // when the last frame came
}

type sender struct {
	Sender
	seq sequence
}

// senders is a table of a fixed size.
type senders struct {
	list [maxSenders]sender
	n    int
	last int // where the last one was found
}

// find returns the entry of a session, a new one if need be.
func (t *senders) find(addr netip.Addr, f Format, session uint32) *sender {
	if t.n > 0 && t.list[t.last].is(addr, f, session) {
		return &t.list[t.last]
	}
	oldest := 0
	for i := range t.list[:t.n] {
		if t.list[i].is(addr, f, session) {
			t.last = i
			return &t.list[i]
		}
		if t.list[i].Last < t.list[oldest].Last {
			oldest = i
		}
	}
	if t.n < maxSenders {
		oldest = t.n
		t.n++
	}
	t.last = oldest
	t.list[oldest] = sender{Sender: Sender{Addr: addr, Format: f, Session: session}}
	return &t.list[oldest]
}

func (s *sender) is(addr netip.Addr, f Format, session uint32) bool {
	return s.Session == session && s.Format == f && s.Addr == addr
}

// snapshot returns what is known of all.
func (t *senders) snapshot() []Sender {
	list := make([]Sender, t.n)
	for i := range list {
		s := &t.list[i]
		list[i] = s.Sender
		list[i].Lost, list[i].Late = s.seq.total(), s.seq.late
		list[i].Duplicates, list[i].Beginnings = s.seq.duplicates, s.seq.beginnings
	}
	return list
}
