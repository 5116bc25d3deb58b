package judge

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"cafeprobe/firmware/state"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/timeline"
)

// Options returns what the room of a seed is like: of five, three nights with the evening before at a mirror, one at a plain
// port, and one day. Sizes differ; what happens there the seed draws.
func Options(seed uint64) sim.Options {
	o := sim.Options{Stations: 12 + int(seed/5%17), From: time.Date(2026, 11, 20+int(seed%9), 11, 0, 0, 0, time.UTC)}
	o.For = 14 * time.Hour
	if late := [4]int{0, -1, 1 + int(seed%3), 2 + int(seed%5)}; seed%5 != 4 {
		o.Late = late[seed/5%4] // a quarter as the seed draws it
	}
	switch seed % 5 {
	case 1:
		o.Vantage = sim.VantageAPlus
	case 3:
		o.Vantage = sim.VantageC
	case 4:
		o.From, o.For = o.From.Add(-9*time.Hour), 7*time.Hour
	}
	return o
}

// Judge says of each timeline of a room what was done.
type Judge func(r *sim.Room, list []timeline.Timeline) []Station

// ByModel judges with p's model, minute by minute.
func ByModel(p *state.Params) Judge {
	return func(_ *sim.Room, list []timeline.Timeline) []Station {
		out := make([]Station, len(list))
		for i := range list {
			out[i] = Model(p, &list[i])
		}
		return out
	}
}

// Rooms scores the rooms of n seeds, two at a time.
func Rooms(seed uint64, n int, options func(seed uint64) sim.Options, by Judge) (*Score, error) {
	type result struct {
		list []timeline.Timeline
		said []Station
		err  error
	}
	room := func(seed uint64) (x result) {
		r, err := sim.New(seed, options(seed))
		if err != nil {
			return result{err: err}
		}
		x.list = timeline.Of(r, fmt.Sprint(seed))
		x.said = by(r, x.list)
		return x
	}
	c := &Score{}
	var list [2]result
	for i := 0; i < n; i += len(list) {
		var wait sync.WaitGroup
		for k := range min(len(list), n-i) {
			wait.Go(func() { list[k] = room(seed + uint64(i+k)) })
		}
		wait.Wait()
		for k := range min(len(list), n-i) {
			if list[k].err != nil {
				return nil, list[k].err
			}
			c.Room(list[k].list, list[k].said)
		}
	}
	return c, nil
}

// Timelines scores timelines by p's model, room by room.
func Timelines(list []timeline.Timeline, p *state.Params) *Score {
	c := &Score{}
	by := map[string][]timeline.Timeline{}
	for i := range list {
		by[list[i].Room] = append(by[list[i].Room], list[i])
	}
	for _, name := range slices.Sorted(maps.Keys(by)) {
		c.Room(by[name], ByModel(p)(nil, by[name]))
	}
	return c
}

// Room takes the stations of one room.
func (c *Score) Room(list []timeline.Timeline, said []Station) {
	c.Rooms++
	for i := range list {
		c.Add(&list[i], &said[i])
	}
	c.Night.Add(list, said)
}
