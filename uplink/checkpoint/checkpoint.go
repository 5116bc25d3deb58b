// Package checkpoint signs and verifies checkpoints: notes (golang.org/x/mod/sumdb/note) by which a box fixes the head of
// its chain under its own key. Between two checkpoints nobody, the province included, can put another history: what a
// box has signed it cannot take back, and what it has not signed nobody can show.
//
// A note's text is, one value a line:
//
//	cafeprobe checkpoint 1
//	{province}/{box}
//	{chain}
//	{seq}
//	{hash of seq, base64url}
//	{boot}
//	{milliseconds since boot}
//	{UTC milliseconds, 0 for unknown} {quality}
package checkpoint

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"cafeprobe/uplink"
)

// Checkpoint is the head of a chain at a time.
type Checkpoint struct {
	uplink.Address
	Chain uplink.ChainID
	Head  uplink.Head
	Boot  uint64
	Stamp uplink.Stamp // when it was signed
}

const title = "cafeprobe checkpoint 1"

// ErrCheckpoint is wrapped by Open's errors: the note is not a checkpoint, or its signature does not verify.
var ErrCheckpoint = errors.New("checkpoint")

// Sign returns c as a note signed with the box's key.
func Sign(c Checkpoint, key ed25519.PrivateKey) (string, error) {
	text := fmt.Sprintf("%s\n%s/%s\n%s\n%d\n%s\n%d\n%d\n%d %s\n", title, c.Province, c.Box, c.Chain, c.Head.Seq, c.Head.Hash,
		c.Boot, c.Stamp.Mono, c.Stamp.Time, c.Stamp.Quality)
	signed, err := note.Sign(&note.Note{Text: text}, Signer(string(c.Box), key))
	if err != nil {
		return "", fmt.Errorf("sign checkpoint at %d: %w", c.Head.Seq, err)
	}
	return string(signed), nil
}

// Signer returns note's view of a key: of a box here, of the province where it signs notes. name has no white space and no
// plus sign.
func Signer(name string, key ed25519.PrivateKey) note.Signer { return signer{name, key} }

type signer struct {
	name string
	key  ed25519.PrivateKey
}

func (s signer) Name() string                        { return s.name }
func (s signer) KeyHash() uint32                     { return hashOf(s.name, s.key.Public().(ed25519.PublicKey)) }
func (s signer) Sign(message []byte) ([]byte, error) { return ed25519.Sign(s.key, message), nil }

// hashOf returns the key hash that stands before every signature of a note.
func hashOf(name string, key ed25519.PublicKey) uint32 {
	v, err := Verifier(name, key)
	if err != nil {
		return 0
	}
	return v.KeyHash()
}

// Verifier returns what verifies the notes of Signer. It returns an error for a name that a note cannot have.
func Verifier(name string, key ed25519.PublicKey) (note.Verifier, error) {
	text, err := note.NewEd25519VerifierKey(name, key)
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(text)
}

// Open verifies a note with the key of the box at a and returns what it says. The error wraps ErrCheckpoint.
func Open(text string, a uplink.Address, key ed25519.PublicKey) (Checkpoint, error) {
	fail := func(why any) (Checkpoint, error) {
		return Checkpoint{}, fmt.Errorf("%w of %s: %v", ErrCheckpoint, a.Box, why)
	}
	if len(text) > uplink.MaxNote {
		return fail("too long")
	}
	v, err := Verifier(string(a.Box), key)
	if err != nil {
		return fail(err)
	}
	n, err := note.Open([]byte(text), note.VerifierList(v))
	if err != nil {
		return fail(err)
	}
	if err := Sole(text, n); err != nil {
		return fail(err)
	}
	c, err := parse(n.Text)
	if err != nil {
		return fail(err)
	}
	if c.Address != a {
		return fail(fmt.Sprintf("it is of %s/%s", c.Province, c.Box))
	}
	return c, nil
}

// Sole returns nil if n, opened of text, has the one signature that was verified, spelt as note.Sign spells it: Base64 of 68
// octets ends in bits that say nothing, of which package note takes any, as it takes signatures of others beside it.
func Sole(text string, n *note.Note) error {
	if len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
		return errors.New("want one signature alone")
	}
	sig := n.Sigs[0]
	if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
		return err
	}
	if text != n.Text+"\n— "+sig.Name+" "+sig.Base64+"\n" {
		return errors.New("the signature is spelt in another way")
	}
	return nil
}

// parse reads the text that Sign writes, and nothing else.
func parse(text string) (c Checkpoint, err error) {
	line := strings.Split(text, "\n")
	if len(line) != 9 || line[0] != title || line[8] != "" {
		return c, errors.New("not a checkpoint's text")
	}
	province, box, _ := strings.Cut(line[1], "/")
	c.Address = uplink.Address{Province: uplink.Province(province), Box: uplink.BoxID(box)}
	c.Chain = uplink.ChainID(line[2])
	t, quality, _ := strings.Cut(line[7], " ")
	c.Stamp.Quality = uplink.Quality(quality)
	var mono, utc uint64
	for _, n := range []struct {
		text string
		to   *uint64
	}{{line[3], &c.Head.Seq}, {line[5], &c.Boot}, {line[6], &mono}, {t, &utc}} {
		if *n.to, err = strconv.ParseUint(n.text, 10, 53); err != nil {
			return c, fmt.Errorf("number %.30q", n.text)
		}
	}
	c.Stamp.Mono, c.Stamp.Time = uplink.Int(mono), uplink.Time(utc)
	if err := c.Head.Hash.UnmarshalText([]byte(line[4])); err != nil {
		return c, err
	}
	if !c.Address.Valid() || !c.Chain.Valid() || c.Stamp.Quality.Rank() < 0 {
		return c, errors.New("address, chain or quality")
	}
	return c, nil
}
