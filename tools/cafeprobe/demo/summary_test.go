package demo

import (
	"testing"
	"time"

	"cafeprobe/uplink"
)

func TestFindings(t *testing.T) {
	at := func(seconds int64) uplink.Stamp {
		return uplink.Stamp{
			Mono: uplink.Int(seconds * 1000), Time: uplink.TimeOf(time.Unix(1795000000+seconds, 0)), Quality: uplink.QualityCoarse,
		}
	}
	pc1, pc2 := uplink.NewStationID([32]byte{1}, [6]byte{1}), uplink.NewStationID([32]byte{1}, [6]byte{2})
	f := newFindings()
	for _, b := range []uplink.Body{
		&uplink.Roster{Rev: 1, Part: 1, Parts: 1, Stamp: at(0), Stations: []uplink.Member{{Station: pc1, Role: "unknown"}}},
		&uplink.Open{Station: pc1, Stamp: at(1), Confidence: 95},
		&uplink.Open{Station: pc2, Stamp: at(2), Confidence: 95},
		&uplink.Roster{
			Rev: 2, Part: 1, Parts: 1, Stamp: at(60),
			Stations: []uplink.Member{{Station: pc1, Role: "pc"}, {Station: pc2, Role: "pc"}},
		},
		&uplink.Close{Station: pc1, Stamp: at(3600), Cause: uplink.CauseIdleTimeout, Confidence: 99, Duration: 3599},
		&uplink.Open{Station: pc1, Stamp: at(600), Confidence: 95, Of: uplink.OfUse},
		&uplink.Close{
			Station: pc1, Stamp: at(3000), Cause: uplink.CauseIdleTimeout, Confidence: 97, Duration: 2400, Of: uplink.OfUse,
		},
		&uplink.Blind{Stamp: at(3700), Blind: true, Why: "no-frames"},
		&uplink.Blind{Stamp: at(4000), Blind: false, Why: "no-frames"},
		&uplink.Blind{Stamp: at(5000), Blind: true, Why: "no-frames"},
		&uplink.Close{Station: pc2, Stamp: at(5000), Cause: "an-unheard-one", Confidence: 99, Duration: 1},
	} {
		r, err := uplink.Encode(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.take(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ what, got, want string }{
		{"stations", f.stations(), "2 stations: 2 pc; phones are seen and never told"},
		{"in use", f.use(), "1 sessions; 40m0s in all"},
		{"on", f.power(), "2: 1 an-unheard-one, 1 fell silent; 1h0m0s in all"},
		{"blind", f.blindness(), "2 times, 5m0s in all, the last until the end"},
		{"nothing", newFindings().blindness(), "never"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
}
