package capture

import (
	"encoding/binary"
	"net/netip"
)

// Header is what the tables of flows and stations want to know of one frame.
type Header struct {
	Time             int64 // nanoseconds since the Unix epoch
	Len              int   // octets on the wire
	SrcMAC, DstMAC   MAC
	VLAN             uint16  // outermost VLAN id, 0 for none
	Src, Dst         Address // of the IP packet; zero where there is none
	SrcPort, DstPort uint16
	Proto            uint8 // IP protocol number

	TCPFlags   uint8  // FIN 0x01 SYN 0x02 RST 0x04 PSH 0x08 ACK 0x10; 0 where it is not TCP
	Seq, Ack   uint32 // TCP
	PayloadLen int    // octets of payload that the headers say, also where the capture was cut short
}

// Opens reports whether the sender opens a TCP connection, a SYN without ACK: it is the client.
func (h *Header) Opens() bool { return h.TCPFlags&0x12 == 0x02 }

// Address is an IP address as two numbers, IPv4 in its IPv6-mapped form (RFC 4291 §2.5.5.2): a netip.Addr, which has a
// pointer beside them, takes four times as long to be copied and compared. The zero Address is the unspecified one.
type Address struct{ Hi, Lo uint64 }

// mapped is what an IPv4 address has above its 32 bits.
const mapped = 0xffff << 32

// AddressOf returns a; an a that is not valid gives the zero Address.
func AddressOf(a netip.Addr) Address {
	if !a.IsValid() {
		return Address{}
	}
	b := a.As16()
	return Address6(b[:])
}

// Address4 returns the IPv4 address whose four octets b starts with.
func Address4(b []byte) Address { return Address{0, mapped | uint64(binary.BigEndian.Uint32(b))} }

// Address6 returns the IPv6 address whose sixteen octets b starts with.
func Address6(b []byte) Address {
	return Address{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:16])}
}

// Addr returns a as net/netip has it, mapped ones as IPv4.
func (a Address) Addr() netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.Hi)
	binary.BigEndian.PutUint64(b[8:], a.Lo)
	return netip.AddrFrom16(b).Unmap()
}

// OnLink reports whether a is private or link-local (RFC 1918, 3927, 4193, 4291): one that routers do not carry between
// networks.
func (a Address) OnLink() bool {
	if a.Hi != 0 || a.Lo>>32 != mapped>>32 {
		return a.Hi>>54 == 0xfe80>>6 || a.Hi>>57 == 0xfc>>1
	}
	v4 := uint32(a.Lo)
	return v4>>24 == 10 || v4>>20 == 172<<4|1 || v4>>16 == 192<<8|168 || v4>>16 == 169<<8|254
}

// Less orders addresses as their octets do.
func (a Address) Less(b Address) bool { return a.Hi < b.Hi || a.Hi == b.Hi && a.Lo < b.Lo }
