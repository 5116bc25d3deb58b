package decode

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cafeprobe/capture"
)

// talker sends TCP segments and UDP datagrams of one client to a decoder: what a capture would bring, without headers.
type talker struct {
	d    *Decoder
	p    Packet
	port uint16
}

func newTalker() *talker {
	return &talker{d: New(), p: Packet{
		HasMAC: true, Src: capture.MAC{2, 0, 0, 0, 0, 1}, Dst: capture.MAC{2, 0, 0, 0, 0, 2}, Ether: EtherIPv4,
		HasIP: true, SrcAddr: netip.MustParseAddr("10.0.0.2"), DstAddr: netip.MustParseAddr("192.0.2.1"),
		Time: 1,
	}}
}

// next turns to a new conversation, an hour later.
func (k *talker) next() *talker {
	k.port++
	k.p.Time += int64(time.Hour)
	k.p.SrcPort, k.p.DstPort = 40000+k.port%1000, 443
	return k
}

func (k *talker) tcp(flags uint8, seq uint32, b []byte) []capture.Observation {
	k.p.Proto, k.p.TCPFlags, k.p.Seq = ProtoTCP, flags, seq
	return k.send(b)
}

func (k *talker) udp(b []byte) []capture.Observation {
	k.p.Proto = ProtoUDP
	return k.send(b)
}

func (k *talker) send(b []byte) []capture.Observation {
	k.p.Time++
	k.p.Payload, k.p.PayloadLen = b, len(b)
	return k.d.Inspect(&k.p)
}

// names renders observations for comparison: origin and name.
func names(obs []capture.Observation) []string {
	var s []string
	for _, o := range obs {
		s = append(s, o.Origin.String()+" "+o.Name)
	}
	return s
}

// cuts splits b where script says: each octet is the length of a piece, 0 for 256; what is left is the last piece.
func cuts(b, script []byte) [][]byte {
	var pieces [][]byte
	for _, c := range script {
		n := int(c)
		if n == 0 {
			n = 256
		}
		if n >= len(b) {
			break
		}
		pieces = append(pieces, b[:n])
		b = b[n:]
	}
	return append(pieces, b)
}

// order returns the numbers below n in an order that script gives.
func order(n int, script []byte) []int {
	o := make([]int, n)
	for i := range o {
		o[i] = i
		if len(script) > 0 {
			j := int(script[i%len(script)]) % (i + 1)
			o[i], o[j] = o[j], o[i]
		}
	}
	return o
}

const request = "GET /a HTTP/1.1\r\nHost: www.example.vn\r\nUser-Agent: probe/1\r\nAccept: */*\r\n\r\n"

var requestNames = []string{"http_host www.example.vn", "http_host probe/1"}

// TestStream sends one request in many ways. Each must tell the same, once.
func TestStream(t *testing.T) {
	k := newTalker()
	type piece struct {
		from, to int
		flags    uint8
	}
	n := len(request)
	f := func(name string, isn uint32, pieces ...piece) {
		t.Helper()
		k.next()
		var got []string
		for _, s := range pieces {
			seq := isn + uint32(s.from)
			if s.flags&flagSYN != 0 {
				seq--
			}
			got = append(got, names(k.tcp(s.flags, seq, []byte(request[s.from:s.to])))...)
		}
		if !slices.Equal(got, requestNames) {
			t.Errorf("%s: %q, want %q", name, got, requestNames)
		}
	}
	syn := piece{0, 0, flagSYN}
	f("one segment", 1000, piece{0, n, 0})
	f("two segments, SYN not seen", 1000, piece{0, 20, 0}, piece{20, n, 0})
	f("two segments", 1000, syn, piece{0, 20, 0}, piece{20, n, 0})
	f("the first comes last", 1000, syn, piece{50, n, 0}, piece{20, 50, 0}, piece{0, 20, 0})
	f("sequence numbers wrap", 0xffffffff-30, syn, piece{40, n, 0}, piece{0, 20, 0}, piece{20, 40, 0})
	f("retransmitted whole", 1000, piece{0, n, 0}, piece{0, n, 0})
	f("retransmitted part", 1000, piece{0, 20, 0}, piece{0, 20, 0}, piece{10, 40, 0}, piece{20, n, 0}, piece{0, n, 0})
	f("data on SYN", 1000, piece{0, 20, flagSYN}, piece{20, n, 0})
	f("SYN twice", 1000, syn, piece{20, n, 0}, syn, piece{0, 20, 0})
	f("keep-alive probe before", 1000, syn, piece{0, 20, 0}, piece{19, 20, 0}, piece{20, n, 0})
	f("FIN and RST on the way", 1000, syn, piece{0, 20, 0}, piece{20, n, flagFIN}, piece{n, n, flagRST})
}

