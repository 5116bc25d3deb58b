package export

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"cafeprobe/uplink"
	"cafeprobe/uplink/checkpoint"
)

// Finding is one thing that is wrong with a chain.
type Finding struct {
	What     What   `json:"what"`
	From, To uint64 // the sequence numbers that it is about, both included
	Line     int    `json:"line,omitempty"` // of the file, where it is about one
	Text     string `json:"text"`           // for a person
}

// What says what is wrong.
type What string

// What can be wrong.
const (
	Missing   What = "missing"   // numbers without a record
	Altered   What = "altered"   // a record, its boot or its hash is not what the chain is over
	Doubled   What = "doubled"   // the same record twice
	Reordered What = "reordered" // a record stands behind one with a larger number
	Forked    What = "forked"    // another record with the same number
	Truncated What = "truncated" // a signed checkpoint or receipt reaches further than the records
	Rewritten What = "rewritten" // all hashes fit, but not what the box or the province signed
	Foreign   What = "foreign"   // a checkpoint or receipt whose signature, box or chain is another
	Unread    What = "unread"    // a line that cannot be read
	Declared  What = "declared"  // no fault: records that the box itself says are lost
)

// Report is what Verify found.
type Report struct {
	Header      Header
	Records     int // that link
	Last        uint64
	Checkpoints int // that verify and agree
	Receipts    int
	Signed      uint64 // every record up to here is under a signature of the box
	Receipted   uint64 // and up to here under one of the province
	Findings    []Finding
}

// Sound reports whether nothing is wrong. What the box declared lost is not wrong.
func (r *Report) Sound() bool {
	return !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.What != Declared })
}

// ErrExport is wrapped by Verify's error for a file that is no export at all.
var ErrExport = errors.New("not an export")

// maxFindings bounds a report; a file of noise ends in a full one.
const maxFindings = 1000

// Verify reads an export and checks everything that can be checked without the province. What is wrong with the chain is
// in the report; the error is for a file that cannot be read or is none.
func Verify(in io.Reader) (*Report, error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 4<<10), MaxLine)
	v := &verifier{hashes: map[uint64]uplink.Hash{}}
	if !lines.Scan() {
		return nil, errors.Join(fmt.Errorf("%w: it is empty", ErrExport), lines.Err())
	}
	if err := v.header(lines.Bytes()); err != nil {
		return nil, err
	}
	for v.at = 2; lines.Scan(); v.at++ {
		v.line(slices.Clone(lines.Bytes()))
	}
	v.end()
	if err := lines.Err(); err != nil {
		return &v.report, fmt.Errorf("read line %d: %w", v.at, err)
	}
	return &v.report, nil
}

type verifier struct {
	report Report
	at     int // line

	// The head may be told in two ways, when a record was altered or its hash was: by what the line says, and by what the
	// octets give. The next record shows which of the two the box meant.
	said, made uplink.Head

	hashes  map[uint64]uplink.Hash // of each record seen, as its line says
	missing []span                 // numbers passed over, ascending
	notes   []signed
}

// signed is a place in the chain that somebody has signed.
type signed struct {
	head uplink.Head
	line int
	by   string // box, province
}

// span is a run of numbers, both included.
type span struct{ from, to uint64 }

func (v *verifier) find(f Finding) {
	if len(v.report.Findings) < maxFindings {
		v.report.Findings = append(v.report.Findings, f)
	}
}

func (v *verifier) header(b []byte) error {
	if err := json.Unmarshal(b, &v.report.Header); err != nil {
		return fmt.Errorf("%w: line 1: %w", ErrExport, err)
	}
	h := &v.report.Header
	if err := h.valid(); err != nil {
		return fmt.Errorf("%w: line 1: %w", ErrExport, err)
	}
	v.said = uplink.Head{Seq: uint64(h.First) - 1, Hash: h.Prev}
	if genesis := uplink.Genesis(h.Chain, KeyOf(h.Key)); h.First == 1 && h.Prev != genesis {
		v.find(Finding{What: Altered, Line: 1, Text: "the chain does not start with the hash that its name and key give"})
		v.said.Hash = genesis
	}
	v.made = v.said
	return nil
}

