// Package sim makes up a café: a room of stations, what people do there in an evening, a day or a night, and what of it is
// on the wire. From one seed come the truth (Room.Truth) and acts (Stage), from which wire makes frames and sight
// makes observations and minutes, all of the same evening.
//
// What is made up is neither the café's nor the box's idea of it: no threshold of the firmware is used here.
package sim

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Choice says whether a room has something: as its seed draws it, or as it is told.
type Choice uint8

// The choices.
const (
	Drawn Choice = iota
	Yes
	No
)

// Vantages that a box can be given: see the grades of firmware/cafe.
const (
	VantageA     = "A"  // a mirror of the router's port
	VantageAPlus = "A+" // and of the boot server's
	VantageC     = "C"  // a plain port
)

// Options configures a room. The zero Options is a room of 30 stations in the evening of 27 November 2026, everything else
// drawn by the seed.
type Options struct {
	Stations int           // PCs for guests; 0 means 30
	From     time.Time     // when it begins; zero means 27 November 2026, 18:00 in Vietnam
	For      time.Duration // how long; 0 means 4 hours
	Vantage  string        // empty means A

	Diskless     Choice // PCs boot from a server
	Reboot       Choice // PCs boot anew when a guest logs off
	Clones       Choice // PCs have names and UUIDs in common
	NightUpdates Choice // at 03:00
	Staff        Choice // the cashier's PC is used after closing time
	Outage       Choice // the line to the internet fails for some minutes
	PowerCut     Choice // so does the power
	MirrorLost   Choice // the switch loses its mirror
	SecondSwitch Choice // some stations are behind a second switch with a line of its own
	Tunnels      Choice // some guests hide in WARP or another VPN
	Asleep       Choice // network cards answer ARP while their PCs are off

	Late int // stations played at after closing time; 0 means drawn, -1 none
}

// Vietnam's time.
var vietnam = time.FixedZone("ICT", 7*3600)

// Opening hours of a game point (Decree 147/2024): rule R1's.
const (
	opens  = 8 * time.Hour
	closes = 22 * time.Hour
)

// limits of what is made up: beyond, an address plan of one /24 has no room.
const (
	maxStations = 200
	maxSpan     = 31 * 24 * time.Hour
)

// ErrOptions is returned by New for options that cannot be.
var ErrOptions = errors.New("sim: options")

// settle puts the defaults in the places of zeros.
func (o Options) settle() (Options, error) {
	o.Stations = cmp.Or(o.Stations, 30)
	o.For = cmp.Or(o.For, 4*time.Hour)
	o.Vantage = cmp.Or(o.Vantage, VantageA)
	if o.From.IsZero() {
		o.From = time.Date(2026, 11, 27, 18, 0, 0, 0, vietnam)
	}
	o.From = o.From.Truncate(time.Minute)
	switch {
	case o.Stations < 1 || o.Stations > maxStations:
		return o, fmt.Errorf("%w: %d stations, want 1 to %d", ErrOptions, o.Stations, maxStations)
	case o.For < time.Minute || o.For > maxSpan:
		return o, fmt.Errorf("%w: a span of %v, want 1m to %v", ErrOptions, o.For, maxSpan)
	case o.Vantage != VantageA && o.Vantage != VantageAPlus && o.Vantage != VantageC:
		return o, fmt.Errorf("%w: vantage %q, want A, A+ or C", ErrOptions, o.Vantage)
	case o.Late < -1 || o.Late > o.Stations:
		return o, fmt.Errorf("%w: %d late stations of %d, want -1 to all", ErrOptions, o.Late, o.Stations)
	case o.From.Year() < 1970 || o.From.Year() > 2100:
		return o, fmt.Errorf("%w: begins %v, want 1970 to 2100", ErrOptions, o.From)
	}
	return o, nil
}
