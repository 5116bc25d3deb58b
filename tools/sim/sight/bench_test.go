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

// BenchmarkSlowSide tells what the slow side, stations, states and sessions, costs of what the box does with the frames of 100
// stations: ten minutes of the evening, and their observations alone. Made-up frames cost something as well, which is left out.
func BenchmarkSlowSide(b *testing.B) {
	r := room(b, 700, sim.Options{
		Stations: 100, For: 10 * time.Minute, From: time.Date(2026, 11, 27, 13, 0, 0, 0, time.UTC), MirrorLost: sim.No, PowerCut: sim.No,
		Outage: sim.No,
	})
	var frames, all, slow time.Duration
	n := 0
	for b.Loop() {
		var list []capture.Observation
		took := func(f func()) time.Duration {
			start := time.Now()
			f()
			return time.Since(start)
		}
		src := wire.New(r)
		frames += took(func() {
			var f capture.Frame
			for src.Next(&f) == nil {
				n++
			}
		})
		all += took(func() {
			p := pipeline.New(pipeline.Config{Tap: func(o *capture.Observation) {
				list = append(list, *o)
				if o.DHCP != nil {
					d := *o.DHCP
					list[len(list)-1].DHCP = &d
				}
			}})
			if err := p.Run(b.Context(), wire.New(r)); err != nil {
				b.Fatal(err)
			}
		})
		c := cafe.New(cafe.Config{})
		slow += took(func() {
			for i := range list {
				c.Observe(&list[i])
			}
		})
	}
	hot := all - frames // the two sides run beside each other
	b.ReportMetric(float64(hot.Nanoseconds())/float64(n), "hot-ns/frame")
	b.ReportMetric(float64(slow.Nanoseconds())/float64(n), "slow-ns/frame")
	b.ReportMetric(100*float64(slow)/float64(hot), "slow-%-of-hot")
}
