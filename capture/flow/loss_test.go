package flow

import (
	"net/netip"
	"testing"

	"cafeprobe/capture"
)

// talk is one connection: the PC sends, or its server, and what was counted is looked at in the end.
type talk struct {
	table      *Table
	came, lost uint64
	at         int64
}

func newTalk() *talk {
	k := &talk{}
	k.table = NewTable(64, 1, noName, func(o *capture.Observation) {
		if o.Kind == capture.KindLoss {
			k.came, k.lost = k.came+o.Up.Octets, k.lost+o.Down.Octets
		}
	})
	return k
}

// pc is a segment of the PC's: from its sequence number seq on n octets, and the acknowledgement of all before ack.
func (k *talk) pc(flags uint8, seq uint32, n int, ack uint32) *talk {
	return k.segment("10.0.0.2:50000", "1.1.1.1:443", flags, seq, n, ack)
}

func (k *talk) server(flags uint8, seq uint32, n int, ack uint32) *talk {
	return k.segment("1.1.1.1:443", "10.0.0.2:50000", flags, seq, n, ack)
}

func (k *talk) segment(src, dst string, flags uint8, seq uint32, n int, ack uint32) *talk {
	k.at += second / 100
	f := frame(k.at, src, dst)
	f.TCPFlags, f.Seq, f.PayloadLen, f.Ack = flags, seq, n, ack
	k.table.Update(f)
	return k
}

// open is a handshake; the PC's first octet is 101, the server's 901.
func open() *talk {
	return newTalk().pc(flagSYN, 100, 0, 0).server(flagSYN|flagACK, 900, 0, 101).pc(flagACK, 101, 0, 901)
}

func TestLoss(t *testing.T) {
	f := func(name string, k *talk, came, lost uint64) {
		t.Helper()
		k.table.Flush()
		if k.came != came || k.lost != lost {
			t.Errorf("%s: %d octets came and %d were lost, want %d and %d", name, k.came, k.lost, came, lost)
		}
		if free := len(k.table.loss.free); free != maxStreams {
			t.Errorf("%s: %d places free after the end, want all %d", name, free, maxStreams)
		}
	}
	const ack = flagACK
	f("all came", open().server(ack, 901, 1000, 101).server(ack, 1901, 1000, 101).pc(ack, 101, 0, 2901), 2000, 0)
	f("one lost in the middle", open().server(ack, 901, 1000, 101).server(ack, 2901, 1000, 101).pc(ack, 101, 0, 3901), 2000, 1000)
	f("one lost at the end", open().server(ack, 901, 1000, 101).pc(ack, 101, 0, 2901), 1000, 1000)
	f("a hole that nobody acknowledged", open().server(ack, 901, 1000, 101).server(ack, 2901, 1000, 101).pc(ack, 101, 0, 1901), 1000, 0)
	f("half a hole acknowledged", open().server(ack, 901, 1000, 101).server(ack, 2901, 1000, 101).pc(ack, 101, 0, 2401), 1000, 500)
	f("lost on its way and sent again",
		open().server(ack, 1901, 1000, 101).pc(ack, 101, 0, 901).server(ack, 901, 1000, 101).pc(ack, 101, 0, 2901), 2000, 0)
	f("out of order", open().server(ack, 1901, 1000, 101).server(ack, 2901, 1000, 101).server(ack, 901, 1000, 101).pc(ack, 101, 0, 3901), 3000, 0)
	f("sent twice", open().server(ack, 901, 1000, 101).server(ack, 901, 1000, 101).pc(ack, 101, 0, 1901), 1000, 0)
	f("sent again in other pieces", open().server(ack, 901, 500, 101).server(ack, 3401, 500, 101).server(ack, 1201, 1000, 101).
		server(ack, 2701, 300, 101).pc(ack, 101, 0, 3901), 2100, 900)
	f("acknowledgement seen twice", open().server(ack, 1901, 1000, 101).pc(ack, 101, 0, 2901).pc(ack, 101, 0, 2901), 1000, 1000)
	f("acknowledgements only", open().pc(ack, 101, 0, 1901).pc(ack, 101, 0, 2901), 0, 2000)
	f("the end takes a number", open().pc(flagFIN|ack, 101, 0, 901).server(ack, 901, 0, 102).server(flagFIN|ack, 901, 0, 102), 1, 0)
	f("a reset acknowledges nothing", open().pc(flagRST|ack, 101, 0, 99999), 0, 0)
	f("keep-alive", open().server(ack, 901, 1000, 101).pc(ack, 101, 0, 1901).server(ack, 1900, 1, 101).pc(ack, 101, 0, 1901), 1000, 0)
	f("one direction only", newTalk().server(ack, 901, 1000, 101).server(ack, 2901, 1000, 101).server(ack, 4901, 1000, 101), 0, 0)
	f("under way: what was in flight is not known",
		newTalk().pc(ack, 101, 0, 901).server(ack, 5901, 1000, 101).pc(ack, 101, 0, 4901).pc(ack, 101, 0, 5901).pc(ack, 101, 0, 6901).
			server(ack, 7901, 1000, 101).pc(ack, 101, 0, 8901), 1000, 1000)
	f("over the edge of 32 bits", newTalk().server(flagSYN|ack, 0xffffff00, 0, 101).server(ack, 0xffffff01, 200, 101).
		server(ack, 0x191, 200, 101).pc(ack, 101, 0, 0x259), 400, 456)
	f("the ports again", open().server(ack, 901, 1000, 101).pc(ack, 101, 0, 1901).
		pc(flagSYN, 70000, 0, 0).server(flagSYN|ack, 0x80000000, 0, 70001).server(ack, 0x80000001, 1000, 70001).pc(ack, 70001, 0, 0x80000001+1000), 2000, 0)
	f("an acknowledgement of nothing that was", open().server(ack, 901, 1000, 101).pc(ack, 101, 0, 0x70000000), 0, 0)
}

