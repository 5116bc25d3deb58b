package decode

import (
	"encoding/binary"
	"math/bits"
	"time"
)

// conn is one direction of a conversation: who sends to whom. IPv4 addresses are in their IPv4-mapped form.
type conn struct {
	src, dst     [16]byte
	sport, dport uint16
}

func connOf(p *Packet) conn {
	return conn{src: p.SrcAddr.As16(), dst: p.DstAddr.As16(), sport: p.SrcPort, dport: p.DstPort}
}

// reverse returns the other direction.
func (c *conn) reverse() conn {
	return conn{src: c.dst, dst: c.src, sport: c.dport, dport: c.sport}
}

// hash mixes all of c. It is not keyed: the same capture must give the same result each time, and whoever makes keys
// collide on purpose wins no more than the eviction of the few entries of one set (see connTable).
func (c *conn) hash() uint64 {
	const k0, k1, k2 = 0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3 // odd, half of their bits set
	mix := func(a, b uint64) uint64 {
		hi, lo := bits.Mul64(a, b)
		return hi ^ lo
	}
	le := binary.LittleEndian
	h := mix(le.Uint64(c.src[:])^k0, le.Uint64(c.src[8:])^k1)
	h = mix(le.Uint64(c.dst[:])^h, le.Uint64(c.dst[8:])^k2)
	return mix(h^k1, uint64(c.sport)<<16^uint64(c.dport)^k0)
}

// connTimeout is after how much silence of a conversation its entry is void: longer than any retransmission of a hello
// that is still of use, and short enough that a reused port is a new conversation.
const connTimeout = int64(30 * time.Second)

// connWays is how many entries a set of a connTable has: how many are compared in a look-up.
const connWays = 8

// connTable is a set-associative table of conversations. It has a fixed size; a new entry takes the place of the one of
// its set that was silent longest, so that a flood costs other conversations their memory and nothing else.
type connTable[T any] struct {
	entries []connEntry[T]
	used    int // open entries: as long as it is 0 nothing needs to be looked up
}

type connEntry[T any] struct {
	hash uint64
	key  conn
	last int64 // time of the last frame
	open bool
	v    T
}

// init makes the entries; n is a power of two, and not less than connWays.
func (t *connTable[T]) init(n int) { t.entries = make([]connEntry[T], n) }

func (t *connTable[T]) set(hash uint64) []connEntry[T] {
	i := int(hash%uint64(len(t.entries)/connWays)) * connWays
	return t.entries[i : i+connWays]
}

// find returns the entry of key, nil if there is none or if it is void at the time now.
func (t *connTable[T]) find(key *conn, hash uint64, now int64) *connEntry[T] {
	if t.used == 0 {
		return nil
	}
	set := t.set(hash)
	for i := range set {
		e := &set[i]
		if e.hash == hash && e.open && e.key == *key {
			if now-e.last > connTimeout || e.last-now > connTimeout {
				t.close(e)
				return nil
			}
			return e
		}
	}
	return nil
}

// add takes an entry for key, which has none. What e.v still holds of another conversation is for the caller to clear.
func (t *connTable[T]) add(key *conn, hash uint64, now int64) *connEntry[T] {
	set := t.set(hash)
	victim := &set[0]
	for i := range set {
		e := &set[i]
		if !e.open {
			victim = e
			break
		}
		if e.last < victim.last {
			victim = e
		}
	}
	if !victim.open {
		t.used++
	}
	victim.hash, victim.key, victim.last, victim.open = hash, *key, now, true
	return victim
}

func (t *connTable[T]) close(e *connEntry[T]) {
	if e.open {
		e.open = false
		t.used--
	}
}
