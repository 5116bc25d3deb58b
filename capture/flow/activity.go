package flow

import (
	"time"

	"cafeprobe/capture"
)

const (
	// ActivityPeriod is how often an active station is told of.
	ActivityPeriod = time.Second

	// addrPeriod is how often an address that is still in use is told again.
	addrPeriod = time.Minute

	// ownAddrs is how many source addresses a station has at most: a card with several IPv6 prefixes and privacy addresses
	// had 12. A MAC with more forwards for others, and from then on only its on-link addresses are told.
	ownAddrs = 16
)

// Activity is a fixed-size, set-associative table of the stations that send, with the addresses they send from. Use
// NewActivity. It is not safe for concurrent use.
type Activity struct {
	ids   [][ways]uint64 // who is in the place beside it: see idOf; 0 for nobody. A set of them is one cache line.
	sets  [][ways]sender
	mask  uint64
	seed  uint64
	emit  func(*capture.Observation)
	sweep int
	obs   capture.Observation
}

type sender struct {
	first, last int64 // of what was not told yet
	told        int64
	sent        capture.Count
	frames      uint64 // since it was first seen
	recent      int    // the address that was last sent from
	addrCount   int
	forwards    bool // has shown more addresses than it can own
	addrs       [ownAddrs]source
}

// idOf puts a MAC and a VLAN into one number.
func idOf(m capture.MAC, vlan uint16) uint64 {
	return uint64(m[0]) | uint64(m[1])<<8 | uint64(m[2])<<16 | uint64(m[3])<<24 | uint64(m[4])<<32 | uint64(m[5])<<40 |
		uint64(vlan)<<48
}

func macOf(id uint64) (m capture.MAC) {
	for i := range m {
		m[i] = byte(id >> (8 * i))
	}
	return m
}

type source struct {
	addr capture.Address
	told int64
}

// NewActivity returns a table for at least size stations, about 900 octets each.
func NewActivity(size int, seed uint64, emit func(*capture.Observation)) *Activity {
	n := 1
	for n*ways < size {
		n *= 2
	}
	return &Activity{ids: make([][ways]uint64, n), sets: make([][ways]sender, n), mask: uint64(n - 1), seed: seed, emit: emit}
}

// Update counts one frame of a station. Its first frame is told at once, later ones at most once an ActivityPeriod, and none
// together with one that is an ActivityPeriod off.
// f.SrcMAC is not zero; f.Src is looked at where it is not zero.
func (a *Activity) Update(f *capture.Header) {
	id := idOf(f.SrcMAC, f.VLAN)
	s := a.sender(id, f.Time)
	s.frames++
	if d := f.Time - s.last; s.sent.Frames != 0 && (d >= int64(ActivityPeriod) || d <= -int64(ActivityPeriod)) {
		a.tell(id, s) // or the silence before f would be told as activity
	}
	if s.sent.Frames == 0 {
		s.first, s.last = f.Time, f.Time
	}
	s.first, s.last = min(s.first, f.Time), max(s.last, f.Time)
	s.sent.Frames++
	s.sent.Octets += uint64(f.Len)
	if s.frames == 1 || f.Time-s.told >= int64(ActivityPeriod) || f.Time < s.told {
		a.tell(id, s)
		s.told = f.Time
	}
	if f.Src != (capture.Address{}) {
		a.source(s, f)
	}
}

// Before tells what f's station sent an ActivityPeriod before f or earlier, where that was not told yet: it comes before what
// f says. Update is still to be called for f.
func (a *Activity) Before(f *capture.Header) {
	id := idOf(f.SrcMAC, f.VLAN)
	at := a.set(id)
	for i, have := range a.ids[at] {
		if s := &a.sets[at][i]; have == id && f.Time-s.last >= int64(ActivityPeriod) {
			a.tell(id, s)
		}
	}
}

// set returns the set of places in which id may be.
func (a *Activity) set(id uint64) uint64 { return mix(id^a.seed, 0xa0761d6478bd642f) & a.mask }

func (a *Activity) sender(id uint64, now int64) *sender {
	at := a.set(id)
	ids, set := &a.ids[at], &a.sets[at]
	victim := 0
	for i, have := range ids {
		switch {
		case have == id:
			return &set[i]
		case ids[victim] == 0:
		case have == 0, lesserSender(&set[i], &set[victim]):
			victim = i
		}
	}
	a.tell(ids[victim], &set[victim])
	ids[victim], set[victim] = id, sender{told: now}
	return &set[victim]
}

func lesserSender(a, b *sender) bool {
	if x, y := a.frames >= established, b.frames >= established; x != y {
		return y
	}
	return a.told < b.told
}

func (a *Activity) tell(id uint64, s *sender) {
	if s.sent.Frames == 0 {
		return
	}
	a.obs = capture.Observation{
		Kind: capture.KindActivity, MAC: macOf(id), VLAN: uint16(id >> 48), First: s.first, Time: s.last, Up: s.sent,
	}
	s.sent = capture.Count{}
	a.emit(&a.obs)
}

// source tells of a source address that is new, or was not told for long. A router's frames carry the addresses of the
// whole internet: once a MAC has shown more than a station owns, only addresses that are never routed count as its own.
func (a *Activity) source(s *sender, f *capture.Header) {
	if r := &s.addrs[s.recent]; r.addr == f.Src && f.Time-r.told < int64(addrPeriod) {
		return
	}
	if s.forwards && !f.Src.OnLink() {
		return
	}
	for i := range s.addrCount {
		if s.addrs[i].addr != f.Src {
			continue
		}
		s.recent = i
		if f.Time-s.addrs[i].told >= int64(addrPeriod) {
			s.addrs[i].told = f.Time
			a.tellAddr(f)
		}
		return
	}
	if addr := f.Src.Addr(); addr.IsUnspecified() || addr.IsMulticast() || addr.IsLoopback() {
		return
	}
	if s.addrCount == ownAddrs {
		s.forwards = true
		return
	}
	s.addrs[s.addrCount] = source{f.Src, f.Time}
	s.recent = s.addrCount
	s.addrCount++
	a.tellAddr(f)
}

func (a *Activity) tellAddr(f *capture.Header) {
	a.obs = capture.Observation{
		Kind: capture.KindAddr, Origin: capture.OriginIP, MAC: f.SrcMAC, VLAN: f.VLAN, Addr: f.Src.Addr(), Time: f.Time, First: f.Time,
	}
	a.emit(&a.obs)
}

// Tick tells of stations that have sent since they were told of, in a part of the table: 16 calls look at all of it. It
// is to be called about once a second of the frames' time.
func (a *Activity) Tick(now int64) {
	for range max(1, len(a.sets)/16) {
		at := a.sweep
		a.sweep = (a.sweep + 1) % len(a.sets)
		for i, id := range &a.ids[at] {
			if s := &a.sets[at][i]; id != 0 && now-s.told >= int64(ActivityPeriod) {
				a.tell(id, s)
			}
		}
	}
}

// Flush tells what is left. The table goes on.
func (a *Activity) Flush() {
	for at := range a.ids {
		for i, id := range &a.ids[at] {
			if id != 0 {
				a.tell(id, &a.sets[at][i])
			}
		}
	}
}
