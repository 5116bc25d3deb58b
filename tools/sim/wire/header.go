package wire

import (
	"encoding/binary"
	"net/netip"

	"cafeprobe/capture"
	"cafeprobe/tools/sim"
)

// IP protocol numbers and what headers take.
const (
	protoICMP6 = 58
	protoIGMP  = 2
	protoTCP   = 6
	protoUDP   = 17

	etherLen = 14
	ip4Len   = 20
	ip6Len   = 40
	udpLen   = 8
	tcpLen   = 20
	least    = 60 // octets of an Ethernet frame without its check sequence, padded (IEEE 802.3 §3.2.8)
	most     = 1514
)

// TCP flags (RFC 9293 §3.1).
const (
	fin = 0x01
	syn = 0x02
	psh = 0x08
	ack = 0x10
)

// end is one end of what is framed.
type end struct {
	mac  capture.MAC
	addr netip.Addr
	port uint16
	runs sim.System // of TCP segments: shows in their TTL and the options of SYNs
}

var be = binary.BigEndian

// frame is the octets of one frame as they are put together; reused. What it does not write is zero, so a payload of
// zeros costs nothing and no checksum.
type frame struct {
	b    [most]byte
	n    int // octets in use
	used int // octets that may not be zero
	id   uint16
}

// begin clears the frame and writes an Ethernet header.
func (f *frame) begin(dst, src capture.MAC, ether uint16) {
	clear(f.b[:f.used])
	copy(f.b[0:], dst[:])
	copy(f.b[6:], src[:])
	be.PutUint16(f.b[12:], ether)
	f.n, f.used = etherLen, etherLen
}

// ip writes an IPv4 or IPv6 header for size octets of proto behind it, and returns where those begin.
func (f *frame) ip(src, dst netip.Addr, proto uint8, ttl uint8, size int) int {
	at := etherLen
	h := f.b[at:]
	if src.Is6() {
		be.PutUint32(h, 6<<28)
		be.PutUint16(h[4:], uint16(size))
		h[6], h[7] = proto, ttl
		s, d := src.As16(), dst.As16()
		copy(h[8:], s[:])
		copy(h[24:], d[:])
		f.size(at + ip6Len + size)
		return at + ip6Len
	}
	f.id++
	h[0] = 0x45
	be.PutUint16(h[2:], uint16(ip4Len+size))
	be.PutUint16(h[4:], f.id)
	h[6] = 0x40 // don't fragment
	h[8], h[9] = ttl, proto
	s, d := src.As4(), dst.As4()
	copy(h[12:], s[:])
	copy(h[16:], d[:])
	be.PutUint16(h[10:], ^fold(sum(0, h[:ip4Len])))
	f.size(at + ip4Len + size)
	return at + ip4Len
}

// size says how long the frame is, and that all of its headers may not be zero.
func (f *frame) size(n int) {
	f.n = max(n, least)
	f.used = max(f.used, min(n, etherLen+ip6Len+tcpLen+24))
}

// udp frames a datagram: head, and zeros behind it up to a payload of size octets.
func (f *frame) udp(src, dst end, head []byte, size int) {
	size = max(size, len(head))
	f.begin(dst.mac, src.mac, etherOf(src.addr))
	at := f.ip(src.addr, dst.addr, protoUDP, ttlOf(dst.addr), udpLen+size)
	h := f.b[at:]
	be.PutUint16(h, src.port)
	be.PutUint16(h[2:], dst.port)
	be.PutUint16(h[4:], uint16(udpLen+size))
	copy(h[udpLen:], head)
	f.used = max(f.used, at+udpLen+len(head))
	s := ^fold(sum(pseudo(src.addr, dst.addr, protoUDP, udpLen+size), h[:udpLen+len(head)]))
	if s == 0 {
		s = 0xffff
	}
	be.PutUint16(h[6:], s)
}

