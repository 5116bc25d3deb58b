package cafe

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"cafeprobe/capture"
	"cafeprobe/firmware/evidence"
	"cafeprobe/firmware/state"
)

// Bounds on what is remembered of one station. Real ones stay far below; a hostile one cannot grow the box.
const (
	maxAddrs   = 64
	maxNames   = 16
	maxVLANs   = 8
	maxReasons = 16
)

// Station is one network card on the café's LAN, which is one computer but for laptops and servers with several.
type Station struct {
	MAC         capture.MAC
	Was         []capture.MAC // cards that its computer had before, the first in front
	Role        Role
	Sent        capture.Count
	First, Last int64 // its first and last frame, nanoseconds since the Unix epoch
	Confirmed   bool  // seen in a second minute: only then is it more than a passing or damaged frame
	VLANs       []uint16
	Addrs       []Addr
	Names       []Name
	DHCP        Facts
	Presence    []Interval      // when its frames were heard, with silences of 5 minutes left out
	Sessions    []Session       // ended times for which it was on, the newest last
	Uses        []state.Session // ended times for which it was in use, the newest last
	Did         []Stretch       // what it did, settled minutes, the newest last

	Clues Clues // what its role is judged by

	sight       sight
	place       place
	shown       evidence.Station
	judged      *judged // nil as long as it is not confirmed
	on          bool
	opened      bool // the open session was told
	session     Session
	own         int64         // its last frame that was no mere answer
	answers     uint64        // of its frames that were not counted yet, those that are
	silence     time.Duration // silence after which it is off; grows with its own gaps
	boot        int64         // when it last asked for an address to boot with
	bootWhat    string
	uuid        string // what its boot loader says of the computer, or a key of it; empty where that tells nothing
	alias       string // key of the card that its computer had in an earlier run, by which it is told of; empty for its own
	joined      int64  // when the last card in Was was changed
	lastDHCP    *Facts // of that card
	loading     int64  // when its boot loader asked for a boot server, and has asked for no address since; 0 else
	asks        asks
	slept, woke int64 // the last frame before its last pause, and the first behind it
	released    int64 // when it gave its address back
	cpu         int   // minutes in which it sent a frame that only a running computer sends
	minute      int64
	gap         time.Duration // longest silence within the open session
	told        Role          // role at the last EventStation
}

// Addr is an address that a station uses.
type Addr struct {
	Addr        netip.Addr
	Origin      capture.Origin // the best evidence: arp, nd, dhcp, or ip for a mere source address
	First, Last int64
}

// Name is a name that a station gives itself.
type Name struct {
	Name        string
	Origin      capture.Origin
	First, Last int64
}

// Interval is a stretch of time, ends included, nanoseconds since the Unix epoch.
type Interval struct{ Start, End int64 }

// Facts are the DHCP facts of a station: of each the first that was said and not empty.
type Facts struct {
	capture.DHCP
	Seen bool
}

// stranger is how long a station of which nothing is known may be somebody's own device that has not shown it yet. Phones
// ask for an address, or open a TCP connection, within seconds, and again within minutes.
const stranger = 10 * time.Minute

// Reported says whether the province may be told of s: it is confirmed, and it is not somebody's own device. What is not
// reported is neither stored nor sent.
func (s *Station) Reported() bool {
	return s.Confirmed && s.Role != RolePhone && !s.somebodys() && (s.Role != RoleUnknown || s.Last-s.First >= int64(stranger))
}

// On returns the open session.
func (s *Station) On() (open Session, on bool) { return s.session, s.on }

// StateAt returns what s is doing at now, when the wire can be heard or not.
func (s *Station) StateAt(now int64, blind bool) State {
	switch {
	case blind:
		return StateUnknown
	case !s.on:
		return StateOff
	}
	return StateOn
}

// OwnAddrs returns the addresses that are s's own. A router's frames carry the addresses of others: of one that is known
// by a private address of its own, public source addresses are left out. (A router between public networks cannot be told
// from a host with several addresses, so its are kept.) Of others such IPv4 addresses are left out: who is known by a private
// address and sends from a public one has made it up.
func (s *Station) OwnAddrs() []netip.Addr {
	known := slices.ContainsFunc(s.Addrs, func(a Addr) bool { return a.Addr.IsPrivate() && a.Origin != capture.OriginIP })
	var own []netip.Addr
	for _, a := range s.Addrs {
		routed := a.Origin == capture.OriginIP && !a.Addr.IsPrivate() && !a.Addr.IsLinkLocalUnicast()
		if !known || !routed || s.Role != RoleRouter && !a.Addr.Is4() {
			own = append(own, a.Addr)
		}
	}
	return own
}

func (s *Station) vlan(id uint16) {
	if len(s.VLANs) < maxVLANs && !slices.Contains(s.VLANs, id) {
		s.VLANs = append(s.VLANs, id)
	}
}

