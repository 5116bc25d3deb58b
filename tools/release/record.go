package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"cafeprobe/firmware/update"
)

// Record says how an image stood its tests: the run of the tests writes it, and nothing is signed without.
type Record struct {
	Format string                `json:"format"` // RecordFormat
	Board  string                `json:"board"`
	Commit string                `json:"commit"` // that image and tests were made of
	Images map[string]update.Sum `json:"images"` // SHA-256 of each file that was booted, by its name: slot.fit; slot-a.efi and slot-b.efi
	Began  time.Time             `json:"began"`
	Ended  time.Time             `json:"ended"`
	Suites []Suite               `json:"suites"`
}

// Suite is one group of tests.
type Suite struct {
	Name   string `json:"name"`
	Result string `json:"result"` // Pass, or anything else
	Tests  int    `json:"tests"`  // how many ran
}

// RecordFormat and Pass are what a record says.
const (
	RecordFormat = "cafeprobe-tests-1"
	Pass         = "pass"
)

// Suites are those without which no firmware is signed.
var Suites = []string{"boot", "silence", "update", "roll-back", "power-cut"}

// ErrNotGreen is wrapped by the error of a record that is not enough to sign a firmware.
var ErrNotGreen = errors.New("the tests' record is not green")

// maxRecord bounds a record, in octets.
const maxRecord = 1 << 20

// ReadRecord reads a record.
func ReadRecord(path string) (*Record, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w: run the tests of this image first", ErrNotGreen, err)
	}
	var r Record
	if len(b) > maxRecord || json.Unmarshal(b, &r) != nil || r.Format != RecordFormat {
		return nil, fmt.Errorf("%w: %s is no record of format %s", ErrNotGreen, path, RecordFormat)
	}
	return &r, nil
}

// Write writes r to a file.
func (r *Record) Write(path string) error {
	r.Format = RecordFormat
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// Green returns nil if the tests ran with this image, of this commit, and all passed.
func (r *Record) Green(m *Manifest, images map[string]update.Sum) error {
	var wrong []string
	note := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if r.Board != m.Release.Board || r.Commit == "" || r.Commit != m.Release.Commit {
		note("it is of board %s and commit %.12s, the image of %s and %.12s", r.Board, r.Commit, m.Release.Board, m.Release.Commit)
	}
	for name, sum := range images {
		if r.Images[name] != sum {
			note("%s is not the one that was tested", name)
		}
	}
	if r.Ended.Before(r.Began) || r.Began.IsZero() {
		note("the tests did not end")
	}
	for _, s := range r.Suites {
		if s.Result != Pass || s.Tests == 0 {
			note("%s: %s, %d tests", s.Name, s.Result, s.Tests)
		}
	}
	for _, name := range Suites {
		if !slices.ContainsFunc(r.Suites, func(s Suite) bool { return s.Name == name }) {
			note("%s: did not run", name)
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w: %s", ErrNotGreen, strings.Join(wrong, "; "))
	}
	return nil
}
