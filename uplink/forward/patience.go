package forward

import "time"

// maxPatience is the longest time between two hellos that nobody answers: a province that is down for a day costs a box
// 140 KB then, where one every answer would cost 8 MB.
const maxPatience = 5 * time.Minute

// patience spaces hellos on one connection: the first is repeated as soon as an answer is late, each further one after twice
// the time.
type patience struct {
	wait time.Duration
	next time.Time
}

// newPatience begins with a hello at now.
func newPatience(now time.Time) patience { return patience{answer, now.Add(answer)} }

// over reports whether it is time for another hello, and counts it.
func (p *patience) over(now time.Time) bool {
	if now.Before(p.next) {
		return false
	}
	p.wait = min(2*p.wait, maxPatience)
	p.next = now.Add(p.wait)
	return true
}
