package hours

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// MaxMaintenance is how many maintenances one month may have (rule R23).
const MaxMaintenance = 4

// maxLength bounds one maintenance.
const maxLength = 7 * 24 * time.Hour

// maxKept is how many maintenances are remembered.
const maxKept = 32

// ErrMaintenance is returned by Declare for what cannot be declared.
var ErrMaintenance = errors.New("hours: maintenance of no length or more than a week, or the fifth in a month")

// Maintenance is the declared maintenances of a site. The zero Maintenance has none.
type Maintenance struct{ spans []span }

type span struct {
	From int64 `json:"from"` // seconds since the Unix epoch
	To   int64 `json:"to"`
}

// Has reports whether the maintenance from one time to another was declared.
func (m *Maintenance) Has(from, to time.Time) bool {
	return slices.Contains(m.spans, span{from.Unix(), to.Unix()})
}

// Left returns how many more can be declared that begin in t's month.
func (m *Maintenance) Left(t time.Time) int {
	n := MaxMaintenance
	for _, o := range m.spans {
		if sameMonth(o.From, t.Unix()) {
			n--
		}
	}
	return max(0, n)
}

// Declare takes a maintenance from one time to another. The same one again changes nothing.
func (m *Maintenance) Declare(from, to time.Time) error {
	if m.Has(from, to) {
		return nil
	}
	s := span{from.Unix(), to.Unix()}
	if s.To <= s.From || to.Sub(from) > maxLength || m.Left(from) == 0 {
		return ErrMaintenance
	}
	m.spans = append(m.spans, s)
	m.spans = m.spans[max(0, len(m.spans)-maxKept):]
	return nil
}

func sameMonth(a, b int64) bool {
	y, m, _ := time.Unix(a, 0).In(Zone).Date()
	y2, m2, _ := time.Unix(b, 0).In(Zone).Date()
	return y == y2 && m == m2
}

// At reports whether t is in one of them.
func (m *Maintenance) At(t time.Time) bool {
	at := t.Unix()
	return slices.ContainsFunc(m.spans, func(s span) bool { return s.From <= at && at < s.To })
}

// MarshalJSON writes them as a list.
func (m Maintenance) MarshalJSON() ([]byte, error) {
	if m.spans == nil {
		return []byte("[]"), nil
	}
	return json.Marshal(m.spans)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Maintenance) UnmarshalJSON(b []byte) error {
	var spans []span
	if err := json.Unmarshal(b, &spans); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	if len(spans) > maxKept {
		return fmt.Errorf("%w: %d maintenances", ErrState, len(spans))
	}
	for _, s := range spans {
		if s.To <= s.From || s.To-s.From > int64(maxLength/time.Second) {
			return fmt.Errorf("%w: maintenance from %d to %d", ErrState, s.From, s.To)
		}
	}
	m.spans = spans
	return nil
}
