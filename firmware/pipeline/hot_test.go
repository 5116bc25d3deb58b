package pipeline

import (
	"errors"
	"io"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/capture/handoff"
	"cafeprobe/capture/pcapfile"
	"cafeprobe/capture/title"

	"github.com/google/gopacket/layers"
)

// sink is a hot side whose observations are taken by nobody who needs anything: the ring drops what is too much.
func sink() *hot {
	return newHot(handoff.New(ring, handoff.Live), title.Builtin(), 1)
}

// load reads a capture into memory, each frame with octets of its own.
func load(t testing.TB, path string) []capture.Frame {
	t.Helper()
	src, err := pcapfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var frames []capture.Frame
	for {
		var f capture.Frame
		if err := src.Next(&f); errors.Is(err, io.EOF) || errors.Is(err, pcapfile.ErrTruncated) {
			return frames
		} else if err != nil {
			t.Fatal(err)
		}
		f.Data = append([]byte(nil), f.Data...)
		frames = append(frames, f)
	}
}

// TestHotPathAllocatesNothing: whatever comes once per frame for hours (a game's datagrams, a download, ARP, a new flow
// that says no name) costs no allocation, from decoding to the crossing.
func TestHotPathAllocatesNothing(t *testing.T) {
	pc, router, server := capturetest.PC(1), capturetest.Router(), capturetest.Server()
	seg := func(n int) []byte {
		return capturetest.TCP(t, server, pc, capturetest.Segment{SrcPort: 443, DstPort: 50000, ACK: true, Seq: 7}, make([]byte, n))
	}
	f := func(name string, data ...[]byte) {
		t.Helper()
		h := sink()
		at := capturetest.At.UnixNano()
		once := func() {
			for _, d := range data {
				fr := capturetest.Frame(d)
				fr.Time = at
				h.observe(&fr)
				at += int64(time.Millisecond)
			}
		}
		for range 2 * early { // past the first frames of a flow, in which names are looked for
			once()
		}
		if n := testing.AllocsPerRun(5000, once); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
	f("game", capturetest.UDP(t, pc, server, 50000, 5107, make([]byte, 60)), capturetest.UDP(t, server, pc, 5107, 50000, make([]byte, 120)))
	f("download", seg(1460), capturetest.TCP(t, pc, server, capturetest.Segment{SrcPort: 50000, DstPort: 443, ACK: true}, nil))
	f("game over IPv6", capturetest.UDP(t, capturetest.PC6(1), capturetest.PC6(2), 50000, 5107, make([]byte, 60)))
	f("VLAN", capturetest.Tag(seg(100), 0x8100, 7))
	f("ARP", capturetest.ARP(t, layers.ARPRequest, pc, router), capturetest.ARP(t, layers.ARPReply, router, pc))
	f("damaged", seg(1460)[:40])
}

// TestFloodAllocatesNothing: frames of ever new stations, addresses and ports cost no allocation either.
func TestFloodAllocatesNothing(t *testing.T) {
	h := sink()
	data := capturetest.UDP(t, capturetest.PC(1), capturetest.Server(), 50000, 5107, make([]byte, 60))
	data[40], data[41] = 0, 0 // no UDP checksum, so that the octets below may change
	at, n := capturetest.At.UnixNano(), uint32(0)
	once := func() {
		n++
		data[8], data[9], data[10] = byte(n>>16), byte(n>>8), byte(n) // source MAC
		data[34], data[35] = byte(n>>8)|0x80, byte(n)                 // source port
		fr := capturetest.Frame(data)
		fr.Time = at
		h.observe(&fr)
		at += int64(10 * time.Microsecond)
	}
	for range 100_000 {
		once()
	}
	if n := testing.AllocsPerRun(20_000, once); n != 0 {
		t.Errorf("%v allocations a frame of a flood, want 0", n)
	}
	if h.stats.Malformed > 0 {
		t.Errorf("%d of the flood's frames are malformed: the test floods with nothing", h.stats.Malformed)
	}
}

// BenchmarkHot measures the whole hot side (decode, inspect, flow table, activity, crossing) over captures in memory.
// allocs/frame is not 0 here: each name that a capture says is copied once, and these captures say many.
func BenchmarkHot(b *testing.B) {
	dir := capturetest.Shared(b)
	for _, name := range []string{
		"lan-cafe_composite_a--derived.pcap", "mix-goprobe_default_kitchen_sink--derived.pcap",
		"game-firefall_2014_login_gameplay--derived.pcapng", "lan-telegram--ndpi.pcap",
	} {
		frames := load(b, filepath.Join(dir, name))
		b.Run(name, func(b *testing.B) { benchmark(b, frames) })
	}
	pc, server := capturetest.PC(1), capturetest.Server()
	game := []capture.Frame{
		capturetest.Frame(capturetest.UDP(b, pc, server, 50000, 5107, make([]byte, 60))),
		capturetest.Frame(capturetest.UDP(b, server, pc, 5107, 50000, make([]byte, 120))),
	}
	b.Run("game", func(b *testing.B) { benchmark(b, game) })
}

func benchmark(b *testing.B, frames []capture.Frame) {
	h := sink()
	octets := 0
	for i := range frames {
		octets += frames[i].Len
	}
	b.SetBytes(int64(octets))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		for i := range frames {
			h.observe(&frames[i])
		}
	}
	runtime.ReadMemStats(&after)
	each := 1 / float64(b.N) / float64(len(frames))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())*each, "ns/frame")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)*each, "allocs/frame")
	b.ReportMetric(float64(octets)/float64(len(frames)), "octets/frame")
}

// BenchmarkRead is what BenchmarkHot is to be compared with: the frames are only looked at, one octet each.
func BenchmarkRead(b *testing.B) {
	path := filepath.Join(capturetest.Shared(b), "lan-cafe_composite_a--derived.pcap")
	frames := 0
	b.ReportAllocs()
	for b.Loop() {
		src, err := pcapfile.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		var f capture.Frame
		for frames = 0; src.Next(&f) == nil; frames++ {
		}
		src.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(frames), "ns/frame")
}
