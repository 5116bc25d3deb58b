package cafe

import (
	"math/bits"
	"net/netip"
	"slices"
	"time"

	"cafeprobe/capture"
)

// sight is how a station was heard.
type sight struct {
	both  int64   // when it was last heard in unicast in both directions, 0 never
	disk  int64   // when its disk traffic was
	group bool    // it has sent to groups
	calls minutes // in which it sent to groups from an address of its own, as a running computer does
	asks  minutes // in which it asked for a router's address: it is going to send it something
	worst int     // most such minutes between two times at which it was heard in both directions
}

// heard notes that s was heard in both directions from first to last.
func (s *sight) heard(first, last int64) {
	if s.both != 0 && first > s.both {
		s.worst = max(s.worst, s.calls.between(s.both, first), s.asks.between(s.both, first))
	}
	s.both = max(s.both, last)
}

// signs returns the minutes in which s showed that it talks to somebody behind the router. PCs always do when they
// run; a camera or a printer may call all night and talk to nobody, unless it asks for the router.
func (s *Station) signs() *minutes {
	switch s.Role {
	case RoleRouter, RoleServer, RolePrinter:
		return nil
	case RolePC, RoleCashier:
		all := s.sight.calls.or(s.sight.asks)
		return &all
	}
	return &s.sight.asks
}

// minutes is a set of minutes, of the last hour before its latest one.
type minutes struct {
	last int64  // the latest, in minutes since the Unix epoch
	bits uint64 // bit i: the minute last-i
}

func minuteOf(t int64) int64 { return t / int64(time.Minute) }

func (m *minutes) mark(t int64) {
	switch d := minuteOf(t) - m.last; {
	case m.bits == 0 || d >= 64:
		m.last, m.bits = minuteOf(t), 1
	case d >= 0:
		m.last, m.bits = minuteOf(t), m.bits<<d|1
	case d > -64:
		m.bits |= 1 << -d
	}
}

// within returns m without what is not later than the minute of from, or is later than that of to.
func (m minutes) within(from, to int64) minutes {
	if d := m.last - minuteOf(to); d > 0 {
		m.last, m.bits = minuteOf(to), m.bits>>min(d, 64)
	}
	if keep := m.last - minuteOf(from); keep <= 0 {
		m.bits = 0
	} else if keep < 64 {
		m.bits &= 1<<keep - 1
	}
	return m
}

func (m *minutes) between(from, to int64) int { return m.within(from, to).count() }

func (m minutes) count() int { return bits.OnesCount64(m.bits) }

// ends returns the first and the last minute of m, which is not empty.
func (m minutes) ends() (first, last int64) {
	return m.last - int64(63-bits.LeadingZeros64(m.bits)), m.last - int64(bits.TrailingZeros64(m.bits))
}

// or returns the minutes of both.
func (m minutes) or(n minutes) minutes {
	if m.bits == 0 || n.bits != 0 && n.last > m.last {
		m, n = n, m
	}
	if d := m.last - n.last; n.bits != 0 && d < 64 {
		m.bits |= n.bits << d
	}
	return m
}

// recent sums up the last quarter of an hour.
type recent struct {
	buckets [15]bucket // one a minute, by the minute's rest
	total   Loss       // of all time
}

type bucket struct {
	minute         int64
	oneWay, twoWay uint64 // frames of TCP flows of which one direction was heard, or both
	loss           Loss
}

// at returns the bucket of t.
func (r *recent) at(t int64) *bucket {
	m := minuteOf(t)
	b := &r.buckets[m%int64(len(r.buckets))]
	if b.minute != m {
		*b = bucket{minute: m}
	}
	return b
}

// sum returns all that is not older than the quarter of an hour before now.
func (r *recent) sum(now int64) (all bucket) {
	for _, b := range r.buckets {
		if d := minuteOf(now) - b.minute; d >= 0 && d < int64(len(r.buckets)) {
			all.oneWay += b.oneWay
			all.twoWay += b.twoWay
			all.loss = all.loss.add(b.loss)
		}
	}
	return all
}

func (l Loss) add(m Loss) Loss { return Loss{l.Came + m.Came, l.Lost + m.Lost} }

// look takes what o says of the vantage.
func (c *Cafe) look(o *capture.Observation) {
	v := &c.vantage
	v.frames = true
	switch {
	case o.Kind == capture.KindLoss:
		loss := Loss{o.Up.Octets, o.Down.Octets}
		v.recent.at(o.Time).loss = v.recent.at(o.Time).loss.add(loss)
		v.recent.total = v.recent.total.add(loss)
	case o.Kind == capture.KindFlow:
		c.lookFlow(o)
	case o.Group:
		s := c.stations[o.MAC]
		if s == nil {
			return
		}
		if o.Kind == capture.KindEvidence && o.Evidence == capture.EvidenceARPRequest {
			c.lookLoader(s, o)
		}
		s.sight.group = true
		if o.Kind == capture.KindEvidence && o.Evidence == capture.EvidenceARPRequest && !s.starting(o.Time) && v.gateway(o) {
			s.sight.asks.mark(o.Time)
		}
	}
}

// starting reports whether s is about to boot at t: then it asks for its router whether or not it has anything to send.
func (s *Station) starting(t int64) bool { return s.boot != 0 && t-s.boot < int64(bootSpan) }

