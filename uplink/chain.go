package uplink

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// Hash is a SHA-256 sum; in JSON, 43 letters of base64url.
type Hash [sha256.Size]byte

// String returns h in base64url.
func (h Hash) String() string { return b64.EncodeToString(h[:]) }

// MarshalText returns h in base64url.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText returns and nothing else.
func (h *Hash) UnmarshalText(t []byte) error {
	b, ok := decode64(string(t), len(h))
	if !ok {
		return fmt.Errorf("uplink: %.50q is not a hash", t)
	}
	copy(h[:], b)
	return nil
}

// ChainID names one life of a box's chain: 8 to 22 letters of base64url, random. A box that is reflashed takes a new one.
type ChainID string

// NewChainID returns the chain id of 6 random octets.
func NewChainID(random [6]byte) ChainID { return ChainID(b64.EncodeToString(random[:])) }

// Valid reports whether c is 8 to 22 letters of base64url.
func (c ChainID) Valid() bool {
	if len(c) < 8 || len(c) > 22 {
		return false
	}
	for i := range len(c) {
		if x := c[i]; (x < 'a' || x > 'z') && (x < 'A' || x > 'Z') && (x < '0' || x > '9') && x != '-' && x != '_' {
			return false
		}
	}
	return true
}

// Head is the end of a chain, or any place in it: the last sequence number and its hash. Sequence numbers start at 1; the
// head of an empty chain is sequence number 0 with the hash of Genesis.
type Head struct {
	Seq  uint64
	Hash Hash
}

// Genesis returns h₀ of a chain: SHA-256("cafeprobe-chain-1" ‖ chain id ‖ box's Ed25519 public key).
func Genesis(chain ChainID, box ed25519.PublicKey) Hash {
	s := sha256.New()
	s.Write([]byte("cafeprobe-chain-1"))
	s.Write([]byte(chain))
	s.Write(box) // 32 octets, always: where chain ends is not in doubt
	return Hash(s.Sum(nil))
}

// Next returns the head behind the record that follows h in boot:
// hₙ = SHA-256(0x01 ‖ hₙ₋₁ ‖ uvarint seq ‖ uvarint boot ‖ uvarint mono ‖ raw body).
func (h Head) Next(boot uint64, r Record) Head {
	n := Head{Seq: h.Seq + 1}
	b := make([]byte, 0, 1+len(h.Hash)+3*binary.MaxVarintLen64+len(r.Raw))
	b = append(append(b, 1), h.Hash[:]...)
	b = binary.AppendUvarint(b, n.Seq)
	b = binary.AppendUvarint(b, boot)
	b = binary.AppendUvarint(b, uint64(r.Stamp.Mono))
	n.Hash = sha256.Sum256(append(b, r.Raw...))
	return n
}

// Stored is a record with its place in the chain.
type Stored struct {
	Record
	Seq  uint64
	Boot uint64
	Hash Hash // the head behind it
}

// ErrBreak is wrapped by errors of a chain that does not verify.
var ErrBreak = errors.New("uplink: chain broken")

// Over returns the head that r follows if r is a gap record that declares the records behind h lost, and otherwise h: the
// hash of h at the sequence number before r.
func (h Head) Over(seq uint64, r Record) Head {
	if r.Kind != KindGap || seq <= h.Seq+1 {
		return h
	}
	b, err := r.Body()
	if g, ok := b.(*Gap); err == nil && ok && uint64(g.From) == h.Seq+1 && uint64(g.To) == seq-1 {
		h.Seq = seq - 1
	}
	return h
}

// VerifyStored checks that rs follow h one by one, a gap record standing for the ones it declares lost, and returns the
// head behind the last. The error names the first record that is missing, altered, doubled or out of order, and wraps
// ErrBreak; the Head is then the last good one.
func VerifyStored(h Head, rs []Stored) (Head, error) {
	for _, r := range rs {
		from := h.Over(r.Seq, r.Record)
		if r.Seq != from.Seq+1 {
			return h, fmt.Errorf("record %d follows %d: %w", r.Seq, h.Seq, ErrBreak)
		}
		n := from.Next(r.Boot, r.Record)
		if n.Hash != r.Hash {
			return h, fmt.Errorf("record %d: hash %v, want %v: %w", r.Seq, r.Hash, n.Hash, ErrBreak)
		}
		h = n
	}
	return h, nil
}
