package decode

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

// TestIP4Damage changes one thing of a sound frame: IPv4 from octet 14 on, UDP from 34, five octets of payload.
func TestIP4Damage(t *testing.T) {
	d := New()
	f := func(name string, want Verdict, change func(b []byte) []byte) {
		t.Helper()
		d.forget()
		fr := capturetest.Frame(change(ask(t)))
		var p Packet
		if v := d.Decode(&fr, &p); v != want {
			t.Errorf("%s: %v, want %v", name, v, want)
		}
	}
	mend := func(b []byte) []byte {
		b[24], b[25] = 0, 0
		binary.BigEndian.PutUint16(b[24:], ^fold(sum(0, b[14:min(14+int(b[14]&15)*4, len(b))])))
		return b
	}
	set := func(at int, v ...byte) func(b []byte) []byte {
		return func(b []byte) []byte { copy(b[at:], v); return b }
	}
	mended := func(at int, v ...byte) func(b []byte) []byte {
		return func(b []byte) []byte { copy(b[at:], v); return mend(b) }
	}
	f("sound", Whole, func(b []byte) []byte { return b })
	f("trailer", Whole, func(b []byte) []byte { return append(b, "padding"...) })
	f("header checksum wrong", Malformed, func(b []byte) []byte { b[25] ^= 1; return b })
	f("address damaged", Malformed, func(b []byte) []byte { b[29] ^= 0x40; return b })
	f("header checksum left to the card", Whole, set(24, 0, 0))
	f("total length left to the card", Whole, mended(16, 0, 0))
	f("total length past the end", Malformed, mended(16, 0, 200))
	f("total length within the header", Malformed, mended(16, 0, 19))
	f("version", Malformed, mended(14, 0x55))
	f("header of 16 octets", Malformed, mended(14, 0x44))
	f("header past the end", Malformed, mended(14, 0x4f))
	f("UDP length past the end", Malformed, set(38, 0, 99, 0, 0))
	f("UDP length below 8", Malformed, set(38, 0, 7, 0, 0))
	f("UDP checksum wrong", Malformed, func(b []byte) []byte { b[40] ^= 0x40; return b })
	f("UDP payload damaged", Malformed, func(b []byte) []byte { b[45] ^= 0x40; return b })
	f("UDP checksum absent", Whole, set(40, 0, 0))
	f("UDP checksum partial", Whole, func(b []byte) []byte {
		binary.BigEndian.PutUint16(b[40:], fold(sum(8+5+ProtoUDP, b[26:34])))
		return b
	})
	f("UDP checksum partial, without length", Whole, func(b []byte) []byte {
		binary.BigEndian.PutUint16(b[40:], fold(sum(ProtoUDP, b[26:34])))
		return b
	})
}

// TestTCPDamage changes one thing of a sound segment.
func TestTCPDamage(t *testing.T) {
	d := New()
	f := func(name string, want Verdict, change func(b []byte)) {
		t.Helper()
		d.forget()
		b := capturetest.TCP(t, capturetest.PC(1), capturetest.Server(),
			capturetest.Segment{SrcPort: 50000, DstPort: 443, Seq: 7, Ack: 9, PSH: true, ACK: true}, []byte("hello"))
		change(b)
		fr := capturetest.Frame(b)
		var p Packet
		v := d.Decode(&fr, &p)
		if v != want {
			t.Errorf("%s: %v, want %v", name, v, want)
		}
		if v == Whole && (p.Seq != 7 || p.Ack != 9 || p.TCPFlags&0x1f != flagPSH|flagACK || string(p.Payload) != "hello") {
			t.Errorf("%s: %+v", name, p)
		}
	}
	f("sound", Whole, func(b []byte) {})
	f("checksum wrong", Malformed, func(b []byte) { b[50] ^= 0x40 })
	f("checksum absent", Whole, func(b []byte) { b[50], b[51] = 0, 0 })
	f("header below 20 octets", Malformed, func(b []byte) { b[46] = 0x40 })
	f("header past the end", Malformed, func(b []byte) { b[46] = 0xf0 })
}

