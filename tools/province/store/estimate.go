package store

import (
	"cmp"
	"slices"

	"cafeprobe/uplink"
)

// Anchor is what an anchor record says: at Mono after the machine's boot UTC was Time, give or take Err, and had been put
// forward by Step since the last. All are milliseconds.
type Anchor struct {
	Boot                  uint64
	Mono, Time, Err, Step int64
}

// Estimate is UTC, give or take Err; milliseconds.
type Estimate struct{ Time, Err int64 }

// anchors are those of one boot of a machine, by Mono.
type anchors []Anchor

// newAnchors sorts list and puts right what its members say of their errors: an anchor behind which UTC was put forward or
// back was itself wrong by as much, whatever it said.
func newAnchors(list []Anchor) anchors {
	slices.SortFunc(list, func(a, b Anchor) int { return cmp.Compare(a.Mono, b.Mono) })
	var later int64
	for i := len(list) - 1; i >= 0; i-- {
		list[i].Err += later
		if s := max(list[i].Step, -list[i].Step); s > uplink.MinStep {
			later = min(later+s, uplink.MaxInt)
		}
	}
	return list
}

// at estimates when mono was, by the anchor that is the surest there. ok is false if there is none.
func (as anchors) at(mono int64) (e Estimate, ok bool) {
	for i, a := range as {
		err := a.Err + drift(mono-a.Mono)
		if i == 0 || err <= e.Err {
			e = Estimate{a.Time + mono - a.Mono, err}
		}
	}
	return e, len(as) > 0
}

// drift returns by how much m may be wrong over d milliseconds.
func drift(d int64) int64 { return int64(uplink.Drift*float64(max(d, -d))) + 1 }

// bracket is what bounds UTC at a boot's m = 0, where it has no anchors.
type bracket struct {
	lo, hi int64
	low    bool // lo is known
}

// at returns the middle of what is possible at mono.
func (b bracket) at(mono int64) (e Estimate, ok bool) {
	if !b.low {
		return e, false
	}
	if b.lo > b.hi { // the province's clock, or the box's floor, is wrong
		return Estimate{b.hi + mono, b.lo - b.hi + drift(mono)}, true
	}
	half := (b.hi - b.lo + 1) / 2
	return Estimate{b.lo + half + mono, half + drift(mono)}, true
}

// behind notes that UTC was t or later when the boot began.
func (b *bracket) behind(t int64) {
	if !b.low || t > b.lo {
		b.lo, b.low = t, true
	}
}
