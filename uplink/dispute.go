package uplink

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Dispute says that the café's owner does not agree with what an AfterHours record tells of a night. It changes no record and no
// judgement: it stands beside the one that it is about, for whoever inspects.
type Dispute struct {
	Stamp
	Night Date   `json:"night"` // of the record that is disputed
	Stage string `json:"stage"` // its stage, a word
	Seq   Int    `json:"seq"`   // its number in this chain
	Note  string `json:"note"`  // the owner's own words: 1 to MaxDisputeNote letters, see CleanNote
}

// MaxDisputeNote is how many letters (code points) a note has at most.
const MaxDisputeNote = 500

// Kind returns KindDispute.
func (*Dispute) Kind() Kind { return KindDispute }

func (d *Dispute) valid() error {
	switch {
	case !d.Night.Valid() || !isWord(d.Stage, 12) || d.Seq == 0:
		return fmt.Errorf("night %.12q, stage %.14q, seq %d", d.Night, d.Stage, d.Seq)
	case d.Note == "" || !utf8.ValidString(d.Note) || utf8.RuneCountInString(d.Note) > MaxDisputeNote:
		return fmt.Errorf("note of %d octets, want 1 to %d letters", len(d.Note), MaxDisputeNote)
	}
	if i := strings.IndexFunc(d.Note, unwritten); i >= 0 {
		return fmt.Errorf("note has a control or format character at octet %d", i)
	}
	return nil
}

// unwritten reports whether r is no letter that is written, but changes how others are: a control, a direction, a line separator.
// In a note it could make the page of who reads it say something else.
func unwritten(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

// CleanNote returns what somebody wrote as a Dispute takes it: valid UTF-8 on one line, runs of white space as one blank, without what is
// not written. It does not cut: a note of more than MaxDisputeNote letters is still to be refused, so that its writer knows.
func CleanNote(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unwritten(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.Join(strings.Fields(s), " ")
}
