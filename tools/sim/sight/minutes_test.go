package sight

import (
	"math"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/firmware/state"
	"cafeprobe/tools/sim"
)

// TestMinutes: minutes come to what the observations come to, over a run and, for frames, in each minute.
func TestMinutes(t *testing.T) {
	for seed := range uint64(6) {
		o := sim.Options{
			Stations: 8, For: time.Hour, Vantage: [3]string{"A", "C", "A+"}[seed%3], MirrorLost: sim.No,
			Tunnels: sim.Yes,
		}
		r := room(t, seed, o)
		byMAC := map[capture.MAC]int{}
		for i := range r.Stations {
			byMAC[r.Stations[i].MAC] = i
		}
		sent, octets := map[int]map[int64]float64{}, map[int]float64{}
		Play(r, nil, func(o *capture.Observation) {
			i := byMAC[o.MAC]
			switch o.Kind {
			case capture.KindActivity:
				if sent[i] == nil {
					sent[i] = map[int64]float64{}
				}
				sent[i][o.Time/minute] += float64(o.Up.Frames)
			case capture.KindFlow:
				n := o.Up.Octets + o.Down.Octets
				disk := o.Peer.IsPrivate() && n >= 256<<10 // see evidence: it is left out
				if !disk && !o.Peer.IsMulticast() && !o.Target.IsGroup() && o.PeerPort != 67 && o.PeerPort != 68 {
					octets[i] += float64(n)
				}
			}
		})
		kb := map[int]float64{}
		Minutes(r, nil, func(x *Told) {
			m := &x.Minute
			kb[x.Station] += float64(m.User + m.Back)
			want := sent[x.Station][m.Start/minute]
			d := math.Abs(float64(m.Sent) - want)
			if o.Vantage == "A+" { // its disk is left out
				d = max(0, float64(m.Sent)-want)
			}
			if d > 3+0.01*want {
				t.Errorf("seed %d station %d at %v: %d frames in the minute, observed %.0f", seed, x.Station, time.Unix(0,
					m.Start).UTC(), m.Sent, want)
			}
			check(t, x)
		})
		for i, got := range kb {
			if want := octets[i] / 1024; math.Abs(got-want) > 150+0.02*want {
				t.Errorf("seed %d station %d: %.0f KB in minutes, %.0f KB observed", seed, i, got, want)
			}
		}
	}
}

// check checks one minute by itself.
func check(t *testing.T, x *Told) {
	t.Helper()
	m := &x.Minute
	within := func(at int64) bool { return at == 0 || at >= m.Start && at <= m.Start+minute }
	switch {
	case !within(m.First) || !within(m.Last) || !within(m.FirstUse) || !within(m.LastUse) || m.First > m.Last ||
		m.FirstUse > m.LastUse:
		t.Errorf("%+v: moments outside of the minute", *m)
	case (m.First == 0) != (m.Sent == 0):
		t.Errorf("%+v: frames without a first, or none and one", *m)
	case m.View == state.Broadcasts && m.Play+m.Names > 0:
		t.Errorf("%+v: too much for a plain port", *m)
	case m.Play > 60:
		t.Errorf("%+v: more than a minute of play", *m)
	}
}

// TestStatesShow: what stations show differs by what they do, and not always: idle ones have open launchers, players have
// pauses. It counts over many rooms, and prints what a model has to do with.
func TestStatesShow(t *testing.T) {
	type sums struct{ n, sent, play, names, user, silent float64 }
	all := map[state.State]*sums{}
	for seed := range uint64(20) {
		r := room(t, seed, sim.Options{For: 6 * time.Hour, Vantage: "A"})
		Minutes(r, nil, func(x *Told) {
			s := all[x.State]
			if s == nil {
				s = &sums{}
				all[x.State] = s
			}
			m := &x.Minute
			s.n++
			s.sent += float64(m.Sent)
			s.user += float64(m.User)
			if m.Play >= 20 {
				s.play++
			}
			if m.Names > 0 {
				s.names++
			}
			if m.Sent == 0 {
				s.silent++
			}
		})
	}
	for s := state.Off; s <= state.Use; s++ {
		x := all[s]
		t.Logf("%-8v %7.0f minutes: %6.1f frames sent, %7.1f KB of users, silent %.3f, play in %.3f, new names in %.3f",
			s, x.n, x.sent/x.n, x.user/x.n, x.silent/x.n, x.play/x.n, x.names/x.n)
	}
	off, idle, use := all[state.Off], all[state.Idle], all[state.Use]
	if off.silent/off.n < 0.97 || idle.silent/idle.n > 0.5 || use.silent/use.n > 0.05 {
		t.Error("silence says nothing")
	}
	if p := use.play / use.n; p < 0.2 || p > 0.9 || idle.play/idle.n > 0.01 {
		t.Error("play says nothing, or everything")
	}
}

// BenchmarkMinutes is what a site-night costs: 30 stations from 20:00 to 08:00.
func BenchmarkMinutes(b *testing.B) {
	n, seed := 0, uint64(0)
	for b.Loop() {
		seed++
		r := room(b, seed, sim.Options{From: time.Date(2026, 11, 27, 13, 0, 0, 0, time.UTC), For: 12 * time.Hour})
		Minutes(r, nil, func(*Told) { n++ })
	}
	b.ReportMetric(float64(n)/float64(b.N), "minutes/op")
}
