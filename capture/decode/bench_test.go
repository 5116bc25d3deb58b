package decode

import (
	"testing"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

// load reads a shared capture into memory, each frame with octets of its own.
func load(t testing.TB, name string) []capture.Frame {
	t.Helper()
	var frames []capture.Frame
	eachFrame(t, name, func(_ int, f *capture.Frame) {
		g := *f
		g.Data = append([]byte(nil), f.Data...)
		frames = append(frames, g)
	})
	return frames
}

// BenchmarkDecode measures Decode alone, frames in memory.
func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{
		"lan-cafe_composite_a--derived.pcap", "mix-goprobe_default_kitchen_sink--derived.pcap",
		"game-firefall_2014_login_gameplay--derived.pcapng", "lan-telegram--ndpi.pcap",
	} {
		frames := load(b, name)
		octets := 0
		for i := range frames {
			octets += len(frames[i].Data)
		}
		b.Run(name, func(b *testing.B) { decodeAll(b, frames, octets) })
	}
	ack := capturetest.Frame(capturetest.TCP(b, capturetest.PC(1), capturetest.Server(),
		capturetest.Segment{SrcPort: 50000, DstPort: 443, ACK: true}, nil))
	full := capturetest.Frame(capturetest.TCP(b, capturetest.PC(1), capturetest.Server(),
		capturetest.Segment{SrcPort: 50000, DstPort: 443, ACK: true}, make([]byte, 1460)))
	b.Run("ack", func(b *testing.B) { decodeAll(b, []capture.Frame{ack}, ack.Len) })
	b.Run("full", func(b *testing.B) { decodeAll(b, []capture.Frame{full}, full.Len) })
}

func decodeAll(b *testing.B, frames []capture.Frame, octets int) {
	d := New()
	var p Packet
	b.SetBytes(int64(octets))
	b.ReportAllocs()
	for b.Loop() {
		for i := range frames {
			d.Decode(&frames[i], &p)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(frames)), "ns/frame")
	b.ReportMetric(float64(octets)/float64(len(frames)), "octets/frame")
}

// TestDecodeAllocatesNothing holds Decode to no allocation on every shared capture, damaged ones too.
func TestDecodeAllocatesNothing(t *testing.T) {
	d := New()
	var p Packet
	for _, name := range sharedFiles(t) {
		frames := load(t, name)
		n := testing.AllocsPerRun(1, func() {
			for i := range frames {
				d.Decode(&frames[i], &p)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations in %d frames, want 0", name, n, len(frames))
		}
	}
}
