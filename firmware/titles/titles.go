// Package titles keeps the table of titles up to date without new firmware: the province signs a table, and the file is put
// beside the box's identity. A signed table is
//
//	cafeprobe titles 1
//	{province}
//	{number of the table}
//	{octets of the table} {SHA-256 of the table, base64url}
//
//	— {province} {signature: golang.org/x/mod/sumdb/note}
//
//	{the table, as capture/title.Parse reads it}
//
// What stands above the table is a note, signed with the key of the province's receipts: its first line keeps it apart from
// all else that this key signs. The number only rises: the box keeps the highest that it has used, so that an old table
// cannot be put back.
package titles

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"cafeprobe/capture/title"
	"cafeprobe/uplink"
	"cafeprobe/uplink/checkpoint"
	"cafeprobe/uplink/durable"
)

// File is the name of the signed table in the box's folder.
const File = "titles.signed"

// stateFile holds the number of the last table that was used.
const stateFile = "titles.json"

const heading = "cafeprobe titles 1"

// maxHead bounds what stands above the table, and MaxFile the whole, in octets.
const (
	maxHead = 1 << 10
	MaxFile = title.MaxText + maxHead
)

// Refusal is a word that says why a signed table is not used. All errors of this package that the file itself causes wrap one.
type Refusal string

// Error returns the word.
func (r Refusal) Error() string { return string(r) }

// Why a table is refused. The first four are also what a security record says.
const (
	Malformed Refusal = uplink.SecurityMalformed // it is not a signed table, or its table is none
	Forged    Refusal = uplink.SecurityForged    // signature or hash do not verify
	Replayed  Refusal = uplink.SecurityReplayed  // its number is below that of the last, or the same and the table another
	Misled    Refusal = uplink.SecurityMisled    // it is of another province
	Large     Refusal = "large"                  // more than MaxFile octets
)

// Signed is a signed table.
type Signed struct {
	Province uplink.Province
	Number   uint64 // from 1; each table's is above that of the one before
	Text     string // as title.Parse reads it
}

// Sign returns the file. It refuses what a box would refuse.
func Sign(s Signed, key ed25519.PrivateKey) ([]byte, error) {
	if _, err := title.Parse(s.Text); err != nil {
		return nil, err
	}
	if !s.Province.Valid() || s.Number == 0 || s.Number >= 1<<53 {
		return nil, fmt.Errorf("sign titles: province %.40q, number %d: want its name in topics and a number from 1",
			s.Province, s.Number)
	}
	head := fmt.Sprintf("%s\n%s\n%d\n%s\n", heading, s.Province, s.Number, s.sum())
	signed, err := note.Sign(&note.Note{Text: head}, checkpoint.Signer(string(s.Province), key))
	if err != nil {
		return nil, fmt.Errorf("sign titles %d: %w", s.Number, err)
	}
	return append(append(signed, '\n'), s.Text...), nil
}

// Open verifies a file with the key of the province and returns what it holds. Only the signature is believed, so nothing of
// the table is read before it verifies. The error wraps a Refusal.
func Open(file []byte, province uplink.Province, key ed25519.PublicKey) (Signed, error) {
	if len(file) > MaxFile {
		return Signed{}, refuse(Large, "%d octets, more than %d", len(file), MaxFile)
	}
	head, text, ok := cut(file)
	if !ok {
		return Signed{}, refuse(Malformed, "no note and table with empty lines between")
	}
	v, err := checkpoint.Verifier(string(province), key)
	if err != nil {
		return Signed{}, refuse(Misled, "no province to verify for: %v", err)
	}
	n, err := note.Open(head, note.VerifierList(v))
	var forged *note.InvalidSignatureError
	var other *note.UnverifiedNoteError
	switch {
	case errors.As(err, &other) && !signedBy(other.Note, string(province)):
		return Signed{}, refuse(Misled, "it is not signed by %s", province)
	case errors.As(err, &other), errors.As(err, &forged):
		return Signed{}, refuse(Forged, "%v", err)
	case err != nil:
		return Signed{}, refuse(Malformed, "%v", err)
	}
	s := Signed{Province: province, Text: string(text)}
	return s, s.read(n.Text)
}

// cut parts a file into its note, whose text and whose signatures end with an empty line, and the table.
func cut(file []byte) (head, text []byte, ok bool) {
	top := file[:min(maxHead, len(file))]
	first := bytes.Index(top, []byte("\n\n"))
	if first < 0 {
		return nil, nil, false
	}
	second := bytes.Index(top[first+2:], []byte("\n\n"))
	if second < 0 {
		return nil, nil, false
	}
	end := first + 2 + second + 1
	return file[:end], file[end+1:], true
}

