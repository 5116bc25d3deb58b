package cafe

import (
	"net/netip"
	"slices"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/title"
	"cafeprobe/firmware/evidence"
	"cafeprobe/firmware/state"
)

// note takes o as evidence of what its station does.
func (c *Cafe) note(o *capture.Observation) {
	switch o.Kind {
	case capture.KindFlow:
		c.noteFlow(o)
		return
	case capture.KindDHCP:
		c.noteDHCP(o)
		return
	}
	s := c.find(o.MAC, o.Time)
	if s == nil {
		return
	}
	switch o.Kind {
	case capture.KindActivity:
		s.shown.Sent(o.First, o.Time, o.Up.Frames)
	case capture.KindQuery:
		if local(o.Peer) && o.Origin != capture.OriginDNS {
			return // a neighbour's page, as UPnP has them
		}
		if !c.cfg.Titles.Background(c.cfg.Titles.Name(o.Name)) {
			s.shown.Name(o.Time, o.Name, o.Origin != capture.OriginDNS)
		}
	case capture.KindEvidence:
		if sign := signOf(o.Evidence); sign != 0 {
			s.shown.Sign(o.Time, sign)
		}
	}
}

// signOf returns what a piece of evidence is a sign of, 0 for nothing: network cards answer while the computer sleeps.
func signOf(e capture.Evidence) state.Signs {
	switch e {
	case capture.EvidencePXEBoot:
		return state.Boot
	case capture.EvidenceGoodbye:
		return state.Farewell
	case capture.EvidenceGameRunning:
		return state.GameRunning
	case capture.EvidenceScreenLocked:
		return state.ScreenLocked
	case capture.EvidenceARPRequest, capture.EvidenceARPProbe, capture.EvidenceARPAnnounce, capture.EvidenceRouterSolicit,
		capture.EvidenceNeighborSolicit, capture.EvidenceDAD, capture.EvidenceMLD, capture.EvidenceIGMP, capture.EvidenceNTPClient:
		return state.CPU
	}
	return 0
}

func (c *Cafe) noteDHCP(o *capture.Observation) {
	d := o.DHCP
	if d == nil || d.FromServer || d.V6 {
		return
	}
	s := c.stations[d.Client]
	if s == nil {
		return
	}
	switch {
	case d.Message == "DISCOVER", d.Message == "REQUEST" && !d.ClientAddr.IsValid(): // SELECTING or INIT-REBOOT, no renewal
		s.shown.Sign(o.Time, state.Boot)
	case d.Message == "RELEASE":
		s.shown.Sign(o.Time, state.Farewell)
	}
}

// noteFlow takes a flow as evidence of the end that is on the LAN. Between two stations it is local, and the client's.
func (c *Cafe) noteFlow(o *capture.Observation) {
	client, server := c.inside(o.MAC, o.Addr), c.inside(o.Target, o.Peer)
	mac, up, down := o.MAC, o.Up, o.Down
	traffic := evidence.Personal
	switch {
	case c.cfg.Titles.Messenger(title.ID(o.Title)):
		traffic = evidence.Messenger
	case c.cfg.Titles.Background(title.ID(o.Title)):
		traffic = evidence.Background
	}
	switch {
	case client && server:
		traffic = evidence.Local
	case server:
		mac, up, down = o.Target, o.Down, o.Up
	case !client:
		return
	}
	s := c.find(mac, o.First)
	if s == nil {
		return
	}
	var id uint16
	if traffic == evidence.Messenger || c.cfg.Titles.Title(title.ID(o.Title)).Use == title.Play {
		id = o.Title
	}
	s.shown.Flow(o.First, o.Time, o.Proto, up, down, traffic, id)
}

// inside reports whether an end of a flow, at a MAC as its frames have it, is on the LAN. Of IPv6 hosts there have addresses of the
// internet (RFC 4291 §2.5.4), and most of what is watched goes over it: who is no router sends from his own.
func (c *Cafe) inside(m capture.MAC, a netip.Addr) bool {
	if l := local(a); l || !a.Is6() {
		return l
	}
	s := c.stations[m]
	return s != nil && (s.Role != RoleRouter || s.owns(a))
}

// local reports whether an address is one of the LAN: those, and groups, that no router carries to the internet.
func local(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsMulticast() || a == broadcast || a.IsUnspecified()
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// view says what could be seen of s in the minute that begins at start.
func (c *Cafe) view(s *Station) func(start int64) state.View {
	_, hidden := slices.BinarySearchFunc(c.sees.Hidden, s.MAC, func(a, b capture.MAC) int { return slices.Compare(a[:], b[:]) })
	return func(start int64) state.View {
		switch {
		case c.unseen(start, start+int64(time.Minute)):
			return state.Blind
		case c.sees.Grade == GradeC || hidden:
			return state.Broadcasts
		}
		return state.Full
	}
}

// unseen reports whether for more than half of the time from from to to nobody could be heard.
func (c *Cafe) unseen(from, to int64) bool {
	most := func(b Interval) bool { return min(b.End, to)-max(b.Start, from) > (to-from)/2 }
	return c.blind && most(Interval{c.traffic, c.now}) || c.lost && most(Interval{c.lostSince, c.now}) ||
		slices.ContainsFunc(c.blinds, most)
}
