package main

import (
	"crypto/sha256"
	"errors"
	"time"

	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

// resume finds the place in a replay up to which the spool holds it already. A replay begins at the capture's first
// frame and tells, octet for octet, what it told before; what the spool has of that is want, one record behind the other.
//
// While nothing was deleted want is what the replay begins with, and the first record that differs is of another
// capture. Once the province has receipted the beginning and the spool has deleted it, the place is where all of want has
// been told in a row. Two records may have equal octets, so a single one proves nothing; a week of them stands once.
type resume struct {
	want   []sum
	prefix []int // prefix[i] is how many of want's first records end in want[i] (Knuth, Morris, Pratt 1977)
	begins bool  // want is what the replay begins with
	have   int   // how many of want's first records the replay's last ones are
	until  int64 // the time of the last of want, nanoseconds since the Unix epoch
}

type sum [sha256.Size]byte

// errOtherCapture is returned when a replay does not tell what the spool holds.
var errOtherCapture = errors.New("the spool holds a replay of another capture or configuration: " +
	"set \"dir\" to a new folder, or the capture and settings to what they were")

// newResume reads what earlier lives of the daemon told into sp. Where records were lost, only those behind the loss are
// wanted, if there are any: the replay tells again what the lost ones told.
func newResume(sp *spool.Spool) (*resume, error) {
	r := &resume{begins: sp.First() == 1}
	lost := false
	for next := sp.First(); next <= sp.Head().Seq; {
		rs, err := sp.Read(next, 1024, 1<<20)
		if err != nil {
			return nil, err
		}
		for _, s := range rs {
			lost = lost || s.Seq != next
			next = s.Seq + 1
			if !told(s.Kind) {
				continue
			}
			if lost {
				r.want, r.begins, lost = nil, false, false
			}
			r.want = append(r.want, sha256.Sum256(s.Raw))
			r.until = int64(s.Stamp.Time) * int64(time.Millisecond)
		}
	}
	r.prefix = make([]int, len(r.want))
	for i := 1; i < len(r.want); i++ {
		r.prefix[i] = r.follow(r.prefix[i-1], r.want[i])
	}
	return r, nil
}

// follow returns how many of want's first records a replay's last ones are when s follows n of them.
func (r *resume) follow(n int, s sum) int {
	for n > 0 && r.want[n] != s {
		n = r.prefix[n-1]
	}
	if r.want[n] == s {
		n++
	}
	return n
}

// known reports whether the spool holds the replay's next record. It returns errOtherCapture for one that cannot be the
// next.
func (r *resume) known(next uplink.Record) (bool, error) {
	if r.done() {
		return false, nil
	}
	s := sha256.Sum256(next.Raw)
	if r.begins && s != r.want[r.have] {
		return false, errOtherCapture
	}
	r.have = r.follow(r.have, s)
	return true, nil
}

// done reports whether all that the spool holds has been told: what comes now is new.
func (r *resume) done() bool { return r.have == len(r.want) }
