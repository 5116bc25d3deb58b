package uplink

import "fmt"

// Power says how good the box's supply is, when that changes. A weak supply is the usual cause of a corrupt card.
type Power struct {
	Stamp
	What  string `json:"what"`         // a word: good, low, throttled
	Volts Int    `json:"mv,omitempty"` // millivolts, where the board can measure them
}

// Kind returns KindPower.
func (*Power) Kind() Kind { return KindPower }

func (p *Power) valid() error {
	if !isWord(p.What, 16) {
		return fmt.Errorf("what %.20q", p.What)
	}
	return nil
}
