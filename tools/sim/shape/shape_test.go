package shape

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"testing"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/capture/decode"
	"cafeprobe/capture/pcapfile"
)

// TestMeasured measures in the shared captures what the table says was measured there.
func TestMeasured(t *testing.T) {
	dir := capturetest.Shared(t)
	f := func(file, from, to string, want Way) {
		t.Helper()
		got := measure(t, filepath.Join(dir, file), from, to)
		t.Logf("%-50s %21s → %-21s %6.1f frames/s of %4.0f octets", file, from, to, got.Rate, got.Size)
		if math.Abs(got.Rate/want.Rate-1) > 0.05 || math.Abs(got.Size/want.Size-1) > 0.05 {
			t.Errorf("%s: %s → %s: measured %.1f, table %.1f", file, from, to, got, want)
		}
	}
	way := func(id string) (up, down Way) { return StreamOf(id).Up, StreamOf(id).Down }

	up, down := way("shooter-mmo")
	f("game-firefall_2014_login_gameplay--derived.pcapng", "192.168.1.42:64621", "54.194.71.251:53738", up)
	f("game-firefall_2014_login_gameplay--derived.pcapng", "54.194.71.251:53738", "192.168.1.42:64621", down)
	_, down = way("moba")
	f("game-hots--ndpi.pcapng", "24.105.57.16:3724", "192.168.0.73:50609", down)
	up, down = way("relay")
	f("game-nintendo--ndpi.pcap", "192.168.12.114:55915", "185.118.169.65:27520", up)
	f("game-nintendo--ndpi.pcap", "185.118.169.65:27520", "192.168.12.114:55915", down)
	up, _ = way("peer")
	f("game-nintendo--ndpi.pcap", "192.168.12.114:55915", "81.61.158.138:51769", up)
	up, down = way("role-play")
	f("game-genshin_impact--ndpi.pcap", "192.168.2.100:59145", "47.254.169.109:22102", up)
	f("game-genshin_impact--ndpi.pcap", "47.254.169.109:22102", "192.168.2.100:59145", down)
	up, down = way("voice")
	f("app-discord--ndpi.pcap", "66.22.196.173:50004", "192.168.2.100:55085", down)
	f("app-discord--ndpi.pcap", "192.168.2.100:55085", "66.22.196.173:50004", Way{
		53.3,
		up.Size,
	}) // the rate of the table is Opus's
	up, down = way("call")
	f("lan-telegram--ndpi.pcap", "192.168.1.77:28150", "91.108.8.8:529", up)
	f("lan-telegram--ndpi.pcap", "91.108.8.1:533", "192.168.1.77:28150", down)
	up, _ = way("blocks")
	f("game-roblox--ndpi.pcapng", "192.168.12.156:46507", "128.116.44.33:51438", Way{up.Rate, 521}) // the size is the login's
}

// measure returns what one end of a flow sent to the other, over the time in which either sent.
func measure(t *testing.T, path, from, to string) Way {
	t.Helper()
	src, err := pcapfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var (
		f           capture.Frame
		p           decode.Packet
		d           = decode.New()
		n, octets   int
		first, last int64
	)
	for {
		if err := src.Next(&f); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if d.Decode(&f, &p); !p.HasIP {
			continue
		}
		a, b := fmt.Sprintf("%v:%d", p.SrcAddr, p.SrcPort), fmt.Sprintf("%v:%d", p.DstAddr, p.DstPort)
		if a+b != from+to && b+a != from+to {
			continue
		}
		if first == 0 {
			first = f.Time
		}
		last = f.Time
		if a == from {
			n++
			octets += f.Len
		}
	}
	if n == 0 || last == first {
		t.Fatalf("%s: no flow %s → %s", path, from, to)
	}
	return Way{Rate: float64(n) / (float64(last-first) / 1e9), Size: float64(octets) / float64(n)}
}

// TestTables holds the tables together: what they name is there, and weights and ranges are such that can be drawn.
func TestTables(t *testing.T) {
	beats := map[string]bool{"": true}
	for _, list := range [][]Beat{Windows, Programs, Tabs} {
		for _, b := range list {
			beats[b.ID] = true
			if b.Every.From <= 0 || b.Every.To < b.Every.From || b.Name == "" || b.Up.From <= 0 || b.Down.From <= 0 {
				t.Errorf("beat %s: %+v", b.ID, b)
			}
		}
	}
	for _, x := range Titles {
		s := StreamOf(x.Stream)
		if s.Up.Rate <= 0 || s.Down.Rate <= 0 || s.Vary <= 0 || s.Source == "" {
			t.Errorf("stream %s: %+v", s.ID, s)
		}
		if !beats[x.Launcher] || x.Lobby == "" || len(x.Login) == 0 || x.Weight <= 0 || x.Match.To <= x.Match.From {
			t.Errorf("title %s: %+v", x.Name, x)
		}
	}
}
