package uplink

import (
	"fmt"
	"slices"
)

// Vantage says what the box can see from where it is plugged in, and how sure that is.
type Vantage struct {
	Stamp
	Class      string `json:"vantage"`       // A+, A, C or BLIND
	Confidence Int    `json:"c"`             // percent, 0 to 100
	Why        string `json:"why,omitempty"` // a word
}

// Kind returns KindVantage.
func (*Vantage) Kind() Kind { return KindVantage }

func (v *Vantage) valid() error {
	if !isClass(v.Class) || v.Confidence > 100 || (v.Why != "" && !isWord(v.Why, 24)) {
		return fmt.Errorf("vantage %.10q, c %d, why %.30q", v.Class, v.Confidence, v.Why)
	}
	return nil
}

// classes are the grades of vantage, best first: a mirror with the boot server's port, a mirror, a plain port, nothing.
var classes = []string{"A+", "A", "C", "BLIND"}

func isClass(s string) bool { return slices.Contains(classes, s) }
