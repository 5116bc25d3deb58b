// Package live tells from what the store holds whether a café is open now. It is pure: a box's row and the time go in.
//
// What is not known is never shown as open or as closed. Liveness is when messages arrive at the province, never what a
// record says about its own time: a capture that is replayed, or a box with a wrong clock, is heard now all the same.
package live

import (
	"time"

	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
)

// Status is the answer to "is it open?".
type Status string

// The answers, in the order in which a person wants to see them counted.
const (
	Open    Status = "open"    // at least one station is on
	Closed  Status = "closed"  // none is on, and the box is where it would see one
	Unknown Status = "unknown" // the box is heard but cannot say
	Blind   Status = "blind"   // the box says that it sees nothing
	Offline Status = "offline" // the box is not heard
)

// Statuses returns all of them in that order.
func Statuses() []Status { return []Status{Open, Closed, Unknown, Blind, Offline} }

// Silence is for how long a box may be silent before it counts as offline (rule R11), and how old an occupancy may be
// before it no longer tells of now. A box sends one every five minutes.
const Silence = 15 * time.Minute

// Cafe is what can be said of one café now.
type Cafe struct {
	Status  Status
	Known   bool   // On, Use and Unknown are of now
	On      uint64 // stations on
	Use     uint64 // of those, in use
	InUse   bool   // Use can be believed: a plain port of a switch does not show use
	Unsaid  uint64 // stations of which nothing can be said
	Vantage string // where the box is plugged in: A is best; "" if it never said
	Told    time.Time
	Clock   uplink.Quality // how far Told can be trusted
}

// Of returns what b says of its café at now.
func Of(b store.Box, now time.Time) Cafe {
	c := Cafe{Status: Unknown}
	o, err := uplink.Parse[uplink.Occ](b.Occ)
	if err == nil {
		c.Vantage, c.Told, c.Clock = o.Vantage, o.Time.Time(), o.Quality
		c.On, c.Use, c.Unsaid = uint64(o.On), uint64(o.Use), uint64(o.Unknown)
		c.Known = now.Sub(b.OccAt) < Silence
		c.InUse = sees(o.Vantage) || o.Use > 0
	}
	switch {
	case b.LastHeard.IsZero() || now.Sub(b.LastHeard) >= Silence || b.Down:
		c.Status, c.Known = Offline, false
	case b.Blind:
		c.Status, c.Known = Blind, false
	case !c.Known:
	case c.On > 0:
		c.Status = Open
	case c.Vantage == "BLIND":
		c.Status, c.Known = Blind, false
	case sees(c.Vantage) && c.Unsaid == 0:
		c.Status = Closed
	}
	return c
}

// sees reports whether a box plugged in there sees every station that is on: only a mirror shows their traffic. On a
// plain port, silence is no proof.
func sees(vantage string) bool { return vantage == "A" || vantage == "A+" }

// MaxClockError is what a record's time may be wrong by to count as evidence (rule R12).
const MaxClockError = time.Minute

// Uncertain reports whether a record's time is to be shown as "giờ chưa chắc chắn" and kept out of an evidence pack (rule
// R12): it may be wrong by more than a minute, or nobody can say by how much.
func Uncertain(w store.When) bool { return !w.Known || w.Error > MaxClockError }
