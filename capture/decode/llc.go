package decode

// llc reads an IEEE 802.2 LLC PDU: DSAP, SSAP, control of one octet (unnumbered) or two. Of its payloads only those
// that carry what this package knows are followed: SNAP with an EtherType, and IP (SAP 06). Spanning tree, NetBEUI,
// IPX, OSI and the like are sound and end here: Ether 0, Payload from the DSAP on.
func (d *Decoder) llc(p *Packet, b []byte, n int) Verdict {
	const (
		sapIP         = 0x06
		sapSNAP       = 0xaa
		unnumberedInf = 0x03
	)
	if len(b) < 3 {
		return short(n, 3)
	}
	p.Ether = 0
	if be16(b) == 0xffff {
		return opaque(p, b, n) // Novell's raw 802.3: no LLC but an IPX header, whose checksum field is ffff
	}
	if b[2]&3 != 3 && n < 4 {
		return Malformed // information and supervisory PDUs have two octets of control
	}
	switch {
	case b[0] == sapSNAP && b[1] == sapSNAP && b[2] == unnumberedInf:
		if len(b) < 8 {
			return short(n, 8)
		}
		oui, t := be32(b[2:])&0xffffff, be16(b[6:])
		if t >= minEtherType && (oui == 0 || oui == 0x0000f8) { // RFC 1042; IEEE 802.1H bridge tunnel
			return d.ethertype(p, t, b[8:], n-8)
		}
	case b[0] == sapIP && b[1] == sapIP && b[2] == unnumberedInf:
		return d.ip4(p, b[3:], n-3)
	}
	return opaque(p, b, n)
}
