// Package state judges what a station is doing from what it showed minute by minute: a hidden Markov model gives each
// minute a belief over the states, and runs of use become sessions with the evidence that made them.
//
// It is pure: it has no clock, no input or output and no goroutine. The same minutes give the same beliefs.
package state

// State is what a station does in one minute. The model's states are Off, Booting, Idle and Use; Unknown is what is said
// while nobody can see.
type State uint8

// The states, in the order in which a day goes through them.
const (
	Unknown State = iota
	Off
	Booting
	Idle
	Use
)

var stateNames = [...]string{"UNKNOWN", "OFF", "BOOTING", "ON_IDLE", "IN_USE"}

// String returns the state's word in inspect's document.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return stateNames[Unknown]
}

// View is what can be seen of a station in one minute.
type View uint8

// The views.
const (
	Blind      View = iota // nothing: what it did is unknown
	Broadcasts             // grade C: what it sends to everybody
	Full                   // grades A and A+: what it sends and gets
)

var viewNames = [...]string{"Blind", "Broadcasts", "Full"}

// String returns the view's word in params.tsv.
func (v View) String() string {
	if int(v) < len(viewNames) {
		return viewNames[v]
	}
	return viewNames[Blind]
}

// Signs is a set of signs. The zero Signs is empty.
type Signs uint8

// The signs.
const (
	Boot         Signs = 1 << iota // it asked for an address or a system to start with: PXE, DHCP DISCOVER or INIT-REBOOT
	CPU                            // it did what only a running computer does: ARP request, RS, DAD, MLD, IGMP, NTP; never a reply
	Farewell                       // it took leave: DHCP RELEASE, a goodbye of mDNS, NetBIOS, SSDP or WSD
	GameRunning                    // its Steam client says that a game runs
	ScreenLocked                   // its Steam client says that the screen is locked
	Unanswered                     // nothing of the internet answered it, as nothing does while the line is down
)

// Minute is what one station showed in one minute. Moments are nanoseconds on the scale of Start, 0 for none.
type Minute struct {
	Start int64 // nanoseconds since the Unix epoch, or steady time: a whole minute
	View  View
	Signs Signs
	Play  uint8  // seconds in which a real-time flow ran: small frames both ways all the time, or a game's own flow
	Names uint8  // names it asked for that no program asks for by itself, and that it had not asked for in the last hour
	Title uint16 // the game whose own flow ran (title.ID), 0 for none
	Sent  uint32 // frames it sent, but for those to a disk in the LAN
	User  uint32 // KB, both ways, of flows with the internet that are of no update, telemetry, launcher or connectivity check
	Back  uint32 // KB, both ways, of flows that are, and of those with the LAN's servers but for disks

	Chat uint32 // octets that it sent to that messenger which got most: heartbeats, and what somebody writes

	First, Last       int64 // first and last frame that it sent
	FirstUse, LastUse int64 // first and last evidence of a person: Play, Names, bursts of User
}

// Belief is how probable each state is: indexed by State, it sums to 1, and Unknown's place is always 0.
type Belief [Use + 1]float64

// On returns how probable it is that the station runs, whatever it does.
func (b *Belief) On() float64 { return b[Booting] + b[Idle] + b[Use] }

// Likely returns the most probable state; of equals, the one that claims less.
func (b *Belief) Likely() State {
	best := Off
	for s := Booting; s <= Use; s++ {
		if b[s] > b[best] {
			best = s
		}
	}
	return best
}

// Settled is one minute on which later minutes have had their say.
type Settled struct {
	Minute
	Belief Belief
	Active float64 // how probable it is that somebody did something in it: use, and no lobby or page without a sign

	// State is what is said of the minute: Belief's most probable state; Unknown where the view is Blind; and Unknown where
	// the view is Broadcasts, the station runs (Belief.On) and nothing proves what it does.
	State  State
	Proved bool // the view is Full, or a broadcast near this minute proves use

	// Missing counts the minutes that were not given between this one and the one before; −1 says that the clock went back.
	Missing int32

	by *Params // that it was judged by
}
