package main

import (
	"fmt"
	"slices"
	"time"
)

// room is how a café is wired: what the box's port of the switch shows of the evening.
type room struct {
	name   string
	what   string
	learns bool          // the switch is a plain one
	plain  time.Duration // it is from then on; 0: it stays what it is
	behind []string      // stations that are plugged into another switch
	judge  expectation
}

// expectation is what a box in a room is to come to.
type expectation struct {
	vantage  string // empty: depends on how long it looks
	sessions bool   // roles, and every time of being on, are as the table has them
}

// rooms are those that there are; the first is the usual one.
var rooms = []room{
	{name: "mirror", what: "a mirror port", judge: expectation{"A", true}},
	{name: "plain", what: "a plain port of a switch", learns: true, judge: expectation{"C", false}},
	{name: "removed", what: "a mirror port until somebody takes the mirror away", plain: m(6, 30)},
	{
		name: "second", what: "a mirror port of one switch, the router and two computers at another",
		behind: []string{"router", "may-04", "may-05"}, judge: expectation{"A", false},
	},
}

// roomOf returns the room of that name.
func roomOf(name string) (room, error) {
	i := slices.IndexFunc(rooms, func(r room) bool { return r.name == name })
	if i < 0 {
		return room{}, fmt.Errorf("no room is called %q", name)
	}
	return rooms[i], nil
}

// evening returns what happens in the room.
func (r room) evening() []event {
	if r.plain == 0 {
		return evening
	}
	return append(slices.Clone(evening), event{at: r.plain, who: "router", do: plain})
}
