package export

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"cafeprobe/uplink"
	"cafeprobe/uplink/replacement"
)

// A café whose box was replaced has several chains. Its export is one of each behind the other, oldest first, and between two
// of them a line in which the province says that they follow each other.

// link is that line.
type link struct {
	Replacement string `json:"replacement"` // note of uplink/replacement
}

// How those two lines begin that part an export.
var (
	headerStart = []byte(`{"export":`)
	linkStart   = []byte(`{"replacement":`)
)

// maxChains bounds how many chains of one café are read.
const maxChains = 1024

// Next ends the chain that was being written and begins that of h, which note says follows it.
func (w *Writer) Next(note string, h Header) error {
	h.Export = 1
	if err := h.valid(); err != nil {
		return fmt.Errorf("export of %s: %w", h.Box, err)
	}
	if err := w.line(link{note}); err != nil {
		return err
	}
	return w.line(h)
}

// Unlinked is what is wrong with chains in one file of which the province does not say that they follow each other.
const Unlinked What = "unlinked"

// Link is what the province says of two chains that follow each other.
type Link struct {
	replacement.Statement
	Later uint64 // records of the old chain behind the place that the statement names: they came before its end was known everywhere
}

// Cafe is what VerifyCafe found.
type Cafe struct {
	Chains   []*Report
	Links    []Link    // those that hold; of a sound export, Links[i] is between Chains[i] and Chains[i+1]
	Findings []Finding // of no chain alone; the numbers are those of the old chain
}

// Sound reports whether each chain is sound and follows the one before.
func (c *Cafe) Sound() bool {
	return len(c.Findings) == 0 && !slices.ContainsFunc(c.Chains, func(r *Report) bool { return !r.Sound() })
}

// VerifyCafe reads an export of one chain or of several, and checks what Verify checks of each, and that they follow each
// other. It is stricter: whatever octet is not as Writer writes it, is found.
func VerifyCafe(in io.Reader) (*Cafe, error) {
	c := &cafe{}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 4<<10), MaxLine)
	lines.Split(c.split)
	for lines.Scan() {
		c.at++
		if err := c.line(slices.Clone(lines.Bytes())); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read line %d: %w", c.at+1, err)
	}
	if c.now == nil {
		return nil, fmt.Errorf("%w: it is empty", ErrExport)
	}
	c.close()
	if c.note != "" {
		c.find(Unlinked, "line %d names a chain that is not there", c.noteAt)
	}
	return &c.Cafe, nil
}

// cafe is a Cafe that is being read.
type cafe struct {
	Cafe
	at     int       // line
	torn   bool      // the last line has no end
	now    *verifier // of the chain that is being read
	note   string    // of a link whose new chain has not begun
	noteAt int
}

// split is bufio.ScanLines for lines that end as they were written: a carriage return is an octet of the line.
func (c *cafe) split(data []byte, end bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if !end || len(data) == 0 {
		return 0, nil, nil
	}
	c.torn = true
	return len(data), data, nil
}

func (c *cafe) find(what What, format string, args ...any) {
	if len(c.Findings) >= maxFindings {
		return
	}
	f := Finding{What: what, Line: c.at, Text: fmt.Sprintf(format, args...)}
	if c.now != nil {
		f.From, f.To = c.now.said.Seq, c.now.said.Seq
	}
	c.Findings = append(c.Findings, f)
}

// line takes one line. The error is for a file that is no export.
func (c *cafe) line(b []byte) error {
	if c.torn {
		defer c.find(Unread, "line %d is not ended: the file is cut off", c.at)
	}
	switch {
	case c.now == nil, bytes.HasPrefix(b, headerStart):
		return c.begin(b)
	case bytes.HasPrefix(b, linkStart):
		var l link
		if err := json.Unmarshal(b, &l); err != nil || c.note != "" || !spelt(b, l) {
			c.find(Unread, "line %d is no statement of the province, or one too many", c.at)
			return nil
		}
		c.note, c.noteAt = l.Replacement, c.at
		return nil
	case c.note != "":
		c.find(Unread, "line %d stands between a statement of the province and the chain that it is about", c.at)
	}
	c.now.at = c.at
	if !canonical(b) {
		c.find(Unread, "line %d is not written as an export is", c.at)
	}
	c.now.line(b)
	return nil
}

// begin takes the first line of a chain.
func (c *cafe) begin(b []byte) error {
	if len(c.Chains) == maxChains {
		return fmt.Errorf("%w: more than %d chains", ErrExport, maxChains)
	}
	next := &verifier{hashes: map[uint64]uplink.Hash{}, at: c.at}
	if err := next.header(b); err != nil {
		if c.now == nil {
			return err
		}
		return errors.Join(fmt.Errorf("line %d", c.at), err)
	}
	if !spelt(b, next.report.Header) {
		c.find(Unread, "line %d is not written as an export is", c.at)
	}
	if c.now != nil {
		c.close()
		c.join(c.now, next)
	}
	c.now, c.note = next, ""
	c.Chains = append(c.Chains, &next.report)
	return nil
}

// close ends the chain that was being read.
func (c *cafe) close() { c.now.end() }

// join checks the statement that next follows old.
func (c *cafe) join(old, next *verifier) {
	a, b := &old.report.Header, &next.report.Header
	if c.note == "" {
		c.find(Unlinked, "line %d begins another chain, and the province does not say that it follows the one before", c.at)
		return
	}
	if a.ReceiptKey != b.ReceiptKey || a.Province != b.Province {
		c.find(Unlinked, "the chain from line %d on is of another province, or signed with another key", c.at)
		return
	}
	s, err := replacement.Open(c.note, a.Province, KeyOf(a.ReceiptKey))
	switch {
	case err != nil:
		c.find(Unlinked, "line %d: %v", c.noteAt, err)
	case s.Old.Box != a.Box || s.Old.Chain != a.Chain || s.New.Box != b.Box || s.New.Chain != b.Chain:
		c.find(Unlinked, "line %d is about chains %s of %s and %s of %s, and stands between others", c.noteAt, s.Old.Chain, s.Old.Box, s.New.Chain, s.New.Box)
	case !old.has(s.Old.Head):
		c.find(Unlinked, "the province says that chain %s ended at record %d, which is not there, or another", s.Old.Chain, s.Old.Head.Seq)
	case !next.has(s.New.Head):
		c.find(Unlinked, "the province says that chain %s began as another", s.New.Chain)
	default:
		c.Links = append(c.Links, Link{s, old.said.Seq - s.Old.Head.Seq})
	}
}

// has reports whether h is a place in the chain.
func (v *verifier) has(h uplink.Head) bool {
	if h.Seq == uint64(v.report.Header.First)-1 {
		return h.Hash == v.report.Header.Prev
	}
	have, ok := v.hashes[h.Seq]
	return ok && have == h.Hash
}

// canonical reports whether b is a record, checkpoint or receipt as Writer writes it.
func canonical(b []byte) bool {
	var l line
	if json.Unmarshal(b, &l) != nil {
		return false
	}
	if l.Rec != nil && l.Hash != nil {
		return string(b) == fmt.Sprintf(recordLine, l.Seq, l.Boot, *l.Hash, l.Rec)
	}
	return spelt(b, l)
}

// spelt reports whether b is v as Writer writes it.
func spelt(b []byte, v any) bool {
	text, err := json.Marshal(v)
	return err == nil && bytes.Equal(text, b)
}
