// Package ledger reads the records of a chain as days: in which minutes of a day the box saw, how many stations were on and in
// use in them, and what was told of the night. The owner's page shows it, the proof of a night is made of it, and who
// verifies the proof works it out anew.
//
// It is pure, and depends on nothing but the records, the profile and the time that it is asked at. It claims what the records
// say and no more: a minute of which they say nothing is Unknown, not empty.
package ledger

import (
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
)

// Settle is by how much a minute has to be over before silence about it means that nothing happened: sessions of use are told
// a quarter of an hour late (state.Lag), and wait for a commit.
const Settle = 30 * time.Minute

// Bounds.
const (
	MaxDays     = 36   // remembered, the newest
	MaxStations = 2048 // told apart
	MaxOpen     = 1024 // sessions that are open at once
	maxWait     = 512  // records that wait until their time is known
	maxNotes    = 64   // of each kind: what was lost, forks
	maxNight    = 8    // after-hours records of a night; there are three at most
	maxDisputes = 4    // of a night
	maxMaint    = 64   // maintenances
	maxWords    = 255  // reasons told apart
)

// Ledger holds the days of one chain. Use New. It is not safe for concurrent use.
type Ledger struct {
	profile hours.Profile

	seq, boot uint64
	placed    uint64 // number of the last record that was placed
	begun     bool
	holed     int64 // from here on records are missing, milliseconds; 0: none are
	epoch     int64 // UTC at m = 0 of this boot of the machine, milliseconds
	timed     bool  // epoch is known
	wait      []uplink.Stored

	run    run
	roles  uint64 // the number of the newest roster's first record
	ranges map[hours.Date]*span
	ended  run // the run before, until its Off says whether it said goodbye

	days     map[hours.Date]*day
	stations map[uplink.StationID]*station
	open     int // sessions
	nights   map[hours.Date][]Alert
	maint    []Maintenance
	lost     []Lost
	forks    []Fork
	words    []string

	counts Counts
}

// Counts says what of the chain is not in the days.
type Counts struct {
	Records  uint64 // taken
	Passed   uint64 // could not be read, were behind their place, or had no room
	Untimed  uint64 // have no time: the clock was not set in their boot of the machine
	Sessions uint64 // that ended
}

// New returns an empty ledger of a site that is judged by p; the zero Profile has no nights.
func New(p hours.Profile) *Ledger {
	return &Ledger{
		profile: p, days: map[hours.Date]*day{}, stations: map[uplink.StationID]*station{}, nights: map[hours.Date][]Alert{},
		ranges: map[hours.Date]*span{}, words: []string{""},
	}
}

// Counts returns what was counted.
func (l *Ledger) Counts() Counts { return l.counts }

// Take takes the next record of the chain, in the order of the numbers. What cannot be read is passed over and counted. It
// keeps r.Raw until the time of r is known, which is not to be changed.
func (l *Ledger) Take(r uplink.Stored) {
	if r.Seq <= l.seq {
		l.counts.Passed++
		return
	}
	l.counts.Records++
	body, err := r.Body()
	if err != nil {
		body = nil // still a sign of life
		if r.Kind.Known() {
			l.counts.Passed++
		}
	}
	if l.begun && r.Seq != l.seq+1 && !passedOver(body, l.seq, r.Seq) {
		l.hole()
	}
	if !l.begun || r.Boot != l.boot {
		l.reboot(body)
	}
	l.begun, l.seq, l.boot = true, r.Seq, r.Boot
	t, ok := l.when(r.Stamp)
	if !ok {
		if len(l.wait) == maxWait {
			l.wait = l.wait[1:]
			l.counts.Untimed++
		}
		l.wait = append(l.wait, r)
		return
	}
	l.release()
	l.place(&r, body, t)
}

// passedOver reports whether the record seq says that the box only passed over the numbers behind last.
func passedOver(b uplink.Body, last, seq uint64) bool {
	g, ok := b.(*uplink.Gap)
	return ok && g.Passed() && uint64(g.From) == last+1 && uint64(g.To) == seq-1
}

// release places what waited for its time.
func (l *Ledger) release() {
	wait := l.wait
	l.wait = nil
	for i := range wait {
		r := &wait[i]
		t, ok := l.when(r.Stamp)
		if !ok {
			l.counts.Untimed++
			continue
		}
		body, err := r.Body()
		if err != nil {
			body = nil
		}
		l.place(r, body, t)
	}
}

// place books r, which was at t.
func (l *Ledger) place(r *uplink.Stored, body uplink.Body, t int64) {
	l.bound(r, t) // before a boot ends what was open: the life before may have gone on into the night
	if b, ok := body.(*uplink.Boot); ok {
		l.start(r, b, t)
	} else if !l.run.on || l.run.boot != r.Boot {
		l.begin(r, t)
	}
	l.live(r.Stamp, t)
	l.fill(t)
	switch b := body.(type) {
	case *uplink.Off:
		l.off(b, t)
	case *uplink.Blind:
		l.blind(b, r.Seq, t)
	case *uplink.Vantage:
		l.vantage(b, r.Seq, t)
	case *uplink.Anchor:
		l.run.anchored = t
	case *uplink.Roster:
		l.roster(b, r.Seq)
	case *uplink.Open:
		l.opened(b, r.Seq, t)
	case *uplink.Close:
		l.closed(b, t)
	default:
		l.note(r, body, t)
	}
	l.placed = r.Seq
}
