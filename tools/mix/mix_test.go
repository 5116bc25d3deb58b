package mix

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math"
	"net/netip"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/capture/decode"
)

func open(t testing.TB, cfg Config) *Source {
	t.Helper()
	if cfg.Frames > 0 {
		cfg.Captures = capturetest.Shared(t)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// each calls f with every frame of s.
func each(t testing.TB, s *Source, f func(fr *capture.Frame)) {
	t.Helper()
	var fr capture.Frame
	for {
		if err := s.Next(&fr); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		f(&fr)
	}
}

// digest returns a hash over the octets and times of all frames.
func digest(t testing.TB, cfg Config) [32]byte {
	t.Helper()
	h := sha256.New()
	each(t, open(t, cfg), func(fr *capture.Frame) {
		at, _ := fr.When().MarshalBinary()
		h.Write(at)
		h.Write(fr.Data)
	})
	return [32]byte(h.Sum(nil))
}

func TestSameSeedSameOctets(t *testing.T) {
	cfg := Config{Seed: 1, Frames: 20_000, Flood: 5_000}
	first := digest(t, cfg)
	if digest(t, cfg) != first {
		t.Error("the same seed made other octets")
	}
	cfg.Seed = 2
	if digest(t, cfg) == first {
		t.Error("another seed made the same octets")
	}
}

// TestCafe: what a full café is said to be, over half a minute of it.
func TestCafe(t *testing.T) {
	s := open(t, Config{Seed: 1, Frames: 600_000})
	dec := decode.New()
	var p decode.Packet
	n, octets := 0, 0
	from := map[capture.MAC]int{}
	addrs := map[capture.MAC]netip.Addr{}
	flows := map[[2]netip.AddrPort]int{}
	played := make([]int, len(classes))
	var last int64
	each(t, s, func(fr *capture.Frame) {
		if v := dec.Decode(fr, &p); v != decode.Whole || p.Tunnels > 0 {
			t.Fatalf("frame %d: %v, %d tunnels: % x", n, v, p.Tunnels, fr.Data)
		}
		if fr.Time < last || fr.Len < minFrame || fr.Len > maxFrame {
			t.Fatalf("frame %d: %d octets, %v after the one before it", n, fr.Len, time.Duration(fr.Time-last))
		}
		n, octets, last = n+1, octets+fr.Len, fr.Time
		played[s.class]++
		from[p.Src]++
		flows[pair(&p)]++
		if p.HasIP && p.SrcAddr.Is4() && p.SrcAddr.IsPrivate() {
			if have, ok := addrs[p.Src]; ok && have != p.SrcAddr {
				t.Fatalf("frame %d: %v has %v and %v", n, p.Src, have, p.SrcAddr)
			}
			addrs[p.Src] = p.SrcAddr
		}
	})
	size := float64(octets) / float64(n)
	rate := float64(8*octets) / time.Duration(last-Start.UnixNano()).Seconds() / 1e6
	t.Logf("%d frames, %.0f octets mean, %.1f Mbit/s, %d flows, %d senders", n, size, rate, len(flows), len(from))
	if n != s.cfg.Frames {
		t.Errorf("%d frames, want %d", n, s.cfg.Frames)
	}
	if math.Abs(size-mean) > 30 {
		t.Errorf("%.0f octets mean, want about %d", size, mean)
	}
	if math.Abs(rate-100) > 1 {
		t.Errorf("%.1f Mbit/s, want 100", rate)
	}
	if want := 100 + 2; len(from) != want || len(addrs) != want { // and router and server
		t.Errorf("%d senders with %d addresses, want %d", len(from), len(addrs), want)
	}
	for i, c := range classes {
		got := float64(played[i]) / float64(n)
		t.Logf("%-5s %6.2f %% of the frames, %d scripts", c.name, 100*got, len(s.lib.scripts[i]))
		if math.Abs(got-c.share) > 0.3*c.share {
			t.Errorf("%s: %.4f of the frames, want %.4f", c.name, got, c.share)
		}
	}
}

func pair(p *decode.Packet) [2]netip.AddrPort {
	a, b := netip.AddrPortFrom(p.SrcAddr, p.SrcPort), netip.AddrPortFrom(p.DstAddr, p.DstPort)
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	return [2]netip.AddrPort{a, b}
}

// TestFlood: every frame of a flood is a flow of its own, decodes, and comes in the second half of the café's frames.
func TestFlood(t *testing.T) {
	const flood = 100_000
	dec := decode.New()
	var p decode.Packet
	seen := map[[2]netip.AddrPort]bool{}
	each(t, open(t, Config{Seed: 1, Flood: flood}), func(fr *capture.Frame) {
		if v := dec.Decode(fr, &p); v != decode.Whole || p.Tunnels > 0 {
			t.Fatalf("%v, %d tunnels: % x", v, p.Tunnels, fr.Data)
		}
		seen[pair(&p)] = true
	})
	if len(seen) != flood {
		t.Errorf("%d flows, want %d", len(seen), flood)
	}
}

func TestFloodBehindTheCafe(t *testing.T) {
	const frames, flood = 10_000, 30_000
	var alone, mixed [][]byte
	keep := func(list *[][]byte) func(fr *capture.Frame) {
		return func(fr *capture.Frame) { *list = append(*list, bytes.Clone(fr.Data)) }
	}
	each(t, open(t, Config{Seed: 1, Frames: frames}), keep(&alone))
	each(t, open(t, Config{Seed: 1, Frames: frames, Flood: flood}), keep(&mixed))
	if len(mixed) != frames+flood {
		t.Fatalf("%d frames, want %d", len(mixed), frames+flood)
	}
	for i := range frames / 2 {
		if !bytes.Equal(alone[i], mixed[i]) {
			t.Fatalf("frame %d of the first half is another one with a flood behind it", i)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	f := func(name string, cfg Config) {
		t.Helper()
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	f("nothing", Config{})
	f("negative", Config{Frames: -1, Flood: 5})
	f("too many stations", Config{Flood: 1, Stations: 1000})
	f("no rate", Config{Flood: 1, Rate: 1})
	f("no folder", Config{Frames: 1, Captures: "nowhere"})
	f("no captures", Config{Frames: 1, Captures: t.TempDir()})
}
