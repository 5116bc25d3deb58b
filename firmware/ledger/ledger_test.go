package ledger

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
)

// night is the day that tests begin on; at returns a time of it, UTC+7: "22:05", or "32:05" for 08:05 on the next.
const night = hours.Date(20781) // 2026-11-24

func at(t testing.TB, clock string) time.Time {
	t.Helper()
	var h, m, s int
	if n, _ := fmt.Sscanf(clock, "%d:%d:%d", &h, &m, &s); n < 2 {
		t.Fatalf("time %q", clock)
	}
	return night.Start().Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second)
}

// chain gives records their places.
type chain struct {
	t       testing.TB
	l       *Ledger
	seq     uint64
	boot    uint64
	booted  time.Time // of the machine
	quality uplink.Quality
}

func newChain(t testing.TB, clock string) *chain {
	t.Helper()
	p, err := hours.NewProfile(hours.Game, hours.Decreed, hours.Grace)
	if err != nil {
		t.Fatal(err)
	}
	c := &chain{t: t, l: New(p), boot: 1, booted: at(t, clock).Add(-time.Minute), quality: uplink.QualitySync}
	c.put(&uplink.Boot{Stamp: c.stamp(clock), Firmware: "1"})
	return c
}

func (c *chain) stamp(clock string) uplink.Stamp {
	t := at(c.t, clock)
	s := uplink.Stamp{Mono: uplink.Int(t.Sub(c.booted).Milliseconds()), Time: uplink.TimeOf(t), Quality: c.quality}
	if s.Quality == uplink.QualityNone {
		s.Time = 0
	}
	return s
}

func (c *chain) put(b uplink.Body) {
	c.t.Helper()
	r, err := uplink.Encode(b)
	if err != nil {
		c.t.Fatal(err)
	}
	c.seq++
	c.l.Take(uplink.Stored{Record: r, Seq: c.seq, Boot: c.boot})
}

func st(i byte) uplink.StationID { return uplink.NewStationID([32]byte{1}, [6]byte{i}) }

func (c *chain) sees(clock string) {
	c.put(&uplink.Vantage{Stamp: c.stamp(clock), Class: "A", Confidence: 90, Why: "mirror"})
}

func (c *chain) lives(clock string) {
	c.put(&uplink.Anchor{Stamp: c.stamp(clock), Source: "ntp"})
}

func (c *chain) used(i byte, from, to string) {
	c.put(&uplink.Open{Station: st(i), Stamp: c.stamp(from), Confidence: 90, Of: uplink.OfUse})
	c.close(i, from, to)
}

func (c *chain) close(i byte, from, to string) {
	began := at(c.t, from)
	c.put(&uplink.Close{
		Station: st(i), Stamp: c.stamp(to), Cause: uplink.CauseIdleTimeout, Confidence: 90, Began: uplink.TimeOf(began),
		Duration: uplink.Int(at(c.t, to).Sub(began) / time.Second), Of: uplink.OfUse,
	})
}

// show returns the spans as "20:00-21:30 why, …".
func show(spans []Span) string {
	var out []string
	for _, s := range spans {
		out = append(out, strings.TrimSpace(s.From.In(hours.Zone).Format("15:04")+"-"+s.To.In(hours.Zone).Format("15:04")+" "+s.Why))
	}
	return strings.Join(out, ", ")
}

func TestNight(t *testing.T) {
	f := func(name string, play func(c *chain), now string, want Verdict, figures string) {
		t.Helper()
		c := newChain(t, "18:00")
		c.sees("18:02")
		play(c)
		n := c.l.Night(night, at(t, now))
		x := &n.Figures
		got := fmt.Sprintf("seen %d off %d blind %d gap %d unknown %d unsure %d, use %d", x.Seen, x.Off, x.Blind, x.Gap, x.Unknown, x.Unsure, x.InUse)
		if n.Verdict != want || got != figures {
			t.Errorf("%s: %v, %s; want %v, %s", name, n.Verdict, got, want, figures)
		}
	}
	none := func(*chain) {}
	f("closed", none, "32:30", Closed, "seen 600 off 0 blind 0 gap 0 unknown 0 unsure 0, use 0")
	f("not over", none, "32:29", Pending, "seen 599 off 0 blind 0 gap 0 unknown 1 unsure 0, use 0")
	f("used until it began", func(c *chain) { c.used(1, "19:00", "22:00") }, "33:00", Closed, "seen 600 off 0 blind 0 gap 0 unknown 0 unsure 0, use 0")
	f("used by two", func(c *chain) { c.used(1, "21:00", "22:20"); c.used(2, "22:05:30", "22:10") }, "33:00", Used,
		"seen 600 off 0 blind 0 gap 0 unknown 0 unsure 0, use 25")
	f("blind", func(c *chain) {
		c.put(&uplink.Blind{Stamp: c.stamp("23:00"), Blind: true, Why: "no-frames"})
		c.put(&uplink.Blind{Stamp: c.stamp("23:30"), Why: "no-frames"})
	}, "33:00", Partly, "seen 570 off 0 blind 30 gap 0 unknown 0 unsure 0, use 0")
	f("a clock that is not in step", func(c *chain) { c.quality = uplink.QualityCoarse; c.lives("32:00") }, "33:00", Partly,
		"seen 600 off 0 blind 0 gap 0 unknown 0 unsure 600, use 0")
}

func TestDay(t *testing.T) {
	c := newChain(t, "08:00")
	c.sees("08:02")
	c.used(1, "09:00", "11:00")
	c.used(2, "10:30", "10:45:10")
	c.used(1, "13:00", "13:05")
	d := c.l.Day(night, at(t, "15:00"))
	if got := show(d.Open); got != "09:00-11:00, 13:00-13:05" || d.Figures.Peak != 2 || d.Minutes[10*60+45].InUse != 2 || d.Minutes[10*60+46].InUse != 1 {
		t.Errorf("open %s, peak %d, want 09:00-11:00, 13:00-13:05, 2", got, d.Figures.Peak)
	}
	if d.Minutes[8*60].State != Unknown || d.Minutes[8*60+3].State != Seen || d.Minutes[14*60+29].State != Seen || d.Minutes[14*60+30].State != Unknown {
		t.Error("want to have seen from 08:02 to 14:30")
	}
	if days := c.l.Days(at(t, "15:00")); len(days) != 1 || days[0] != night {
		t.Errorf("days %v", days)
	}
}
