package owner

import (
	"math/rand"
	"slices"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
)

// told is a record and when it is written.
type told struct {
	at   time.Time
	body uplink.Body
}

// lively makes the room a café of 24 computers that opened 35 days ago: late on two nights, blind on one morning, without power on another,
// with a maintenance. It is the same each time.
func (r *room) lively() *room { r.t.Helper(); return r.lived(35) }

// lived makes it one that opened so many days ago.
func (r *room) lived(days int) *room {
	r.t.Helper()
	l := &life{r: r, rnd: rand.New(rand.NewSource(147))}
	first := today - hours.Date(days-1)
	l.add(first.Start(), &uplink.Boot{Stamp: r.stamp(first.Start()), Firmware: "2026.11.0", Board: "nanopi-r4s", Why: uplink.BootPower})
	for i := range 24 {
		l.roster = append(l.roster, uplink.Member{Station: station(i), Role: "pc"})
	}
	l.add(first.Start(), &uplink.Roster{Stamp: r.stamp(first.Start()), Rev: 1, Part: 1, Parts: 1, Stations: l.roster})
	for d := first; d <= today; d++ {
		l.day(d)
	}
	slices.SortStableFunc(l.list, func(a, b told) int { return a.at.Compare(b.at) })
	var bodies []uplink.Body
	for _, x := range l.list {
		if x.at.Before(r.now.now()) {
			bodies = append(bodies, x.body)
		}
	}
	r.put(bodies...)
	return r
}

func station(i int) uplink.StationID { return uplink.NewStationID([32]byte{9}, [6]byte{2, byte(i)}) }

// life is records in the making.
type life struct {
	r      *room
	rnd    *rand.Rand
	roster []uplink.Member
	list   []told
}

func (l *life) add(at time.Time, b uplink.Body) { l.list = append(l.list, told{at, b}) }

// day makes one day: open from 8 to 22, fuller in the evening.
func (l *life) day(d hours.Date) {
	at := func(minute int) time.Time { return d.Start().Add(time.Duration(minute) * time.Minute) }
	l.add(at(0), &uplink.Vantage{Stamp: l.r.stamp(at(0)), Class: "A", Confidence: 97, Why: "mirror", Stations: 24})
	for m := 0; m < 24*60; m += 60 {
		l.add(at(m), &uplink.Anchor{Stamp: l.r.stamp(at(m)), Source: "ntp", Error: 12})
	}
	for i := range l.roster {
		for m := 8*60 + l.rnd.Intn(240); m < 21*60; {
			on := 60 + l.rnd.Intn(200)
			if l.rnd.Intn(24*60) > 600+m/2 {
				m += 90
				continue
			}
			end := min(m+on, 21*60+55)
			l.session(station(i), at(m), at(end))
			m = end + 15 + l.rnd.Intn(120)
		}
	}
	switch today - d {
	case 1, 12:
		l.late(d, today-d == 1)
	case 3:
		l.add(at(545), &uplink.Blind{Stamp: l.r.stamp(at(545)), Blind: true, Why: "link-down"})
		l.add(at(671), &uplink.Blind{Stamp: l.r.stamp(at(671)), Why: "link-down"})
	case 8: // without power from 13:25 to 16:40
		l.list = slices.DeleteFunc(l.list, func(x told) bool { return x.at.After(at(805)) && x.at.Before(at(1000)) })
		l.add(at(1000), &uplink.Boot{Stamp: l.r.stamp(at(1000)), Firmware: "2026.11.0", Why: uplink.BootPower, Alive: uplink.TimeOf(at(805))})
		l.add(at(1001), &uplink.Vantage{Stamp: l.r.stamp(at(1001)), Class: "A", Confidence: 97, Why: "mirror", Stations: 24})
	case 5:
		l.add(at(1200), &uplink.Maintenance{
			Stamp: l.r.stamp(at(1200)), From: uplink.TimeOf(at(1350)), To: uplink.TimeOf(at(1500)), By: uplink.ByOwner,
		})
		l.session(station(1), at(1360), at(1470))
	case 0:
		l.add(at(590), &uplink.Blind{Stamp: l.r.stamp(at(590)), Blind: true, Why: "no-frames"})
		l.add(at(622), &uplink.Blind{Stamp: l.r.stamp(at(622)), Why: "no-frames"})
	}
}

// session is a station that is on, and in use a little shorter.
func (l *life) session(id uplink.StationID, from, to time.Time) {
	for _, s := range []struct {
		of       uplink.Of
		from, to time.Time
	}{{uplink.OfPower, from, to}, {uplink.OfUse, from.Add(4 * time.Minute), to.Add(-3 * time.Minute)}} {
		l.add(s.from, &uplink.Open{Station: id, Stamp: l.r.stamp(s.from), Confidence: 93, Of: s.of})
		l.add(s.to, &uplink.Close{
			Station: id, Stamp: l.r.stamp(s.to), Cause: uplink.CauseIdleTimeout, Confidence: 93, Duration: uplink.Int(s.to.Sub(s.from) / time.Second),
			Of: s.of,
		})
	}
}

// late makes stations in use after hours, what is told of it, and an objection.
func (l *life) late(d hours.Date, many bool) {
	at := func(minute int) time.Time { return d.Start().Add(time.Duration(minute) * time.Minute) }
	n := 1
	if many {
		n = 4
	}
	for i := range n {
		l.session(station(i), at(22*60+5), at(23*60+40+7*i))
	}
	a := uplink.AfterHours{
		Night: uplink.Date(d.String()), Stage: uplink.StageWatch, Category: "game", Hours: "22:00-08:00", First: uplink.TimeOf(at(22*60 + 9)),
		Last: uplink.TimeOf(at(22*60 + 38)), Peak: uplink.Int(n), Minutes: uplink.Int(n * 30), Confidence: 91,
	}
	tell := func(minute int, stage string) {
		x := a
		x.Stamp, x.Stage = l.r.stamp(at(minute)), stage
		l.add(at(minute), &x)
	}
	tell(22*60+55, uplink.StageWatch)
	if many {
		tell(22*60+56, uplink.StageAlert)
	}
	a.Last, a.Minutes = uplink.TimeOf(at(23*60+57)), uplink.Int(n*100)
	tell(32*60+11, uplink.StageEnd)
}