// TestSkew sends frames whose addresses were rewritten without mending the sums: from the second one on they are
// believed, damage never is.
func TestSkew(t *testing.T) {
	d := New()
	var p Packet
	rewritten := func(id byte) []byte {
		b := capturetest.UDP(t, capturetest.PC(1), capturetest.Server(), 50000, 9999, []byte{id})
		b[27] ^= 0x80 // 192.168 → 192.40 in the source address
		return b
	}
	for i, want := range []Verdict{Malformed, Whole, Whole} {
		fr := capturetest.Frame(rewritten(byte(i)))
		if v := d.Decode(&fr, &p); v != want {
			t.Errorf("frame %d with rewritten address: %v, want %v", i, v, want)
		}
	}
	damaged := 0
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		b := ask(t)
		b[14+random.IntN(20+8+5)] ^= 1 << random.IntN(8)
		fr := capturetest.Frame(b)
		d.forget()
		if d.Decode(&fr, &p) == Malformed {
			damaged++
		}
	}
	if damaged != 2000 {
		t.Errorf("%d of 2000 frames with one bit turned are malformed", damaged)
	}
}

// TestIP6 decodes extension headers; the next header of each is put in by build.
func TestIP6(t *testing.T) {
	const (
		padded = "\x00\x00\x01\x04\x00\x00\x00\x00" // PadN
		alert  = "\x00\x00\x05\x02\x00\x00\x01\x00"
		atomic = "\x00\x00\x00\x00\x12\x34\x56\x78"
		route  = "\x00\x00\x00\x00\x00\x00\x00\x00"
		ah     = "\x00\x04\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	)
	udp := "\xc3\x50\x27\x0f\x00\x0d\x00\x00hello"
	d := New()
	f := func(name string, want Verdict, kinds []uint8, headers ...string) {
		t.Helper()
		body := ""
		for i, h := range headers {
			next := uint8(ProtoUDP)
			if i+1 < len(kinds) {
				next = kinds[i+1]
			}
			body += string([]byte{next}) + h[1:]
		}
		first := uint8(ProtoUDP)
		if len(kinds) > 0 {
			first = kinds[0]
		}
		fr := capturetest.Frame(ether6(first, 64, []byte(body+udp)))
		var p Packet
		v := d.Decode(&fr, &p)
		if v != want || want == Whole && (p.Proto != ProtoUDP || p.DstPort != 9999 || string(p.Payload) != "hello") {
			t.Errorf("%s: %v, want %v: %+v", name, v, want, p)
		}
		if p.RouterAlert != (len(headers) > 0 && headers[0] == alert) {
			t.Errorf("%s: router alert %v", name, p.RouterAlert)
		}
	}
	f("none", Whole, nil)
	f("hop by hop", Whole, []uint8{0}, padded)
	f("router alert", Whole, []uint8{0}, alert)
	f("all", Whole, []uint8{0, 60, 43, 44, 51, 60}, padded, padded, route, atomic, ah, padded)
	f("hop by hop not first", Malformed, []uint8{60, 0}, padded, padded)
	f("option past the end", Malformed, []uint8{0}, "\x00\x00\x01\x05\x00\x00\x00\x00")
	f("header past the end", Malformed, []uint8{60}, "\x00\x09\x01\x04\x00\x00\x00\x00")
	endless := make([]string, 20)
	kinds := make([]uint8, 20)
	for i := range endless {
		endless[i], kinds[i] = route, 43
	}
	f("endless chain", Malformed, kinds, endless...)
}

// pieces cuts body into fragments of size octets, as Ethernet frames of IPv4 or IPv6.
func pieces(v6 bool, proto uint8, id uint16, body []byte, size int) [][]byte {
	var out [][]byte
	for off := 0; off < len(body); off += size {
		end := min(off+size, len(body))
		out = append(out, piece(v6, proto, id, off, end < len(body), body[off:end]))
	}
	return out
}

func piece(v6 bool, proto uint8, id uint16, off int, more bool, b []byte) []byte {
	if v6 {
		h := []byte{proto, 0, byte(off >> 8), byte(off), 0, 0, byte(id >> 8), byte(id)}
		if more {
			h[3] |= 1
		}
		return ether6(extFragment, 64, append(h, b...))
	}
	frag := uint16(off / 8)
	if more {
		frag |= 0x2000
	}
	return append(append(etherHeader(EtherIPv4), ip4Header(proto, id, frag, len(b))...), b...)
}

// udpOf returns a UDP datagram of n octets of payload, without checksum.
func udpOf(n int) []byte {
	b := make([]byte, 8+n)
	copy(b, "\xc3\x50\x27\x0f")
	binary.BigEndian.PutUint16(b[4:], uint16(8+n))
	for i := range n {
		b[8+i] = byte(i * 7)
	}
	return b
}

// TestFragments sends fragments in order, in reverse, shuffled and doubled: one datagram comes of each.
func TestFragments(t *testing.T) {
	d := New()
	id := uint16(0)
	f := func(name string, v6 bool, size int, order func(fs [][]byte) [][]byte) {
		t.Helper()
		id++
		whole := udpOf(3000)
		done := 0
		for _, b := range order(pieces(v6, ProtoUDP, id, whole, size)) {
			fr := capturetest.Frame(b)
			var p Packet
			if v := d.Decode(&fr, &p); v != Whole {
				t.Errorf("%s: fragment is %v", name, v)
			}
			if p.Reassembled == p.Fragment {
				t.Errorf("%s: fragment %v, reassembled %v", name, p.Fragment, p.Reassembled)
			}
			if p.Reassembled {
				done++
				if p.DstPort != 9999 || !bytes.Equal(p.Payload, whole[8:]) {
					t.Errorf("%s: port %d, %d octets", name, p.DstPort, len(p.Payload))
				}
			}
		}
		if done != 1 {
			t.Errorf("%s: %d datagrams, want 1", name, done)
		}
	}
	same := func(fs [][]byte) [][]byte { return fs }
	reverse := func(fs [][]byte) [][]byte {
		out := make([][]byte, len(fs))
		for i := range fs {
			out[len(fs)-1-i] = fs[i]
		}
		return out
	}
	shuffled := func(fs [][]byte) [][]byte {
		rand.New(rand.NewPCG(3, 4)).Shuffle(len(fs), func(i, j int) { fs[i], fs[j] = fs[j], fs[i] })
		return fs
	}
	doubled := func(fs [][]byte) [][]byte {
		return append(append([][]byte{}, fs[:len(fs)-1]...), append(fs[:len(fs)-1:len(fs)-1], fs[len(fs)-1])...)
	}
	for _, v6 := range []bool{false, true} {
		f("in order", v6, 1480, same)
		f("in reverse", v6, 1480, reverse)
		f("tiny, shuffled", v6, 8, shuffled)
		f("doubled", v6, 1480, doubled)
	}
}

// TestFragmentsRefused sends what teardrop, its kin and evaders send. Nothing comes of it, not even from the fragments
// that are still to come.
func TestFragmentsRefused(t *testing.T) {
	type part struct {
		off, n int
		more   bool
		fill   byte
	}
	d := New()
	id := uint16(100)
	f := func(name string, parts ...part) {
		t.Helper()
		for _, v6 := range []bool{false, true} {
			id++
			for _, q := range parts {
				fr := capturetest.Frame(piece(v6, ProtoUDP, id, q.off, q.more, bytes.Repeat([]byte{q.fill}, q.n)))
				var p Packet
				d.Decode(&fr, &p)
				if p.Reassembled {
					t.Errorf("%s (IPv6 %v): a datagram of %d octets", name, v6, p.PayloadLen)
				}
			}
		}
	}
	f("teardrop", part{0, 40, true, 1}, part{24, 4, false, 2}, part{40, 8, false, 1})
	f("overlap in the middle", part{0, 16, true, 1}, part{8, 16, true, 2}, part{24, 8, false, 1}, part{16, 8, true, 1})
	f("the same octets, other content", part{0, 16, true, 1}, part{0, 16, true, 2}, part{16, 8, false, 1})
	f("two ends", part{16, 8, false, 1}, part{24, 8, false, 1}, part{0, 16, true, 1}, part{16, 8, true, 1})
	f("octets behind the end", part{24, 8, true, 1}, part{8, 8, false, 1}, part{0, 8, true, 1})
	f("past 64 KiB", part{65528, 1400, false, 1}, part{0, 8, true, 1})
	f("odd length with more to come", part{0, 15, true, 1}, part{16, 8, false, 1})
	f("empty", part{8, 0, false, 1}, part{0, 8, true, 1})
}

// TestFragmentsBounded floods the pool with first fragments: the newest datagrams can still be completed, late ones not.
func TestFragmentsBounded(t *testing.T) {
	d := New()
	whole := udpOf(100)
	send := func(id uint16, i int, at time.Duration) bool {
		fr := capturetest.Frame(pieces(false, ProtoUDP, id, whole, 56)[i])
		fr.Time += int64(at)
		var p Packet
		d.Decode(&fr, &p)
		return p.Reassembled
	}
	for id := range uint16(1000) {
		send(id, 0, time.Duration(id)*time.Millisecond)
	}
	if send(0, 1, time.Second) {
		t.Errorf("the first of 1000 datagrams was kept in %d places", fragSlots)
	}
	if !send(999, 1, time.Second) {
		t.Errorf("the newest of 1000 datagrams was not kept")
	}
	send(2000, 0, time.Hour)
	if send(2000, 1, time.Hour+fragTimeout+1) {
		t.Errorf("completed after the time-out")
	}
	send(2001, 0, 2*time.Hour)
	if !send(2001, 1, 2*time.Hour+fragTimeout) {
		t.Errorf("not completed within the time-out")
	}
}

func FuzzIP4(f *testing.F) {
	frame := ask(f)
	f.Add(frame[14:], uint16(30))
	f.Add(append(
		[]byte("\x46\x00\x00\x18\x00\x00\x00\x00\x40\xfd\x00\x00\xc0\xa8\x01\x15\xc0\xa8\x01\x16"), 1, 7, 2, 0), uint16(30))
	f.Add(append(
		[]byte("\x45\x00\x00\x00\x00\x00\x20\x00\x40\x11\x00\x00\xc0\xa8\x01\x15\xc0\xa8\x01\x16"), make([]byte, 16)...), uint16(30))
	d := New()
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		p := check(t, d, capture.LinkIPv4, b, int(cut))
		if p.Verdict == Whole && (len(b) < 20 || b[0]>>4 != 4 || int(be16(b[2:])) > len(b)) {
			t.Errorf("whole: %x", b[:min(20, len(b))])
		}
	})
}

