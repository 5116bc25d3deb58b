package uplink

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
)

// Hello is the message on topic up/hello: what the box has, said once on every connection after it subscribed, and again
// while it waits. The province answers each with a fresh receipt, of sequence number 0 if it has nothing.
type Hello struct {
	V     Int     `json:"v"`
	Chain ChainID `json:"ch"`
	First Int     `json:"first"` // the oldest record behind rcpt that the box still has; head+1 where it has none
	Head  Int     `json:"head"`  // the newest record committed, 0 for none
	Hash  Hash    `json:"hash"`  // of head
	Rcpt  Int     `json:"rcpt"`  // the last record the box holds a receipt for
	Boot  Int     `json:"boot"`
	Conn  Int     `json:"conn"` // rises with every connection
	Key   Key     `json:"key"`  // the box's public key, for the province to compare with its registry
}

// State is the message on topic up/state, retained, and the connection's will.
type State struct {
	V     Int     `json:"v"`
	State string  `json:"state"` // StateOnline, StateOffline
	Conn  Int     `json:"conn"`  // as in Hello; an offline State of an older connection came late and is to be ignored
	Boot  Int     `json:"boot"`
	Chain ChainID `json:"ch"`
	Head  Int     `json:"head"`
	Rcpt  Int     `json:"rcpt"`
	Time  Time    `json:"t"`
	Lag   Int     `json:"lag,omitempty"` // seconds that it has been connected without a receipt that is owed, from 15 min on
	Card
}

// The two values of State.State.
const (
	StateOnline  = "online"
	StateOffline = "offline"
)

// Occ is the message on topic up/occ, QoS 0, retained: how full the café is now. It is a courtesy to whoever looks: what
// counts is records.
type Occ struct {
	V          Int     `json:"v"`
	Time       Time    `json:"t"`
	Quality    Quality `json:"tq"`
	Window     Int     `json:"win"`     // seconds before t that it tells of
	Vantage    string  `json:"vantage"` // as in Vantage
	Roster     Int     `json:"roster"`  // Roster.Rev that States refers to
	On         Int     `json:"on"`      // stations on, in use or not
	Use        Int     `json:"use"`     // stations in use
	Unknown    Int     `json:"unknown"` // stations of which it cannot be said whether they are in use
	Confidence Int     `json:"conf"`    // percent
	States     string  `json:"st"`      // one letter a station in the roster's order: StateInUse …
}

// The letters of Occ.States.
const (
	StateInUse   = 'S'
	StateIdle    = 'I' // on, not in use
	StateOn      = 'O' // on; whether in use cannot be said
	StateOff     = '-'
	StateUnknown = '?'
)

// Want is the message on topic down/want: send these again. It is not signed, since it can only cost octets.
type Want struct {
	V     Int     `json:"v"`
	Chain ChainID `json:"ch"`
	From  Int     `json:"from"`
	To    Int     `json:"to"` // From to From+MaxWant-1
}

// MaxWant is how many records one Want may ask for: the most that are ever under way.
const MaxWant = 8192

// Receipt is the message on topic down/receipt, retained: the province holds all records of Chain up to Seq, and the chain
// leads to Hash there. Only a receipt that verifies lets a box delete.
type Receipt struct {
	V     Int     `json:"v"`
	Chain ChainID `json:"ch"`
	Seq   Int     `json:"seq"` // 0: nothing yet, and Hash is that of Genesis
	Hash  Hash    `json:"hash"`
	Time  Time    `json:"t"` // the province's, when it signed
	Sig   Sig     `json:"sig"`
}

// Head returns the place in the chain up to which the receipt holds.
func (r *Receipt) Head() Head { return Head{uint64(r.Seq), r.Hash} }

// Sign returns r, its version and signature set. province and box are where it is sent to.
func (r Receipt) Sign(key ed25519.PrivateKey, a Address) Receipt {
	r.V = Version
	copy(r.Sig[:], ed25519.Sign(key, r.text(a)))
	return r
}

// ErrSignature is returned by Receipt.Verify: the receipt is not the province's, not for this box, or altered.
var ErrSignature = errors.New("uplink: receipt: signature does not verify")

