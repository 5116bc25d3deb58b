package clock

import (
	"cmp"
	"slices"
	"time"
)

// Answer is one answer of a time server.
type Answer struct {
	Server string
	At     time.Duration // steady
	UTC    time.Time     // at At
	Error  time.Duration // half the way there and back, and what the server says of its own (RFC 5905 appendix A.5.5.2)
}

// Round is what came of asking all servers once.
type Round struct {
	Servers int // that were asked
	Answers []Answer
}

const (
	maxError  = time.Second            // what an answer may be off by itself; a way of 2 s is none to set a clock over
	maxSpread = 250 * time.Millisecond // within which answers agree
	alone     = 3                      // answers of the only server there is
)

// sane returns the answers of r that can be true, and counts the others.
func (c *Clock) sane(r Round) []Answer {
	var ok []Answer
	for _, a := range r.Answers {
		switch {
		case a.Error > maxError || a.Error < 0:
			c.stats.Vague++
		case a.UTC.Before(oldest) || a.UTC.Add(a.Error).Before(c.lowest(a.At)):
			c.stats.Early++
		case c.late(a.UTC):
			c.stats.Late++
		default:
			ok = append(ok, a)
		}
	}
	return ok
}

// votes returns one answer of each server, its best. The only server there is votes with each answer.
func votes(servers int, answers []Answer) []Answer {
	if servers == 1 {
		return answers
	}
	var out []Answer
	for _, a := range answers {
		i := slices.IndexFunc(out, func(o Answer) bool { return o.Server == a.Server })
		switch {
		case i < 0:
			out = append(out, a)
		case a.Error < out[i].Error:
			out[i] = a
		}
	}
	return out
}

// agree returns the best of the answers that more than half of those who voted agree on: two servers at least, or three
// answers of the only one. Its error is what they differ by, if that is more.
func agree(servers int, votes []Answer) (Answer, bool) {
	if len(votes) == 0 {
		return Answer{}, false
	}
	offset := func(a Answer) time.Duration { return a.UTC.Sub(oldest) - a.At }
	slices.SortStableFunc(votes, func(a, b Answer) int { return cmp.Compare(offset(a), offset(b)) })
	median := offset(votes[len(votes)/2])
	var best Answer
	var n int
	var spread time.Duration
	for _, v := range votes {
		d := (offset(v) - median).Abs()
		if d > maxSpread {
			continue
		}
		if n++; n == 1 || v.Error < best.Error {
			best = v
		}
		spread = max(spread, d)
	}
	need := 2
	if servers == 1 {
		need = alone
	}
	best.Error = max(best.Error, spread)
	return best, n >= need && 2*n > len(votes)
}
