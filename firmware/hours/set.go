package hours

import (
	"encoding/base64"
	"errors"
	"math/bits"
)

// set is a set of minutes of a night. It is a value: a copy is a set of its own.
type set [(day + 63) / 64]uint64

func (s *set) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s *set) has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }

func (s *set) len() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// and returns what is in both.
func (s *set) and(o *set) (both set) {
	for i := range s {
		both[i] = s[i] & o[i]
	}
	return both
}

// without returns what is in s and not in o.
func (s *set) without(o *set) (rest set) {
	for i := range s {
		rest[i] = s[i] &^ o[i]
	}
	return rest
}

// behind returns the minutes of s from n on.
func (s *set) behind(n int) (rest set) {
	rest = *s
	for i := range rest {
		switch low := n - 64*i; {
		case low >= 64:
			rest[i] = 0
		case low > 0:
			rest[i] &^= 1<<low - 1
		}
	}
	return rest
}

// ends returns the first and the last minute, ok false for an empty set.
func (s *set) ends() (first, last int, ok bool) {
	for i, w := range s {
		if w == 0 {
			continue
		}
		if !ok {
			first, ok = 64*i+bits.TrailingZeros64(w), true
		}
		last = 64*i + 63 - bits.LeadingZeros64(w)
	}
	return first, last, ok
}

// MarshalText writes the set's octets, the lowest minutes first and up to the last that has any, in base64 (RFC 4648 §5).
func (s set) MarshalText() ([]byte, error) {
	var b [8 * len(s)]byte
	n := 0
	for i := range b {
		if b[i] = byte(s[i/8] >> (i % 8 * 8)); b[i] != 0 {
			n = i + 1
		}
	}
	return base64.RawURLEncoding.AppendEncode(nil, b[:n]), nil
}

// UnmarshalText reads what MarshalText writes.
func (s *set) UnmarshalText(text []byte) error {
	*s = set{}
	b, err := base64.RawURLEncoding.DecodeString(string(text))
	if err != nil || len(b) > day/8 {
		return errors.New("hours: no set of minutes")
	}
	for i, c := range b {
		s[i/8] |= uint64(c) << (i % 8 * 8)
	}
	return nil
}

// run reports whether hits has n minutes in a row, where others that were seen end a row and those that were not are passed
// over, Patience of them at most.
func run(hits, seen *set, from, to, n int) bool {
	found, pause := 0, 0
	for i := from; i < to; i++ {
		switch {
		case hits.has(i):
			if pause > Patience {
				found = 0
			}
			pause = 0
			if found++; found == n {
				return true
			}
		case seen.has(i):
			found = 0
		default:
			pause++
		}
	}
	return false
}