// Verify returns nil if r is signed by the province with key for the box at a, else ErrSignature.
func (r *Receipt) Verify(key ed25519.PublicKey, a Address) error {
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, r.text(a), r.Sig[:]) {
		return ErrSignature
	}
	return nil
}

// text is what is signed. No part can hold a line break, so no two receipts have the same text; the first line keeps it
// apart from all else that the key may sign.
func (r *Receipt) text(a Address) []byte {
	return fmt.Appendf(nil, "cafeprobe-receipt-1\n%s\n%s\n%s\n%d\n%s\n%d\n",
		a.Province, a.Box, r.Chain, r.Seq, r.Hash, r.Time)
}

// Key is an Ed25519 public key in base64url.
type Key [ed25519.PublicKeySize]byte

// Sig is an Ed25519 signature in base64url.
type Sig [ed25519.SignatureSize]byte

// MarshalText returns k in base64url.
func (k Key) MarshalText() ([]byte, error) { return b64.AppendEncode(nil, k[:]), nil }

// UnmarshalText reads what MarshalText returns and nothing else.
func (k *Key) UnmarshalText(t []byte) error { return text64(k[:], t) }

// MarshalText returns s in base64url.
func (s Sig) MarshalText() ([]byte, error) { return b64.AppendEncode(nil, s[:]), nil }

// UnmarshalText reads what MarshalText returns and nothing else.
func (s *Sig) UnmarshalText(t []byte) error { return text64(s[:], t) }

func text64(dst, t []byte) error {
	b, ok := decode64(string(t), len(dst))
	if !ok {
		return fmt.Errorf("uplink: %.90q is not %d octets in base64url", t, len(dst))
	}
	copy(dst, b)
	return nil
}

// message is what Marshal writes and Parse reads.
type message interface {
	Hello | State | Occ | Want | Receipt | Command | Result | Checkpoint
}

// Marshal encodes m, whose version is to be Version, in the order of the documents. It returns an error that wraps
// ErrMessage where Parse would.
func Marshal[M message](m M) ([]byte, error) {
	if err := check(any(&m)); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // '<' is to be readable in mosquitto_sub
	if err := e.Encode(m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Parse reads a payload of at most MaxMessage octets. Errors wrap ErrStrict or ErrMessage.
func Parse[M message](b []byte) (M, error) {
	var m, zero M
	if err := unmarshal(b, MaxMessage, &m); err != nil {
		return zero, err
	}
	if err := check(any(&m)); err != nil {
		return zero, err
	}
	return m, nil
}

// check returns what is wrong with a message: a field that is missing shows as its zero value.
func check(m any) error {
	v, ok := Int(0), false
	switch m := m.(type) {
	case *Hello:
		v, ok = m.V, m.Chain.Valid() && m.Hash != Hash{} && m.Key != Key{} && m.Rcpt <= m.Head && m.First >= 1 &&
			m.First <= m.Head+1
	case *State:
		v, ok = m.V, m.Chain.Valid() && (m.State == StateOnline || m.State == StateOffline) && m.Time >= 0 && m.Card.valid()
	case *Occ:
		v, ok = m.V, m.valid()
	case *Want:
		v, ok = m.V, m.Chain.Valid() && m.From >= 1 && m.From <= m.To && m.To-m.From < MaxWant
	case *Command:
		v, ok = m.V, m.valid()
	case *Result:
		v, ok = m.V, m.valid()
	case *Checkpoint:
		v, ok = m.V, m.valid()
	case *Receipt:
		v, ok = m.V, m.Chain.Valid() && m.Hash != Hash{} && m.Sig != Sig{} && m.Time >= 0
	}
	if err := version(v); err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%w: %T: a field is missing or out of range", ErrMessage, m)
	}
	return nil
}

func (o *Occ) valid() bool {
	for i := range len(o.States) {
		switch o.States[i] {
		case StateInUse, StateIdle, StateOn, StateOff, StateUnknown:
		default:
			return false
		}
	}
	return (Stamp{Time: o.Time, Quality: o.Quality}).valid() && isClass(o.Vantage) && o.Confidence <= 100 &&
		o.Use <= o.On && len(o.States) <= 4096
}