// stacks are how systems' TCP begins: TTL, window, and the options of their SYNs with a maximum segment size of 1460, as
// the shared captures have them of Windows 10 (app-line--ndpi.pcap), Android (game-roblox--ndpi.pcapng), macOS
// (tls-no_sni--ndpi.pcap) and Linux (app-discord--ndpi.pcap). What answers from the internet is Linux.
var stacks = [...]struct {
	ttl     uint8
	window  uint16
	options string
}{
	sim.Linux:   {64, 64240, "\x02\x04\x05\xb4\x04\x02\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x00\x01\x03\x03\x07"},
	sim.Windows: {128, 64240, "\x02\x04\x05\xb4\x01\x03\x03\x08\x01\x01\x04\x02"},
	sim.Android: {64, 65535, "\x02\x04\x05\xb4\x04\x02\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x00\x01\x03\x03\x09"},
	sim.Apple:   {64, 65535, "\x02\x04\x05\xb4\x01\x03\x03\x06\x01\x01\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x00\x04\x02\x00\x00"},
}

// tcp frames a segment, head first and zeros behind it up to a payload of size octets.
func (f *frame) tcp(src, dst end, seq, acked uint32, flags uint8, head []byte, size int) {
	size = max(size, len(head))
	f.begin(dst.mac, src.mac, etherOf(src.addr))
	t := &stacks[src.runs]
	header := tcpLen
	options := ""
	if flags&syn != 0 {
		options = t.options
		header += len(options)
	}
	at := f.ip(src.addr, dst.addr, protoTCP, t.ttl, header+size)
	h := f.b[at:]
	be.PutUint16(h, src.port)
	be.PutUint16(h[2:], dst.port)
	be.PutUint32(h[4:], seq)
	be.PutUint32(h[8:], acked)
	h[12], h[13] = byte(header/4)<<4, flags
	be.PutUint16(h[14:], t.window)
	copy(h[tcpLen:], options)
	copy(h[header:], head)
	f.used = max(f.used, at+header+len(head))
	be.PutUint16(h[16:], ^fold(sum(pseudo(src.addr, dst.addr, protoTCP, header+size), h[:header+len(head)])))
}

// ip4Raw frames an IPv4 packet of another protocol; body has its own checksum.
func (f *frame) ip4Raw(src, dst end, proto uint8, body []byte) {
	f.begin(dst.mac, src.mac, 0x0800)
	at := f.ip(src.addr, dst.addr, proto, 1, len(body))
	copy(f.b[at:], body)
	f.used = max(f.used, at+len(body))
}

// icmp6 frames an ICMPv6 message, with the router alert option before it where it is of multicast listeners (RFC 3810 §5).
func (f *frame) icmp6(src, dst end, alert bool, body []byte) {
	f.begin(dst.mac, src.mac, 0x86dd)
	proto, hops, before := uint8(protoICMP6), uint8(255), []byte(nil)
	if alert {
		proto, hops, before = 0, 1, []byte("\x3a\x00\x05\x02\x00\x00\x01\x00")
	}
	at := f.ip(src.addr, dst.addr, proto, hops, len(before)+len(body))
	copy(f.b[at:], before)
	at += len(before)
	copy(f.b[at:], body)
	f.used = max(f.used, at+len(body))
	be.PutUint16(f.b[at+2:], ^fold(sum(pseudo(src.addr, dst.addr, protoICMP6, len(body)), f.b[at:at+len(body)])))
}

// ether frames a message of another Ethernet type.
func (f *frame) ether(src, dst capture.MAC, ether uint16, body []byte) {
	f.begin(dst, src, ether)
	copy(f.b[etherLen:], body)
	f.used = etherLen + len(body)
	f.n = max(f.used, least)
}

func etherOf(a netip.Addr) uint16 {
	if a.Is6() {
		return 0x86dd
	}
	return 0x0800
}

func ttlOf(dst netip.Addr) uint8 {
	if dst.IsMulticast() {
		return 1
	}
	return 64
}

// sum adds b, in network order, to a sum in one's complement that is not folded yet (RFC 1071).
func sum(s uint64, b []byte) uint64 {
	for len(b) >= 4 {
		s += uint64(be.Uint32(b))
		b = b[4:]
	}
	if len(b) >= 2 {
		s += uint64(be.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		s += uint64(b[0]) << 8
	}
	return s
}

func fold(s uint64) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// pseudo is the sum of the pseudo header (RFC 9293 §3.1, RFC 8200 §8.1).
func pseudo(src, dst netip.Addr, proto uint8, size int) uint64 {
	s := uint64(proto) + uint64(size)
	if src.Is6() {
		a, b := src.As16(), dst.As16()
		return sum(sum(s, a[:]), b[:])
	}
	a, b := src.As4(), dst.As4()
	return sum(sum(s, a[:]), b[:])
}
