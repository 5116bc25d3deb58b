package wire

import (
	"errors"
	"hash/crc32"
	"io"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/decode"
	"cafeprobe/tools/sim"
)

func room(t testing.TB, seed uint64, o sim.Options) *sim.Room {
	t.Helper()
	r, err := sim.New(seed, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestFrames: frames come in order, decode whole, checksums included, and are the same each time.
func TestFrames(t *testing.T) {
	for seed := range uint64(3) {
		o := sim.Options{
			Stations: 6, For: 10 * time.Minute, Vantage: [3]string{"A", "A+", "C"}[seed%3], Outage: sim.Yes,
			Tunnels: sim.Choice(seed % 2),
		}
		n, sum := frames(t, room(t, seed, o))
		if again, same := frames(t, room(t, seed, o)); again != n || same != sum {
			t.Errorf("seed %d: %d frames, then %d, or others", seed, n, again)
		}
		if n < 100 {
			t.Errorf("seed %d: %d frames", seed, n)
		}
	}
}

func frames(t *testing.T, r *sim.Room) (n int, sum uint32) {
	t.Helper()
	var (
		f    capture.Frame
		p    decode.Packet
		d    = decode.New()
		h    uint32
		last = r.From()
	)
	for s := New(r); ; n++ {
		if err := s.Next(&f); errors.Is(err, io.EOF) {
			return n, h
		} else if err != nil {
			t.Fatal(err)
		}
		if f.Time < last || f.Time >= r.To() {
			t.Fatalf("frame %d at %v, after %v", n, f.When(), time.Unix(0, last))
		}
		last = f.Time
		if v := d.Decode(&f, &p); v != decode.Whole {
			t.Fatalf("frame %d: verdict %v: %x", n, v, f.Data)
		}
		d.Inspect(&p)
		h = crc32.Update(h, crc32.IEEETable, f.Data)
	}
}

// BenchmarkFrames is what a frame costs to make.
func BenchmarkFrames(b *testing.B) {
	r := room(b, 1, sim.Options{For: 10 * time.Minute})
	n, octets := 0, 0
	for b.Loop() {
		var f capture.Frame
		for s := New(r); s.Next(&f) == nil; n++ {
			octets += f.Len
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/frame")
	b.ReportMetric(float64(octets)/float64(n), "octets/frame")
	b.ReportMetric(float64(n)/float64(b.N), "frames/op")
}

// TestTogether: rooms that one box hears give all their frames, in the order of their times.
func TestTogether(t *testing.T) {
	var rooms []*sim.Room
	alone := 0
	for seed := range uint64(3) {
		r, err := sim.New(700+seed, sim.Options{Stations: 5, For: 2 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		rooms = append(rooms, r)
		var f capture.Frame
		for src := New(r); src.Next(&f) == nil; {
			alone++
		}
	}
	src, n, last := Together(rooms...), 0, int64(0)
	var f capture.Frame
	for ; src.Next(&f) == nil; n++ {
		if f.Time < last {
			t.Fatalf("frame %d is of %v before the one in front of it", n, time.Duration(last-f.Time))
		}
		last = f.Time
	}
	if n != alone || n == 0 {
		t.Errorf("%d frames together, %d alone", n, alone)
	}
}
