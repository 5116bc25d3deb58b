package state

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

const minute = int64(60e9)

// morning is when the tests' days begin: 2026-01-05 00:00 UTC.
const morning = 1767571200 * int64(1e9)

// day is a station's minutes, written by hand, and what it did in each.
type day struct {
	minutes []Minute
	truth   []State
	view    View
	odd     *rand.Rand // makes minutes differ a little, the same each time
}

func newDay(v View) *day { return &day{view: v, odd: rand.New(rand.NewPCG(1, 2))} }

// next returns a number below n.
func (d *day) next(n uint32) uint32 { return d.odd.Uint32N(n) }

// add adds minutes; shape fills each in, at a plain port what one hears of it is left.
func (d *day) add(n int, truth State, shape func(m *Minute)) *day {
	for range n {
		m := Minute{Start: morning + int64(len(d.minutes))*minute, View: d.view}
		shape(&m)
		if d.view == Broadcasts && m.heard() {
			m.Sent = min(m.Sent, 1+d.next(5))
			m.Play, m.Names, m.User, m.Back, m.FirstUse, m.LastUse, m.Title = 0, 0, 0, 0, 0, 0, 0
		}
		if d.view == Blind {
			m = Minute{Start: m.Start}
		}
		if m.Sent > 0 && m.First == 0 {
			m.First, m.Last = m.Start+2e9, m.Start+57e9
		}
		d.minutes = append(d.minutes, m)
		d.truth = append(d.truth, truth)
	}
	return d
}

func (d *day) off(n int) *day { return d.add(n, Off, func(*Minute) {}) }

func (d *day) boot() *day {
	first := true
	return d.add(2, Booting, func(m *Minute) {
		m.Sent, m.Signs, m.Back = 60+d.next(200), CPU, 3000
		if first {
			m.Signs |= Boot
			m.First, m.Last = m.Start+12e9, m.Start+58e9
			first = false
		}
	})
}

// idle is a desktop: a beacon a minute or every other, some telemetry.
func (d *day) idle(n int) *day {
	return d.add(n, Idle, func(m *Minute) {
		if d.next(4) == 0 {
			return
		}
		m.Sent = 2 + d.next(12)
		if d.next(3) > 0 {
			m.Signs = CPU
		}
		if d.next(5) == 0 {
			m.Back = 20 + d.next(90)
		}
	})
}

// left is a desktop on which a launcher and a chat are open.
func (d *day) left(n int) *day {
	return d.add(n, Idle, func(m *Minute) {
		m.Sent, m.Back, m.User, m.Chat = 15+d.next(60), 10+d.next(120), 3+d.next(50), d.next(2200)
		if d.next(2) > 0 {
			m.Signs = CPU
		}
		if d.next(25) == 0 {
			m.Names = 1
		}
	})
}

// update downloads, from names that are known.
func (d *day) update(n int) *day {
	return d.add(n, Idle, func(m *Minute) {
		m.Sent, m.Back, m.Signs = 2000+d.next(9000), 40_000+d.next(200_000), CPU
	})
}

// lobby is a game that waits: its own flow is not there.
func (d *day) lobby(n int, truth State) *day {
	return d.add(n, truth, func(m *Minute) {
		m.Sent, m.Back, m.User = 30+d.next(90), 10+d.next(60), 10+d.next(90)
		if d.next(2) > 0 {
			m.Signs = CPU
		}
	})
}

func (d *day) play(n int) *day {
	return d.add(n, Use, func(m *Minute) {
		m.Sent, m.Play, m.User, m.Back, m.Title, m.Signs = 1500+d.next(900), 50+uint8(d.next(11)), 500+d.next(900), d.next(90), 7, CPU
		m.FirstUse, m.LastUse = m.Start+1e9, m.Start+59e9
	})
}

func (d *day) browse(n int) *day {
	return d.add(n, Use, func(m *Minute) {
		m.Sent, m.Names, m.User, m.Back, m.Signs = 100+d.next(600), uint8(d.next(6)), 100+d.next(4000), d.next(300), CPU
		m.FirstUse, m.LastUse = m.Start+5e9, m.Start+50e9
	})
}

// chat is somebody who writes to others and does nothing else.
func (d *day) chat(n int) *day {
	return d.add(n, Use, func(m *Minute) {
		m.Sent, m.Back, m.Chat, m.Signs = 12+d.next(30), 4+d.next(30), 2000+d.next(7000), CPU
		m.FirstUse, m.LastUse = m.Start+1e9, m.Start+55e9
	})
}

// outage is a while in which nothing of the internet answers: somebody who sits there, or programs alone, ask again and again.
func (d *day) outage(n int, truth State) *day {
	return d.add(n, truth, func(m *Minute) {
		m.Sent, m.User, m.Signs = 15+d.next(50), 2+d.next(8), CPU|Unanswered
	})
}

// read is a page that is open: no new name, a trickle.
func (d *day) read(n int) *day {
	return d.add(n, Use, func(m *Minute) {
		m.Sent, m.User, m.Back = 8+d.next(30), d.next(40), d.next(40)
		if d.next(2) > 0 {
			m.Signs = CPU
		}
	})
}

func (d *day) unseen(n int, truth State) *day {
	v := d.view
	d.as(Blind).add(n, truth, func(*Minute) {})
	return d.as(v)
}

// as goes on with another view.
func (d *day) as(v View) *day { d.view = v; return d }

// startsAnew lets the station boot at the end of the last minute.
func (d *day) startsAnew() *day { d.minutes[len(d.minutes)-1].Signs |= Boot; return d }

// gameOn says, of the last minute, that Steam tells of a game.
func (d *day) gameOn() *day { d.minutes[len(d.minutes)-1].Signs |= GameRunning; return d }

// settle gives the day to a model of its own and returns its minutes.
func (d *day) settle() []Settled { return settleAll(New(Builtin()), d.minutes) }

func settleAll(m *Model, minutes []Minute) (all []Settled) {
	for _, minute := range minutes {
		if s, ok := m.Step(minute); ok {
			all = append(all, s)
		}
	}
	m.Flush(func(s *Settled) { all = append(all, *s) })
	return all
}

// wrong counts the minutes from from up to to whose state is not the truth.
func (d *day) wrong(all []Settled, from, to int) (n int) {
	for i := from; i < to; i++ {
		if all[i].State != d.truth[i] {
			n++
		}
	}
	return n
}

// show draws a day for a test's message: a letter a minute, truth above what was said.
func (d *day) show(all []Settled) string {
	var truth, said, use strings.Builder
	for i := range all {
		truth.WriteByte("UOBIX"[d.truth[i]])
		said.WriteByte("uobix"[all[i].State])
		fmt.Fprintf(&use, "%d", min(9, int(10*all[i].Belief[Use])))
	}
	return "\n" + truth.String() + "\n" + said.String() + "\n" + use.String()
}