// signedBy reports whether n says that name signed it.
func signedBy(n *note.Note, name string) bool {
	for _, sig := range n.UnverifiedSigs {
		if sig.Name == name {
			return true
		}
	}
	return false
}

// read takes what the note says, and compares it with the table.
func (s *Signed) read(text string) error {
	line := strings.Split(text, "\n")
	if len(line) != 5 || line[0] != heading || line[4] != "" {
		return refuse(Malformed, "not a table's heading")
	}
	if line[1] != string(s.Province) {
		return refuse(Misled, "it is of %.40q", line[1])
	}
	number, err := strconv.ParseUint(line[2], 10, 53)
	if err != nil || number == 0 {
		return refuse(Malformed, "number %.30q", line[2])
	}
	s.Number = number
	if line[3] != s.sum() {
		return refuse(Forged, "the table is not the one that was signed")
	}
	return nil
}

// sum is the line that fixes the table.
func (s *Signed) sum() string { return fmt.Sprintf("%d %s", len(s.Text), s.hash()) }

func (s *Signed) hash() uplink.Hash { return sha256.Sum256([]byte(s.Text)) }

func refuse(why Refusal, format string, args ...any) error {
	return fmt.Errorf("titles: %w: %s", why, fmt.Sprintf(format, args...))
}

// Box is a box's folder, and whom it believes.
type Box struct {
	Dir      string
	Province uplink.Province
	Key      ed25519.PublicKey // the province's
}

// state is the file: the last table that was used.
type state struct {
	Number uint64      `json:"n"`
	Hash   uplink.Hash `json:"h"`
}

// Load returns the table to use and its number: that of the signed file if there is one and it is newer than the built-in,
// else the built-in. It returns a table always; the error says why the file was not used, and wraps a Refusal where the file
// is to blame.
func (b *Box) Load() (*title.Table, uint64, error) {
	file, err := read(filepath.Join(b.Dir, File))
	if errors.Is(err, fs.ErrNotExist) {
		return title.Builtin(), title.Version, nil
	}
	if err == nil {
		var t *title.Table
		var s Signed
		if t, s, err = b.judge(file); err == nil {
			err = b.keep(&s)
		}
		if err == nil && s.Number > title.Version { // else the firmware's is newer
			return t, s.Number, nil
		}
	}
	return title.Builtin(), title.Version, err
}

// Install judges a file as Load does and puts it into the box's folder, for the next start to use. It returns its number.
func (b *Box) Install(file []byte) (uint64, error) {
	_, s, err := b.judge(file)
	if err == nil {
		err = durable.WriteFile(filepath.Join(b.Dir, File), file)
	}
	if err == nil {
		err = b.keep(&s) // behind the file: a number without its table would refuse the table that is there
	}
	return s.Number, err
}

// judge verifies a file, reads its table, and compares its number with that of the last.
func (b *Box) judge(file []byte) (*title.Table, Signed, error) {
	s, err := Open(file, b.Province, b.Key)
	if err != nil {
		return nil, Signed{}, err
	}
	last, err := b.last()
	switch {
	case err != nil:
		return nil, Signed{}, err
	case s.Number < last.Number:
		return nil, Signed{}, refuse(Replayed, "table %d, and %d was used", s.Number, last.Number)
	case s.Number == last.Number && s.hash() != last.Hash:
		return nil, Signed{}, refuse(Replayed, "another table %d than the one that was used", s.Number)
	}
	t, err := title.Parse(s.Text)
	if err != nil {
		return nil, Signed{}, refuse(Malformed, "%v", err)
	}
	return t, s, nil
}

// keep notes that s is used.
func (b *Box) keep(s *Signed) error {
	now := state{s.Number, s.hash()}
	if last, err := b.last(); err != nil || last == now {
		return err
	}
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(b.Dir, stateFile), append(text, '\n'))
}

// last returns what was used last, nothing where that is not known: then any table that the province signed will do.
func (b *Box) last() (state, error) {
	text, err := os.ReadFile(filepath.Join(b.Dir, stateFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return state{}, fmt.Errorf("read the last table's number: %w", err)
	}
	var s state
	if json.Unmarshal(text, &s) != nil {
		s = state{}
	}
	return s, nil
}

// read reads a file of at most MaxFile octets, and one more.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFile+1))
}
