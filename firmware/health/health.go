// Package health says how a box is: a small graph of checks, each with since when it is so, why, and which other check explains
// it. From that follow whether PID 1 feeds the hardware watchdog, whether a firmware on trial stays, and what the LED shows.
//
// It is pure: it is given what was looked at (Inputs) and the time, and reads nothing itself. Times are steady: since the
// machine's boot.
package health

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"cafeprobe/board"
	"cafeprobe/uplink"
)

// Name is a check's name.
type Name string

// The checks, a cause before what it explains.
const (
	Power    Name = "power"    // the supply, and how hot the box is
	Storage  Name = "storage"  // the card that records are on
	Clock    Name = "clock"    // whether UTC is known
	Capture  Name = "capture"  // the capture port
	Vantage  Name = "vantage"  // how much of the café is seen there
	Uplink   Name = "uplink"   // the port and the address by which the province is reached
	Broker   Name = "broker"   // the connection to the province's broker
	Receipts Name = "receipts" // whether the province says that it holds what was sent
)

// causes are the checks in the order of Report.Checks, each with those that explain it when they are bad, the likeliest first. Not all that
// a cause may explain it does: see rules.
var causes = []struct {
	name Name
	by   []Name
}{
	{Power, nil},
	{Storage, []Name{Power}},
	{Clock, []Name{Uplink, Broker}},
	{Capture, nil},
	{Vantage, []Name{Capture}},
	{Uplink, nil},
	{Broker, []Name{Uplink, Clock}},
	{Receipts, []Name{Broker}},
}

// Names returns the checks in their order.
func Names() (ns []Name) {
	for _, c := range causes {
		ns = append(ns, c.name)
	}
	return ns
}

// State is how it stands with what is checked.
type State string

// The states.
const (
	OK      State = "ok"
	Warn    State = "warn"    // it works, and somebody should look
	Bad     State = "bad"     // it does not work
	Unknown State = "unknown" // it cannot be said, or not yet
)

// Check is one check. Why and what it is about are words of the table, so that a report is short; Sentence and Remedy say them.
type Check struct {
	Name  Name   `json:"c"`
	State State  `json:"s"`
	Why   string `json:"why"`
	Since int64  `json:"since"`       // milliseconds, steady: since when State and Why are so
	By    Name   `json:"by,omitzero"` // the check that explains it, which is to be seen to first
	N     int64  `json:"n,omitzero"`  // the number in the sentence
}

// Report is what a daemon says of its box. The zero Report is that of one that has said nothing.
type Report struct {
	Seq     uint64  `json:"seq"`            // rises with each, from 1
	At      int64   `json:"at"`             // milliseconds, steady: when it was made
	Beat    int64   `json:"beat"`           // milliseconds, steady: when both the hot and the slow side were last seen to move
	Well    int64   `json:"well,omitzero"`  // milliseconds, steady: since when no firmware is to blame for anything; 0: one may be
	Reached bool    `json:"reached"`        // the province has said that it holds a record, in this run of the daemon
	Checks  []Check `json:"checks"`         // all of Names, in their order
	Celsius float64 `json:"temp,omitzero"`  // of the hottest sensor; 0: there is none
	Worn    int     `json:"worn,omitempty"` // percent of the card's life that is used, where it says so
	UTC     int64   `json:"utc,omitzero"`   // milliseconds since the Unix epoch, what the box takes for UTC at At; 0: it does not know
	Seen    *Seen   `json:"seen,omitempty"` // what Vantage is judged by; nil while nothing can be said
}

// Seen is what a box sees of its café, in numbers: nobody is in them.
type Seen struct {
	PCs     int    `json:"pcs"`              // stations that show themselves to be PCs, since the daemon began
	Unknown int    `json:"unknown,omitzero"` // stations of which it is not known yet what they are
	Both    int    `json:"both"`             // stations that are heard in both directions, the router left out
	Hidden  int    `json:"hidden,omitzero"`  // stations that should be, and are heard by broadcasts only
	Loss    int    `json:"loss,omitzero"`    // of 10 000 octets on the wire, those that the mirror dropped
	Frames  uint64 `json:"frames"`
	Group   uint64 `json:"group"` // of Frames, those to groups: broadcasts among them
}

// valid reports whether s can be: a café remembers 1024 stations, and not all frames of a box's life are more than an int64's.
func (s *Seen) valid() bool {
	for _, n := range []int{s.PCs, s.Unknown, s.Both, s.Hidden, s.Loss} {
		if n < 0 || n > maxSeen {
			return false
		}
	}
	return s.Group <= s.Frames && s.Frames <= uplink.MaxInt
}

