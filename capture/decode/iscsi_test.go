package decode

import (
	"net/netip"
	"testing"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

// segment returns a Packet of TCP between a server's port and a station's.
func tcpSegment(from, to capturetest.Host, srcPort, dstPort uint16, payload []byte) *Packet {
	p := datagram(from, to, srcPort, dstPort, payload)
	p.Proto = ProtoTCP
	return p
}

// offered gives b, what one side sends, to a row of the streams the way streams does when it is all in one segment, and
// returns what the row says and whether it wants more.
func offered(d *Decoder, p *Packet, row *streamRow) (said []capture.Observation, more bool) {
	d.p, d.obs = p, d.obs[:0]
	if !row.starts(p.SrcPort, p.DstPort, p.Payload) {
		return nil, false
	}
	_, more = row.read(d, p, p.Payload)
	return d.obs, more
}

// bhs returns a basic header segment; set changes it.
func bhs(opcode, flags byte, set func(b []byte)) []byte {
	b := make([]byte, bhsLen)
	b[0], b[1] = opcode, flags
	if set != nil {
		set(b)
	}
	return b
}

func TestISCSI(t *testing.T) {
	target, pc := capturetest.Router(), capturetest.PC(1)
	row := &streamRow{"iscsi", iscsiStarts, iscsiRead}
	f := func(name string, port uint16, b []byte, want int) {
		t.Helper()
		said, more := offered(New(), tcpSegment(target, pc, port, 50000, b), row)
		if len(said) != want || more {
			t.Errorf("%s: said %v, more %v; want %d", name, said, more, want)
		}
		for _, o := range said {
			if o.Kind != capture.KindService || o.Origin != capture.OriginISCSI || o.PeerPort != 3260 || o.Addr != target.Addr {
				t.Errorf("%s: said %v", name, o)
			}
		}
	}
	// Login Response: transit from operational to full feature phase, 4 octets of keys behind it.
	login := bhs(0x23, 0x87, func(b []byte) { b[7] = 4; b[15] = 1 })
	f("login", 3260, append(login, "a=b\x00"...), 1)
	f("login refused", 3260, bhs(0x23, 0, func(b []byte) { b[36], b[37] = 2, 1 }), 1)
	f("login of stage 2", 3260, bhs(0x23, 0x08, nil), 0)
	f("login with a status there is none of", 3260, bhs(0x23, 0x87, func(b []byte) { b[36] = 4 }), 0)
	f("another port", 3261, login, 0)
	f("login request", 3260, bhs(0x43, 0x87, nil), 0)
	f("NOP-In", 3260, bhs(0x20, 0x80, nil), 1)
	f("NOP-In with something behind", 3260, bhs(0x20, 0x80, func(b []byte) { b[40] = 1 }), 0)
	f("SCSI Response", 3260, bhs(0x21, 0x80, nil), 1)
	f("Data-In", 3260, bhs(0x25, 0x81, func(b []byte) { b[6] = 0x10 }), 1)
	f("Data-In without data", 3260, bhs(0x25, 0x81, nil), 0)
	f("Ready To Transfer", 3260, bhs(0x31, 0x80, func(b []byte) { b[46] = 2 }), 1)
	f("Reject", 3260, bhs(0x3f, 0x80, func(b []byte) { b[2], b[7] = 4, 48 }), 1)
	f("digits", 3260, []byte("11111111111111111111111111111111111111111111111111111111"), 0)
	if said, more := offered(New(), tcpSegment(target, pc, 3260, 50000, login[:40]), row); !more || len(said) > 0 {
		t.Errorf("40 octets: said %v, more %v; want to see more", said, more)
	}
}

// TestServedOnceAMinute checks that a server whose answers never end is said to serve once a minute.
func TestServedOnceAMinute(t *testing.T) {
	pc, target := capturetest.PC(1), capturetest.Router()
	row := &streamRow{"iscsi", iscsiStarts, iscsiRead}
	d := New()
	f := func(name string, from capturetest.Host, after int64, want int) {
		t.Helper()
		p := tcpSegment(from, pc, 3260, 50000, bhs(0x21, 0x80, nil))
		p.Time += after
		if said, _ := offered(d, p, row); len(said) != want {
			t.Errorf("%s: said %v, want %d", name, said, want)
		}
	}
	f("first", target, 0, 1)
	f("at once", target, 1, 0)
	f("just within", target, servedEvery-1, 0)
	f("another server", capturetest.PC(2), servedEvery-1, 1)
	f("just over", target, servedEvery, 1)
	f("the clock went back", target, 0, 1)
	for i := range byte(len(d.served.slot)) {
		f("many", capturetest.Host{Addr: netip.AddrFrom4([4]byte{10, 0, 0, i})}, 2, 1)
	}
	f("forgotten", target, 3, 1)
}

func FuzzISCSI(f *testing.F) {
	f.Add(bhs(0x23, 0x87, func(b []byte) { b[7] = 4 }))
	f.Add(bhs(0x25, 0x81, func(b []byte) { b[6] = 0x10 }))
	target, pc := capturetest.Router(), capturetest.PC(1)
	d := New()
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzzStream(t, d, tcpSegment(target, pc, 3260, 50000, b), "iscsi", bhsLen)
	})
}

// fuzzStream checks what streams expects of a row: what is read does not run past the octets, a row that wants more has
// not seen enough octets yet, and octets that come one by one say what they say at once.
func fuzzStream(t *testing.T, d *Decoder, p *Packet, name string, enough int) {
	t.Helper()
	var row *streamRow
	for i := range streamRows {
		if streamRows[i].name == name {
			row = &streamRows[i]
		}
	}
	b := p.Payload
	if !row.starts(p.SrcPort, p.DstPort, b) {
		return
	}
	d.p, d.obs, d.served = p, d.obs[:0], served{}
	n, more := row.read(d, p, b)
	if n < 0 || n > len(b) || more && len(b) >= enough {
		t.Errorf("read %d of %d octets, more %v", n, len(b), more)
	}
	said := len(d.obs)
	d.obs, d.served = d.obs[:0], served{}
	for i := 1; i <= len(b); i++ {
		if _, again := row.read(d, p, b[:i]); !again {
			break
		}
	}
	if len(d.obs) != said {
		t.Errorf("said %d at once and %d in pieces: % x", said, len(d.obs), b)
	}
}
