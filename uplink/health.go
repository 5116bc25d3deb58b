package uplink

import "errors"

// Health is the counters of the box over the Window before the stamp.
type Health struct {
	Stamp
	Window   Int `json:"win"`             // seconds
	Frames   Int `json:"frames"`          // frames seen
	Dropped  Int `json:"drop"`            // frames the kernel or the hand-off dropped
	Bad      Int `json:"bad"`             // frames or messages refused by a decoder
	Stations Int `json:"sts"`             // stations known
	Backlog  Int `json:"lag"`             // records without a receipt
	Spool    Int `json:"spool"`           // octets of the spool on the card
	Written  Int `json:"wr"`              // octets written to the card
	Memory   Int `json:"mem,omitempty"`   // resident octets of the daemon
	Connects Int `json:"conns,omitempty"` // connections to the broker made
	Sent     Int `json:"tx,omitempty"`    // frames that the capture port has sent since it was silenced: none, or it is broken
	Missed   Int `json:"miss,omitempty"`  // frames of a mirror that is sent that got lost on the way, by their numbers
	Card
}

// Kind returns KindHealth.
func (*Health) Kind() Kind { return KindHealth }

func (h *Health) valid() error {
	if !h.Card.valid() {
		return errors.New("fault or warn: not words")
	}
	return nil
}