// maxSeen bounds what a report counts of the café.
const maxSeen = 10_000

// Check returns a check of r; it is Unknown if r does not have it.
func (r *Report) Check(n Name) Check {
	for _, c := range r.Checks {
		if c.Name == n {
			return c
		}
	}
	return Check{Name: n, State: Unknown, Why: whyWaiting}
}

// Ill returns the checks of a state that nothing else explains: where somebody has to look.
func (r *Report) Ill(s State) (cs []Check) {
	for _, c := range r.Checks {
		if c.State == s && c.By == "" {
			cs = append(cs, c)
		}
	}
	return cs
}

// Worst returns the worst state of all checks. What is unknown is no worse than what is well: not every board can say all.
func (r *Report) Worst() State {
	worst := OK
	for _, c := range r.Checks {
		if c.State == Bad || c.State == Warn && worst == OK {
			worst = c.State
		}
	}
	return worst
}

// ErrReport is wrapped by Valid's errors.
var ErrReport = errors.New("health: report")

// Valid returns what is wrong with a report that somebody else made: of checks that there are, each at most once and in order,
// with words of the table, and nothing in the future of now.
func (r *Report) Valid(now time.Duration) error {
	if r.Seq == 0 {
		return fmt.Errorf("%w: no number", ErrReport)
	}
	for _, t := range []int64{r.At, r.Beat, r.Well} {
		if t < 0 || t > now.Milliseconds() {
			return fmt.Errorf("%w: at %d ms, and it is %d", ErrReport, t, now.Milliseconds())
		}
	}
	if r.UTC < 0 || r.UTC > uplink.MaxInt {
		return fmt.Errorf("%w: it is %d", ErrReport, r.UTC)
	}
	if r.Seen != nil && !r.Seen.valid() {
		return fmt.Errorf("%w: it has seen %+v", ErrReport, *r.Seen)
	}
	at := 0
	for _, c := range r.Checks {
		i := slices.Index(Names()[at:], c.Name)
		if i < 0 {
			return fmt.Errorf("%w: check %.20q is none, or out of order", ErrReport, c.Name)
		}
		at += i + 1
		w := lookup(c.Name, c.Why)
		known := w != nil && w.state == c.State && (c.By == "" || slices.Contains(Names(), c.By))
		if !known || c.Since < 0 || c.Since > now.Milliseconds() {
			return fmt.Errorf("%w: %s is %.10q since %d ms for %.20q and %.20q", ErrReport, c.Name, c.State, c.Since, c.Why, c.By)
		}
	}
	return nil
}

// Supply is what is known of the box's supply.
type Supply int

// The supplies.
const (
	SupplyUnknown Supply = iota // the board cannot measure it
	SupplyGood
	SupplyLow
)

// Link is how it stands with a port.
type Link string

// The links, as capture/afpacket names them.
const (
	LinkUnknown   Link = "unknown"
	LinkNone      Link = ""     // there is to be no such port: mirrors are sent to the box
	LinkGone      Link = "gone" // there is no such interface
	LinkDown      Link = "down"
	LinkNoCarrier Link = "no-carrier"
	LinkUp        Link = "up"
)

// Inputs is what was looked at.
type Inputs struct {
	Beat time.Duration // see Report.Beat
	Up   time.Duration // since when the daemon runs, steady

	// Starting says that the daemon reads its card yet: of what it does then nothing can be said, and no firmware is confirmed.
	Starting bool

	Supply  Supply
	Cut     bool    // the machine's run before ended without a goodbye: its power was cut
	Celsius float64 // 0: no sensor

	Card    uplink.Card
	Commit  time.Duration // how long a commit takes on it, 0 while that is not known
	Damaged bool          // the firmware on it is not what was written
	Wear    *board.Wear   // nil: it cannot be said

	Quality uplink.Quality
	UTC     int64 // see Report.UTC

	Capture Link
	Sent    uint64 // frames that the capture port sent
	Grade   string // of the vantage, as in uplink.Vantage; empty while it is not known
	Word    string // why, as in uplink.Vantage
	Seen    *Seen  // nil while nothing can be said

	Uplink    Link
	Address   bool // the uplink has an address
	Connected bool // to the broker
	Tried     bool // a connection to the broker ended or failed
	Refusal   string
	Backlog   uint64 // records without a receipt
	Lag       time.Duration
	Late      bool // Lag is too long
	Reached   bool // a receipt came in this run
}

