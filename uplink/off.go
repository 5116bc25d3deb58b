package uplink

import "errors"

// Off brackets a time in which the box did not work: it was last known to be alive at From, and at the stamp it was again.
// What happened in the café between the two nobody saw.
type Off struct {
	Stamp
	From  Time `json:"from"`            // null where the clock was never set before
	Boot  Int  `json:"boot"`            // the boot that ended
	Clean bool `json:"clean,omitempty"` // it said goodbye: an orderly shutdown, not a power cut
}

// Kind returns KindOff.
func (*Off) Kind() Kind { return KindOff }

func (o *Off) valid() error {
	if o.From < 0 || o.Boot > MaxInt {
		return errors.New("from is negative or boot too large")
	}
	return nil
}
