package uplink

import "fmt"

// Done is what became of a command: the record of kind cmd. It is chained, so that neither side can later deny it.
type Done struct {
	Stamp
	Number Int    `json:"n"`             // Command.Number
	Verb   Verb   `json:"cmd"`           // Command.Verb
	Result string `json:"res"`           // a word: ResultDone, ResultRefused, ResultFailed
	Why    string `json:"why,omitempty"` // a word, where it was not done
}

// What Done.Result says.
const (
	ResultDone    = "done"
	ResultRefused = "refused" // it was not tried
	ResultFailed  = "failed"  // it was tried
)

// Kind returns KindCommand.
func (*Done) Kind() Kind { return KindCommand }

func (d *Done) valid() error {
	if d.Number == 0 || !d.Verb.Valid() || !isWord(d.Result, 16) || (d.Why != "" && !isWord(d.Why, 24)) {
		return fmt.Errorf("n %d, cmd %.20q, res %.20q, why %.30q", d.Number, d.Verb, d.Result, d.Why)
	}
	return nil
}
