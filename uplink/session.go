package uplink

import "fmt"

// Open says that a session started on a station (RFC 2866: Start) at the stamp, give or take Uncertain. A station has at
// most one session at a time.
type Open struct {
	Station StationID `json:"st"`
	Stamp
	Confidence Int `json:"c"`           // percent, 0 to 100, that there is a session
	Uncertain  Int `json:"u,omitempty"` // seconds by which the stamp may be off
	Of         Of  `json:"of,omitempty"`
}

// Of says what a session is one of.
type Of string

// The kinds of sessions.
const (
	OfPower Of = ""    // the station is on
	OfUse   Of = "use" // and somebody uses it, as far as can be seen
)

func (o Of) valid() bool { return o == OfPower || o == OfUse }

// Kind returns KindOpen.
func (*Open) Kind() Kind { return KindOpen }

func (o *Open) valid() error {
	if !o.Of.valid() {
		return fmt.Errorf("of %.30q", o.Of)
	}
	return session(o.Station, o.Confidence)
}

// Close says that a station's session stopped (RFC 2866: Stop) at the stamp, give or take Uncertain.
type Close struct {
	Station StationID `json:"st"`
	Stamp
	Cause      Cause `json:"cause"`
	Confidence Int   `json:"c"`              // percent, 0 to 100, that there was a session
	Uncertain  Int   `json:"u,omitempty"`    // seconds by which the stamp may be off
	Duration   Int   `json:"dur"`            // seconds from start to stop
	Began      Time  `json:"began,omitzero"` // when it started, where that is known
	Of         Of    `json:"of,omitempty"`
}

// Kind returns KindClose.
func (*Close) Kind() Kind { return KindClose }

func (c *Close) valid() error {
	if !c.Cause.Valid() || c.Began < 0 || !c.Of.valid() {
		return fmt.Errorf("cause %.30q, began %d, of %.30q", c.Cause, c.Began, c.Of)
	}
	return session(c.Station, c.Confidence)
}

func session(id StationID, confidence Int) error {
	if !id.Valid() || confidence > 100 {
		return fmt.Errorf("st %.20q, c %d", id, confidence)
	}
	return nil
}

// Cause is why a session stopped: the name of an Acct-Terminate-Cause (RFC 2866 §5.10) in lower case with hyphens.
type Cause string

// The causes in use.
const (
	CauseUserRequest Cause = "user-request" // the station said goodbye: lease released, name released
	CauseLostCarrier Cause = "lost-carrier" // the link went down
	CauseLostService Cause = "lost-service" // the box went blind: the session may well go on
	CauseIdleTimeout Cause = "idle-timeout" // silence
	CauseNASReboot   Cause = "nas-reboot"   // the box stopped or restarted
	CauseHostRequest Cause = "host-request" // the station booted anew
	CauseNASRequest  Cause = "nas-request"  // the box had to let go of it: its clock was set, or its memory was full
)

// Valid reports whether c is a word of at most 24 octets.
func (c Cause) Valid() bool { return isWord(string(c), 24) }
