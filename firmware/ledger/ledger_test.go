package ledger

import (
	"bytes"
	"fmt"
	"slices"
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
		got := fmt.Sprintf("seen %d off %d blind %d gap %d unknown %d unsure %d, use %d",
			x.Seen, x.Off, x.Blind, x.Gap, x.Unknown, x.Unsure, x.InUse)
		if n.Verdict != want || got != figures {
			t.Errorf("%s: %v, %s; want %v, %s", name, n.Verdict, got, want, figures)
		}
	}
	none := func(*chain) {}
	f("closed", none, "32:30", Closed, "seen 600 off 0 blind 0 gap 0 unknown 0 unsure 0, use 0")
	f("not over", none, "32:29", Pending, "seen 599 off 0 blind 0 gap 0 unknown 1 unsure 0, use 0")
	f("used until it began", func(c *chain) { c.used(1, "19:00", "22:00") }, "33:00", Closed,
		"seen 600 off 0 blind 0 gap 0 unknown 0 unsure 0, use 0")
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
	at1, at2 := d.Minutes[10*60+45].InUse, d.Minutes[10*60+46].InUse
	if got := show(d.Open); got != "09:00-11:00, 13:00-13:05" || d.Figures.Peak != 2 || at1 != 2 || at2 != 1 {
		t.Errorf("open %s, peak %d, %d and %d at 10:45, want 09:00-11:00, 13:00-13:05, 2, 2 and 1", got, d.Figures.Peak, at1, at2)
	}
	state := func(m int) State { return d.Minutes[m].State }
	if state(8*60) != Unknown || state(8*60+3) != Seen || state(14*60+29) != Seen || state(14*60+30) != Unknown {
		t.Error("want to have seen from 08:02 to 14:30")
	}
	if days := c.l.Days(at(t, "15:00")); len(days) != 1 || days[0] != night {
		t.Errorf("days %v", days)
	}
}

// off restarts the box: it was last alive at last, and starts at clock.
func (c *chain) off(last, clock string, clean bool) {
	c.boot++
	c.booted = at(c.t, clock).Add(-time.Minute)
	why := uplink.BootPower
	if clean {
		why = uplink.BootReboot
	}
	alive := uplink.TimeOf(at(c.t, last))
	c.put(&uplink.Boot{Stamp: c.stamp(clock), Firmware: "1", Why: why, Alive: alive})
	c.put(&uplink.Off{Stamp: c.stamp(clock), From: alive, Boot: uplink.Int(c.boot - 1), Clean: clean})
}

