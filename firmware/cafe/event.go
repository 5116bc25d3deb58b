package cafe

import (
	"time"

	"cafeprobe/firmware/state"
)

// Event is one conclusion. Kind says which of the other fields are set.
type Event struct {
	Kind      EventKind
	Time      int64         // when it became known, nanoseconds since the Unix epoch
	Station   *Station      // EventStation, EventOpen, EventClose: valid until the next Observe
	Session   Session       // EventOpen, EventClose
	Use       state.Session // EventUse: still open if its Ended is state.CauseNone
	Vantage   Vantage       // EventVantage, EventOccupancy
	Occupancy []Doing       // EventOccupancy: the reported stations in the order of their MAC addresses; EventMinute: of those, the seats
	From, To  int64         // EventBlind; To is 0 while it lasts
	Why       Word          // EventBlind: WordNoFrames, WordBroadcasts
	Mirror    Mirror        // EventMirror
	Computers []Computer    // EventComputers: all that are to be kept, the latest heard in front
}

// EventKind says what an Event concludes.
type EventKind uint8

// The events.
const (
	EventStation   EventKind = iota + 1 // a station was confirmed, or its role changed
	EventOpen                           // a session began
	EventClose                          // a session ended
	EventVantage                        // what can be seen from here changed
	EventBlind                          // the wire went silent, or the mirror's unicast did (To 0), or it came back
	EventOccupancy                      // what every reported station is doing now; periodic
	EventUse                            // a session of use began, or ended
	EventMinute                         // what every seat did in the minute from Time on, settled
	EventMirror                         // what is to be kept of the mirror for the next run changed
	EventComputers                      // what is to be kept of computers did
)

// Session is the time for which one station was on. (That somebody uses it is a finer question, which the states answer.)
type Session struct {
	Start, End       int64         // nanoseconds since the Unix epoch; End is 0 while it is open
	StartErr, EndErr time.Duration // how wrong Start and End may be
	Opened           Cause
	Closed           Cause
	Confidence       float64 // probability that the station was on, 0 to 1
	Why              []Reason
}

// Cause says why a session began or ended (compare Acct-Terminate-Cause, RFC 2866 §5.10).
type Cause string

// The causes.
const (
	CauseBoot Cause = "boot" // began: the station asked for an address or booted from the network
	CauseSeen Cause = "seen" // began: its first frame; it may have been on before

	CauseOff       Cause = "off"       // ended: silent for longer than it ever was
	CauseRelease   Cause = "release"   // ended: it gave its address back
	CauseReboot    Cause = "reboot"    // ended: it booted again
	CauseBlind     Cause = "blind"     // ended: nobody could be heard any more; it may have stayed on
	CauseClock     Cause = "clock"     // ended: the clock was set back
	CauseForgotten Cause = "forgotten" // ended: too many stations at once
	CauseEnd       Cause = "end"       // ended: the box stopped, or the capture did
)

// Reason is one piece of evidence behind a session, in words a person can check.
type Reason struct {
	What     string // "PXE boot", "DHCP DISCOVER", "frames"
	From, To int64  // nanoseconds since the Unix epoch; To is 0 for a moment
}

// String returns the reason with its time, UTC.
func (r Reason) String() string {
	at := func(t int64) string { return time.Unix(0, t).UTC().Format("15:04:05") }
	if r.To == 0 || r.To == r.From {
		return r.What + " " + at(r.From)
	}
	return r.What + " " + at(r.From) + "–" + at(r.To)
}

// Doing is what one station is doing.
type Doing struct {
	Station *Station
	State   State
	P       float64 // probability of State, 0 to 1
}

// State is what a station is doing.
type State uint8

// The states. StateOn is "on, use not judged": this version tells on from off by evidence and silence; the states of use
// replace it where they can be told apart.
const (
	StateUnknown State = iota
	StateOff
	StateBooting
	StateOn
	StateOnIdle
	StateInUse
)

// String returns the state's word in inspect's document.
func (s State) String() string {
	return [...]string{"UNKNOWN", "OFF", "BOOTING", "ON", "ON_IDLE", "IN_USE"}[s]
}
