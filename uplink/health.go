package uplink

import (
	"errors"
	"slices"
)

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

	Wrong   []string `json:"wrong,omitempty"` // checks of the box that are bad and that no other explains: words
	Celsius Int      `json:"temp,omitempty"`  // degrees of the hottest sensor, where there is one and it is above 0
	Worn    Int      `json:"worn,omitempty"`  // percent of the card's life that is used, where it says so
	Card
}

// maxWrong bounds Health.Wrong.
const maxWrong = 16

// Kind returns KindHealth.
func (*Health) Kind() Kind { return KindHealth }

func (h *Health) valid() error {
	if !h.Card.valid() || len(h.Wrong) > maxWrong || slices.ContainsFunc(h.Wrong, func(w string) bool { return !isWord(w, 16) }) {
		return errors.New("fault, warn or wrong: not words")
	}
	return nil
}
