package flow

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"cafeprobe/capture"
)

const second = 1_000_000_000

var (
	pc     = capture.MAC{0x2c, 0xf0, 0x5d, 0, 0, 1}
	router = capture.MAC{0xf4, 0xf2, 0x6d, 0, 0, 1}
)

func frame(at int64, src, dst string) *capture.Header {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	return &capture.Header{
		Time: at, Len: 100, SrcMAC: pc, DstMAC: router, Proto: 6,
		Src: capture.AddressOf(s.Addr()), SrcPort: s.Port(), Dst: capture.AddressOf(d.Addr()), DstPort: d.Port(),
	}
}

func noName(uint16) string { return "" }

func TestBothDirectionsAreOneFlow(t *testing.T) {
	var got []capture.Observation
	table := NewTable(64, 1, noName, func(o *capture.Observation) { got = append(got, *o) })
	table.Update(frame(1, "10.0.0.2:50000", "1.1.1.1:443"))
	table.Update(frame(2, "1.1.1.1:443", "10.0.0.2:50000"))
	table.Update(frame(3, "10.0.0.2:50000", "1.1.1.1:443"))
	table.Flush()
	if len(got) != 1 {
		t.Fatalf("%d flows, want 1", len(got))
	}
	o := got[0]
	if o.Addr.String() != "10.0.0.2" || o.PeerPort != 443 || o.Up.Frames != 2 || o.Down.Frames != 1 || o.First != 1 || o.Time != 3 {
		t.Errorf("flow %+v", o)
	}
}

// A hundred PCs that play one game with one pair of ports are spread over the table, with whatever seed.
func TestOnePairOfPorts(t *testing.T) {
	for _, seed := range []uint64{0, 1, 1 << 63} {
		table := NewTable(1024, seed, noName, func(*capture.Observation) {})
		for pc := range 100 {
			f := frame(1, "10.0.0.2:5000", "1.1.1.1:5107")
			f.Src = capture.AddressOf(netip.AddrFrom4([4]byte{10, 0, 0, byte(pc)}))
			table.Update(f)
		}
		if table.Evicted > 0 {
			t.Errorf("seed %d: %d of 100 flows evicted from a table of 1024", seed, table.Evicted)
		}
	}
}

func TestWhoIsTheClient(t *testing.T) {
	f := func(name, src, dst string, opens bool, wantClient string) {
		t.Helper()
		var got capture.Observation
		table := NewTable(64, 1, noName, func(o *capture.Observation) { got = *o })
		fr := frame(1, src, dst)
		if opens {
			fr.TCPFlags = flagSYN
		}
		table.Update(fr)
		table.Flush()
		if got.Addr.String() != wantClient {
			t.Errorf("%s: client %v, want %s", name, got.Addr, wantClient)
		}
	}
	f("SYN", "10.0.0.9:50000", "10.0.0.2:50001", true, "10.0.0.9")
	f("answer first", "1.1.1.1:443", "10.0.0.2:50000", false, "10.0.0.2")
	f("question first", "10.0.0.2:50000", "1.1.1.1:443", false, "10.0.0.2")
	f("no well-known port", "10.0.0.9:50000", "10.0.0.2:50001", false, "10.0.0.9")
}

func TestTimeouts(t *testing.T) {
	n := 0
	table := NewTable(64, 1, noName, func(*capture.Observation) { n++ })
	for s := range int64(200) {
		table.Update(frame(s*second, "10.0.0.2:50000", "1.1.1.1:443"))
		table.Tick(s * second)
	}
	if n != 3 {
		t.Errorf("%d exports in 200 s of activity, want 3", n)
	}
	for s := int64(200); s < 400; s++ {
		table.Tick(s * second)
	}
	if n != 4 {
		t.Errorf("%d exports after 200 s of silence, want one more", n)
	}
}

