package pipeline

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/firmware/cafe"
)

// seat is one computer of a café's day: when it is on, and the frames that it sends and gets. They are made once and changed
// in place, with their checksums, since two thousand million are needed.
type seat struct {
	on   []cafe.Interval // seconds since the day's begin, the end not included
	port uint16          // of its connection
	next uint32          // sequence number that its download goes on with
	turn int             // connections it has begun

	boot                   [][]byte
	arp                    []byte
	question, answer       [len(visited)][]byte
	syn, synAck, confirmed []byte
	hello                  [len(visited)][]byte
	data, ack              []byte
	up, down               []byte // a game's
}

// visited are names that the computers ask for, one after the other.
var visited = [...]string{"www.youtube.com", "edge-chat.facebook.com", "updates.example.net", "a-long-name.cdn.example.vn"}

// Where fields are in a frame of Ethernet, IPv4 without options, and TCP or UDP.
const (
	srcPortAt, dstPortAt = 34, 36
	seqAt, ackAt         = 38, 42
	udpSumAt, tcpSumAt   = 40, 50
)

// Sequence numbers that every connection begins with, and how long its hello and a full segment are in octets.
const (
	clientFirst, serverFirst = 1000, 5000
	segmentLen               = 1460
)

// put16 writes v to b[at] and mends the checksum at b[sum] (RFC 1624 §3).
func put16(b []byte, at, sum int, v uint16) {
	s := uint32(^binary.BigEndian.Uint16(b[sum:])) + uint32(^binary.BigEndian.Uint16(b[at:])) + uint32(v)
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	binary.BigEndian.PutUint16(b[at:], v)
	binary.BigEndian.PutUint16(b[sum:], ^uint16(s))
}

func put32(b []byte, at, sum int, v uint32) {
	put16(b, at, sum, uint16(v>>16))
	put16(b, at+2, sum, uint16(v))
}

// newSeat makes the frames of computer i, of which hellos are the TLS hellos of visited.
func newSeat(t *testing.T, i int, hellos *[len(visited)][]byte) *seat {
	pc, router, server := capturetest.PC(byte(i)), capturetest.Router(), capturetest.Server()
	s := &seat{port: playPort, next: serverFirst + 1}
	s.boot = [][]byte{asksToBoot(t, pc, i, layers.DHCPMsgTypeDiscover), asksToBoot(t, pc, i, layers.DHCPMsgTypeRequest)}
	s.arp = capturetest.ARP(t, layers.ARPRequest, pc, router)
	out := func(seg capturetest.Segment, body []byte) []byte {
		seg.SrcPort, seg.DstPort, seg.Seq, seg.Ack = s.port, 443, seg.Seq+clientFirst, seg.Ack+serverFirst
		return capturetest.TCP(t, pc, server, seg, body)
	}
	in := func(seg capturetest.Segment, body []byte) []byte {
		seg.SrcPort, seg.DstPort, seg.Seq, seg.Ack = 443, s.port, seg.Seq+serverFirst, seg.Ack+clientFirst
		return capturetest.TCP(t, server, pc, seg, body)
	}
	s.syn = out(capturetest.Segment{SYN: true}, nil)
	s.synAck = in(capturetest.Segment{SYN: true, ACK: true, Ack: 1}, nil)
	s.confirmed = out(capturetest.Segment{ACK: true, Seq: 1, Ack: 1}, nil)
	for k, name := range visited {
		s.hello[k] = out(capturetest.Segment{ACK: true, PSH: true, Seq: 1, Ack: 1}, hellos[k])
		s.question[k], s.answer[k] = asks(t, pc, router, name)
	}
	said := uint32(1 + len(hellos[0])) // the same for all, near enough: what follows it is never acknowledged
	s.data = in(capturetest.Segment{ACK: true, Seq: 1, Ack: said}, make([]byte, segmentLen))
	s.ack = out(capturetest.Segment{ACK: true, Seq: said, Ack: 1}, nil)
	s.up = capturetest.UDP(t, pc, server, playPort, gamePort, make([]byte, 60))
	s.down = capturetest.UDP(t, server, pc, gamePort, playPort, make([]byte, 120))
	return s
}