func (v *verifier) line(b []byte) {
	var l line
	if err := json.Unmarshal(b, &l); err != nil {
		v.find(Finding{What: Unread, From: v.said.Seq, To: v.said.Seq, Line: v.at, Text: fmt.Sprintf("line %d cannot be read: %v", v.at, err)})
		return
	}
	switch {
	case l.Note != "":
		v.note(l.Note)
	case l.Receipt != nil:
		v.receipt(l.Receipt)
	case l.Hash != nil && l.Seq > 0:
		v.record(l)
	default:
		v.find(Finding{What: Unread, From: v.said.Seq, To: v.said.Seq, Line: v.at, Text: fmt.Sprintf("line %d is no record, checkpoint or receipt", v.at)})
	}
}

func (v *verifier) note(text string) {
	c, err := checkpoint.Open(text, v.report.Header.Address(), KeyOf(v.report.Header.Key))
	if err == nil && c.Chain != v.report.Header.Chain {
		err = fmt.Errorf("it is of chain %s", c.Chain)
	}
	if err != nil {
		v.find(Finding{What: Foreign, From: c.Head.Seq, To: c.Head.Seq, Line: v.at, Text: fmt.Sprintf("line %d: %v", v.at, err)})
		return
	}
	v.notes = append(v.notes, signed{c.Head, v.at, "box"})
}

func (v *verifier) receipt(r *uplink.Receipt) {
	h := &v.report.Header
	err := r.Verify(KeyOf(h.ReceiptKey), h.Address())
	if err == nil && r.V != uplink.Version { // which no signature is over
		err = fmt.Errorf("it is of version %d", r.V)
	}
	if err == nil && r.Chain != h.Chain {
		err = fmt.Errorf("it is of chain %s", r.Chain)
	}
	if err != nil {
		v.find(Finding{What: Foreign, From: uint64(r.Seq), To: uint64(r.Seq), Line: v.at, Text: fmt.Sprintf("line %d: receipt: %v", v.at, err)})
		return
	}
	v.notes = append(v.notes, signed{r.Head(), v.at, "province"})
}

func (v *verifier) record(l line) {
	seq := uint64(l.Seq)
	r, err := uplink.ParseRecord(l.Rec)
	if err != nil {
		v.find(Finding{What: Altered, From: seq, To: seq, Line: v.at, Text: fmt.Sprintf("record %d cannot be read: %v", seq, err)})
		v.hashes[seq] = *l.Hash
		v.said, v.made = uplink.Head{Seq: seq, Hash: *l.Hash}, uplink.Head{Seq: seq, Hash: *l.Hash}
		return
	}
	if seq <= v.said.Seq {
		v.late(seq, *l.Hash)
		return
	}
	v.next(uplink.Stored{Record: r, Seq: seq, Boot: uint64(l.Boot), Hash: *l.Hash})
}

// late takes a record whose number is not above the last.
func (v *verifier) late(seq uint64, hash uplink.Hash) {
	have, seen := v.hashes[seq]
	f := Finding{From: seq, To: seq, Line: v.at}
	switch {
	case v.fill(seq):
		v.hashes[seq] = hash
		f.What, f.Text = Reordered, fmt.Sprintf("record %d stands behind record %d", seq, v.said.Seq)
	case seen && have == hash:
		f.What, f.Text = Doubled, fmt.Sprintf("record %d is there twice", seq)
	default:
		f.What, f.Text = Forked, fmt.Sprintf("record %d is there twice, with different hashes: the chain has two branches", seq)
		if n := len(v.report.Findings); n > 0 && v.report.Findings[n-1].What == Forked && v.report.Findings[n-1].To == seq-1 {
			v.report.Findings[n-1].To = seq
			return
		}
	}
	v.find(f)
}