// TestStreamOverlap: where segments contradict each other the first one holds.
func TestStreamOverlap(t *testing.T) {
	k := newTalker().next()
	k.tcp(0, 1, []byte("GET / HTTP/1.1\r\nHost: fir"))
	got := names(k.tcp(0, 1+22, []byte("XXXst.example\r\n\r\n")))
	if want := []string{"http_host first.example"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestStreamGap: what is lost costs the request it belongs to, not the next one of the connection.
func TestStreamGap(t *testing.T) {
	k := newTalker().next()
	k.tcp(0, 1, []byte(request[:20]))
	if got := names(k.tcp(0, 5001, []byte(request))); !slices.Equal(got, requestNames) {
		t.Errorf("behind a gap: %q, want %q", got, requestNames)
	}
	k.tcp(0, 6001, []byte(request[:20]))
	k.p.Time += connTimeout + 1
	if got := names(k.tcp(0, 6021, []byte(request[20:]))); got != nil {
		t.Errorf("after the time-out: %q, want nothing", got)
	}
}

// TestStreamEarlyThenMore: what came early is put in order once; the connection's next requests are read as ever.
func TestStreamEarlyThenMore(t *testing.T) {
	k := newTalker().next()
	n := uint32(len(request))
	k.tcp(flagSYN, 0, nil)
	k.tcp(0, 21, []byte(request[20:]))
	got := names(k.tcp(0, 1, []byte(request[:20])))
	got = append(got, names(k.tcp(0, 1+n, []byte(request[:30])))...)
	got = append(got, names(k.tcp(0, 1+n+30, []byte(request[30:])))...)
	if want := append(slices.Clone(requestNames), requestNames...); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if used := k.d.streams.table.used; used != 0 {
		t.Errorf("%d streams still open", used)
	}
}

// TestStreamCut: a frame that was captured short gives what it holds, and waits for nothing.
func TestStreamCut(t *testing.T) {
	k := newTalker().next()
	k.p.Proto, k.p.Seq, k.p.Verdict = ProtoTCP, 1, Cut
	k.p.Payload, k.p.PayloadLen = []byte(request[:40]), len(request)
	if got, want := names(k.d.Inspect(&k.p)), []string{"http_host www.example.vn"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if k.d.streams.table.used != 0 {
		t.Errorf("%d streams wait for octets that no frame has", k.d.streams.table.used)
	}
}

// TestStreamFlood: a flood of half requests takes places, not memory, and those who wait shortest keep theirs.
func TestStreamFlood(t *testing.T) {
	k := newTalker().next()
	for i := range 100_000 {
		k.p.SrcPort, k.p.DstPort = uint16(i), uint16(80+i>>16)
		k.tcp(0, 1, []byte(request[:20]))
	}
	if got := k.d.streams.table.used; got > maxStreams {
		t.Errorf("%d streams open, want at most %d", got, maxStreams)
	}
	if got := names(k.tcp(0, 21, []byte(request[20:]))); !slices.Equal(got, requestNames) {
		t.Errorf("last of the flood: %q, want %q", got, requestNames)
	}
}

// TestStreamOctets: one octet a segment, in any protocol that is read.
func TestStreamOctets(t *testing.T) {
	k := newTalker().next()
	var got []string
	for i := range len(request) {
		got = append(got, names(k.tcp(0, uint32(i), []byte(request[i:i+1])))...)
	}
	if !slices.Equal(got, requestNames) {
		t.Errorf("%q, want %q", got, requestNames)
	}
}

func TestStreamAllocations(t *testing.T) {
	k := newTalker().next()
	bulk := bytes.Repeat([]byte{0x8a}, 1400)
	head, tail := []byte(request[:20]), []byte(request[20:30])
	seq := uint32(0)
	f := func(name string, run func()) {
		t.Helper()
		if n := testing.AllocsPerRun(1000, run); n != 0 {
			t.Errorf("%s: %v allocs, want 0", name, n)
		}
	}
	f("segment outside any stream", func() { seq += 1400; k.tcp(0, seq, bulk) })
	f("stream that opens, grows and ends without a name", func() {
		k.next()
		k.tcp(flagSYN, 0, nil)
		k.tcp(0, 21, tail)
		k.tcp(0, 1, head)
		k.tcp(0, 31, bulk)
	})
}

// FuzzStream: however the octets of requests are cut into segments, and in whatever order these come behind the SYN,
// the same is seen.
func FuzzStream(f *testing.F) {
	f.Add([]byte{20, 3}, []byte{1, 0}, uint32(7))
	f.Add([]byte{1, 1, 1, 1}, []byte{0, 0, 0, 3, 1}, uint32(0xfffffff0))
	f.Add([]byte("'\x01"), []byte("10"), uint32(0)) // a "U" that came early was taken for the start of an UNLOCK
	k := newTalker()
	f.Fuzz(func(t *testing.T, script, shuffle []byte, isn uint32) {
		pieces := cuts([]byte(request), script)
		if len(pieces) > maxSpans {
			return // more holes than are kept
		}
		offs := make([]uint32, len(pieces))
		for i := 1; i < len(pieces); i++ {
			offs[i] = offs[i-1] + uint32(len(pieces[i-1]))
		}
		k.next().tcp(flagSYN, isn, nil)
		var got []string
		for _, i := range order(len(pieces), shuffle) {
			got = append(got, names(k.tcp(0, isn+1+offs[i], pieces[i]))...)
		}
		if !slices.Equal(got, requestNames) {
			t.Errorf("pieces %q in order %v: %q, want %q", pieces, order(len(pieces), shuffle), got, requestNames)
		}
	})
}

// BenchmarkInspectTCP is what most segments cost: bulk data of connections that are not waited for.
func BenchmarkInspectTCP(b *testing.B) {
	for _, open := range []int{0, 100} {
		b.Run(fmt.Sprintf("open=%d", open), func(b *testing.B) {
			k := newTalker().next()
			for i := range open {
				k.p.SrcPort = uint16(i)
				k.tcp(0, 1, []byte(request[:20]))
			}
			k.p.SrcPort = 40000
			k.p.Payload = []byte(strings.Repeat("\x8a", 1400))
			k.p.PayloadLen, k.p.Proto = 1400, ProtoTCP
			b.SetBytes(1400)
			b.ReportAllocs()
			for b.Loop() {
				k.p.Seq += 1400
				k.d.Inspect(&k.p)
			}
		})
	}
}
