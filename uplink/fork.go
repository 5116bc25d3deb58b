package uplink

import "errors"

// Fork says that the province receipted another history than this card holds: a cloned or a restored card. At is the first
// place known to differ; the box goes on behind what the province has, so that no number is given twice.
type Fork struct {
	Stamp
	At     Int  `json:"at"`     // sequence number of the receipt
	Theirs Hash `json:"theirs"` // the hash that the province signed there
	Ours   Hash `json:"ours"`   // the hash that the box had there; all zero where it had none
}

// Kind returns KindFork.
func (*Fork) Kind() Kind { return KindFork }

func (f *Fork) valid() error {
	if f.At == 0 || f.Theirs == (Hash{}) || f.Ours == f.Theirs {
		return errors.New("no place, or hashes that do not differ")
	}
	return nil
}