// next takes a record whose number is above the last.
func (v *verifier) next(r uplink.Stored) {
	from := v.said.Over(r.Seq, r.Record)
	if from != v.said {
		text := "records %d to %d are lost, as the box itself says in record %d"
		if b, err := r.Body(); err == nil && b.(*uplink.Gap).Passed() {
			text = "numbers %d to %d were passed over after a power cut, as the box itself says in record %d"
		}
		v.find(Finding{What: Declared, From: v.said.Seq + 1, To: from.Seq, Line: v.at, Text: fmt.Sprintf(text, v.said.Seq+1, from.Seq, r.Seq)})
		v.made = v.made.Over(r.Seq, r.Record)
	}
	v.hashes[r.Seq] = r.Hash
	if r.Seq > from.Seq+1 {
		v.missing = append(v.missing, span{from.Seq + 1, r.Seq - 1})
		v.said, v.made = uplink.Head{Seq: r.Seq, Hash: r.Hash}, uplink.Head{Seq: r.Seq, Hash: r.Hash}
		return
	}
	a, b := from.Next(r.Boot, r.Record), v.made.Next(r.Boot, r.Record)
	switch {
	case a.Hash == r.Hash:
		v.report.Records++
		v.said, v.made = a, a
	case b.Hash == r.Hash: // the line of the record before this one had another hash than its octets give
		v.report.Records++
		v.said, v.made = b, b
	default:
		v.find(Finding{What: Altered, From: r.Seq, To: r.Seq, Line: v.at, Text: fmt.Sprintf(
			"record %d is not what its hash is over: the record, its boot counter or its hash was changed", r.Seq)})
		v.said, v.made = uplink.Head{Seq: r.Seq, Hash: r.Hash}, a
	}
}

// fill takes seq out of the numbers that are missing, and reports whether it was one.
func (v *verifier) fill(seq uint64) bool {
	i, ok := slices.BinarySearchFunc(v.missing, seq, func(s span, n uint64) int {
		switch {
		case s.to < n:
			return -1
		case s.from > n:
			return 1
		}
		return 0
	})
	if !ok {
		return false
	}
	s := v.missing[i]
	var rest []span
	if s.from < seq {
		rest = append(rest, span{s.from, seq - 1})
	}
	if seq < s.to {
		rest = append(rest, span{seq + 1, s.to})
	}
	v.missing = slices.Replace(v.missing, i, i+1, rest...)
	return true
}

// end draws the conclusions that need all lines.
func (v *verifier) end() {
	v.report.Last = v.said.Seq
	for _, s := range v.missing {
		v.find(Finding{What: Missing, From: s.from, To: s.to, Text: fmt.Sprintf("records %d to %d are missing", s.from, s.to)})
	}
	slices.SortStableFunc(v.notes, func(a, b signed) int { return cmp.Compare(a.head.Seq, b.head.Seq) })
	good, cut := v.said.Seq, uint64(0)
	if len(v.notes) > 0 {
		good = uint64(v.report.Header.First) - 1
	}
	for _, s := range v.notes {
		switch have, ok := v.hashes[s.head.Seq]; {
		case ok && have == s.head.Hash || s.head == (uplink.Head{Seq: uint64(v.report.Header.First) - 1, Hash: v.report.Header.Prev}):
			good = s.head.Seq
			v.agrees(s)
		case ok:
			v.find(Finding{What: Rewritten, From: good + 1, To: s.head.Seq, Line: s.line, Text: fmt.Sprintf(
				"records %d to %d are not those that the %s signed: at least one of them was changed, and the hashes with it", good+1, s.head.Seq, s.by)})
		case s.head.Seq > v.said.Seq:
			cut = max(cut, s.head.Seq)
		}
	}
	if cut > 0 {
		v.find(Finding{What: Truncated, From: v.said.Seq + 1, To: cut, Text: fmt.Sprintf(
			"the chain ends at record %d, but record %d was signed: the tail is cut off", v.said.Seq, cut)})
	}
}

func (v *verifier) agrees(s signed) {
	if s.by == "box" {
		v.report.Checkpoints++
		v.report.Signed = max(v.report.Signed, s.head.Seq)
		return
	}
	v.report.Receipts++
	v.report.Receipted = max(v.report.Receipted, s.head.Seq)
}
