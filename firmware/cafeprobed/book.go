package main

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"

	"cafeprobe/uplink"
	"cafeprobe/uplink/forward"
	"cafeprobe/uplink/spool"
)

// book puts an account's records into the spool. After a restart a replay begins at the capture's first frame again and
// tells, octet for octet, what it told before: book leaves out what the spool holds already, so that a replay that was
// killed gives the same records as one that was not, each once.
type book struct {
	sp       *spool.Spool
	fw       *forward.Forwarder
	board    string
	last     []byte // the last record of an earlier life's replay; nil when all that comes is new
	booted   bool
	skipped  int
	stations atomic.Int64
}

// errOtherCapture is returned when a replay ends and never told what the spool holds: it is of another capture.
var errOtherCapture = errors.New("the spool holds a replay of another capture or configuration: use a new dir")

// newBook looks for the last record of an earlier replay.
func newBook(sp *spool.Spool, fw *forward.Forwarder, board string) (*book, error) {
	b := &book{sp: sp, fw: fw, board: board}
	for from := sp.First(); from <= sp.Head().Seq; {
		rs, err := sp.Read(from, 1024, 1<<20)
		if err != nil {
			return nil, err
		}
		if len(rs) == 0 {
			break
		}
		for _, r := range rs {
			if told(r.Kind) {
				b.last = r.Raw
			}
		}
		from = rs[len(rs)-1].Seq + 1
	}
	return b, nil
}

// told reports whether records of kind k come from the capture; the others come from the box itself.
func told(k uplink.Kind) bool {
	return k != uplink.KindBoot && k != uplink.KindGap && k != uplink.KindHealth
}

// Record appends r, behind a boot record if it is the first of this life.
func (b *book) Record(r uplink.Record) error {
	if b.last != nil {
		b.skipped++
		if bytes.Equal(r.Raw, b.last) {
			b.last = nil
		}
		return nil
	}
	if !b.booted {
		if err := b.boot(r.Stamp); err != nil {
			return err
		}
	}
	_, err := b.sp.Append(r)
	return err
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

// Occ passes the occupancy on.
func (b *book) Occ(o uplink.Occ) error {
	b.stations.Store(int64(len(o.States)))
	b.fw.Occ(o)
	return nil
}

func (b *book) end() error {
	if b.last != nil {
		return errOtherCapture
	}
	return nil
}
