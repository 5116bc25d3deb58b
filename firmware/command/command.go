// Package command carries out what the province asks for, once. A command has been verified (uplink.Command.Verify) when
// it comes here; what is judged here is its chain, its number and its time, so that a recording of it does nothing.
//
// The number is written to a file before anything is done, and what came of it afterwards: a box that loses power in
// between says so with its next start, and does nothing twice.
package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
)

// Do carries out one verb. It returns what is to be sent back with the result, nil for nothing, or why it was not done: a
// word (uplink.Done.Why) where the error is a Refusal, else "failed".
type Do func(c *uplink.Command) (data json.RawMessage, err error)

// Refusal is an error whose text is a word that says why a command is not done.
type Refusal string

// Error returns the word.
func (r Refusal) Error() string { return string(r) }

// Why a command is refused here.
const (
	Expired  Refusal = uplink.SecurityExpired  // its time is over
	Replayed Refusal = uplink.SecurityReplayed // its number is not above the last
	Misled   Refusal = uplink.SecurityMisled   // it is for another chain
	NoClock  Refusal = "no-clock"              // whether its time is over cannot be said yet: send it again later
	Unknown  Refusal = "unknown"               // a verb of a later version
	BadArgs  Refusal = "args"                  // the arguments are not what the verb takes
)

// Executor carries out commands. Use Open. It is not safe for concurrent use.
type Executor struct {
	path  string
	chain uplink.ChainID
	verbs map[uplink.Verb]Do
	state state
}

// state is the file: the last number that was accepted, and whether what came of it is known.
type state struct {
	Chain  uplink.ChainID `json:"chain"`
	Number uplink.Int     `json:"n"`
	Verb   uplink.Verb    `json:"cmd"`
	Open   bool           `json:"open"` // accepted, and no result yet
}

const stateFile = "command.json"

// Open reads what is known of earlier commands from dir. Where the file is lost, last is taken: the largest number of a
// command in the records that are still on the card, 0 for none. If a command was under way when the box stopped, it
// returns what is to be recorded of it.
func Open(dir string, chain uplink.ChainID, last uplink.Int, verbs map[uplink.Verb]Do) (*Executor, *uplink.Done, error) {
	e := &Executor{path: filepath.Join(dir, stateFile), chain: chain, verbs: verbs}
	b, err := os.ReadFile(e.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("read the last command's number: %w", err)
	}
	if json.Unmarshal(b, &e.state) != nil || e.state.Chain != chain {
		e.state = state{Chain: chain}
	}
	if last > e.state.Number {
		e.state = state{Chain: chain, Number: last}
	}
	if !e.state.Open {
		return e, nil, nil
	}
	d := &uplink.Done{Number: e.state.Number, Verb: e.state.Verb, Result: uplink.ResultFailed, Why: "interrupted"}
	e.state.Open = false
	return e, d, e.save()
}

// Now is what the box knows of the time.
type Now struct {
	Time    uplink.Time // UTC, 0 for unknown
	Quality uplink.Quality
}

// Take judges c and carries it out. It returns the record of it; data is for the answer at once. The record has no stamp
// yet. Each number has at most one record, since a recording that is played again and again must not fill the card: of
// what is refused as replayed, misled or for want of a clock done is nil, and refusal says why for the caller to count.
func (e *Executor) Take(c *uplink.Command, now Now) (done *uplink.Done, data json.RawMessage, refusal error) {
	why := e.judge(c, now)
	if errors.Is(why, Replayed) || errors.Is(why, Misled) || errors.Is(why, NoClock) {
		return nil, nil, why
	}
	e.state.Number, e.state.Verb, e.state.Open = c.Number, c.Verb, true
	if err := e.save(); err != nil {
		return &uplink.Done{Number: c.Number, Verb: c.Verb, Result: uplink.ResultFailed, Why: "card"}, nil, err
	}
	if why != nil {
		return result(c, why), nil, why
	}
	data, err := e.verbs[c.Verb](c)
	return result(c, err), data, err
}

func (e *Executor) judge(c *uplink.Command, now Now) error {
	switch {
	case c.Chain != e.chain:
		return Misled
	case c.Number <= e.state.Number:
		return Replayed
	case now.Quality.Rank() < uplink.QualityCoarse.Rank() && c.Expiry >= now.Time:
		return NoClock // a floor can show that it is over, never that it is not
	case c.Expiry < now.Time:
		return Expired
	case e.verbs[c.Verb] == nil:
		return Unknown
	}
	return nil
}

func result(c *uplink.Command, err error) *uplink.Done {
	d := &uplink.Done{Number: c.Number, Verb: c.Verb, Result: uplink.ResultDone}
	var why Refusal
	switch {
	case errors.As(err, &why):
		d.Result, d.Why = uplink.ResultRefused, why.Error()
	case err != nil:
		d.Result, d.Why = uplink.ResultFailed, "failed"
	}
	return d
}

// Recorded notes that the record of the last command is committed: from then on it is not told again.
func (e *Executor) Recorded() error {
	e.state.Open = false
	return e.save()
}

// save writes the state: after a power cut there is the old or the new.
func (e *Executor) save() error {
	b, err := json.Marshal(e.state)
	if err != nil {
		return err
	}
	return durable.WriteFile(e.path, append(b, '\n'))
}
