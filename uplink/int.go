package uplink

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// Int is a whole number from 0 to MaxInt, written as plain digits. 1e3, 1.0 and -0, which some readers take for whole
// numbers and some do not, are refused.
type Int uint64

// MarshalJSON writes digits; a number above MaxInt is an error.
func (n Int) MarshalJSON() ([]byte, error) {
	if n > MaxInt {
		return nil, fmt.Errorf("uplink: %d is above %d", n, uint64(MaxInt))
	}
	return appendInt(nil, uint64(n)), nil
}

// UnmarshalJSON reads digits.
func (n *Int) UnmarshalJSON(b []byte) error {
	v, err := parseInt(b)
	*n = Int(v)
	return err
}

func appendInt(b []byte, n uint64) []byte { return strconv.AppendUint(b, n, 10) }

func parseInt(b []byte) (uint64, error) {
	n, err := strconv.ParseUint(string(b), 10, 64)
	if err != nil || n > MaxInt {
		return 0, fmt.Errorf("uplink: %.24q is not a whole number from 0 to %d", b, uint64(MaxInt))
	}
	return n, nil
}

// Delta is a whole number from -MaxInt to MaxInt, written as plain digits behind a minus where it is negative.
type Delta int64

// MarshalJSON writes digits.
func (d Delta) MarshalJSON() ([]byte, error) {
	if d > MaxInt || d < -MaxInt {
		return nil, fmt.Errorf("uplink: %d is beyond %d", d, uint64(MaxInt))
	}
	return strconv.AppendInt(nil, int64(d), 10), nil
}

// UnmarshalJSON reads digits; -0 is refused.
func (d *Delta) UnmarshalJSON(b []byte) error {
	digits, negative := bytes.CutPrefix(b, []byte("-"))
	n, err := parseInt(digits)
	if err != nil {
		return err
	}
	if *d = Delta(n); negative {
		if n == 0 {
			return errors.New("uplink: -0 is not a whole number here")
		}
		*d = -*d
	}
	return nil
}