// TestFloodKeepsTheEstablished: one-frame flows push out each other. What was counted is exported, every frame once.
func TestFloodKeepsTheEstablished(t *testing.T) {
	var exported, early uint64
	table := NewTable(1024, 1, noName, func(o *capture.Observation) {
		exported += o.Up.Frames + o.Down.Frames
		if o.PeerPort == 443 {
			early++
		}
	})
	var sent uint64
	keep := frame(0, "10.0.0.2:50000", "1.1.1.1:443")
	for range established {
		table.Update(keep)
		sent++
	}
	flood := frame(0, "10.0.0.3:1024", "2.2.2.2:9999")
	var a [4]byte
	for i := range uint32(1_000_000) {
		binary.BigEndian.PutUint32(a[:], i)
		flood.Src = capture.AddressOf(netip.AddrFrom4(a))
		flood.Time = int64(i)
		table.Update(flood)
		sent++
	}
	if early != 0 {
		t.Error("an established flow was pushed out by a flood")
	}
	table.Flush()
	if exported != sent {
		t.Errorf("%d frames exported, want all %d", exported, sent)
	}
}

// TestActivityTellsNoSilence: what was sent before a silence and what was sent behind it are told apart, also where nobody
// ticked in between, as in a capture of one station; and where the clock was set back.
func TestActivityTellsNoSilence(t *testing.T) {
	f := func(name string, want [][2]int64, at ...int64) {
		t.Helper()
		var got [][2]int64
		a := NewActivity(64, 1, func(o *capture.Observation) {
			if o.Kind == capture.KindActivity {
				got = append(got, [2]int64{o.First, o.Time})
			}
		})
		for _, t := range at {
			a.Update(&capture.Header{SrcMAC: capture.MAC{2}, Time: t, Len: 60})
		}
		a.Flush()
		if !slices.Equal(got, want) {
			t.Errorf("%s: told %v, want %v", name, got, want)
		}
	}
	const s = int64(time.Second)
	f("no silence", [][2]int64{{s, s}, {s + 1, 2 * s}}, s, s+1, 2*s-1, 2*s)
	f("a silence", [][2]int64{{s, s}, {s + 1, s + 2}, {400 * s, 400 * s}}, s, s+1, s+2, 400*s)
	var told int
	a := NewActivity(64, 1, func(o *capture.Observation) { told++ })
	for i, want := range []int{1, 1, 1, 2, 2} { // the first at once, what is held when it is old, and once
		x := &capture.Header{SrcMAC: capture.MAC{2}, Time: int64(i)*s/2 + s}
		if a.Before(x); i < 2 {
			a.Update(x)
		}
		if told != want {
			t.Errorf("before frame %d %d were told, want %d", i, told, want)
		}
	}
	f("set back", [][2]int64{{400 * s, 400 * s}, {400*s + 1, 400*s + 1}, {s, s}}, 400*s, 400*s+1, s)
}

func TestActivityTellsAllOnce(t *testing.T) {
	var frames uint64
	var told int
	last := int64(0)
	a := NewActivity(64, 1, func(o *capture.Observation) {
		if o.Kind == capture.KindActivity {
			frames += o.Up.Frames
			told++
			last = max(last, o.Time)
		}
	})
	for i := range int64(1000) { // ten seconds, 100 frames a second
		a.Update(frame(i*second/100, "10.0.0.2:1", "10.0.0.1:2"))
	}
	if told < 9 || told > 11 {
		t.Errorf("told %d times in ten seconds, want about 10", told)
	}
	a.Flush()
	if frames != 1000 || last != 999*second/100 {
		t.Errorf("%d frames, last %d, want 1000 and %d", frames, last, int64(999*second/100))
	}
}

func TestFloodOfMACsKeepsTheEstablished(t *testing.T) {
	a := NewActivity(64, 1, func(*capture.Observation) {})
	own := frame(0, "10.0.0.2:1", "10.0.0.1:2")
	for range established {
		a.Update(own)
	}
	f := frame(0, "10.0.0.3:1", "10.0.0.1:2")
	for i := range 100_000 {
		f.SrcMAC = capture.MAC{2, 0, 0, byte(i >> 16), byte(i >> 8), byte(i)}
		f.Time = int64(i)
		a.Update(f)
	}
	if s := a.sender(idOf(own.SrcMAC, own.VLAN), 0); s.frames != established {
		t.Errorf("an established station was pushed out by a flood: %d frames known", s.frames)
	}
}

