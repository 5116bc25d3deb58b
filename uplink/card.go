package uplink

// Card is what a box says of the card that its records are on. A healthy one takes no octet on the wire. Counts are since
// the daemon started.
type Card struct {
	Fault   string   `json:"fault,omitempty"`   // why the card takes no writes now: a word, see the constants
	Corrupt Int      `json:"corrupt,omitempty"` // files found broken
	Lost    Int      `json:"lost,omitempty"`    // numbers declared lost
	Forks   Int      `json:"forks,omitempty"`   // times that the chain went on behind another history
	Warn    []string `json:"warn,omitempty"`    // what is wrong with the file system: words, see the constants
}

// What Card.Fault and Card.Warn say. A reader takes any word.
const (
	CardFull      = "full"       // no room
	CardReadOnly  = "read-only"  // mounted so, or made so by the kernel after errors
	CardFailing   = "io"         // it answers with errors, or is gone
	CardBroken    = "broken"     // what was written is not what is read
	CardVolatile  = "volatile"   // a file system that does not outlive a power cut
	CardNoJournal = "no-journal" // a file system that a power cut can break
	CardNoBarrier = "no-barrier" // mounted so that what was flushed can be lost
	CardUnknown   = "unknown"    // a reason that is not of these; of Warn: the file system cannot be told
)

// Ill reports whether the card should be replaced soon: it takes no writes, or did not keep what was written.
func (c *Card) Ill() bool { return c.Fault != "" || c.Corrupt > 0 }

// maxWarn bounds Card.Warn.
const maxWarn = 16

func (c *Card) valid() bool {
	for _, w := range c.Warn {
		if !isWord(w, 16) {
			return false
		}
	}
	return (c.Fault == "" || isWord(c.Fault, 16)) && len(c.Warn) <= maxWarn
}
