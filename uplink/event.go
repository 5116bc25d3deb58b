package uplink

import "fmt"

// Event says what happened to the box beneath its daemon, as what runs there (PID 1) tells it: a program that crashed, data that are in
// memory alone, a restart. What has a kind of its own (Update, Power, Security) is told by that.
type Event struct {
	Stamp
	What string `json:"what"`          // a word: see the constants
	Of   string `json:"of,omitempty"`  // a word, of a crash: init, daemon, kernel; of data: how they are
	Why  string `json:"why,omitempty"` // a word, as far as one says it
	Up   Int    `json:"up"`            // milliseconds of the machine's boot in which it happened, which may be an earlier one
	Lost Int    `json:"n,omitempty"`   // events before it of which nothing is known: there was no room for them
}

// What Event.What says. A reader takes any word.
const (
	EventCrash     = "crash"      // a program, or the kernel, ended by a fault
	EventData      = "data"       // the data are not as they should be: anew, in memory, repaired
	EventProvision = "provision"  // the technician's files were put in place, or refused
	EventPowerDown = "power-down" // the box was switched off at its button
	EventReboot    = "reboot"     // the box restarted itself
	EventDamaged   = "damaged"    // the firmware on the card is not what was written there
	EventReset     = "reset"      // somebody at its button took its settings away; keys and chain stayed
)

// Kind returns KindEvent.
func (*Event) Kind() Kind { return KindEvent }

func (e *Event) valid() error {
	if !isWord(e.What, 24) || (e.Of != "" && !isWord(e.Of, 16)) || (e.Why != "" && !isWord(e.Why, 48)) {
		return fmt.Errorf("what %.30q, of %.20q, why %.50q", e.What, e.Of, e.Why)
	}
	return nil
}
