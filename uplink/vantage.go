package uplink

import (
	"fmt"
	"slices"
)

// Vantage says what the box can see from where it is plugged in, and how sure that is.
type Vantage struct {
	Stamp
	Class      string `json:"vantage"`        // A+, A, C or BLIND
	Confidence Int    `json:"c"`              // percent, 0 to 100
	Why        string `json:"why,omitempty"`  // a word: mirror, mirror-disks, second-switch, broadcasts, one-way, one-port, no-frames, given
	Stations   Int    `json:"sts,omitempty"`  // stations that are heard in both directions, the router left out
	Hidden     Int    `json:"hid,omitempty"`  // stations that should be, and are heard by broadcasts only
	Lost       Int    `json:"lost,omitempty"` // of 10 000 octets on the wire, those that the mirror dropped; see Of
	Of         Int    `json:"of,omitempty"`   // kilobytes of TCP payload that Lost was estimated from; 0: it was not
}

// Kind returns KindVantage.
func (*Vantage) Kind() Kind { return KindVantage }

func (v *Vantage) valid() error {
	if !isClass(v.Class) || v.Confidence > 100 || (v.Why != "" && !isWord(v.Why, 24)) || v.Lost > 10000 || v.Lost > 0 && v.Of == 0 {
		return fmt.Errorf("vantage %.10q, c %d, why %.30q, lost %d of %d kB", v.Class, v.Confidence, v.Why, v.Lost, v.Of)
	}
	return nil
}

// classes are the grades of vantage, best first: a mirror with the boot server's port, a mirror, a plain port, nothing.
var classes = []string{"A+", "A", "C", "BLIND"}

func isClass(s string) bool { return slices.Contains(classes, s) }
