package decode

import (
	"bytes"
	"encoding/binary"

	"cafeprobe/capture"
)

// Public flags of gQUIC up to Q043.
const (
	gquicFlagVersion = 0x01
	gquicFlagReset   = 0x02
	gquicFlagCID     = 0x08
)

// gquicPublic reads a packet of gQUIC Q024 to Q043 (Google's "QUIC Wire Layout Specification"): flags, connection id of 8
// octets, version, packet number, all in the clear until the keys are agreed.
func gquicPublic(d *Decoder, b []byte) bool {
	const minimum = 1 + 8 + 4
	if len(b) < minimum || b[0]&(gquicFlagVersion|gquicFlagReset|gquicFlagCID) != gquicFlagVersion|gquicFlagCID {
		return false
	}
	if v := b[9:13]; v[0] != 'Q' || v[1] != '0' || v[2] < '2' || v[2] > '4' || v[3] < '0' || v[3] > '9' {
		return false
	}
	gquicHello(d, b[minimum:])
	return true
}

const (
	tagCHLO = "CHLO"
	tagSNI  = "SNI\x00"
)

// maxBeforeCHLO is how far into a packet the CHLO may start: behind the header of up to 50 octets, its hash, and frames
// that acknowledge a rejection. Their forms changed from version to version; that of the message did not.
const maxBeforeCHLO = 256

// gquicHello looks for a CHLO message in b and for the server name in it (Google's "QUIC Crypto", "Handshake costs"). The
// name stands in the first packet of a hello: its tag is the second in order.
func gquicHello(d *Decoder, b []byte) {
	i := bytes.Index(b[:min(len(b), maxBeforeCHLO)], []byte(tagCHLO))
	if i < 0 {
		return
	}
	if name := chloName(b[i:]); len(name) > 0 {
		d.emitServer(capture.OriginQUIC, text(name))
	}
}

func isCHLO(b []byte) bool { return len(b) >= len(tagCHLO) && string(b[:len(tagCHLO)]) == tagCHLO }

// chloName returns the value of tag SNI of the message b: tag, number of entries and two octets of padding, then for each
// entry its tag and where its value ends, then the values; all little-endian.
func chloName(b []byte) []byte {
	const header, entry, maxEntries = 8, 8, 128
	if len(b) < header {
		return nil
	}
	n := int(binary.LittleEndian.Uint16(b[4:]))
	if n > maxEntries || len(b) < header+n*entry {
		return nil
	}
	values := b[header+n*entry:]
	from := uint32(0)
	for i := range n {
		e := b[header+i*entry:]
		to := binary.LittleEndian.Uint32(e[4:])
		if to < from || to > uint32(len(values)) {
			return nil
		}
		if string(e[:4]) == tagSNI {
			return values[from:to]
		}
		from = to
	}
	return nil
}
