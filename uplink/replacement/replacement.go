// Package replacement signs and verifies statements that a café's box was replaced: notes (golang.org/x/mod/sumdb/note) in
// which the province names the end of the old box's chain and the beginning of the new one's. With it two chains can be
// shown as one café's, by anybody and without the province.
//
// A note's text is, one value a line:
//
//	cafeprobe replacement 1
//	{province}
//	{old box} {old chain} {seq} {hash of seq, base64url}
//	{new box} {new chain} {seq} {hash of seq, base64url}
//	{UTC milliseconds when the box was declared replaced} {UTC milliseconds when the new chain began}
//	{by whom}
//	{why}
//
// Of a card or board that was replaced under the same id, both boxes are the same.
package replacement

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"

	"cafeprobe/uplink"
	"cafeprobe/uplink/checkpoint"
)

// End is one place in one chain.
type End struct {
	Box   uplink.BoxID
	Chain uplink.ChainID
	Head  uplink.Head
}

// Statement says that chain New goes on where chain Old has ended.
type Statement struct {
	Province uplink.Province
	Old      End         // as far as the province held it when the box was declared replaced
	New      End         // as the province first heard of it: nothing was stored, so the head is the chain's genesis
	Replaced uplink.Time // when an officer declared it, by the province's clock
	Linked   uplink.Time // when the new chain first said hello
	By, Why  string      // the officer's words; both may be empty where a box came with a new chain of its own accord
}

// Bounds of what people write, in letters.
const (
	MaxBy  = 80
	MaxWhy = 200
)

const (
	title   = "cafeprobe replacement 1"
	maxNote = 2048 // octets: the longest words, four octets a letter, and the rest
)

// ErrReplacement is wrapped by Open's errors: the note is no such statement, or its signature does not verify.
var ErrReplacement = errors.New("replacement")

// Words reports whether s is text of one line, of at most n letters, that shows what it is: no control characters, and none
// that turn the direction of writing.
func Words(s string, n int) bool {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > n {
		return false
	}
	for _, r := range s {
		if r != ' ' && !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

func (s *Statement) valid() error {
	if !s.Province.Valid() || s.Old.Chain == s.New.Chain && s.Old.Box == s.New.Box {
		return fmt.Errorf("province %.40q, chains %.24q and %.24q", s.Province, s.Old.Chain, s.New.Chain)
	}
	for _, e := range []End{s.Old, s.New} {
		if !e.Box.Valid() || !e.Chain.Valid() || e.Head.Seq > uplink.MaxInt {
			return fmt.Errorf("box %.20q, chain %.24q, record %d", e.Box, e.Chain, e.Head.Seq)
		}
	}
	if s.Replaced <= 0 || s.Linked <= 0 || s.Replaced > uplink.MaxInt || s.Linked > uplink.MaxInt {
		return fmt.Errorf("times %d and %d", s.Replaced, s.Linked)
	}
	if !Words(s.By, MaxBy) || !Words(s.Why, MaxWhy) {
		return errors.New("by whom or why is no text of one line, or too long")
	}
	return nil
}

func (s *Statement) text() string {
	end := func(e End) string { return fmt.Sprintf("%s %s %d %s", e.Box, e.Chain, e.Head.Seq, e.Head.Hash) }
	return fmt.Sprintf("%s\n%s\n%s\n%s\n%d %d\n%s\n%s\n", title, s.Province, end(s.Old), end(s.New), s.Replaced, s.Linked, s.By, s.Why)
}

// Sign returns s as a note signed with the province's key of receipts. The error wraps ErrReplacement for a statement that
// Open would refuse.
func Sign(s Statement, key ed25519.PrivateKey) (string, error) {
	if err := s.valid(); err != nil {
		return "", fmt.Errorf("sign %w of %.20s: %w", ErrReplacement, s.Old.Box, err)
	}
	signed, err := note.Sign(&note.Note{Text: s.text()}, checkpoint.Signer(string(s.Province), key))
	if err != nil {
		return "", fmt.Errorf("sign %w of %s: %w", ErrReplacement, s.Old.Box, err)
	}
	return string(signed), nil
}

// Open verifies a note with the key of province and returns what it says. There is one spelling of each statement and of its
// signature: whatever octet of text is another, it is refused. The error wraps ErrReplacement.
func Open(text string, province uplink.Province, key ed25519.PublicKey) (Statement, error) {
	fail := func(why any) (Statement, error) { return Statement{}, fmt.Errorf("%w: %v", ErrReplacement, why) }
	if len(text) > maxNote {
		return fail("too long")
	}
	v, err := checkpoint.Verifier(string(province), key)
	if err != nil {
		return fail(err)
	}
	n, err := note.Open([]byte(text), note.VerifierList(v))
	if err != nil {
		return fail(err)
	}
	if err := checkpoint.Sole(text, n); err != nil {
		return fail(err)
	}
	s, err := parse(n.Text)
	if err != nil {
		return fail(err)
	}
	if s.Province != province {
		return fail(fmt.Sprintf("it is of province %s", s.Province))
	}
	return s, nil
}

// parse reads the text that Sign writes, and nothing else.
func parse(text string) (s Statement, err error) {
	line := strings.Split(text, "\n")
	if len(line) != 8 || line[0] != title || line[7] != "" {
		return s, errors.New("not a statement that a box was replaced")
	}
	s.Province, s.By, s.Why = uplink.Province(line[1]), line[5], line[6]
	if s.Old, err = parseEnd(line[2]); err != nil {
		return s, err
	}
	if s.New, err = parseEnd(line[3]); err != nil {
		return s, err
	}
	replaced, linked, _ := strings.Cut(line[4], " ")
	r, err1 := strconv.ParseUint(replaced, 10, 53)
	l, err2 := strconv.ParseUint(linked, 10, 53)
	if err := errors.Join(err1, err2); err != nil {
		return s, err
	}
	s.Replaced, s.Linked = uplink.Time(r), uplink.Time(l)
	if err := s.valid(); err != nil {
		return s, err
	}
	if s.text() != text {
		return s, errors.New("spelt in another way")
	}
	return s, nil
}

func parseEnd(line string) (e End, err error) {
	f := strings.Split(line, " ")
	if len(f) != 4 {
		return e, fmt.Errorf("place %.80q", line)
	}
	e.Box, e.Chain = uplink.BoxID(f[0]), uplink.ChainID(f[1])
	if e.Head.Seq, err = strconv.ParseUint(f[2], 10, 53); err != nil {
		return e, err
	}
	return e, e.Head.Hash.UnmarshalText([]byte(f[3]))
}
