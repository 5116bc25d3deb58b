package sim

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// profile is how full a room is by the hour of the day from 8 to 22, to its busiest: assumed from cafés' own accounts of
// their day (pupils at noon and after school, then the evening), for no capture or paper of a Vietnamese café was found.
var profile = [24]float64{8: 0.12, 0.18, 0.26, 0.3, 0.36, 0.42, 0.48, 0.52, 0.56, 0.62, 0.76, 0.93, 1, 0.9}

// How long guests stay is drawn from a lognormal distribution, whose median and spread differ from room to room. Sessions
// in one game are Weibull with shape 0.5 (Chang, Feng: Modeling player session times, NetGames 2003); a guest, who pays by
// the hour and plays several, stays longer and rarely for minutes only.
const (
	leastStay = 6.0     // minutes
	mostStay  = 9 * 60. // minutes
)

// guests draws who comes to each station and when.
func (r *Room) guests() [][]use {
	uses := make([][]use, len(r.Stations))
	g := r.rand("guests")
	r.days(func(midnight int64) {
		r.oneDay(g, midnight, uses)
		r.oneNight(g, midnight, uses)
	})
	for i := range uses {
		slices.SortFunc(uses[i], func(a, b use) int { return cmp.Compare(a.From, b.From) })
	}
	return uses
}

// pause is how long a station must be free between two guests: long enough to be switched off and on again.
func (r *Room) pause() int64 { return seconds(r.habits.boot.To) + int64(2*time.Minute) }

// oneDay draws the guests of a day's opening hours.
func (r *Room) oneDay(g *rand.Rand, midnight int64, uses [][]use) {
	h := &r.habits
	open := midnight + int64(opens) + minutes(30*g.Float64())
	last := midnight + int64(closes)
	mood := math.Exp(0.25 * g.NormFloat64())
	weekday := time.Unix(0, midnight).In(vietnam).Weekday()
	mean := h.stay * math.Exp(h.staySigma*h.staySigma/2)
	for m := open; m < last; m += int64(time.Minute) {
		hour := int(sinceMidnight(m) / time.Hour)
		full := profile[hour]
		if (weekday == time.Saturday || weekday == time.Sunday) && hour < 18 {
			full = min(1, full+0.25)
		}
		want := min(1, full*h.busy*mood) * float64(r.Options.Stations)
		for n := poisson(g, want/mean); n > 0; n-- {
			r.arrive(g, m+seconds(60*g.Float64()), last, uses)
		}
	}
}

// arrive gives a guest a free station, where there is one. He is gone some minutes before or after closing time.
func (r *Room) arrive(g *rand.Rand, at, last int64, uses [][]use) {
	stay := math.Exp(math.Log(r.habits.stay) + r.habits.staySigma*g.NormFloat64())
	end := min(at+minutes(min(max(stay, leastStay), mostStay)), last+minutes(19*g.Float64()-15))
	if i := r.free(g, at, uses); i >= 0 && end-at >= minutes(leastStay) {
		uses[i] = append(uses[i], use{Interval: Interval{at, end}})
	}
}

// free returns a PC that nobody uses at that time or soon before, -1 for none. Uses are made in the order of their starts.
func (r *Room) free(g *rand.Rand, at int64, uses [][]use) int {
	n, pick := 0, -1
	for i := range r.Stations {
		if r.Stations[i].Role != PC {
			continue
		}
		if list := uses[i]; len(list) > 0 && list[len(list)-1].To+r.pause() > at {
			continue
		}
		if n++; g.IntN(n) == 0 {
			pick = i
		}
	}
	return pick
}

// oneNight draws who plays on after closing time, and who comes then: by the back door.
func (r *Room) oneNight(g *rand.Rand, midnight int64, uses [][]use) {
	last := midnight + int64(closes)
	n := r.Options.Late
	if drawn := 1 + int(g.ExpFloat64()*3); n == 0 && g.Float64() < 0.25 {
		n = min(drawn, r.Options.Stations)
	}
	var stay []int // those who sit there at closing time
	for i := range uses {
		if k := len(uses[i]); k > 0 && uses[i][k-1].To >= last-minutes(16) && uses[i][k-1].From < last {
			stay = append(stay, i)
		}
	}
	g.Shuffle(len(stay), func(i, j int) { stay[i], stay[j] = stay[j], stay[i] })
	for ; n > 0; n-- {
		length := minutes(min(max(math.Exp(math.Log(120)+0.8*g.NormFloat64()), 12), 590))
		morning := midnight + day + int64(opens) - minutes(5)
		if len(stay) > 0 && g.Float64() < 0.8 {
			u := &uses[stay[0]][len(uses[stay[0]])-1]
			if stay = stay[1:]; u.From < last { // nobody has come to this PC since
				u.To, u.late = min(last+length, morning), true
			} else {
				n++
			}
			continue
		}
		at := last + minutes(20+170*g.Float64())
		if i := r.free(g, at, uses); i >= 0 {
			uses[i] = append(uses[i], use{Interval{at, min(at+length, morning)}, true})
		}
	}
}

// updates wakes PCs at three in the morning, any number of them.
func (r *Room) updates(uses [][]use, wakes [][]awake) {
	g := r.rand("updates")
	share := g.Float64()
	r.days(func(midnight int64) {
		for i := range r.Stations {
			if r.Stations[i].Role != PC || g.Float64() > share {
				continue
			}
			from := midnight + int64(3*time.Hour) + minutes(40*g.Float64())
			w := Interval{from, from + minutes(8+52*g.Float64())}
			busy := func(u use) bool { return u.From-r.pause() < w.To && w.From < u.To+r.pause() }
			if !slices.ContainsFunc(uses[i], busy) {
				wakes[i] = append(wakes[i], awake{w, true})
			}
		}
	})
}

// poisson draws a number of events of which mean are expected (Knuth).
func poisson(g *rand.Rand, mean float64) int {
	n, p, limit := 0, g.Float64(), math.Exp(-mean)
	for p > limit {
		n++
		p *= g.Float64()
	}
	return n
}
