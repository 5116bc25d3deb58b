package uplink

import "fmt"

// Security says that the box refused something, or noticed what nobody should do. At most one a minute is written of each
// What, so that a flood cannot fill the card: Count says how many there were since the last.
type Security struct {
	Stamp
	What  string `json:"what"`           // a word: see the constants
	Count Int    `json:"n"`              // 1 or more
	Topic string `json:"from,omitempty"` // where it came in: a word (receipt, want, cmd, desired, credential, clock, console, update, capture, titles, mirror, owner)
}

// What Security.What says.
const (
	SecurityMalformed = "malformed" // not a message of this version
	SecurityForged    = "forged"    // a signature does not verify
	SecurityReplayed  = "replayed"  // a command's number is not above the last
	SecurityExpired   = "expired"   // a command's time is over
	SecurityMisled    = "misled"    // for another box, province or chain
	SecurityFlood     = "flood"     // more than is ever sent
	SecuritySent      = "sent"      // the capture port sent a frame
	SecurityUntrue    = "untrue"    // an answer about the time that cannot be
	SecurityDisputed  = "disputed"  // time servers contradict each other, or one alone what is known
	SecurityStep      = "step"      // a step of the time that servers agree on waits to be confirmed
	SecurityStranger  = "stranger"  // a mirror from a sender that is not in the list
	SecurityNoRoom    = "no-room"   // a firmware is larger than the slot, or the card is full
	SecurityGuess     = "guess"     // a wrong PIN or code at the owner's page, or one given while its address has to wait
	SecurityCross     = "cross"     // what another site had a browser send to the owner's page
)

// Kind returns KindSecurity.
func (*Security) Kind() Kind { return KindSecurity }

func (s *Security) valid() error {
	if !isWord(s.What, 24) || s.Count == 0 || (s.Topic != "" && !isWord(s.Topic, 16)) {
		return fmt.Errorf("what %.30q, n %d, from %.20q", s.What, s.Count, s.Topic)
	}
	return nil
}