// address notes that s uses o.Addr. Better evidence replaces weaker, never the other way round.
func (s *Station) address(o *capture.Observation) {
	if !o.Addr.IsValid() || o.Addr.IsUnspecified() || o.Addr.IsMulticast() {
		return
	}
	for i := range s.Addrs {
		a := &s.Addrs[i]
		if a.Addr == o.Addr {
			a.First, a.Last = min(a.First, o.Time), max(a.Last, o.Time)
			if strength(o.Origin) > strength(a.Origin) {
				a.Origin = o.Origin
			}
			return
		}
	}
	if len(s.Addrs) == maxAddrs && !s.forgetAddr(o.Origin) {
		return
	}
	s.Addrs = append(s.Addrs, Addr{o.Addr, o.Origin, o.Time, o.Time})
}

// forgetAddr makes room for an address that o says: the one that was used longest ago goes, of those with evidence that is
// weaker. So made-up source addresses push out none that the station has.
func (s *Station) forgetAddr(o capture.Origin) bool {
	victim := -1
	for i := range s.Addrs {
		if strength(s.Addrs[i].Origin) < strength(o) && (victim < 0 || s.Addrs[i].Last < s.Addrs[victim].Last) {
			victim = i
		}
	}
	if victim < 0 {
		return false
	}
	s.Addrs = slices.Delete(s.Addrs, victim, victim+1)
	return true
}

// strength orders the evidence for an address: ARP and ND name the MAC themselves, DHCP promises, a source address may
// have been routed.
func strength(o capture.Origin) int {
	return slices.Index([]capture.Origin{capture.OriginIP, capture.OriginDHCP6, capture.OriginDHCP, capture.OriginND, capture.OriginARP}, o)
}

func (s *Station) name(o *capture.Observation) {
	if o.Name == "" {
		return
	}
	s.Clues.name(o)
	for i := range s.Names {
		n := &s.Names[i]
		if n.Origin == o.Origin && strings.EqualFold(n.Name, o.Name) {
			n.Last = max(n.Last, o.Time)
			return
		}
	}
	if len(s.Names) < maxNames {
		s.Names = append(s.Names, Name{o.Name, o.Origin, o.Time, o.Time})
	}
}

func (s *Station) serve(o *capture.Observation) { s.Clues.serve(o.Origin) }

// evidence notes what only a running computer does. Replies are none: network cards give them while the computer sleeps.
func (s *Station) evidence(o *capture.Observation) {
	switch o.Evidence {
	case capture.EvidenceARPReply, capture.EvidenceNeighborAdvert:
		s.answers++
	case capture.EvidenceRouterAdvert:
		s.Clues.Router = true
	case capture.EvidencePXEBoot:
		s.booted(o.Time, "PXE boot")
		s.loading = o.Time
	}
}

// booted notes that s began to boot at t. The first sign of one boot counts.
func (s *Station) booted(t int64, what string) {
	if s.boot == 0 || t-s.boot > int64(bootSpan) {
		s.boot, s.bootWhat = t, what
	}
}

// dhcp takes a message from or to a client. What the client says is about chaddr, also when a relay carries it.
func (c *Cafe) dhcp(o *capture.Observation) {
	d := o.DHCP
	if d == nil || d.Client.IsZero() || d.Client.IsGroup() {
		return
	}
	s, ok := c.stations[d.Client]
	if !ok {
		if d.FromServer || d.Client != o.MAC {
			return // only a station's own frames create it
		}
		if s = c.station(o); s == nil {
			return // the box's own
		}
	}
	s = c.identify(s, o)
	s.DHCP.take(d)
	if d.FromServer && !d.V6 && d.Message == "NAK" {
		s.asks.refused()
	}
	if d.FromServer || d.V6 {
		return
	}
	s.Clues.dhcp(d)
	switch d.Message {
	case "DISCOVER":
		c.starts(s, d, o.Time)
	case "REQUEST":
		if !d.ClientAddr.IsValid() { // INIT-REBOOT or SELECTING (RFC 2131 §4.3.2), not a renewal
			c.starts(s, d, o.Time)
		}
	case "RELEASE":
		s.Last, s.own, s.released = max(s.Last, o.Time), max(s.own, o.Time), o.Time
		c.close(s, CauseRelease)
	}
}

// take keeps of each fact the first that is not empty; a client's words win over a server's.
func (f *Facts) take(d *capture.DHCP) {
	if d.V6 {
		return
	}
	f.Seen = true
	keep := func(have *string, said string) {
		if *have == "" {
			*have = said
		}
	}
	if d.FromServer {
		if !f.YourAddr.IsValid() {
			f.YourAddr = d.YourAddr
		}
		return
	}
	keep(&f.Hostname, d.Hostname)
	keep(&f.FQDN, d.FQDN)
	keep(&f.VendorClass, d.VendorClass)
	keep(&f.UserClass, d.UserClass)
	keep(&f.ClientID, d.ClientID)
	keep(&f.ClientUUID, d.ClientUUID)
	keep(&f.Params, d.Params)
	if d.HasArch && !f.HasArch {
		f.Arch, f.HasArch = d.Arch, true
	}
	if !f.Requested.IsValid() {
		f.Requested = d.Requested
	}
}