// What Inputs.Refusal says of why there is no connection to the broker.
const (
	RefusalName        = "name"        // its name is not known
	RefusalTimeout     = "timeout"     // nothing answers
	RefusalRefused     = "refused"     // nobody listens there
	RefusalCertificate = "certificate" // the broker does not accept the box's certificate
	RefusalAuthority   = "authority"   // what answers has a certificate, and not by the province's CA
	RefusalServer      = "server"      // its certificate names another server: whose it is was not looked at
	RefusalDates       = "dates"       // by the box's clock its certificate is not valid yet, or no more: likewise
	RefusalPlain       = "plain"       // what answers does not speak TLS
	RefusalClaim       = "claim"       // the province does not enrol the box
	RefusalLogin       = "login"       // the broker does not let the box in
	RefusalOther       = "other"
)

// Bounds.
const (
	cutTime  = time.Hour        // for which a power cut is worth a word
	hot      = 85.0             // °C: boards of this kind throttle between 80 and 95
	wornSoon = 80               // percent of a card's life
	seeTime  = 10 * time.Minute // within which the vantage is judged
	linkTime = 5 * time.Second  // within which a port that was brought up has a link: two cards agree on a speed in up to 4 s
	tryTime  = 2 * time.Minute  // within which a broker that is there is reached
	slow     = time.Second      // for a commit of some pages: cards that are well take a twentieth of it
	lossMuch = 100              // of 10 000 octets: from what share on something should be done about a mirror that drops frames

	// BeatTime is how old a heartbeat may be of a daemon that is well: the loops move at least once a second.
	BeatTime = 30 * time.Second
)

// Evaluate judges what was looked at. last is the report before, the zero Report for none.
func Evaluate(in Inputs, last Report, now time.Duration) Report {
	r := Report{
		Seq: last.Seq + 1, At: now.Milliseconds(), Beat: in.Beat.Milliseconds(), Reached: in.Reached, Celsius: in.Celsius,
		Seen: in.Seen, UTC: max(0, in.UTC),
	}
	if in.Wear != nil && in.Wear.Used > 0 {
		r.Worn = in.Wear.Used
	}
	for _, c := range causes {
		why, n := in.why(c.name, now)
		w := lookup(c.name, why)
		if w == nil {
			panic("BUG: health: " + string(c.name) + " has no word " + why)
		}
		k := Check{Name: c.name, State: w.state, Why: why, Since: r.At, N: n}
		if was := last.Check(c.name); last.Seq > 0 && was.State == k.State && was.Why == k.Why {
			k.Since = was.Since
		}
		r.Checks = append(r.Checks, k)
	}
	for i := range r.Checks {
		r.Checks[i].By = r.explain(&r.Checks[i])
	}
	r.Well = in.well(&r, last.Well, now)
	return r
}

// explain returns the check that explains c: of its causes the first that is bad, or what explains that one.
func (r *Report) explain(c *Check) Name {
	if c.State == OK || c.Why == whyNoSensor {
		return ""
	}
	for _, k := range causes {
		if k.name != c.Name {
			continue
		}
		for _, by := range k.by {
			cause := r.Check(by)
			if cause.State != Bad || !rules(c, &cause) {
				continue
			}
			if further := r.explain(&cause); further != "" {
				return further
			}
			return by
		}
	}
	return ""
}

// rules reports whether a cause that is bad explains c. Time servers too are asked for by name; a clock is to blame for a certificate that is
// not believed by its dates, and for no cable, address or firewall.
func rules(c, cause *Check) bool {
	switch {
	case c.Name == Clock && cause.Name == Broker:
		return cause.Why == RefusalName
	case c.Name == Broker && cause.Name == Clock:
		return c.Why == RefusalDates || c.Why == RefusalCertificate
	}
	return true
}

// well returns since when nothing is wrong that a firmware can be blamed for: it runs, it can write, and it knows its port.
func (in *Inputs) well(r *Report, since int64, now time.Duration) int64 {
	if in.Starting || now-in.Beat > BeatTime || in.Card.Fault != "" || in.Capture == LinkGone {
		return 0
	}
	if since > 0 {
		return since
	}
	return max(1, r.At)
}

// why returns the word for a check, and the number in its sentence.
func (in *Inputs) why(c Name, now time.Duration) (string, int64) {
	if in.Starting && c != Power && c != Uplink {
		return whyWaiting, 0
	}
	switch c {
	case Power:
		return in.power(now)
	case Storage:
		return in.storage()
	case Clock:
		return in.clock(), 0
	case Capture:
		return in.capture(now)
	case Vantage:
		return in.vantage(now)
	case Uplink:
		return in.uplink(), 0
	case Broker:
		return in.broker(now), 0
	}
	return in.receipts(now)
}

