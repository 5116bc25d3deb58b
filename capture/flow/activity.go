package flow

import (
	"net/netip"
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
	sets  [][ways]sender
	mask  uint64
	seed  uint64
	emit  func(*capture.Observation)
	sweep int
	obs   capture.Observation
}

type sender struct {
	mac         capture.MAC
	vlan        uint16
	used        bool
	first, last int64 // of what was not told yet
	told        int64
	sent        capture.Count
	frames      uint64 // since it was first seen
	addrs       [ownAddrs]source
	addrCount   int
	forwards    bool // has shown more addresses than it can own
}

type source struct {
	addr netip.Addr
	told int64
}

// NewActivity returns a table for at least size stations, about 900 octets each.
func NewActivity(size int, seed uint64, emit func(*capture.Observation)) *Activity {
	n := 1
	for n*ways < size {
		n *= 2
	}
	return &Activity{sets: make([][ways]sender, n), mask: uint64(n - 1), seed: seed, emit: emit}
}

// Update counts one frame of a station. Its first frame is told at once, later ones at most once an ActivityPeriod.
// f.Src is looked at where it is valid.
func (a *Activity) Update(f *Frame) {
	s := a.sender(f)
	s.frames++
	if s.sent.Frames == 0 {
		s.first, s.last = f.Time, f.Time
	}
	s.first, s.last = min(s.first, f.Time), max(s.last, f.Time)
	s.sent.Frames++
	s.sent.Octets += uint64(f.Len)
	if s.frames == 1 || f.Time-s.told >= int64(ActivityPeriod) || f.Time < s.told {
		a.tell(s)
		s.told = f.Time
	}
	if f.Src.IsValid() {
		a.source(s, f)
	}
}

func (a *Activity) sender(f *Frame) *sender {
	m := f.SrcMAC
	h := uint64(m[0]) | uint64(m[1])<<8 | uint64(m[2])<<16 | uint64(m[3])<<24 | uint64(m[4])<<32 | uint64(m[5])<<40
	set := &a.sets[mix(h^a.seed, uint64(f.VLAN)^0xa0761d6478bd642f)&a.mask]
	var victim *sender
	for i := range set {
		s := &set[i]
		switch {
		case s.used && s.mac == m && s.vlan == f.VLAN:
			return s
		case victim == nil, !s.used && victim.used, s.used == victim.used && lesserSender(s, victim):
			victim = s
		}
	}
	if victim.used {
		a.tell(victim)
	}
	*victim = sender{mac: m, vlan: f.VLAN, used: true, told: f.Time}
	return victim
}

func lesserSender(a, b *sender) bool {
	if x, y := a.frames >= established, b.frames >= established; x != y {
		return y
	}
	return a.told < b.told
}

func (a *Activity) tell(s *sender) {
	if s.sent.Frames == 0 {
		return
	}
	a.obs = capture.Observation{
		Kind: capture.KindActivity, MAC: s.mac, VLAN: s.vlan, First: s.first, Time: s.last, Up: s.sent,
	}
	s.sent = capture.Count{}
	a.emit(&a.obs)
}

// source tells of a source address that is new, or was not told for long. A router's frames carry the addresses of the
// whole internet: once a MAC has shown more than a station owns, only addresses that are never routed count as its own.
func (a *Activity) source(s *sender, f *Frame) {
	for i := range s.addrCount {
		if s.addrs[i].addr != f.Src {
			continue
		}
		if f.Time-s.addrs[i].told >= int64(addrPeriod) {
			s.addrs[i].told = f.Time
			a.tellAddr(s, f)
		}
		return
	}
	if f.Src.IsUnspecified() || f.Src.IsMulticast() || f.Src.IsLoopback() || s.forwards && !onLink(f.Src) {
		return
	}
	if s.addrCount == ownAddrs {
		s.forwards = true
		return
	}
	s.addrs[s.addrCount] = source{f.Src, f.Time}
	s.addrCount++
	a.tellAddr(s, f)
}

// onLink reports whether addr is one that routers do not carry between networks.
func onLink(addr netip.Addr) bool { return addr.IsPrivate() || addr.IsLinkLocalUnicast() }

func (a *Activity) tellAddr(s *sender, f *Frame) {
	a.obs = capture.Observation{
		Kind: capture.KindAddr, Origin: capture.OriginIP, MAC: s.mac, VLAN: s.vlan, Addr: f.Src, Time: f.Time, First: f.Time,
	}
	a.emit(&a.obs)
}

// Tick tells of stations that have sent since they were told of, in a part of the table: 16 calls look at all of it. It
// is to be called about once a second of the frames' time.
func (a *Activity) Tick(now int64) {
	for range max(1, len(a.sets)/16) {
		set := &a.sets[a.sweep]
		a.sweep = (a.sweep + 1) % len(a.sets)
		for i := range set {
			if s := &set[i]; s.used && now-s.told >= int64(ActivityPeriod) {
				a.tell(s)
			}
		}
	}
}

// Flush tells what is left. The table goes on.
func (a *Activity) Flush() {
	for s := range a.sets {
		for i := range a.sets[s] {
			if e := &a.sets[s][i]; e.used {
				a.tell(e)
			}
		}
	}
}
