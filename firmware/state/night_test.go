package state

import (
	"math/rand/v2"
	"testing"
)

// night writes ten hours in which nobody is there, as hard to tell as they come: maintenance that boots the station, updates,
// downloads from names that nobody knows, launchers, chats and lobbies left open, programs that ask for new names.
func night(seed uint64) *day {
	d := newDay(Full)
	d.odd = rand.New(rand.NewPCG(seed, 23))
	some := func(from, to int) int { return from + int(d.next(uint32(to-from+1))) }
	on := false
	for len(d.minutes) < 600 {
		if !on {
			d.off(some(20, 300)).boot()
			on = true
		}
		switch d.next(7) {
		case 0:
			d.idle(some(20, 120))
		case 1:
			d.left(some(20, 200))
		case 2:
			d.update(some(3, 60))
		case 3:
			d.download(some(2, 25))
		case 4:
			d.lobby(some(60, 300), Idle)
		case 5:
			d.sync(some(1, 2))
		case 6:
			on = false
		}
	}
	return d
}

// download fetches something large from a name that no table has.
func (d *day) download(n int) *day {
	first := true
	return d.add(n, Idle, func(m *Minute) {
		m.Sent, m.User, m.Signs = 6000+d.next(20_000), 80_000+d.next(300_000), CPU
		if first {
			m.Names = 1
			first = false
		}
	})
}

// sync is a program that nobody knows, busy for a minute or two.
func (d *day) sync(n int) *day {
	return d.add(n, Idle, func(m *Minute) {
		m.Sent, m.User, m.Names, m.Signs = 40+d.next(400), 50+d.next(1500), uint8(1+d.next(3)), CPU
	})
}

// TestNights: no night without people has ten minutes on end that are said to be of use with 0.7 or more (rule R2).
func TestNights(t *testing.T) {
	minutes, late, alarms := 0, 0, 0
	for seed := range uint64(nights) {
		d := night(seed)
		run := 0
		all := d.settle()
		for i := range all {
			minutes++
			if all[i].State != Use || all[i].Belief[Use] < 0.7 {
				run = 0
				continue
			}
			late++
			if run++; run == 10 {
				alarms++
				t.Errorf("night %d, minute %d: ten minutes of use%s", seed, i, d.show(all))
			}
		}
	}
	t.Logf("%d nights: %.5f of the minutes are said to be of use, %d stretches of ten minutes",
		nights, share(late, minutes), alarms)
}

const nights = 400 // station-nights
