// Package proof writes and verifies the proof of a night: a page of paper (PDF) that says what a box's records say of the hours in which
// nobody may use a station, and has these records in it. Who holds the file can show it to anybody, and anybody can verify it without the
// box and without the province.
//
// Attached to the PDF are records.jsonl, an export (uplink/export) of the records that the night is worked out from with the box's signed
// checkpoint of their end and, if there is one, a receipt of the province; and statement.json, what firmware/ledger makes of them. Behind the
// PDF's %%EOF stands one comment:
//
//	%cafeprobe-proof 1 KEY SIGNATURE
//
// the box's Ed25519 key and its signature of a SHA-256 over a line of its own and all octets before the comment, in base64url.
package proof

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/ledger"
	"cafeprobe/uplink"
	"cafeprobe/uplink/checkpoint"
	"cafeprobe/uplink/export"
)

const (
	domain = "cafeprobe proof 1\n"
	prefix = "%cafeprobe-proof 1 "

	recordsName   = "records.jsonl"
	statementName = "statement.json"

	// MaxRecords bounds the records of a proof: a night of a hundred stations has some thousand.
	MaxRecords = 1 << 15
	maxOctets  = 16 << 20 // of a proof, and of an attachment
)

var b64 = base64.RawURLEncoding.Strict()

// Chain is where the records come from; *spool.Spool is one.
type Chain interface {
	Read(from uint64, records, octets int) ([]uplink.Stored, error)
	At(seq uint64) (h uplink.Head, ok bool)
}

// Source is what a proof is made of.
type Source struct {
	Address    uplink.Address
	Chain      uplink.ChainID
	Key        ed25519.PrivateKey // the box's
	ReceiptKey ed25519.PublicKey  // the province's
	Profile    hours.Profile      // that the night is judged by

	Records     Chain
	First, Last uint64 // the records that the night is worked out from: ledger.Records
	Boot        uint64 // in which the proof is written
	Now         uplink.Stamp
	Receipt     *uplink.Receipt // of a record from First to Last; nil for none
}

// ErrNone is wrapped by Write's errors for a night that nothing can be proved of: it is not over, or its records are not on the card.
var ErrNone = errors.New("no proof of this night")

// Write writes the proof of a night. Nothing is written if it returns an error that wraps ErrNone.
func Write(ctx context.Context, w io.Writer, s *Source, night hours.Date) error {
	if s.Now.Quality == uplink.QualityNone {
		return fmt.Errorf("%w: the box does not know what time it is", ErrNone)
	}
	rs, prev, err := s.read(ctx)
	if err != nil {
		return err
	}
	st, n := derive(s.header(prev), s.Profile, night, rs, s.Now.Time)
	if s.Receipt != nil {
		st.Records.Receipted = s.Receipt.Seq
	}
	switch n.Verdict {
	case ledger.NoNight, ledger.Pending:
		return fmt.Errorf("%w: verdict %s", ErrNone, n.Verdict)
	}
	records, err := s.export(prev, rs)
	if err != nil {
		return err
	}
	if c, err := export.Verify(bytes.NewReader(records)); err != nil || !c.Sound() {
		return fmt.Errorf("%w: records of it are lost", ErrNone)
	}
	statement, err := st.text()
	if err != nil {
		return err
	}
	pdf, err := draw(st, n, s.Key.Public().(ed25519.PublicKey), attached{records, statement})
	if err != nil {
		return err
	}
	if len(pdf) > maxOctets {
		return fmt.Errorf("%w: %d octets", ErrNone, len(pdf))
	}
	_, err = w.Write(append(pdf, seal(pdf, s.Key)...))
	return err
}

