package decode

import "cafeprobe/capture"

// etherCDP is CDP's protocol number in SNAP with Cisco's OUI, and as it stands in GRE.
const etherCDP = 0x2000

// cdpSNAP is the LLC and SNAP header of a CDP frame.
const cdpSNAP = "\xaa\xaa\x03\x00\x00\x0c\x20\x00"

// cdpFrame reads a CDP frame: p.Payload starts at the DSAP.
func cdpFrame(d *Decoder, p *Packet) {
	if b := p.Payload; len(b) > len(cdpSNAP) && string(b[:len(cdpSNAP)]) == cdpSNAP {
		cdp(d, p, b[len(cdpSNAP):])
	}
}

// cdp reads the device's name of a Cisco Discovery Protocol message: version, time to live, checksum; then TLVs of type
// 2 and length 2, the length counting both.
func cdp(d *Decoder, p *Packet, b []byte) {
	const (
		header   = 4
		deviceID = 1
	)
	if len(b) < header || b[0] < 1 || b[0] > 2 {
		return
	}
	name := ""
	for b = b[header:]; len(b) > 0; {
		if len(b) < 4 || len(b) < int(be16(b[2:])) {
			if p.Verdict == Cut {
				break // the rest was not captured
			}
			return
		}
		size := int(be16(b[2:]))
		if size < 4 {
			return
		}
		if be16(b) == deviceID && name == "" {
			name = printable(b[4:size])
		}
		b = b[size:]
	}
	if name != "" {
		d.emit(capture.Observation{Kind: capture.KindName, Origin: capture.OriginCDP, Name: name})
	}
}
