package sight

import (
	"fmt"
	"math"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/firmware/cafe"
	"cafeprobe/firmware/pipeline"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/wire"
)

func room(t testing.TB, seed uint64, o sim.Options) *sim.Room {
	t.Helper()
	r, err := sim.New(seed, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ledger is what a run of observations comes to.
type ledger struct {
	said  map[string]int                    // facts that are said, each with how often
	sent  map[capture.MAC]map[int64]float64 // frames sent, by minute
	flows map[string][2]capture.Count       // what went each way
	names map[string]string                 // what a flow is taken for
	cafe  *cafe.Cafe
	ticks int
}

func newLedger() *ledger {
	return &ledger{
		map[string]int{},
		map[capture.MAC]map[int64]float64{},
		map[string][2]capture.Count{},
		map[string]string{},
		nil, 0,
	}
}

func (l *ledger) take(told *capture.Observation) {
	seen := *told
	o := &seen
	switch o.Kind {
	case capture.KindTick:
		l.ticks++
	case capture.KindActivity:
		if l.sent[o.MAC] == nil {
			l.sent[o.MAC] = map[int64]float64{}
		}
		// What is told at once may be of two minutes: each has its part by the time.
		m := o.Time / int64(time.Minute)
		share := 1.0
		if edge := m * int64(time.Minute); o.First < edge {
			share = float64(o.Time-edge) / float64(o.Time-o.First)
		}
		l.sent[o.MAC][m] += share * float64(o.Up.Frames)
		l.sent[o.MAC][m-1] += (1 - share) * float64(o.Up.Frames)
	case capture.KindFlow:
		if o.Addr.IsUnspecified() {
			o.MAC = capture.MAC{} // DHCP's clients are one flow, of the one who was first since it was told of last
		}
		k := fmt.Sprint(o.MAC, o.Target, o.Proto, o.Addr, o.Port, o.Peer, o.PeerPort)
		if l.names[k] == "" {
			l.names[k] = o.Name
		}
		f := l.flows[k]
		f[0].Frames += o.Up.Frames
		f[0].Octets += o.Up.Octets
		f[1].Frames += o.Down.Frames
		f[1].Octets += o.Down.Octets
		l.flows[k] = f
	case capture.KindAddr:
		if o.Origin != capture.OriginIP { // source addresses are told again once a minute of their own
			l.said[fmt.Sprint("addr ", o.Origin, o.MAC, o.Addr)]++
		}
	case capture.KindDHCP:
		l.said[fmt.Sprint("dhcp ", o.MAC, o.DHCP.Message, o.DHCP.Client, o.DHCP.VendorClass, o.DHCP.Hostname, o.DHCP.YourAddr)]++
	case capture.KindSystem:
		l.said[fmt.Sprint("system ", o.MAC, o.Name)] = 1
	case capture.KindService: // the decoder says it once in a while
		l.said[fmt.Sprint(o.Kind, o.Origin, o.MAC, o.Addr, o.PeerPort, o.Name)] = 1
	case capture.KindQuery, capture.KindName, capture.KindEvidence, capture.KindWake, capture.KindAgent:
		l.said[fmt.Sprint(o.Kind, o.Origin, o.Evidence, o.MAC, o.Addr, o.Peer, o.PeerPort, o.Target, o.Name, o.Group)]++
	}
}

// TestTogether: the observations that are made up are those of the frames that are made up.
func TestTogether(t *testing.T) {
	for seed := range uint64(8) {
		o := sim.Options{
			Stations: 6, For: 25 * time.Minute, Vantage: [4]string{"A", "A", "C", "A+"}[seed%4],
			Tunnels: sim.Yes, SecondSwitch: sim.Choice(1 + seed%2), Outage: sim.No, MirrorLost: sim.No,
		}
		switch seed % 4 { // not both: whether ten minutes are full then hangs on the second at which a flow was told of
		case 0:
			o.MirrorLost = sim.Yes
		case 1:
			o.Outage = sim.Yes
		}
		r := room(t, seed, o)
		frames, made := newLedger(), newLedger()
		p := pipeline.New(pipeline.Config{Tap: frames.take})
		if err := p.Run(t.Context(), wire.New(r)); err != nil {
			t.Fatal(err)
		}
		if n := p.Stats().Malformed; n > 0 {
			t.Errorf("seed %d: %d malformed frames", seed, n)
		}
		frames.cafe = p.Cafe()
		made.cafe = cafe.New(cafe.Config{})
		Play(r, nil, func(o *capture.Observation) {
			made.take(o)
			made.cafe.Observe(o)
		})
		made.cafe.Finish()
		t.Logf("seed %d %s: %d frames, %d facts, %d flows, %d stations", seed, o.Vantage, p.Stats().Frames,
			len(made.said), len(made.flows), len(made.sent))
		compare(t, seed, frames, made)
	}
}

func compare(t *testing.T, seed uint64, frames, made *ledger) {
	t.Helper()
	errors := 0
	fail := func(format string, args ...any) {
		if errors++; errors < 12 {
			t.Errorf(fmt.Sprintf("seed %d: ", seed)+format, args...)
		}
	}
	for k, n := range frames.said {
		if made.said[k] != n {
			fail("said by frames %d times, made up %d: %s", n, made.said[k], k)
		}
	}
	for k, n := range made.said {
		if frames.said[k] == 0 {
			fail("made up %d times, not of frames: %s", n, k)
		}
	}
	for m, want := range frames.sent {
		var all, same float64
		for minute, n := range want {
			got := made.sent[m][minute]
			all, same = all+n, same+got
			// A burst at the turn of a minute is told of at once, and counts for the minute in which it is told.
			if near := max(n, want[minute-1], want[minute+1]); math.Abs(got-n) > 40+0.5*near {
				fail("%v sent %.0f frames in a minute, made up %.0f", m, n, got)
			}
		}
		if math.Abs(all-same) > 3+0.005*all {
			fail("%v sent %.0f frames, made up %.0f", m, all, same)
		}
	}
	for k, want := range frames.flows {
		got := made.flows[k]
		if a, b := frames.names[k], made.names[k]; a != b {
			fail("flow %s is %q by frames, made up %q", k, a, b)
		}
		for i := range want {
			if d := math.Abs(float64(want[i].Frames) - float64(got[i].Frames)); d > 3+0.01*float64(want[i].Frames) {
				fail("flow %s: %v by frames, made up %v", k, want, got)
				break
			}
			if d := math.Abs(float64(want[i].Octets) - float64(got[i].Octets)); d > 4000+0.06*float64(want[i].Octets) {
				fail("flow %s: %v by frames, made up %v", k, want, got)
				break
			}
		}
	}
	for k, got := range made.flows {
		if _, ok := frames.flows[k]; !ok {
			fail("flow %s: none by frames, made up %v", k, got)
		}
	}
	list := made.cafe.Stations()
	for i, s := range frames.cafe.Stations() {
		if i >= len(list) || s.MAC != list[i].MAC || s.Role != list[i].Role || len(s.Sessions) != len(list[i].Sessions) ||
			s.Confirmed != list[i].Confirmed {
			fail("station %v: %v %v by frames, made up %v %v", s.MAC, s.Role, s.Sessions, list[i].Role, list[i].Sessions)
		}
	}
	if a, b := frames.cafe.Judged(), made.cafe.Judged(); a.Grade != b.Grade || a.Word != b.Word {
		fail("vantage %s %s by frames, made up %s %s", a.Grade, a.Word, b.Grade, b.Word)
	}
}