// read returns the records, and the head before them.
func (s *Source) read(ctx context.Context) (rs []uplink.Stored, prev uplink.Head, err error) {
	prev, ok, err := s.before()
	if err != nil {
		return nil, prev, err
	}
	if !ok || s.Last < s.First {
		return nil, prev, fmt.Errorf("%w: record %d is not on the card", ErrNone, s.First)
	}
	for from := s.First; from <= s.Last; from = rs[len(rs)-1].Seq + 1 {
		if ctx.Err() != nil {
			return nil, prev, ctx.Err()
		}
		more, err := s.Records.Read(from, 256, 256<<10)
		if err != nil {
			return nil, prev, err
		}
		for _, r := range more {
			if r.Seq <= s.Last {
				rs = append(rs, r)
			}
		}
		if len(more) == 0 || more[len(more)-1].Seq > s.Last {
			break
		}
		if len(rs) > MaxRecords {
			return nil, prev, fmt.Errorf("%w: more than %d records", ErrNone, MaxRecords)
		}
	}
	if len(rs) == 0 || rs[0].Seq != s.First {
		return nil, prev, fmt.Errorf("%w: record %d is not on the card", ErrNone, s.First)
	}
	return rs, prev, nil
}

// before returns the head before the first record: where that says that the numbers before it were lost or passed over, the one before
// these.
func (s *Source) before() (prev uplink.Head, ok bool, err error) {
	if s.First == 0 {
		return prev, false, nil
	}
	if prev, ok = s.Records.At(s.First - 1); ok {
		return prev, true, nil
	}
	rs, err := s.Records.Read(s.First, 1, uplink.MaxBody)
	if err != nil || len(rs) == 0 || rs[0].Seq != s.First {
		return prev, false, err
	}
	body, err := rs[0].Body()
	if g, is := body.(*uplink.Gap); err == nil && is && g.From > 0 && uint64(g.To) == s.First-1 {
		prev, ok = s.Records.At(uint64(g.From) - 1)
	}
	return prev, ok, nil
}

func (s *Source) header(prev uplink.Head) export.Header {
	h := export.Header{Province: s.Address.Province, Box: s.Address.Box, Chain: s.Chain, First: uplink.Int(prev.Seq + 1), Prev: prev.Hash}
	copy(h.Key[:], s.Key.Public().(ed25519.PublicKey))
	copy(h.ReceiptKey[:], s.ReceiptKey)
	return h
}

// export returns the records as a file.
func (s *Source) export(prev uplink.Head, rs []uplink.Stored) ([]byte, error) {
	var b bytes.Buffer
	out, err := export.NewWriter(&b, s.header(prev))
	if err != nil {
		return nil, err
	}
	for _, r := range rs {
		if err := out.Record(r); err != nil {
			return nil, err
		}
	}
	last := rs[len(rs)-1]
	note, err := checkpoint.Sign(checkpoint.Checkpoint{
		Address: s.Address, Chain: s.Chain, Head: uplink.Head{Seq: last.Seq, Hash: last.Hash}, Boot: s.Boot, Stamp: s.Now,
	}, s.Key)
	if err == nil {
		err = out.Note(note)
	}
	if err == nil && s.Receipt != nil {
		err = out.Receipt(*s.Receipt)
	}
	if err == nil {
		err = out.Flush()
	}
	return b.Bytes(), err
}

// seal returns the comment behind a PDF.
func seal(pdf []byte, key ed25519.PrivateKey) []byte {
	sum := sum(pdf)
	return fmt.Appendf(nil, "%s%s %s\n", prefix, b64.EncodeToString(key.Public().(ed25519.PublicKey)), b64.EncodeToString(ed25519.Sign(key, sum)))
}

func sum(pdf []byte) []byte {
	h := sha256.New()
	h.Write([]byte(domain))
	h.Write(pdf)
	return h.Sum(nil)
}