func FuzzIP6(f *testing.F) {
	udp := []byte("\xc3\x50\x27\x0f\x00\x0d\x00\x00hello")
	f.Add(ether6(ProtoUDP, 64, udp)[14:], uint16(50))
	f.Add(ether6(0, 64, append([]byte("\x11\x00\x05\x02\x00\x00\x01\x00"), udp...))[14:], uint16(50))
	f.Add(ether6(60, 64, append(
		[]byte("\x2c\x00\x01\x04\x00\x00\x00\x00\x11\x00\x00\x00\x12\x34\x56\x78"), udp...))[14:], uint16(60))
	f.Add(ether6(51, 64, append(
		[]byte("\x2b\x01\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01\x11\x00\x00\x01\x00\x00\x00\x00"), udp...))[14:], uint16(60))
	d := New()
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		p := check(t, d, capture.LinkIPv6, b, int(cut))
		if p.Verdict == Whole && (len(b) < 40 || b[0]>>4 != 6 || 40+int(be16(b[4:])) > len(b)) {
			t.Errorf("whole: %x", b[:min(40, len(b))])
		}
	})
}

// FuzzFragment cuts a datagram as the fuzzer says and sends the pieces in an order of its choice, some twice or
// overlapping, until one has an octet changed: what is put together before that is the datagram or nothing.
func FuzzFragment(f *testing.F) {
	f.Add(false, uint16(100), []byte{0, 3, 3, 3, 6, 9})
	f.Add(true, uint16(1000), []byte{0, 255, 100, 40, 90, 255, 50, 200})
	f.Add(false, uint16(40), []byte{2, 9, 0, 77, 0, 2})
	d, alone := New(), New()
	f.Fuzz(func(t *testing.T, v6 bool, size uint16, script []byte) {
		whole := udpOf(int(size % 2000))
		d.forget()
		for i := 0; i+1 < len(script); i += 2 {
			off := int(script[i]) * 8
			n := min(int(script[i+1])*8, len(whole)-off)
			if n <= 0 {
				continue
			}
			more := off+n < len(whole)
			part := bytes.Clone(whole[off : off+n])
			if script[i+1] == 77 {
				part[len(part)/2] ^= 1
			}
			frame := piece(v6, ProtoUDP, 1, off, more, part)
			if p := check(t, alone, capture.LinkEthernet, frame, i); p.Reassembled {
				t.Errorf("one fragment alone is a datagram")
			}
			fr := capturetest.Frame(frame)
			var p Packet
			d.Decode(&fr, &p)
			sane(t, d, &fr, &p)
			if script[i+1] == 77 {
				return // a receiver may well take this one
			}
			if p.Reassembled && (p.Verdict != Whole || !bytes.Equal(p.Payload, whole[8:])) {
				t.Errorf("%v, %d octets of payload, want %d", p.Verdict, len(p.Payload), len(whole)-8)
			}
		}
	})
}

