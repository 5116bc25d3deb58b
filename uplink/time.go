package uplink

import "time"

// Quality says how far a record's UTC time can be trusted: none < floor < coarse < sync.
type Quality string

// The qualities, worst first.
const (
	QualityNone   Quality = "none"   // the clock was never set: Time is null
	QualityFloor  Quality = "floor"  // not earlier than this: build time or last saved time
	QualityCoarse Quality = "coarse" // set once, from a server that is not authenticated or long ago
	QualitySync   Quality = "sync"   // in step with a time server
)

// Rank orders qualities: 0 for none to 3 for sync, -1 for anything else.
func (q Quality) Rank() int {
	switch q {
	case QualityNone:
		return 0
	case QualityFloor:
		return 1
	case QualityCoarse:
		return 2
	case QualitySync:
		return 3
	}
	return -1
}

// Time is UTC in milliseconds since the Unix epoch. 0 means unknown and is null in JSON.
type Time int64

// TimeOf returns t as a Time; a time before or at the epoch is unknown.
func TimeOf(t time.Time) Time { return max(0, Time(t.UnixMilli())) }

// Time returns t as a time.Time in UTC, and the zero time.Time for unknown.
func (t Time) Time() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(t)).UTC()
}

// MarshalJSON writes milliseconds or null.
func (t Time) MarshalJSON() ([]byte, error) {
	if t == 0 {
		return []byte("null"), nil
	}
	return appendInt(nil, uint64(t)), nil
}

// UnmarshalJSON reads null or a whole number from 1 to MaxInt.
func (t *Time) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*t = 0
		return nil
	}
	n, err := parseInt(b)
	*t = Time(n)
	return err
}

// Stamp says when a record's fact held. Mono is what orders facts of one boot; records need not be in its order, since
// a session that silence ended is stamped with its end, not with the moment that was noticed.
type Stamp struct {
	Mono    Int     `json:"m"` // milliseconds since the box booted
	Time    Time    `json:"t"` // UTC, null where the clock was never set
	Quality Quality `json:"tq"`
}

func (s Stamp) stamp() Stamp { return s }

func (s Stamp) valid() bool {
	return s.Mono <= MaxInt && s.Time >= 0 && s.Time <= MaxInt && s.Quality.Rank() >= 0 &&
		(s.Time == 0) == (s.Quality == QualityNone)
}
