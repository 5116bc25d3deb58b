package uplink

import "fmt"

// Update is one step of a firmware update.
type Update struct {
	Stamp
	Version string `json:"fw"`             // that it leads to, at most 64 octets
	Step    string `json:"step"`           // a word: announced, fetched, refused, written, trial, confirmed, rolled-back
	Slot    string `json:"slot,omitempty"` // a word: a, b
	Why     string `json:"why,omitempty"`  // a word, where it was refused or rolled back
}

// Kind returns KindUpdate.
func (*Update) Kind() Kind { return KindUpdate }

func (u *Update) valid() error {
	if u.Version == "" || len(u.Version) > 64 || !isWord(u.Step, 16) || (u.Slot != "" && !isWord(u.Slot, 8)) ||
		(u.Why != "" && !isWord(u.Why, 24)) {
		return fmt.Errorf("fw %.70q, step %.20q, slot %.10q, why %.30q", u.Version, u.Step, u.Slot, u.Why)
	}
	return nil
}
