package decode

import (
	"bytes"

	"cafeprobe/capture"
)

// magicLen is the length of AMD's magic packet (Magic Packet Technology, publication 20213): six octets 0xff, then the
// MAC address of the computer to wake sixteen times. A SecureOn password of 4 or 6 octets may follow; it is not read.
const (
	magicSync    = 6
	magicRepeats = 16
	magicLen     = magicSync + magicRepeats*len(capture.MAC{})
)

var wolSync = bytes.Repeat([]byte{0xff}, magicSync)

// wol reads Wake-on-LAN with its own EtherType, where the magic packet is all there is.
func wol(d *Decoder, p *Packet, b []byte) bool {
	if len(b) < magicLen || !bytes.HasPrefix(b, wolSync) {
		return false
	}
	return wake(d, b)
}

// wolUDP reads Wake-on-LAN over UDP, where the magic packet may be anywhere in the datagram.
func wolUDP(d *Decoder, p *Packet) bool {
	i := bytes.Index(p.Payload, wolSync)
	return i >= 0 && wake(d, p.Payload[i:])
}

// wake looks for a magic packet in b and emits whom it wakes. A station's address does not start with 0xff, so the sync
// is the end of a run of 0xff, and every octet is looked at but once or twice.
func wake(d *Decoder, b []byte) bool {
	for len(b) >= magicLen {
		run := 0
		for run < len(b) && b[run] == 0xff {
			run++
		}
		if mac, ok := magic(b[run:]); ok && run >= magicSync {
			d.emit(capture.Observation{Kind: capture.KindWake, Target: mac})
			return true
		}
		i := bytes.Index(b[run:], wolSync)
		if i < 0 {
			return false
		}
		b = b[run+i:]
	}
	return false
}

// magic returns the station's address that b starts with sixteen times.
func magic(b []byte) (mac capture.MAC, ok bool) {
	const all = magicLen - magicSync
	if len(b) < all {
		return capture.MAC{}, false
	}
	mac = capture.MAC(b)
	if !isStation(mac) {
		return capture.MAC{}, false
	}
	for i := len(mac); i < all; i += len(mac) {
		if capture.MAC(b[i:]) != mac {
			return capture.MAC{}, false
		}
	}
	return mac, true
}
