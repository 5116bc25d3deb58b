package main

import (
	"errors"
	"fmt"
	"sync/atomic"

	"cafeprobe/firmware/cafe"
	"cafeprobe/uplink"
	"cafeprobe/uplink/forward"
	"cafeprobe/uplink/spool"
)

// book puts an account's records into the spool. After a restart it leaves out what the spool holds already, so that a
// replay that was killed gives the same records as one that was not, each once.
type book struct {
	sp       *spool.Spool
	fw       *forward.Forwarder
	board    string
	resume   *resume
	booted   bool
	stations atomic.Int64
	vantage  atomic.Pointer[string]       // the grade that was told last
	last     atomic.Pointer[uplink.Stamp] // of the last record from the capture
	keep     func(cafe.Mirror) error      // nil in a replay, which learns it anew each time
	cards    func([]cafe.Computer) error  // likewise
}

func newBook(sp *spool.Spool, fw *forward.Forwarder, board string) (*book, error) {
	r, err := newResume(sp)
	return &book{sp: sp, fw: fw, board: board, resume: r}, err
}

// newDiary returns the book of a box that listens: what it is told happens once, and was begun already. keep keeps what is
// learned of the mirror, cards what is of computers.
func newDiary(sp *spool.Spool, fw *forward.Forwarder, keep func(cafe.Mirror) error, cards func([]cafe.Computer) error) *book {
	return &book{sp: sp, fw: fw, resume: &resume{}, booted: true, keep: keep, cards: cards}
}

// told reports whether records of kind k come from the capture; the others come from the box itself.
func told(k uplink.Kind) bool {
	switch k {
	case uplink.KindRoster, uplink.KindOpen, uplink.KindClose, uplink.KindTitle, uplink.KindVantage, uplink.KindBlind,
		uplink.KindAfterHours:
		return true
	}
	return false
}

// Record appends r, behind a boot record if it is the first of this life.
func (b *book) Record(r uplink.Record) error {
	if !told(r.Kind) {
		return fmt.Errorf("record of kind %s from the capture: it would not be known again after a restart", r.Kind)
	}
	b.last.Store(&r.Stamp)
	if r.Kind == uplink.KindVantage {
		if body, err := r.Body(); err == nil {
			b.vantage.Store(&body.(*uplink.Vantage).Class)
		}
	}
	if known, err := b.resume.known(r); known || err != nil {
		return err
	}
	if !b.booted {
		if err := b.boot(r.Stamp); err != nil {
			return err
		}
	}
	if _, err := b.sp.Append(r); !errors.Is(err, spool.ErrFull) { // the spool itself tells what it refused
		return err
	}
	return nil
}

// boot says that the daemon started. In a replay the time is the capture's, so the first record's stamp is taken.
func (b *book) boot(at uplink.Stamp) error {
	b.booted = true
	r, err := uplink.Encode(&uplink.Boot{Stamp: at, Firmware: version, Board: b.board})
	if err != nil {
		return fmt.Errorf("boot record: %w", err)
	}
	_, err = b.sp.Append(r)
	return err
}

// stamp returns what the box's own records are stamped with: in a replay time is the capture's.
func (b *book) stamp() uplink.Stamp {
	if s := b.last.Load(); s != nil {
		return *s
	}
	return uplink.Stamp{Quality: uplink.QualityNone}
}

// Occ passes the occupancy on.
func (b *book) Occ(o uplink.Occ) error {
	b.stations.Store(int64(len(o.States)))
	b.vantage.Store(&o.Vantage)
	b.fw.Occ(o)
	return nil
}

// grade returns the vantage's grade as it was told last, empty before.
func (b *book) grade() string {
	if g := b.vantage.Load(); g != nil {
		return *g
	}
	return ""
}

// Mirror keeps what was learned of the mirror.
func (b *book) Mirror(m cafe.Mirror) error {
	if b.keep == nil {
		return nil
	}
	return b.keep(m)
}

// Computers keeps what was learned of computers.
func (b *book) Computers(list []cafe.Computer) error {
	if b.cards == nil {
		return nil
	}
	return b.cards(list)
}

// end says that the replay has ended.
func (b *book) end() error {
	if !b.resume.done() {
		return errOtherCapture
	}
	return nil
}