// TestEnds: behind a goodbye all was told; behind a power cut the last half hour was not, and whoever was there was until then.
func TestEnds(t *testing.T) {
	f := func(name string, clean bool, want string) {
		t.Helper()
		c := newChain(t, "18:00")
		c.sees("18:01")
		c.put(&uplink.Open{Station: st(1), Stamp: c.stamp("20:00"), Confidence: 90, Of: uplink.OfUse})
		c.off("21:00", "21:10", clean)
		c.sees("21:12")
		d := c.l.Day(night, at(t, "23:00"))
		x := &d.Figures
		got := fmt.Sprintf("open %s, off %s, unknown at 20:45 %v, seen %d",
			show(d.Open), show(d.Off), d.Minutes[20*60+45].State == Unknown, x.Seen)
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	f("goodbye", true, "open 20:00-21:00, off 21:00-21:10 reboot, unknown at 20:45 false, seen 257")
	f("power cut", false, "open 20:00-21:00, off 21:00-21:10 power, unknown at 20:45 true, seen 227")
}

// TestClock: what was written before the clock was set is placed when it is; what never was is counted; a step makes the times
// since it was last known to be right doubtful, and what it jumped over was not seen.
func TestClock(t *testing.T) {
	c := newChain(t, "18:00")
	c.sees("18:01")
	c.lives("18:30")
	c.off("19:00", "19:05", true)
	c.boot, c.quality = c.boot+1, uplink.QualityNone
	c.put(&uplink.Boot{Stamp: c.stamp("19:20"), Firmware: "1", Why: uplink.BootPower, Alive: uplink.TimeOf(at(t, "19:06"))})
	c.sees("19:21")
	c.used(1, "19:30", "19:50")
	if d := c.l.Day(night, at(t, "20:00")); d.Figures.InUse != 0 {
		t.Errorf("%d minutes in use at times that nobody knows", d.Figures.InUse)
	}
	c.quality = uplink.QualitySync
	c.lives("20:10")
	if d := c.l.Day(night, at(t, "21:00")); show(d.Open) != "19:30-19:50" || show(d.Off) != "19:00-19:05 reboot, 19:06-19:20 power" {
		t.Errorf("open %s, off %s, want what waited in its place", show(d.Open), show(d.Off))
	}
	c.lives("21:00")
	c.booted = c.booted.Add(-2 * time.Hour) // the clock is put forward
	c.lives("23:05")
	d := c.l.Day(night, at(t, "24:00"))
	state := func(h, m int) Minute { return d.Minutes[60*h+m] }
	if x := state(20, 59); x.State != Seen || x.Unsure {
		t.Errorf("before the step: %+v", x)
	}
	if x := state(22, 0); x.State != Unknown {
		t.Errorf("jumped over: %+v, want unknown", x)
	}
	if x := state(23, 10); x.State != Seen || x.Unsure {
		t.Errorf("behind the step: %+v", x)
	}
	c.quality, c.boot = uplink.QualityNone, c.boot+1
	c.put(&uplink.Boot{Stamp: c.stamp("24:00"), Firmware: "1", Why: uplink.BootPower})
	c.boot++
	c.put(&uplink.Boot{Stamp: c.stamp("24:10"), Firmware: "1", Why: uplink.BootPower})
	if n := c.l.Counts().Untimed; n != 1 {
		t.Errorf("%d records without a time, want the boot that never knew it", n)
	}
}

// TestTold: alerts stand with the night, the owner's word with the alert, and maintenance and losses on their days.
func TestTold(t *testing.T) {
	c := newChain(t, "18:00")
	c.sees("18:01")
	c.put(&uplink.AfterHours{
		Stamp: c.stamp("23:20"), Night: "2026-11-24", Stage: uplink.StageAlert, Category: "game", Hours: "22:00-08:00", Confidence: 90,
		First: uplink.TimeOf(at(t, "22:30")), Last: uplink.TimeOf(at(t, "23:00")), Peak: 2, Minutes: 40,
	})
	alert := c.seq
	dispute := func(seq uint64) {
		c.put(&uplink.Dispute{
			Stamp: c.stamp("33:00"), Night: "2026-11-24", Stage: uplink.StageAlert, Seq: uplink.Int(seq), Note: "Máy của tôi",
		})
	}
	dispute(alert)
	dispute(alert + 100)
	for range maxDisputes + 2 {
		dispute(alert)
	}
	c.put(&uplink.Maintenance{
		Stamp: c.stamp("34:00"), From: uplink.TimeOf(at(t, "26:00")), To: uplink.TimeOf(at(t, "27:00")), By: uplink.ByOwner,
	})
	c.put(&uplink.Gap{Stamp: c.stamp("34:10"), Count: 3, Why: "full", Kinds: []uplink.GapKind{{Kind: uplink.KindHealth, Count: 3}}})
	c.seq += 7
	c.lives("34:20")
	n := c.l.Night(night, at(t, "35:00"))
	if len(n.Alerts) != 1 || n.Alerts[0].Seq != alert {
		t.Fatalf("alerts %+v", n.Alerts)
	}
	if ds := n.Alerts[0].Disputes; len(ds) != maxDisputes || ds[0].Note != "Máy của tôi" {
		t.Errorf("disputes %+v", ds)
	}
	if len(n.Maintenance) != 1 || n.Maintenance[0].By != uplink.ByOwner {
		t.Errorf("maintenance %+v", n.Maintenance)
	}
	d := c.l.Day(night+1, at(t, "35:00"))
	if len(d.Lost) != 1 || d.Lost[0].Why != "full" || show(d.Gaps) != "09:40-10:20" {
		t.Errorf("lost %+v, gaps %s", d.Lost, show(d.Gaps))
	}
	if got := c.l.Counts().Passed; got != 4 {
		t.Errorf("%d passed over, want the dispute of no alert and three too many", got)
	}
}

// TestSight: what the box cannot see is not claimed.
func TestSight(t *testing.T) {
	f := func(name string, v uplink.Vantage, want Verdict) {
		t.Helper()
		c := newChain(t, "18:00")
		v.Stamp, v.Why = c.stamp("18:01"), "mirror"
		c.put(&v)
		if n := c.l.Night(night, at(t, "33:00")); n.Verdict != want {
			t.Errorf("%s: %v, want %v", name, n.Verdict, want)
		}
	}
	f("a mirror", uplink.Vantage{Class: "A"}, Closed)
	f("a plain port", uplink.Vantage{Class: "C"}, Partly)
	f("nothing", uplink.Vantage{Class: "BLIND"}, Partly)
	f("hidden stations", uplink.Vantage{Class: "A+", Hidden: 1}, Partly)
	c := newChain(t, "18:00")
	if n := c.l.Night(night, at(t, "33:00")); n.Verdict != Partly || n.Figures.Unknown != 600 {
		t.Errorf("no vantage told: %v, %+v", n.Verdict, n.Figures)
	}
	c.sees("18:01")
	members := []uplink.Member{{Station: st(9), Role: "cashier"}}
	c.put(&uplink.Roster{Stamp: c.stamp("18:02"), Rev: 1, Part: 1, Parts: 1, Stations: members})
	c.used(9, "23:00", "23:30")
	if n := c.l.Night(night, at(t, "33:00")); n.Verdict != Closed {
		t.Errorf("the cashier's computer in use: %v, want closed", n.Verdict)
	}
}

// TestBounded: a chain that never ends, of ever new stations and days, is held in the same room.
func TestBounded(t *testing.T) {
	c := newChain(t, "00:00")
	for i := range 200 {
		for j := range 64 {
			id := uplink.NewStationID([32]byte{2}, [6]byte{byte(i), byte(j)})
			c.put(&uplink.Open{Station: id, Stamp: c.stamp(fmt.Sprint(24*i, ":", j%60)), Confidence: 90, Of: uplink.OfUse})
		}
		c.put(&uplink.Blind{Stamp: c.stamp(fmt.Sprint(24*i, ":30")), Blind: i%2 == 0, Why: fmt.Sprint("w", i)})
		c.put(&uplink.Gap{Stamp: c.stamp(fmt.Sprint(24*i, ":40")), Count: 1, Why: "full"})
	}
	l := c.l
	got := []int{l.open, len(l.days), len(l.lost), len(l.words)}
	if want := []int{MaxOpen, MaxDays, maxNotes, 101}; !slices.Equal(got, want) {
		t.Errorf("%v sessions, days, losses, reasons, want %v", got, want)
	}
	if len(l.stations) > MaxStations || len(l.ranges) > MaxDays {
		t.Errorf("%d stations, %d ranges", len(l.stations), len(l.ranges))
	}
	if days := l.Days(at(t, fmt.Sprint(24*199, ":50"))); len(days) != MaxDays-1 {
		t.Errorf("%d days told, want %d", len(days), MaxDays-1)
	}
}

// FuzzTake: no record makes the ledger panic, hold more than it may, or tell of a night that is closed with somebody in it.
func FuzzTake(f *testing.F) {
	c := newChain(f, "18:00")
	for _, b := range []uplink.Body{
		&uplink.Boot{Stamp: c.stamp("18:00"), Firmware: "1", Alive: 1},
		&uplink.Vantage{Stamp: c.stamp("18:01"), Class: "A", Why: "mirror"},
		&uplink.Open{Station: st(1), Stamp: c.stamp("20:00"), Of: uplink.OfUse}, &uplink.Gap{Stamp: c.stamp("21:00"), Why: "full"},
		&uplink.Close{
			Station: st(1), Stamp: c.stamp("23:00"), Cause: uplink.CauseIdleTimeout, Duration: 1 << 52, Began: 1, Of: uplink.OfUse,
		},
		&uplink.Anchor{Stamp: c.stamp("35:00"), Source: "ntp"},
	} {
		r, err := uplink.Encode(b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(r.Raw, '\n'), byte(1), byte(1))
	}
	f.Fuzz(func(t *testing.T, text []byte, step, boots byte) {
		p, err := hours.NewProfile(hours.Game, hours.Decreed, hours.Grace)
		if err != nil {
			t.Fatal(err)
		}
		l := New(p)
		seq, boot := uint64(1), uint64(1)
		for line := range bytes.Lines(text) {
			r, err := uplink.ParseRecord(bytes.TrimSuffix(line, []byte("\n")))
			if err != nil {
				continue
			}
			if seq += uint64(step % 3); boots%2 == 0 {
				boot++
			}
			l.Take(uplink.Stored{Record: r, Seq: seq, Boot: boot})
		}
		if len(l.days) > MaxDays || l.open > MaxOpen || len(l.wait) > maxWait {
			t.Errorf("%d days, %d open, %d wait", len(l.days), l.open, len(l.wait))
		}
		for _, d := range l.Days(at(t, "48:00")) {
			n := l.Night(d, at(t, "48:00"))
			if n.Verdict == Closed && (n.Figures.InUse > 0 || n.Figures.Seen != len(n.Minutes)) {
				t.Errorf("closed: %+v", n.Figures)
			}
			if x := l.Day(d, at(t, "48:00")); len(x.Minutes) != PerDay {
				t.Errorf("%d minutes", len(x.Minutes))
			}
		}
	})
}