// Statement is what the records say of a night: statement.json. Times are of UTC, in milliseconds.
type Statement struct {
	Proof    int             `json:"proof"` // version: 1
	Province uplink.Province `json:"province"`
	Box      uplink.BoxID    `json:"box"`
	Chain    uplink.ChainID  `json:"ch"`

	Night    string      `json:"night"` // the day, UTC+7, on which its hours began
	Category string      `json:"cat"`
	Hours    string      `json:"hours"` // those, UTC+7
	Grace    int         `json:"grace"` // minutes
	From     uplink.Time `json:"from"`
	To       uplink.Time `json:"to"`
	AsOf     uplink.Time `json:"as_of"` // when the box signed
	Verdict  string      `json:"verdict"`

	Minutes struct {
		Seen    int `json:"seen"`
		Off     int `json:"off"`
		Blind   int `json:"blind"`
		Lost    int `json:"lost"`
		Unknown int `json:"unknown"`
		Unsure  int `json:"unsure"` // of them, those whose time may be wrong
		Hiding  int `json:"hiding"` // of them, those in which some stations were not seen
	} `json:"minutes"`
	InUse int         `json:"in_use"` // station-minutes
	Peak  int         `json:"peak"`
	First uplink.Time `json:"first"` // minute in use; null: there was none
	Last  uplink.Time `json:"last"`

	Off         []Span        `json:"off"`
	Blind       []Span        `json:"blind"`
	Lost        []Span        `json:"lost"`
	Alerts      []Alert       `json:"alerts"`
	Maintenance []Maintenance `json:"maint"`

	Records struct {
		First uplink.Int  `json:"first"`
		Last  uplink.Int  `json:"last"`
		Hash  uplink.Hash `json:"hash"` // of the last

		Receipted uplink.Int `json:"receipted"` // the province signed that it holds those up to here; 0: no receipt is inside
	} `json:"records"`
}

// Span is a time with a reason.
type Span struct {
	From uplink.Time `json:"from"`
	To   uplink.Time `json:"to"`
	Why  string      `json:"why,omitempty"`
}

// Alert is what was told of the night.
type Alert struct {
	Seq      uplink.Int `json:"seq"`
	Stage    string     `json:"stage"`
	Peak     uplink.Int `json:"peak"`
	Minutes  uplink.Int `json:"min"`
	Disputes int        `json:"disputes"`
}

// Maintenance is work that was announced.
type Maintenance struct {
	From uplink.Time `json:"from"`
	To   uplink.Time `json:"to"`
	By   string      `json:"by"`
}

// text returns the statement as a file.
func (s *Statement) text() ([]byte, error) {
	b, err := json.MarshalIndent(s, "", " ")
	return append(b, '\n'), err
}

// derive works a night out from its records alone, as it was known when the box signed.
func derive(h export.Header, p hours.Profile, night hours.Date, rs []uplink.Stored, asOf uplink.Time) (*Statement, *ledger.Night) {
	l := ledger.New(p)
	for _, r := range rs {
		l.Take(r)
	}
	n := l.Night(night, asOf.Time())
	last := rs[len(rs)-1]
	s := &Statement{
		Proof: 1, Province: h.Province, Box: h.Box, Chain: h.Chain, Night: night.String(), Category: string(p.Category), Hours: p.Window.String(),
		Grace: p.Grace, From: uplink.TimeOf(n.From), To: uplink.TimeOf(n.To), AsOf: asOf, Verdict: n.Verdict.String(),
		InUse: n.Figures.InUse, Peak: n.Figures.Peak, First: timeOf(n.Figures.First), Last: timeOf(n.Figures.Last),
		Off: spans(n.Off), Blind: spans(n.Blind), Lost: spans(n.Gaps), Alerts: []Alert{}, Maintenance: []Maintenance{},
	}
	f := &n.Figures
	s.Minutes.Seen, s.Minutes.Off, s.Minutes.Blind, s.Minutes.Lost = f.Seen, f.Off, f.Blind, f.Gap
	s.Minutes.Unknown, s.Minutes.Unsure, s.Minutes.Hiding = f.Unknown, f.Unsure, f.Hiding
	for i := range n.Alerts {
		a := &n.Alerts[i]
		s.Alerts = append(s.Alerts, Alert{uplink.Int(a.Seq), a.Stage, a.Peak, a.Minutes, len(a.Disputes)})
	}
	for _, m := range n.Maintenance {
		s.Maintenance = append(s.Maintenance, Maintenance{uplink.TimeOf(m.From), uplink.TimeOf(m.To), m.By})
	}
	s.Records.First, s.Records.Last, s.Records.Hash = uplink.Int(rs[0].Seq), uplink.Int(last.Seq), last.Hash
	return s, &n
}

func timeOf(t time.Time) uplink.Time {
	if t.IsZero() {
		return 0
	}
	return uplink.TimeOf(t)
}

func spans(list []ledger.Span) []Span {
	out := []Span{}
	for _, x := range list {
		out = append(out, Span{uplink.TimeOf(x.From), uplink.TimeOf(x.To), x.Why})
	}
	return out
}
