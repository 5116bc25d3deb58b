// Package hold is how a test says what must hold and what it measured, so that neither a person nor a program has to read
// it out of prose: the check of the test and the row of `make soak`'s table are one call.
package hold

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
)

// Attribute is the key under which a Figure is written, as JSON, into the test's attributes (testing.TB.Attr).
const Attribute = "cafeprobe-hold"

// Figure is one thing that must hold.
type Figure struct {
	What  string  `json:"what"` // in a few words: "spool after 30 days"
	Got   float64 `json:"got"`
	Sign  string  `json:"sign"` // how Got is to be to Limit: "<=", ">=" or "="
	Limit float64 `json:"limit"`
	Unit  string  `json:"unit"` // "MB", "records"
	OK    bool    `json:"ok"`
}

// number is what is measured.
type number interface {
	~int | ~int64 | ~uint64 | ~float64
}

// AtMost fails t unless got <= limit.
func AtMost[N number](t testing.TB, what string, got, limit N, unit string) {
	t.Helper()
	tell(t, Figure{what, float64(got), "<=", float64(limit), unit, got <= limit})
}

// AtLeast fails t unless got >= limit.
func AtLeast[N number](t testing.TB, what string, got, limit N, unit string) {
	t.Helper()
	tell(t, Figure{what, float64(got), ">=", float64(limit), unit, got >= limit})
}

// Equal fails t unless got is want.
func Equal[N number](t testing.TB, what string, got, want N, unit string) {
	t.Helper()
	tell(t, Figure{what, float64(got), "=", float64(want), unit, got == want})
}

func tell(t testing.TB, f Figure) {
	t.Helper()
	text, err := json.Marshal(f)
	if err != nil { // not a number, or infinite
		t.Errorf("%s: %v", f.What, err)
		return
	}
	t.Attr(Attribute, string(text))
	if !f.OK {
		t.Errorf("%s: got %s, must be %s", f.What, f.Measured(), f.Must())
	}
}

// Measured returns what was measured, for a person.
func (f Figure) Measured() string { return short(f.Got) + " " + f.Unit }

// Must returns the limit, for a person.
func (f Figure) Must() string { return f.Sign + " " + short(f.Limit) + " " + f.Unit }

// short writes whole numbers whole, and others with four digits.
func short(v float64) string {
	if v == float64(int64(v)) {
		return strconv.FormatInt(int64(v), 10)
	}
	return fmt.Sprintf("%.4g", v)
}
