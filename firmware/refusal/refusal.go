// Package refusal turns what the box refuses into security records, few enough that a flood cannot fill the card.
package refusal

import (
	"cmp"
	"slices"
	"time"

	"cafeprobe/uplink"
)

const (
	period   = time.Minute // at most one record of a kind in it
	maxKinds = 64          // of refusals told apart; what is beyond counts under the last
)

// Counter counts refusals. Use New. It is not safe for concurrent use.
type Counter struct {
	kinds map[kind]*count
}

type kind struct{ what, from string }

type count struct {
	n    uplink.Int // since the last record
	told time.Duration
	ever bool // there was a record
}

// New returns a Counter that has seen nothing.
func New() *Counter { return &Counter{kinds: map[kind]*count{}} }

// Note counts one refusal: what is one of uplink's Security words, from where it came in.
func (c *Counter) Note(what, from string) { c.Add(what, from, 1) }

// Add counts so many refusals at once, of which there may be none.
func (c *Counter) Add(what, from string, refusals uint64) {
	if refusals == 0 {
		return
	}
	k := kind{what, from}
	n := c.kinds[k]
	if n == nil && len(c.kinds) >= maxKinds {
		k = kind{uplink.SecurityFlood, "other"}
		n = c.kinds[k]
	}
	if n == nil {
		n = &count{}
		c.kinds[k] = n
	}
	n.n += uplink.Int(refusals)
}

// Rest returns the records of all that was counted and not told, whenever the last was: the box is about to stop.
func (c *Counter) Rest() []uplink.Security { return c.due(func(*count) bool { return true }) }

// Due returns the records to be written at now, a time on any steady scale: of each kind that was counted one, unless there
// was one within the last minute. They have no stamp yet.
func (c *Counter) Due(now time.Duration) []uplink.Security {
	return c.due(func(n *count) bool {
		if n.ever && now-n.told < period {
			return false
		}
		n.told, n.ever = now, true
		return true
	})
}

func (c *Counter) due(tell func(n *count) bool) (due []uplink.Security) {
	for k, n := range c.kinds {
		if n.n == 0 || !tell(n) {
			continue
		}
		due = append(due, uplink.Security{What: k.what, Count: n.n, Topic: k.from})
		n.n = 0
	}
	slices.SortFunc(due, func(a, b uplink.Security) int {
		return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.Topic, b.Topic))
	})
	return due
}
