package capture

import "encoding/hex"

// MAC is an IEEE 802 MAC address, in transmission order. The zero MAC means "none": it is what observations from links
// without MAC addresses (raw IP, PPP, SLL of a tunnel) carry.
type MAC [6]byte

// Broadcast is the MAC address that all stations of a segment receive.
var Broadcast = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// IsZero reports whether m is 00:00:00:00:00:00, which no station may send from.
func (m MAC) IsZero() bool { return m == MAC{} }

// IsGroup reports whether m is a multicast or broadcast address (IEEE 802-2014 §8.2.2: I/G bit); never a station's own.
func (m MAC) IsGroup() bool { return m[0]&1 != 0 }

// IsLocal reports whether m is locally administered (U/L bit): virtual machines, and phones that randomise.
func (m MAC) IsLocal() bool { return m[0]&2 != 0 }

// String returns m as six lower-case hexadecimal octets with colons, the form tshark and Linux print.
func (m MAC) String() string {
	var b [17]byte
	for i := range m {
		hex.Encode(b[3*i:], m[i:i+1])
		if i < 5 {
			b[3*i+2] = ':'
		}
	}
	return string(b[:])
}

// ParseMAC reads the form that String prints, in either case. ok is false for anything else.
func ParseMAC(s string) (m MAC, ok bool) {
	if len(s) != 17 {
		return MAC{}, false
	}
	for i := range m {
		if i < 5 && s[3*i+2] != ':' {
			return MAC{}, false
		}
		if _, err := hex.Decode(m[i:i+1], []byte(s[3*i:3*i+2])); err != nil {
			return MAC{}, false
		}
	}
	return m, true
}