// connect begins a new connection, with a question for the name of its server, and returns its frames.
func (s *seat) connect() [][]byte {
	s.turn++
	k := s.turn % len(visited)
	s.port, s.next = 20_000+uint16(s.turn%30_000), serverFirst+1
	for _, b := range [][]byte{s.syn, s.confirmed, s.hello[k], s.ack} {
		put16(b, srcPortAt, tcpSumAt, s.port)
	}
	for _, b := range [][]byte{s.synAck, s.data} {
		put16(b, dstPortAt, tcpSumAt, s.port)
	}
	put16(s.question[k], srcPortAt, udpSumAt, s.port)
	put16(s.answer[k], dstPortAt, udpSumAt, s.port)
	return [][]byte{s.question[k], s.answer[k], s.syn, s.synAck, s.confirmed, s.hello[k]}
}

// segment returns the next segment of the download.
func (s *seat) segment() []byte {
	put32(s.data, seqAt, tcpSumAt, s.next)
	s.next += segmentLen
	return s.data
}

// acknowledge returns the acknowledgement of all segments so far.
func (s *seat) acknowledge() []byte {
	put32(s.ack, ackAt, tcpSumAt, s.next)
	return s.ack
}

// asksToBoot makes a DHCP message of computer i as Windows sends it.
func asksToBoot(t *testing.T, pc capturetest.Host, i int, kind layers.DHCPMsgType) []byte {
	t.Helper()
	option := layers.NewDHCPOption
	d := &layers.DHCPv4{
		Operation: layers.DHCPOpRequest, HardwareType: layers.LinkTypeEthernet, HardwareLen: 6, Xid: uint32(i), ClientHWAddr: pc.MAC[:],
		ClientIP: net.IPv4zero, YourClientIP: net.IPv4zero, NextServerIP: net.IPv4zero, RelayAgentIP: net.IPv4zero,
		Options: layers.DHCPOptions{
			option(layers.DHCPOptMessageType, []byte{byte(kind)}), option(layers.DHCPOptHostname, []byte("MAY-"+strconv.Itoa(i))),
			option(layers.DHCPOptClassID, []byte("MSFT 5.0")), option(layers.DHCPOptEnd, nil),
		},
	}
	from := capturetest.Host{MAC: pc.MAC, Addr: netip.IPv4Unspecified()}
	to := capturetest.Host{MAC: capture.Broadcast, Addr: netip.AddrFrom4([4]byte{255, 255, 255, 255})}
	return capturetest.UDP(t, from, to, 68, 67, serialize(t, d))
}

// asks makes a question for name to the router, and the answer.
func asks(t *testing.T, pc, router capturetest.Host, name string) (question, answer []byte) {
	t.Helper()
	d := &layers.DNS{ID: 7, RD: true, QDCount: 1, Questions: []layers.DNSQuestion{
		{Name: []byte(name), Type: layers.DNSTypeA, Class: layers.DNSClassIN},
	}}
	question = capturetest.UDP(t, pc, router, playPort, 53, serialize(t, d))
	d.QR, d.ANCount, d.Answers = true, 1, []layers.DNSResourceRecord{{
		Name: []byte(name), Type: layers.DNSTypeA, Class: layers.DNSClassIN, TTL: 60, IP: capturetest.Server().Addr.AsSlice(),
	}}
	return question, capturetest.UDP(t, router, pc, 53, playPort, serialize(t, d))
}

func serialize(t *testing.T, l gopacket.SerializableLayer) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	if err := l.SerializeTo(buf, gopacket.SerializeOptions{FixLengths: true}); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// helloTo returns the ClientHello that crypto/tls sends for name, as one TLS record that fits into a segment.
func helloTo(t *testing.T, name string) []byte {
	t.Helper()
	client, server := net.Pipe()
	go func() {
		defer client.Close()
		cfg := &tls.Config{ServerName: name, CurvePreferences: []tls.CurveID{tls.X25519}}
		_ = tls.Client(client, cfg).Handshake() // ends when we hang up
	}()
	defer server.Close()
	b := make([]byte, segmentLen)
	n, err := server.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}
