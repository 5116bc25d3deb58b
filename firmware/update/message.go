package update

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
)

// Release says which firmware a file is: the custom part of a TUF target, and an image's release.json.
type Release struct {
	Version string `json:"version"`
	Number  uint64 `json:"number"` // rises with each release of a board
	Board   string `json:"board"`
	Slot    string `json:"slot,omitempty"` // a or b if it runs in that one alone, as a PC's does
}

// Sum is a SHA-256, in JSON hexadecimal.
type Sum [32]byte

// MarshalText returns it in hexadecimal.
func (s Sum) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, s[:]), nil }

// UnmarshalText reads it.
func (s *Sum) UnmarshalText(b []byte) error {
	if len(b) != hex.EncodedLen(len(s)) {
		return errors.New("not a SHA-256")
	}
	_, err := hex.Decode(s[:], b)
	return err
}

// MaxFirmware bounds a firmware, in octets. Slots have less.
const MaxFirmware = 256 << 20

// Found is a firmware that was released, by metadata that were verified.
type Found struct {
	Release
	Path   string `json:"path"` // of its target
	Length int64  `json:"length"`
	SHA256 Sum    `json:"sha256"`
}

// File is where it is in the folder: its hash stands in its name, so that no file is ever changed (TUF, consistent snapshots).
func (f *Found) File() string {
	folder, file := path.Split(f.Path)
	return fmt.Sprintf("targets/%s%x.%s", folder, f.SHA256, file)
}

// Job is what PID 1 asks its child for: to look for a firmware, or, with Found, to write it.
type Job struct {
	Offer  Offer  `json:"offer"`
	Root   string `json:"root"` // path of the image's root.json
	Dir    string `json:"dir"`  // where metadata are kept; the child's own
	Now    int64  `json:"now"`  // milliseconds UTC: Reference
	Board  string `json:"board"`
	Slot   string `json:"slot"` // that is to be written
	Number uint64 `json:"number"`

	Found  *Found `json:"found,omitempty"`
	Room   int64  `json:"room,omitempty"`   // octets of the slot; 0: it is a file
	Resume int64  `json:"resume,omitempty"` // octets that are there
}

// Report is a line that the child says: one of these.
type Report struct {
	Found   *Found `json:"found,omitempty"`
	Synced  int64  `json:"synced,omitempty"` // octets that are on the card
	Written bool   `json:"written,omitempty"`
	Why     Why    `json:"why,omitempty"`  // it is refused,
	Text    string `json:"text,omitempty"` // or, without Why, failed; for the log
}

// MaxReport bounds a line of the child's, in octets.
const MaxReport = 4 << 10

// ErrReport is returned for a line that is no report.
var ErrReport = errors.New("update: not a report")

// ParseReport reads a line.
func ParseReport(line []byte) (r Report, err error) {
	if len(line) > MaxReport || json.Unmarshal(line, &r) != nil || r.Synced < 0 {
		return Report{}, ErrReport
	}
	return r, nil
}

// ReportOf returns what to say of err.
func ReportOf(err error) Report {
	text := err.Error()
	return Report{Why: Refused(err), Text: text[:min(len(text), 1000)]}
}
