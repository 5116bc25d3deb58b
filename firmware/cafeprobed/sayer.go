package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/owner"
	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

// How often the owner may dispute: of a night, and of a day. It is what the form says, and what a stolen session is bound by.
const (
	maxNightDisputes = 4
	maxDayDisputes   = 16
)

// sayer makes records of what the owner says. It is owner.Sayer.
type sayer struct {
	sp     *spool.Spool
	nights *nights
	stamp  func() uplink.Stamp
	now    func() time.Time

	mu     sync.Mutex // held while a dispute is recorded
	night  map[uplink.Date]int
	day    map[hours.Date]int // by when it was said
	untold int                // disputes of an unknown time: they count for every day
}

// errUnkept is returned for what waits in memory: the card takes nothing now.
var errUnkept = errors.New("the card does not keep it yet")

// open reads what the owner has said before.
func (s *sayer) open() error {
	s.night, s.day = map[uplink.Date]int{}, map[hours.Date]int{}
	return each(s.sp, func(r uplink.Stored) {
		if r.Kind != uplink.KindDispute {
			return
		}
		if body, err := r.Body(); err == nil {
			s.count(body.(*uplink.Dispute))
		}
	})
}

func (s *sayer) count(d *uplink.Dispute) {
	s.night[d.Night]++
	if d.Stamp.Quality == uplink.QualityNone {
		s.untold++
		return
	}
	s.day[hours.DateOf(d.Stamp.Time.Time())]++
}

// record returns when b is a record on the card.
func (s *sayer) record(b uplink.Body) error {
	r, err := uplink.Encode(b)
	if err != nil {
		return err
	}
	seq, err := s.sp.Append(r)
	if err != nil {
		return err
	}
	if err := s.sp.Commit(); err != nil {
		return fmt.Errorf("%w: %w", errUnkept, err)
	}
	if s.sp.Head().Seq < seq {
		return errUnkept
	}
	return nil
}

// Declare is owner.Sayer's. A maintenance that began while the form was filled in begins now.
func (s *sayer) Declare(from, to time.Time) error {
	if now := s.now(); from.Before(now) {
		from = now.Truncate(time.Second)
	}
	m := &uplink.Maintenance{Stamp: s.stamp(), From: uplink.TimeOf(from), To: uplink.TimeOf(to), By: uplink.ByOwner}
	return s.nights.announce(m, s.record)
}

// Dispute is owner.Sayer's.
func (s *sayer) Dispute(night hours.Date, stage string, seq uint64, note string) error {
	d := &uplink.Dispute{Stamp: s.stamp(), Night: uplink.Date(night.String()), Stage: stage, Seq: uplink.Int(seq), Note: note}
	if err := s.exists(d); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.night[d.Night] >= maxNightDisputes || s.day[hours.DateOf(d.Stamp.Time.Time())]+s.untold >= maxDayDisputes {
		return owner.ErrMany
	}
	err := s.record(d)
	if err == nil || errors.Is(err, errUnkept) { // what waits becomes a record too
		s.count(d)
	}
	return err
}

// exists returns an error unless the record that d is about is in the chain.
func (s *sayer) exists(d *uplink.Dispute) error {
	rs, err := s.sp.Read(uint64(d.Seq), 1, 1)
	if err != nil {
		return err
	}
	if len(rs) == 1 && rs[0].Seq == uint64(d.Seq) && rs[0].Kind == uplink.KindAfterHours {
		if body, err := rs[0].Body(); err == nil {
			if a := body.(*uplink.AfterHours); a.Night == d.Night && a.Stage == d.Stage {
				return nil
			}
		}
	}
	return fmt.Errorf("record %d tells no %.12s of the night of %s", d.Seq, d.Stage, d.Night)
}
