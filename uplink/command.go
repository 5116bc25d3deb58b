package uplink

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// Command is the message on topics down/cmd/{id} and, retained, down/desired: the province asks the box to do something.
// It is signed, and names box, chain, a number that rises and a time after which it is not to be done any more: neither a
// broker nor a recording can make a box do anything twice, late, or in another's place.
type Command struct {
	V      Int             `json:"v"`
	Box    BoxID           `json:"box"`
	Chain  ChainID         `json:"ch"`
	Number Int             `json:"n"`   // above that of every command before, from 1
	Time   Time            `json:"t"`   // when it was signed
	Expiry Time            `json:"exp"` // not to be done after
	Verb   Verb            `json:"cmd"`
	Args   json.RawMessage `json:"args,omitempty"` // one JSON object on one line; what it holds is the verb's
	Sig    Sig             `json:"sig"`
}

// Verb says what a Command asks for.
type Verb string

// The verbs. Verbs are only ever added; a box refuses one that it does not know.
const (
	VerbSet      Verb = "set"      // change the configuration; args: the fields to change
	VerbMaintain Verb = "maintain" // a maintenance window; args: from, to (milliseconds UTC)
	VerbDiag     Verb = "diag"     // send diagnostics
	VerbReboot   Verb = "reboot"   // start anew
	VerbRotate   Verb = "rotate"   // make a new TLS key and have it certified
	VerbUpdate   Verb = "update"   // take a firmware; args: fw, url, percent (firmware/update.Announcement)
)

// Valid reports whether v is a word of at most 12 octets.
func (v Verb) Valid() bool { return isWord(string(v), 12) }

// MaxArgs bounds Command.Args and Result.Data, in octets.
const MaxArgs = 16 << 10

// Sign returns c, its version, box and signature set, and Args without white space, as Marshal writes it: what is signed
// is the octets that travel. a is where it is sent to.
func (c Command) Sign(key ed25519.PrivateKey, a Address) Command {
	c.V, c.Box = Version, a.Box
	var args bytes.Buffer
	if json.Compact(&args, c.Args) == nil && len(c.Args) > 0 {
		c.Args = args.Bytes()
	}
	copy(c.Sig[:], ed25519.Sign(key, c.text(a)))
	return c
}

// Verify returns nil if c is signed by the province with key for the box at a, else ErrSignature. Number and expiry are
// for the caller to judge: only the box knows the last number and its clock.
func (c *Command) Verify(key ed25519.PublicKey, a Address) error {
	if len(key) != ed25519.PublicKeySize || c.Box != a.Box || !ed25519.Verify(key, c.text(a), c.Sig[:]) {
		return ErrSignature
	}
	return nil
}

// text is what is signed: as with Receipt no part can hold a line break. Args are signed as the octets they are.
func (c *Command) text(a Address) []byte {
	return fmt.Appendf(nil, "cafeprobe-command-1\n%s\n%s\n%s\n%d\n%d\n%d\n%s\n%x\n",
		a.Province, a.Box, c.Chain, c.Number, c.Time, c.Expiry, c.Verb, sha256.Sum256(c.Args))
}

func (c *Command) valid() bool {
	return c.Box.Valid() && c.Chain.Valid() && c.Number > 0 && c.Time > 0 && c.Expiry >= c.Time && c.Verb.Valid() &&
		isObject(c.Args) && c.Sig != Sig{}
}

// isObject reports whether b is absent or one JSON object of at most MaxArgs octets.
func isObject(b json.RawMessage) bool {
	return len(b) == 0 || len(b) <= MaxArgs && bytes.HasPrefix(b, []byte("{")) && json.Valid(b)
}

// Result is the message on topic up/result: what a command brought, at once. What counts is the record (Done).
type Result struct {
	V      Int             `json:"v"`
	Chain  ChainID         `json:"ch"`
	Number Int             `json:"n"`
	Verb   Verb            `json:"cmd"`
	Result string          `json:"res"`
	Why    string          `json:"why,omitempty"`
	Time   Time            `json:"t"`
	Data   json.RawMessage `json:"data,omitempty"` // of diag: counters and states, no name and no address
}

func (r *Result) valid() bool {
	return r.Chain.Valid() && r.Number > 0 && r.Verb.Valid() && isWord(r.Result, 16) && (r.Why == "" || isWord(r.Why, 24)) &&
		r.Time >= 0 && isObject(r.Data)
}

// Checkpoint is the message on topic up/ckpt: a signed note (golang.org/x/mod/sumdb/note) that fixes the chain's head. See
// uplink/checkpoint.
type Checkpoint struct {
	V    Int    `json:"v"`
	Note string `json:"note"`
}

// MaxNote bounds Checkpoint.Note, in octets.
const MaxNote = 1024

func (c *Checkpoint) valid() bool { return c.Note != "" && len(c.Note) <= MaxNote }
