package board

import "time"

// Light is what the box's LED says.
type Light int

// The lights, the weightiest last: a box of which several hold shows the last.
const (
	Working Light = iota
	Booting
	UplinkLost   // records wait on the card
	Blind        // nothing is seen of the café
	StorageFault // what is recorded may be lost
	Updating     // do not cut the power
	Here         // somebody looks for this box, and has pressed its button
)

// Lights are all of them.
func Lights() []Light {
	return []Light{Working, Booting, UplinkLost, Blind, StorageFault, Updating, Here}
}

// String returns the light's name.
func (l Light) String() string {
	if l < 0 || int(l) >= len(lights) {
		return "unknown"
	}
	return lights[l].name
}

// Pattern returns what the LED does for l, over and over: how long it is on and off by turns, on first. Of what is no Light it is
// nil.
func (l Light) Pattern() []time.Duration {
	if l < 0 || int(l) >= len(lights) {
		return nil
	}
	return lights[l].pattern
}

const (
	flash = 200 * time.Millisecond // as short as an eye surely counts
	gap   = 300 * time.Millisecond
	pause = 1500 * time.Millisecond // between groups of flashes
)

// lights is the grammar. Faults are counted, two flashes to four, so that it can be told over the telephone and by a camera of
// any rate; what is well is on, with a blink that a hung box does not show.
var lights = []struct {
	name    string
	pattern []time.Duration
}{
	Working:      {"working", []time.Duration{2800 * time.Millisecond, flash}},
	Booting:      {"booting", []time.Duration{time.Second, time.Second}},
	UplinkLost:   {"uplink lost", []time.Duration{flash, gap, flash, pause}},
	Blind:        {"blind", []time.Duration{flash, gap, flash, gap, flash, pause}},
	StorageFault: {"storage fault", []time.Duration{flash, gap, flash, gap, flash, gap, flash, pause}},
	Updating:     {"updating", []time.Duration{flash, flash}},
	Here:         {"here", []time.Duration{time.Second, flash, flash, flash}},
}
