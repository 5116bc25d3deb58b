package uplink

import "fmt"

// Blind says that from the stamp on the box could not see the café's stations, or could again. Blind time counts neither
// as open nor as closed.
type Blind struct {
	Stamp
	Blind bool   `json:"blind"`
	Why   string `json:"why"` // a word: link-down, no-frames, broadcasts, dropped, source-ended
}

// Kind returns KindBlind.
func (*Blind) Kind() Kind { return KindBlind }

func (b *Blind) valid() error {
	if !isWord(b.Why, 24) {
		return fmt.Errorf("why %.30q", b.Why)
	}
	return nil
}
