package decode

import (
	"net/netip"

	"cafeprobe/capture"
)

// ICMPv6 types (IANA) that tell something of their sender.
const (
	mldQuery            = 130
	mldReport           = 131
	mldDone             = 132
	ndRouterSolicit     = 133
	ndRouterAdvert      = 134
	ndNeighborSolicit   = 135
	ndNeighborAdvert    = 136
	mldReport2          = 143
	ndSourceLinkOption  = 1
	ndTargetLinkOption  = 2
	ndFlagSolicited     = 0x40 // neighbour advertisement, octet 4
	ndHopLimit          = 255  // RFC 4861 §6.1, §7.1: one that a router has passed on is not valid
	mldHopLimit         = 1    // RFC 3810 §5
	ndMinRouterSolicit  = 8
	ndMinRouterAdvert   = 16
	ndMinNeighbor       = 24
	mldMin              = 24
	mldMinReport2       = 8
	mldMinRecord        = 20
	icmp6CodeOfND       = 0
	ndOptionUnit        = 8
	ndLinkOptionOctets  = 8
	ndLinkOptionAddress = 2
)

// icmp6 reads neighbour discovery (RFC 4861) and multicast listener discovery (RFC 2710, RFC 3810). The checksum held:
// Decode checked it.
func icmp6(d *Decoder, p *Packet) {
	b := p.Payload
	if len(b) < 8 || len(b) < p.PayloadLen || p.Tunnels > 0 {
		return // ND and MLD are of the link: inside a tunnel they tell of another one
	}
	switch b[0] {
	case ndRouterSolicit, ndRouterAdvert, ndNeighborSolicit, ndNeighborAdvert:
		if p.TTL == ndHopLimit && b[1] == icmp6CodeOfND {
			neighbor(d, p, b)
		}
	case mldQuery, mldReport, mldDone, mldReport2:
		if p.TTL == mldHopLimit && p.RouterAlert {
			mld(d, p, b)
		}
	}
}

// neighbor reads the four messages of ND that every host sends.
func neighbor(d *Decoder, p *Packet, b []byte) {
	source, fixed, link := p.SrcAddr, ndMinNeighbor, byte(ndSourceLinkOption)
	var what capture.Evidence
	switch b[0] {
	case ndRouterSolicit:
		fixed, what = ndMinRouterSolicit, capture.EvidenceRouterSolicit
	case ndRouterAdvert:
		fixed, what = ndMinRouterAdvert, capture.EvidenceRouterAdvert
		if !source.IsLinkLocalUnicast() {
			return // RFC 4861 §6.1.2
		}
	case ndNeighborSolicit:
		what = capture.EvidenceNeighborSolicit
		if source.IsUnspecified() {
			what = capture.EvidenceDAD // the address in question is not its own yet
		}
	case ndNeighborAdvert:
		link = ndTargetLinkOption
	}
	if len(b) < fixed {
		return
	}
	var target netip.Addr
	if fixed == ndMinNeighbor {
		if target = netip.AddrFrom16([16]byte(b[8:24])); target.IsMulticast() {
			return
		}
	}
	mac, ok := linkOption(b[fixed:], link)
	if !ok {
		return
	}
	if b[0] == ndNeighborAdvert {
		// Who advertises an address has it, unless it answers for another (a proxy): then the option has another MAC.
		source = target
		if b[4]&ndFlagSolicited == 0 {
			what = capture.EvidenceNeighborAdvert // unasked; network cards of sleeping computers give the other ones
		}
	}
	if usable(source) && (mac.IsZero() || mac == p.Src) {
		d.emit(capture.Observation{Kind: capture.KindAddr, Origin: capture.OriginND, Addr: source})
	}
	if what != capture.EvidenceNone {
		o := capture.Observation{Kind: capture.KindEvidence, Origin: capture.OriginND, Evidence: what, Peer: target}
		d.emit(o)
	}
}

// linkOption returns the link-layer address of option kind, zero where it is absent. It reports false where the options
// do not hold: a length of 0, or one past the end, makes the message invalid (RFC 4861 §4.6).
func linkOption(b []byte, kind byte) (mac capture.MAC, ok bool) {
	for len(b) > 0 {
		if len(b) < ndOptionUnit || b[1] == 0 || ndOptionUnit*int(b[1]) > len(b) {
			return capture.MAC{}, false
		}
		if b[0] == kind && b[1] == ndLinkOptionOctets/ndOptionUnit {
			mac = capture.MAC(b[ndLinkOptionAddress:8])
		}
		b = b[ndOptionUnit*int(b[1]):]
	}
	return mac, true
}

// mld reads what a host reports of the groups it joined. Its address is link-local, or :: before it has one.
func mld(d *Decoder, p *Packet, b []byte) {
	what := capture.EvidenceMLD
	switch b[0] {
	case mldQuery:
		what = capture.EvidenceMLDQuery
		if len(b) < mldMin || !p.SrcAddr.IsLinkLocalUnicast() {
			return
		}
	case mldReport, mldDone:
		if len(b) < mldMin || b[8] != 0xff {
			return
		}
	case mldReport2:
		if !mldRecords(b) {
			return
		}
	}
	if usable(p.SrcAddr) {
		if !p.SrcAddr.IsLinkLocalUnicast() {
			return
		}
		d.emit(capture.Observation{Kind: capture.KindAddr, Origin: capture.OriginND})
	}
	d.emit(capture.Observation{Kind: capture.KindEvidence, Origin: capture.OriginND, Evidence: what})
}

// mldRecords reports whether the records of a version 2 report (RFC 3810 §5.2) hold: type, auxiliary words, number of
// sources, group, sources.
func mldRecords(b []byte) bool {
	n := int(be16(b[6:]))
	b = b[mldMinReport2:]
	for range n {
		if len(b) < mldMinRecord || b[4] != 0xff {
			return false
		}
		size := mldMinRecord + 16*int(be16(b[2:])) + 4*int(b[1])
		if size > len(b) {
			return false
		}
		b = b[size:]
	}
	return true
}