func FuzzTCP(f *testing.F) {
	seg := capturetest.TCP(f, capturetest.PC(1), capturetest.Server(),
		capturetest.Segment{SrcPort: 1, DstPort: 2, SYN: true}, nil)
	f.Add(seg[34:], uint16(40))
	f.Add([]byte("\x00\x01\x00\x02\x00\x00\x00\x01\x00\x00\x00\x00\x80\x10\x01\x00\x00\x00\x00\x00"+
		"\x01\x01\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02hello"), uint16(60))
	d := New()
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		if len(b) > 60000 {
			return
		}
		b = bytes.Clone(b)
		if len(b) >= 20 && b[17]&1 == 0 {
			b[16], b[17] = 0, 0 // else hardly a segment gets past its checksum
		}
		p := check(t, d, capture.LinkEthernet, ether4(ProtoTCP, b), int(cut))
		if p.Verdict == Whole && (p.SrcPort != be16(b) || p.PayloadLen != len(b)-int(b[12]>>4)*4) {
			t.Errorf("port %d, %d octets of payload: %x", p.SrcPort, p.PayloadLen, b[:20])
		}
	})
}

func FuzzUDP(f *testing.F) {
	f.Add(ask(f)[34:], uint16(40))
	d := New()
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		if len(b) > 60000 {
			return
		}
		p := check(t, d, capture.LinkEthernet, ether4(ProtoUDP, b), int(cut))
		if p.Verdict == Whole && p.Tunnels == 0 && (p.DstPort != be16(b[2:]) || p.PayloadLen != int(be16(b[4:]))-8) {
			t.Errorf("port %d, %d octets of payload: %x", p.DstPort, p.PayloadLen, b[:8])
		}
	})
}