// gateway reports whether what o asks for is the address of a router: of one that is known, or that many ask for.
func (v *vantage) gateway(o *capture.Observation) bool {
	if _, ok := v.routers[o.Peer]; ok {
		return true
	}
	by := v.asked[o.Peer]
	if len(by) < gatewayAsked && !slices.Contains(by, o.MAC) && (by != nil || len(v.asked) < maxAsked) {
		if v.asked == nil {
			v.asked = map[netip.Addr][]capture.MAC{}
		}
		by = append(by, o.MAC)
		v.asked[o.Peer] = by
	}
	return len(by) >= gatewayAsked
}

// lookFlow takes a flow.
func (c *Cafe) lookFlow(o *capture.Observation) {
	v := &c.vantage
	switch {
	case slices.Contains(v.own, o.MAC) || slices.Contains(v.own, o.Target):
		return // with the box itself
	case o.Target.IsGroup() || o.Peer.IsMulticast():
		if o.Up.Frames > 0 {
			c.called(o.MAC, o.Addr, o)
		}
		return
	case o.MAC.IsGroup() || o.Addr.IsMulticast():
		if o.Down.Frames > 0 {
			c.called(o.Target, o.Peer, o)
		}
		return
	}
	if o.Up.Frames == 0 || o.Down.Frames == 0 {
		if o.Proto == protoTCP {
			v.recent.at(o.Time).oneWay += o.Up.Frames + o.Down.Frames
			for _, m := range []capture.MAC{o.MAC, o.Target} {
				if len(v.oneWay) < oneWayEnds && !m.IsZero() && !slices.Contains(v.oneWay, m) {
					v.oneWay = append(v.oneWay, m)
				}
			}
		}
		return
	}
	if o.Proto == protoTCP {
		v.recent.at(o.Time).twoWay += o.Up.Frames + o.Down.Frames
	}
	c.bothWays(o)
}

// bothWays takes a flow that was heard in both directions.
func (c *Cafe) bothWays(o *capture.Observation) {
	c.lookRouter(o)
	if s := c.stations[o.MAC]; s != nil && o.PeerPort == portISCSI && o.Proto == protoTCP && local(o.Peer) {
		s.Clues.Disk = true
	}
	v := &c.vantage
	v.flows++
	v.both = max(v.both, o.Time)
	if v.proof == 0 {
		v.proof = o.Time
	}
	if local(o.Addr) != local(o.Peer) {
		v.far++
	}
	if o.PeerPort == portISCSI {
		v.disk = max(v.disk, o.Time)
	}
	if o.MAC.IsZero() {
		if v.addrs == nil {
			v.addrs = map[netip.Addr]struct{}{}
		}
		if len(v.addrs) < maxAddrsBoth {
			v.addrs[o.Addr] = struct{}{}
		}
	}
	for _, m := range []capture.MAC{o.MAC, o.Target} {
		s := c.stations[m]
		if s == nil {
			continue
		}
		if s.sight.both == 0 {
			v.ends++
		}
		s.sight.heard(o.First, o.Time)
		if o.PeerPort == portISCSI {
			s.sight.disk = max(s.sight.disk, o.Time)
		}
	}
	if c.lost && o.Time > c.lostSince {
		c.regain(o.Time)
	}
}

// called notes that m sent to a group from addr. Without an address it is still booting, or has nobody to answer it.
func (c *Cafe) called(m capture.MAC, addr netip.Addr, o *capture.Observation) {
	s := c.stations[m]
	if s == nil {
		return
	}
	s.sight.group = true
	switch o.PeerPort {
	case 67, 68, 546, 547:
		return // DHCP
	}
	if addr.IsValid() && !addr.IsUnspecified() {
		s.sight.calls.mark(o.First)
		s.sight.calls.mark(o.Time)
	}
}

// forgetSights takes a clock that was set back to t: times after it never were.
func (c *Cafe) forgetSights(t int64) {
	v := &c.vantage
	v.both, v.proof, v.disk, v.looked = min(v.both, t), min(v.proof, t), min(v.disk, t), t
	c.lostSince = min(c.lostSince, t)
	for _, s := range c.stations {
		s.sight.both, s.sight.disk = min(s.sight.both, t), min(s.sight.disk, t)
		s.sight.calls, s.sight.asks = minutes{}, minutes{}
	}
}

// loaderSpan is how long after its last DHCP message a boot loader asks for its server's address: at once.
const loaderSpan = 10 * time.Second

// lookLoader takes a question for an address. The first that a boot loader asks, which knows nobody else, is for whoever has
// its files or its disk. On a plain port nothing else shows a boot server.
func (c *Cafe) lookLoader(s *Station, o *capture.Observation) {
	loads := s.loading != 0 && o.Time-s.loading < int64(loaderSpan)
	s.loading = 0
	v := &c.vantage
	by := v.booters[o.Peer]
	if !loads || len(by) >= gatewayAsked || slices.Contains(by, o.MAC) || by == nil && len(v.booters) >= maxAsked {
		return
	}
	if v.booters == nil {
		v.booters = map[netip.Addr][]capture.MAC{}
	}
	v.booters[o.Peer] = append(by, o.MAC)
}
