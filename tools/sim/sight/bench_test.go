package sight

import (
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/title"
	"cafeprobe/firmware/cafe"
	"cafeprobe/firmware/pipeline"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/wire"
)

// BenchmarkRoom compares the ways from a room to a café's state: an hour and a half of 30 stations in the evening, as
// frames through the pipeline and as observations.
func BenchmarkRoom(b *testing.B) {
	r := room(b, 2, sim.Options{
		For: 90 * time.Minute, From: time.Date(2026, 11, 27, 12, 30, 0, 0, time.UTC),
		MirrorLost: sim.No, PowerCut: sim.No,
	})
	titles := title.Builtin()
	b.Run("frames", func(b *testing.B) {
		n := uint64(0)
		for b.Loop() {
			p := pipeline.New(pipeline.Config{})
			if err := p.Run(b.Context(), wire.New(r)); err != nil {
				b.Fatal(err)
			}
			n = p.Stats().Frames
		}
		b.ReportMetric(float64(n), "frames/op")
	})
	b.Run("observations", func(b *testing.B) {
		n := 0
		for b.Loop() {
			c := cafe.New(cafe.Config{})
			Play(r, titles, func(o *capture.Observation) { n++; c.Observe(o) })
		}
		b.ReportMetric(float64(n)/float64(b.N), "observations/op")
	})
}
