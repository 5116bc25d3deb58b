package uplink

import "fmt"

// Gap says that records are lost, and why. From to To are sequence numbers that hold no record and never will. It is the
// record To+1, and its hash is over the hash of record From-1, so that the chain goes on and the loss is part of it. From
// 0 and To 0 mean records that were refused before they had a number; Count says how many, if that is known.
type Gap struct {
	Stamp
	From  Int    `json:"from"`
	To    Int    `json:"to"`
	Count Int    `json:"n"`
	Why   string `json:"why"` // a word: corrupt, full
}

// Kind returns KindGap.
func (*Gap) Kind() Kind { return KindGap }

func (g *Gap) valid() error {
	if g.From > g.To || (g.From == 0) != (g.To == 0) || !isWord(g.Why, 24) {
		return fmt.Errorf("from %d to %d, why %.30q", g.From, g.To, g.Why)
	}
	return nil
}
