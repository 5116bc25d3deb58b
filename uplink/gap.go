package uplink

import "fmt"

// Gap says that records are lost, and why. From to To are sequence numbers that hold no record and never will. Usually it
// is the record To+1, and its hash is over the hash of record From-1, so that the chain goes on and the loss is part of it;
// what was lost among older records is told of later, by a record in the ordinary row. From 0 and To 0 mean records that
// were refused before they had a number: Kinds says of which kinds. Count says how many records, 0 where that is not known.
type Gap struct {
	Stamp
	From  Int       `json:"from"`
	To    Int       `json:"to"`
	Count Int       `json:"n"`
	Why   string    `json:"why"` // a word: corrupt, torn (a commit that a power cut ended, or a card that lies), full, fork, GapCut
	Kinds []GapKind `json:"kinds,omitempty"`
}

// GapCut is the Why of numbers that were passed over after a power cut because a card that lied about flushing may have
// lost records under them. Nothing says that it did: Count is 0.
const GapCut = "cut"

// Passed reports whether g is about numbers that were passed over only, with no sign that any was ever given.
func (g *Gap) Passed() bool { return g.Why == GapCut && g.Count == 0 && g.From > 0 }

// GapKind is how many records of a kind a Gap is about.
type GapKind struct {
	Kind  Kind `json:"kind"`
	Count Int  `json:"n"`
}

// maxGapKinds bounds Gap.Kinds: more kinds than there will be.
const maxGapKinds = 64

// Kind returns KindGap.
func (*Gap) Kind() Kind { return KindGap }

func (g *Gap) valid() error {
	if g.From > g.To || (g.From == 0) != (g.To == 0) || !isWord(g.Why, 24) {
		return fmt.Errorf("from %d to %d, why %.30q", g.From, g.To, g.Why)
	}
	if len(g.Kinds) > maxGapKinds {
		return fmt.Errorf("%d kinds", len(g.Kinds))
	}
	for _, k := range g.Kinds {
		if !k.Kind.Valid() {
			return fmt.Errorf("kind %.20q", k.Kind)
		}
	}
	return nil
}
