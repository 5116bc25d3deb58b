package decode

import (
	"bytes"
	"net/netip"
	"time"
)

const (
	fragSlots   = 32               // datagrams in reassembly at a time; the oldest gives way
	fragTimeout = 30 * time.Second // by frame time; Linux's ipfrag_time. RFC 8200 §4.5 allows 60 s
	fragMax     = 65535            // octets of a datagram
	fragUnits   = (fragMax + 7) / 8
)

// fragKey tells datagrams apart: RFC 791 §3.2 and RFC 8200 §4.5, and besides the VLAN and the tunnel, as addresses are
// used again in others.
type fragKey struct {
	src, dst netip.Addr
	id       uint32
	vlan     uint16
	depth    uint8
	proto    uint8 // IPv4: part of the key. IPv6: not; on return that of the first fragment
	v6       bool
}

func (k *fragKey) same(o *fragKey) bool {
	return k.id == o.id && k.src == o.src && k.dst == o.dst && k.vlan == o.vlan && k.depth == o.depth &&
		k.v6 == o.v6 && (k.v6 || k.proto == o.proto)
}

type fragState uint8

const (
	fragFree    fragState = iota
	fragOpen              // fragments are missing
	fragRefused           // overlapped: every further fragment is refused until the time-out
	fragLent              // complete: a Packet borrows the buffer until the next Decode
)

// fragSlot is one datagram in reassembly.
type fragSlot struct {
	key   fragKey
	state fragState
	since int64 // time of the fragment that came first
	total int   // octets of the datagram, known from its last fragment; -1 before
	have  int   // units of 8 octets that have come
	seen  [(fragUnits + 63) / 64]uint64
	data  []byte // fragMax octets
}

// fragments reassembles datagrams in a fixed pool: 32 × 66 KiB.
type fragments struct {
	slots [fragSlots]fragSlot
	lent  bool
}

func (f *fragments) init() {
	all := make([]byte, fragSlots*fragMax)
	for i := range f.slots {
		f.slots[i].data = all[i*fragMax : (i+1)*fragMax : (i+1)*fragMax]
	}
}

// release takes back the buffers that the last packet borrowed.
func (f *fragments) release() {
	if !f.lent {
		return
	}
	f.lent = false
	for i := range f.slots {
		if f.slots[i].state == fragLent {
			f.slots[i].state = fragFree
		}
	}
}

// fragment adds one fragment of n octets at octet off; more says that others follow. It returns the whole datagram when
// this was the last one missing, else nil and the verdict. Where it is whole, key.proto is that of the first fragment.
//
// A fragment that covers octets which came already is refused together with its datagram, unless it repeats them
// exactly: RFC 5722 for IPv6, and Linux since 2018 for IPv4 (CVE-2018-5391); readers that prefer the first or the last
// one can be told different things by the same frames.
func (d *Decoder) fragment(p *Packet, key *fragKey, off int, more bool, b []byte, n int) ([]byte, Verdict) {
	p.Fragment = true
	if n == 0 || off+n > fragMax || more && n%8 != 0 {
		return nil, Malformed
	}
	if len(b) < n {
		return nil, Cut // with a hole in it no datagram comes of it
	}
	s := d.frags.slot(key, p.Time)
	if s == nil || s.state == fragRefused || !s.add(off, more, b) {
		if s != nil {
			s.state = fragRefused
		}
		return nil, Malformed
	}
	if off == 0 {
		s.key.proto = key.proto
	}
	if s.total < 0 || s.have < (s.total+7)/8 {
		return nil, Whole
	}
	s.state = fragLent
	d.frags.lent = true
	key.proto = s.key.proto
	p.Fragment, p.Reassembled = false, true
	return s.data[:s.total], Whole
}

// slot finds the datagram of key, or a place for it: a free one, one whose time is over, or the oldest. It returns nil
// when one packet holds them all.
func (f *fragments) slot(key *fragKey, now int64) *fragSlot {
	var place *fragSlot
	for i := range f.slots {
		s := &f.slots[i]
		switch s.state {
		case fragLent:
			continue
		case fragOpen, fragRefused:
			if age := now - s.since; age > int64(fragTimeout) || age < -int64(fragTimeout) {
				s.state = fragFree // captures glued together jump back, too
			} else if s.key.same(key) {
				return s
			}
		}
		if place == nil || s.older(place) {
			place = s
		}
	}
	if place != nil {
		place.key, place.state, place.since, place.total, place.have = *key, fragOpen, now, -1, 0
		clear(place.seen[:])
	}
	return place
}

// older reports whether s is to be given away before o.
func (s *fragSlot) older(o *fragSlot) bool {
	if (s.state == fragFree) != (o.state == fragFree) {
		return s.state == fragFree
	}
	return s.since < o.since
}

// add puts b at off and reports whether it fits what came before: no overlap but exact repetition, and one end.
func (s *fragSlot) add(off int, more bool, b []byte) bool {
	end := off + len(b)
	if s.total >= 0 && (end > s.total || !more && end != s.total) {
		return false
	}
	first, last := off/8, (end+7)/8
	known := 0
	for u := first; u < last; u++ {
		known += int(s.seen[u/64] >> (u % 64) & 1)
	}
	if known > 0 {
		return known == last-first && bytes.Equal(s.data[off:end], b)
	}
	if !more {
		for u := last; u < fragUnits; u++ {
			if s.seen[u/64]>>(u%64)&1 != 0 {
				return false // octets behind the end
			}
		}
		s.total = end
	}
	for u := first; u < last; u++ {
		s.seen[u/64] |= 1 << (u % 64)
	}
	s.have += last - first
	copy(s.data[off:], b)
	return true
}
