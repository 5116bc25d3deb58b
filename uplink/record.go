package uplink

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Body is the facts of one record, a pointer to one of the types named at the kinds.
type Body interface {
	Kind() Kind
	stamp() Stamp
	valid() error // nil, or what is wrong with the facts
}

// Record is one record before it has a place in a chain. Raw is what is hashed, stored and sent: one JSON object on one
// line, at most MaxBody octets. Kind, Station and Stamp are read from Raw, so they are always what it says.
type Record struct {
	Kind    Kind
	Station StationID // st, empty where the record is not about one station
	Stamp   Stamp
	Raw     []byte
}

// ErrRecord is wrapped by errors for a record that is well-formed JSON but breaks a rule of its kind.
var ErrRecord = errors.New("uplink: record")

// Encode writes b as a record: {"k":kind, …}. It returns an error that wraps ErrRecord if a fact is out of range.
func Encode(b Body) (Record, error) {
	if !b.stamp().valid() {
		return Record{}, fmt.Errorf("%w %s: stamp %+v", ErrRecord, b.Kind(), b.stamp())
	}
	if err := b.valid(); err != nil {
		return Record{}, fmt.Errorf("%w %s: %w", ErrRecord, b.Kind(), err)
	}
	facts, err := json.Marshal(b)
	if err != nil {
		return Record{}, fmt.Errorf("%w %s: %w", ErrRecord, b.Kind(), err)
	}
	raw := make([]byte, 0, len(facts)+16)
	raw = append(append(append(raw, `{"k":"`...), b.Kind()...), `",`...)
	return ParseRecord(append(raw, facts[1:]...))
}

// ParseRecord reads what every record has: k, m, t, tq and, if present, st. The facts of the kind are not looked at, so a
// kind that is not known passes. The Record keeps raw, which is not to be changed. Errors wrap ErrStrict or ErrRecord.
func ParseRecord(raw []byte) (Record, error) {
	var h struct {
		Kind    Kind      `json:"k"`
		Station StationID `json:"st"`
		Mono    *Int      `json:"m"`
		Time    Time      `json:"t"`
		Quality Quality   `json:"tq"`
	}
	if err := unmarshal(raw, MaxBody, &h); err != nil {
		return Record{}, err
	}
	if !h.Kind.Valid() || h.Mono == nil || (h.Station != "" && !h.Station.Valid()) {
		return Record{}, fmt.Errorf("%w: k %.20q, st %.20q, m %v", ErrRecord, h.Kind, h.Station, h.Mono != nil)
	}
	r := Record{Kind: h.Kind, Station: h.Station, Stamp: Stamp{*h.Mono, h.Time, h.Quality}, Raw: raw}
	if !r.Stamp.valid() {
		return Record{}, fmt.Errorf("%w %s: stamp %+v", ErrRecord, h.Kind, r.Stamp)
	}
	return r, nil
}

// ErrOpaque is returned by Record.Body for a kind without a type in this version.
var ErrOpaque = errors.New("uplink: kind has no type in this version")

// Body reads the facts of r. It returns ErrOpaque for a kind without a type, and an error that wraps ErrRecord for
// facts that are out of range: r is then still to be stored and receipted, since its hash is part of the chain.
func (r Record) Body() (Body, error) {
	i := r.Kind.row()
	if i < 0 || kinds[i].body == nil {
		return nil, ErrOpaque
	}
	b := kinds[i].body()
	if err := json.Unmarshal(r.Raw, b); err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrRecord, r.Kind, err)
	}
	if err := b.valid(); err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrRecord, r.Kind, err)
	}
	return b, nil
}