func TestRouterHasNoPublicAddresses(t *testing.T) {
	told := 0
	a := NewActivity(64, 1, func(o *capture.Observation) {
		if o.Kind == capture.KindAddr {
			told++
		}
	})
	f := frame(0, "10.0.0.2:1", "10.0.0.1:2")
	for i := range 1000 {
		f.Src = capture.AddressOf(netip.AddrFrom4([4]byte{8, 8, byte(i >> 8), byte(i)}))
		a.Update(f)
	}
	if told != ownAddrs {
		t.Errorf("%d addresses told of a router, want %d and then none", told, ownAddrs)
	}
}

func TestNoAllocations(t *testing.T) {
	table := NewTable(1024, 1, noName, func(*capture.Observation) {})
	a := NewActivity(64, 1, func(*capture.Observation) {})
	f := frame(0, "10.0.0.3:1024", "2.2.2.2:9999")
	i := uint32(0)
	n := testing.AllocsPerRun(10_000, func() {
		i++
		f.Src = capture.AddressOf(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
		f.Time = int64(i) * second / 100
		table.Update(f)
		a.Update(f)
		table.Tick(f.Time)
		a.Tick(f.Time)
	})
	if n != 0 {
		t.Errorf("%v allocations a frame, want 0", n)
	}
}

// FuzzTable compares with a map: whatever frames come, every one is exported once, to its own pair of ends.
func FuzzTable(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 1, 0, 3, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		want, got := map[[2]uint16]uint64{}, map[[2]uint16]uint64{}
		pair := func(a, b uint16) [2]uint16 { return [2]uint16{min(a, b), max(a, b)} }
		table := NewTable(16, 7, noName, func(o *capture.Observation) {
			got[pair(o.Port, o.PeerPort)] += o.Up.Frames + o.Down.Frames
		})
		fr := frame(0, "10.0.0.2:1", "10.0.0.2:2")
		for i := 0; i+2 <= len(b); i += 2 {
			fr.SrcPort, fr.DstPort = uint16(b[i]), uint16(b[i+1])
			fr.Time = int64(i) * second
			want[pair(fr.SrcPort, fr.DstPort)]++
			table.Update(fr)
			table.Tick(fr.Time)
		}
		table.Flush()
		for k, n := range want {
			if got[k] != n {
				t.Errorf("ends %v: %d frames exported, want %d", k, got[k], n)
			}
		}
	})
}

func BenchmarkUpdate(b *testing.B) {
	table := NewTable(32768, 1, noName, func(*capture.Observation) {})
	f := frame(0, "10.0.0.3:1024", "2.2.2.2:9999")
	i := uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		i++
		f.SrcPort = 1024 + uint16(i%2000)
		f.Time = int64(i) * 1000
		table.Update(f)
	}
}

// TestOpened: a server that was heard first is the server all the same when the payload says so.
func TestOpened(t *testing.T) {
	var got []capture.Observation
	table := NewTable(64, 1, noName, func(o *capture.Observation) { got = append(got, *o) })
	down := frame(1, "1.1.1.1:27015", "10.0.0.2:50000")
	down.SrcMAC, down.DstMAC = router, pc
	fl := table.Update(down)
	fl.Follow = table.From(fl, down)
	up := frame(2, "10.0.0.2:50000", "1.1.1.1:27015")
	fl = table.Update(up)
	table.Opened(fl, up, true)
	if table.From(fl, up) != 1 || fl.Follow != 2 {
		t.Errorf("the sender is end %d and %d is followed, want 1 and 2", table.From(fl, up), fl.Follow)
	}
	table.Opened(fl, up, true) // as it is
	fl = table.Update(down)
	table.Opened(fl, down, false)
	table.Flush()
	o := got[0]
	if o.Addr.String() != "10.0.0.2" || o.PeerPort != 27015 || o.Up.Frames != 1 || o.Down.Frames != 2 || o.MAC != pc || o.Target != router {
		t.Errorf("flow %+v", o)
	}
}