// TestLossManyHoles: more than there is room for are not made up.
func TestLossManyHoles(t *testing.T) {
	k := open()
	for i := range uint32(4 * maxHoles) {
		k.server(flagACK, 901+2000*i, 1000, 101)
	}
	k.pc(flagACK, 101, 0, 901+2000*4*maxHoles-1000).table.Flush()
	if k.lost != maxHoles*1000 {
		t.Errorf("%d octets lost, want those of %d holes", k.lost, maxHoles)
	}
}

// TestLossManyConnections: those that find no place are flows like others, and places come free.
func TestLossManyConnections(t *testing.T) {
	table := NewTable(1<<15, 1, noName, func(*capture.Observation) {})
	f := frame(0, "10.0.0.3:1024", "2.2.2.2:9999")
	f.TCPFlags = flagSYN
	for round := range 3 {
		for i := range uint32(maxStreams + 1000) {
			f.Time = int64(round) * 1000 * second
			f.Src = capture.AddressOf(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
			table.Update(f)
		}
		if n := len(table.loss.free); n != 0 {
			t.Errorf("round %d: %d places free, want none", round, n)
		}
		for range 64 {
			table.Tick(f.Time + 100*second)
		}
		if n := len(table.loss.free); n != maxStreams {
			t.Errorf("round %d: %d places free after all fell silent, want %d", round, n, maxStreams)
		}
	}
}

// FuzzLoss: whatever segments come, no more is told of than was acknowledged, what waits is in order, and places are
// neither lost nor given twice.
func FuzzLoss(f *testing.F) {
	f.Add([]byte{0x02, 1, 0, 0, 0x92, 9, 0, 2, 0x10, 2, 0, 10, 0x90, 10, 5, 2, 0x90, 25, 5, 2, 0x10, 2, 0, 30})
	f.Add([]byte{0x90, 10, 5, 2, 0x90, 40, 5, 2, 0x90, 20, 10, 2, 0x10, 2, 0, 45})
	f.Fuzz(func(t *testing.T, b []byte) {
		k := newTalk()
		for ; len(b) >= 4; b = b[4:] {
			seq, ack := uint32(b[1])*100-1000, uint32(b[3])*100-1000 // around the edge of 32 bits
			if b[0]&0x80 != 0 {
				k.server(b[0]&0x17, seq, int(b[2])*20, ack)
			} else {
				k.pc(b[0]&0x17, seq, int(b[2])*20, ack)
			}
			for _, h := range k.table.loss.streams[0] {
				for _, g := range h.holes[:h.n] {
					if int32(g.end-g.start) <= 0 || int32(h.next-g.end) < 0 {
						t.Fatalf("hole %d to %d before %d", g.start, g.end, h.next)
					}
				}
			}
		}
		k.table.Flush()
		if k.lost > 1<<40 || k.came > 1<<40 {
			t.Errorf("%d came, %d lost: more than 2^16 acknowledgements of %d", k.came, k.lost, maxJump)
		}
		if n := len(k.table.loss.free); n != maxStreams {
			t.Errorf("%d places free after the end, want %d", n, maxStreams)
		}
	})
}

// BenchmarkLoss is BenchmarkUpdate with a download of 2000 connections, one segment in a hundred missing: what it costs
// more is the search for holes.
func BenchmarkLoss(b *testing.B) {
	table := NewTable(32768, 1, noName, func(*capture.Observation) {})
	data, ack := frame(0, "2.2.2.2:9999", "10.0.0.3:1024"), frame(0, "10.0.0.3:1024", "2.2.2.2:9999")
	data.TCPFlags, data.PayloadLen, ack.TCPFlags = flagACK, 1000, flagACK
	i := uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		i++
		conn, round := i%2000, i/2000
		f := data
		switch {
		case round%3 == 2:
			f, ack.SrcPort, ack.Ack = ack, 1024+uint16(conn), round*1000
		case round%100 != 0:
			data.DstPort, data.Seq = 1024+uint16(conn), round*1000
		}
		table.Update(f)
	}
}
