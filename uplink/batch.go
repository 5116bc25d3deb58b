package uplink

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Batch is the message on topic up/rec: consecutive records of one boot. Record i has sequence number From+i.
type Batch struct {
	Box   BoxID
	Chain ChainID
	Boot  uint64
	From  uint64
	Prev  Hash     // the head before the first record
	Head  Hash     // the head behind the last
	Recs  []Record // 1 to MaxRecords
}

// To returns the sequence number of the last record.
func (b *Batch) To() uint64 { return b.From + uint64(len(b.Recs)) - 1 }

// Start returns the head before the first record, as the batch claims it.
func (b *Batch) Start() Head { return Head{b.From - 1, b.Prev} }

// End returns the head behind the last record, as the batch claims it; see Verify.
func (b *Batch) End() Head { return Head{b.To(), b.Head} }

// ErrMessage is wrapped by errors for a message that is well-formed JSON but breaks a rule of its topic.
var ErrMessage = errors.New("uplink: message")

// wireBatch is Batch on the wire, in the order of the documents. Version 0 is a field that is missing.
type wireBatch struct {
	V     Int               `json:"v"`
	Box   BoxID             `json:"box"`
	Chain ChainID           `json:"ch"`
	Boot  Int               `json:"boot"`
	From  Int               `json:"from"`
	To    Int               `json:"to"`
	Prev  *Hash             `json:"prev"`
	Head  *Hash             `json:"head"`
	Recs  []json.RawMessage `json:"recs"`
}

// BatchOverhead bounds the octets of an encoded batch besides its records and the commas between them.
const BatchOverhead = 320

// Append appends b, encoded, to dst. It is written by hand because json.Marshal would re-encode the records, whose octets
// are what was hashed. The error wraps ErrMessage.
func (b *Batch) Append(dst []byte) ([]byte, error) {
	if err := b.valid(); err != nil {
		return dst, err
	}
	start := len(dst)
	dst = fmt.Appendf(dst, `{"v":%d,"box":"%s","ch":"%s","boot":%d,"from":%d,"to":%d,"prev":"%s","head":"%s","recs":[`,
		Version, b.Box, b.Chain, b.Boot, b.From, b.To(), b.Prev, b.Head)
	for i, r := range b.Recs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, r.Raw...)
	}
	dst = append(dst, "]}"...)
	if n := len(dst) - start; n > MaxMessage {
		return dst[:start], fmt.Errorf("%w: batch of %d octets, at most %d", ErrMessage, n, MaxMessage)
	}
	return dst, nil
}

// ParseBatch reads an up/rec payload of at most MaxMessage octets. The records keep b, which is not to be changed. It
// looks at form only: the caller compares Box with the topic and Start with what it has stored, and calls Verify. Errors
// wrap ErrStrict, ErrRecord or ErrMessage.
func ParseBatch(b []byte) (*Batch, error) {
	var w wireBatch
	if err := unmarshal(b, MaxMessage, &w); err != nil {
		return nil, err
	}
	if err := version(w.V); err != nil {
		return nil, err
	}
	if w.Prev == nil || w.Head == nil || len(w.Recs) > MaxRecords {
		return nil, fmt.Errorf("%w: batch without prev or head, or %d records", ErrMessage, len(w.Recs))
	}
	p := &Batch{w.Box, w.Chain, uint64(w.Boot), uint64(w.From), *w.Prev, *w.Head, make([]Record, len(w.Recs))}
	for i, raw := range w.Recs {
		r, err := ParseRecord(raw)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", p.From+uint64(i), err)
		}
		p.Recs[i] = r
	}
	if err := p.valid(); err != nil {
		return nil, err
	}
	if uint64(w.To) != p.To() {
		return nil, fmt.Errorf("%w: from %d to %d with %d records", ErrMessage, w.From, w.To, len(w.Recs))
	}
	return p, nil
}

func (b *Batch) valid() error {
	if !b.Box.Valid() || !b.Chain.Valid() {
		return fmt.Errorf("%w: box %.20q, ch %.30q", ErrMessage, b.Box, b.Chain)
	}
	if b.From == 0 || len(b.Recs) == 0 || len(b.Recs) > MaxRecords || b.To() > MaxInt || b.Boot > MaxInt {
		return fmt.Errorf("%w: boot %d, from %d, %d records", ErrMessage, b.Boot, b.From, len(b.Recs))
	}
	return nil
}

// Verify checks that the records lead from Prev to Head and returns them with their hashes. An error wraps ErrBreak: some
// record of the batch, or prev or head, is not what the box sent; which of them, the batch alone cannot say.
func (b *Batch) Verify() ([]Stored, error) {
	rs := make([]Stored, len(b.Recs))
	h := b.Start()
	for i, r := range b.Recs {
		h = h.Next(b.Boot, r)
		rs[i] = Stored{r, h.Seq, b.Boot, h.Hash}
	}
	if h.Hash != b.Head {
		return nil, fmt.Errorf("records %d to %d lead to %v, want %v: %w", b.From, b.To(), h.Hash, b.Head, ErrBreak)
	}
	return rs, nil
}

func version(v Int) error {
	if v != Version {
		return fmt.Errorf("%w: version %d, want %d", ErrMessage, v, Version)
	}
	return nil
}
