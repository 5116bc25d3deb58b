package decode

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"testing"
	"unsafe"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

// forget takes from d what it remembers of earlier frames, so that a fuzz target may use one Decoder: New costs 2 MiB.
func (d *Decoder) forget() {
	d.skews = skews{}
	for i := range d.frags.slots {
		d.frags.slots[i].state = fragFree
	}
	d.frags.lent = false
}

// inside reports whether part lies within whole.
func inside(part, whole []byte) bool {
	if len(part) == 0 {
		return true
	}
	if len(whole) == 0 {
		return false
	}
	p, w := uintptr(unsafe.Pointer(&part[0])), uintptr(unsafe.Pointer(&whole[0]))
	return p >= w && p+uintptr(len(part)) <= w+uintptr(len(whole))
}

// same reports whether two packets say the same.
func same(a, b *Packet) bool { return reflect.DeepEqual(a, b) }

// check decodes one frame, and its first cut octets as a capture of that snap length would have it, and asserts what
// holds of every frame whatever is in it. It returns the packet of the whole frame.
func check(t *testing.T, d *Decoder, link capture.LinkType, data []byte, cut int) *Packet {
	t.Helper()
	kept := bytes.Clone(data)
	f := capture.Frame{Time: capturetest.At.UnixNano(), Data: data, Len: len(data), Link: link}
	var p, again Packet
	d.forget()
	v := d.Decode(&f, &p)
	if v != p.Verdict {
		t.Errorf("Decode returned %v, Packet says %v", v, p.Verdict)
	}
	sane(t, d, &f, &p)
	glanced(t, &f, &p)
	d.forget()
	if d.Decode(&f, &again); !same(&p, &again) {
		t.Errorf("decoded twice:\n%+v\n%+v", p, again)
	}
	if obs := d.Inspect(&again); len(obs) > 0 && v == Malformed {
		t.Errorf("a malformed frame says %+v", obs)
	}
	if !bytes.Equal(data, kept) {
		t.Errorf("decoding changed the frame")
	}
	if len(data) > 0 {
		short := f
		short.Data = data[:(cut&0xffff)%len(data)]
		var q Packet
		d.forget()
		sv := d.Decode(&short, &q)
		sane(t, d, &short, &q)
		glanced(t, &short, &q)
		switch {
		case sv == Whole:
			t.Errorf("%d of %d octets are whole", len(short.Data), len(data))
		case v == Whole && sv != Cut:
			t.Errorf("%d of %d octets of a whole frame are %v", len(short.Data), len(data), sv)
		}
		if q.HasMAC && q.Src != p.Src {
			t.Errorf("%d of %d octets come from %v, all from %v", len(short.Data), len(data), q.Src, p.Src)
		}
		reached := q.HasIP && q.SrcAddr != q.OuterSrc // else the cut is in the header inside the tunnel
		if v == Whole && reached && p.HasIP && q.Tunnels == p.Tunnels && q.SrcAddr != p.SrcAddr {
			t.Errorf("%d of %d octets come from %v, all from %v", len(short.Data), len(data), q.SrcAddr, p.SrcAddr)
		}
	}
	d.forget()
	d.Decode(&f, &p)
	return &p
}

// glanced asserts that Glance, where it reads f at all, reads what Decode has read; of a frame that is malformed it may not
// have noticed.
func glanced(t *testing.T, f *capture.Frame, p *Packet) {
	t.Helper()
	var h capture.Header
	payload, ok := Glance(f, &h)
	if !ok {
		return
	}
	if !inside(payload, f.Data) {
		t.Errorf("the payload that is glanced at is not of the frame")
	}
	if p.Verdict == Malformed {
		return
	}
	want := capture.Header{
		Time: p.Time, Len: p.Len, SrcMAC: p.Src, DstMAC: p.Dst, VLAN: p.VLAN, Src: capture.AddressOf(p.SrcAddr),
		Dst: capture.AddressOf(p.DstAddr), SrcPort: p.SrcPort, DstPort: p.DstPort, Proto: p.Proto, TCPFlags: p.TCPFlags,
		Seq: p.Seq, Ack: p.Ack, PayloadLen: p.PayloadLen,
	}
	if h != want || !p.HasIP || p.Fragment || p.Tunnels > 0 || !bytes.Equal(payload, p.Payload) {
		t.Errorf("at a glance %+v with %d octets, in full %+v", h, len(payload), *p)
	}
}

// sane asserts what holds of one Packet.
func sane(t *testing.T, d *Decoder, f *capture.Frame, p *Packet) {
	t.Helper()
	if p.Verdict == Whole && len(f.Data) != f.Len {
		t.Errorf("whole, but %d of %d octets were captured", len(f.Data), f.Len)
	}
	if len(p.Payload) > p.PayloadLen {
		t.Errorf("%d octets of payload, headers say %d", len(p.Payload), p.PayloadLen)
	}
	if p.Verdict == Whole && len(p.Payload) < p.PayloadLen {
		t.Errorf("whole, but %d octets of payload where headers say %d", len(p.Payload), p.PayloadLen)
	}
	if !p.Reassembled && !inside(p.Payload, f.Data) {
		t.Errorf("payload is not of the frame")
	}
	if p.Fragment && (len(p.Payload) > 0 || p.SrcPort != 0 || p.DstPort != 0) {
		t.Errorf("fragment with ports %d, %d and %d octets of payload", p.SrcPort, p.DstPort, len(p.Payload))
	}
	if p.HasIP && (!p.SrcAddr.IsValid() || p.SrcAddr.BitLen() != p.DstAddr.BitLen()) {
		t.Errorf("IP from %v to %v", p.SrcAddr, p.DstAddr)
	}
	if p.Tunnels > maxDepth || p.Tunnels == 0 && p.OuterSrc.IsValid() {
		t.Errorf("%d tunnels, outer source %v", p.Tunnels, p.OuterSrc)
	}
	if p.HasMAC && (len(f.Data) < 14 || p.Src != capture.MAC(f.Data[6:12])) {
		t.Errorf("source %v is not the frame's", p.Src)
	}
}

// ether4 returns an Ethernet frame with an IPv4 packet around body, its header's checksum right.
func ether4(proto uint8, body []byte) []byte {
	h := ip4Header(proto, 0, 0, len(body))
	return append(append(etherHeader(EtherIPv4), h...), body...)
}

// ip4Header returns the header of an IPv4 packet of PC 1 to PC 2, with size octets behind it.
func ip4Header(proto uint8, id, frag uint16, size int) []byte {
	h := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, proto, 0, 0, 192, 168, 1, 21, 192, 168, 1, 22}
	binary.BigEndian.PutUint16(h[2:], uint16(20+size))
	binary.BigEndian.PutUint16(h[4:], id)
	binary.BigEndian.PutUint16(h[6:], frag)
	binary.BigEndian.PutUint16(h[10:], ^fold(sum(0, h)))
	return h
}

// ether6 returns an Ethernet frame with an IPv6 packet around body, from fe80::1 to ff02::1.
func ether6(next, hops uint8, body []byte) []byte {
	h := append(etherHeader(EtherIPv6), 0x60, 0, 0, 0, byte(len(body)>>8), byte(len(body)), next, hops)
	h = append(h, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
	h = append(h, 0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
	return append(h, body...)
}

// etherHeader returns the Ethernet header of PC 1 to PC 2.
func etherHeader(t uint16) []byte {
	src, dst := capturetest.PC(1).MAC, capturetest.PC(2).MAC
	h := append(append([]byte(nil), dst[:]...), src[:]...)
	return binary.BigEndian.AppendUint16(h, t)
}