func (in *Inputs) power(now time.Duration) (string, int64) {
	switch {
	case in.Supply == SupplyLow:
		return "low", 0
	case in.Celsius >= hot:
		return "hot", int64(in.Celsius)
	case in.Cut && now < cutTime:
		return "cut", 0
	case in.Supply == SupplyUnknown:
		return whyNoSensor, 0
	}
	return whyOK, 0
}

func (in *Inputs) storage() (string, int64) {
	switch f := in.Card.Fault; {
	case f == "":
	case lookup(Storage, f) != nil:
		return f, 0
	default:
		return uplink.CardUnknown, 0
	}
	switch {
	case in.Damaged:
		return "firmware", 0
	case slices.Contains(in.Card.Warn, uplink.CardVolatile):
		return uplink.CardVolatile, 0
	case in.Wear != nil && (in.Wear.Used >= 100 || in.Wear.Reserve == board.ReserveUrgent):
		return "worn-out", int64(in.Wear.Used)
	case in.Card.Corrupt > 0:
		return "corrupt", int64(in.Card.Corrupt)
	case in.Wear != nil && (in.Wear.Used >= wornSoon || in.Wear.Reserve == board.ReserveWarning):
		return "worn", int64(in.Wear.Used)
	case slices.Contains(in.Card.Warn, uplink.CardNoJournal):
		return uplink.CardNoJournal, 0
	case slices.Contains(in.Card.Warn, uplink.CardNoBarrier):
		return uplink.CardNoBarrier, 0
	case in.Commit >= slow:
		return "slow", in.Commit.Milliseconds()
	}
	return whyOK, 0
}

func (in *Inputs) clock() string {
	switch in.Quality {
	case uplink.QualitySync:
		return whyOK
	case uplink.QualityCoarse:
		return "coarse"
	case uplink.QualityFloor:
		return "floor"
	}
	return "unset"
}

func (in *Inputs) capture(now time.Duration) (string, int64) {
	switch {
	case in.Capture == LinkNoCarrier && in.Sent == 0 && now-in.Up < linkTime:
		return whyWaiting, 0
	case in.Sent > 0:
		return "sent", int64(min(in.Sent, uplink.MaxInt))
	case in.Capture == LinkNone:
		return "remote", 0
	case in.Capture == LinkUp:
		return whyOK, 0
	case lookup(Capture, string(in.Capture)) != nil:
		return string(in.Capture), 0
	}
	return whyWaiting, 0
}

func (in *Inputs) vantage(now time.Duration) (string, int64) {
	switch in.Grade {
	case "A+", "A":
		return in.mirror()
	case "C":
		if lookup(Vantage, in.Word) != nil {
			return in.Word, 0
		}
		return "plain", 0
	case "BLIND":
		switch in.Word {
		case "no-frames":
			return in.Word, 0
		case "broadcasts":
			return "gone", 0
		}
		return "blind", 0
	}
	if now-in.Up < seeTime {
		return whyWaiting, 0
	}
	return "blind", 0
}

// mirror judges one that shows both directions: whether it shows all.
func (in *Inputs) mirror() (string, int64) {
	switch s := in.Seen; {
	case s == nil:
	case s.Hidden > 0:
		return "second-switch", int64(s.Hidden)
	case s.Loss >= lossMuch:
		return "loss", int64(s.Loss / 100)
	}
	return whyOK, 0
}

func (in *Inputs) uplink() string {
	switch {
	case in.Connected: // whatever the interfaces look like
		return whyOK
	case in.Uplink == LinkGone, in.Uplink == LinkNone:
		return "gone"
	case in.Uplink != LinkUp:
		return "no-carrier"
	case !in.Address:
		return "no-address"
	}
	return whyOK
}

// tries reports whether a daemon that has just begun is on its way to the broker for the first time.
func (in *Inputs) tries(now time.Duration) bool {
	return !in.Connected && !in.Tried && now-in.Up < tryTime
}

func (in *Inputs) broker(now time.Duration) string {
	switch {
	case in.Connected:
		return whyOK
	case in.tries(now):
		return whyWaiting
	case lookup(Broker, in.Refusal) != nil:
		return in.Refusal
	}
	return RefusalOther
}

func (in *Inputs) receipts(now time.Duration) (string, int64) {
	n := int64(min(in.Backlog, uplink.MaxInt))
	switch {
	case in.Backlog > 0 && !in.Late && in.tries(now):
		return whyWaiting, 0
	case in.Late:
		return "late", int64(in.Lag / time.Minute)
	case in.Backlog > 0 && !in.Connected:
		return "kept", n
	}
	return whyOK, 0
}
