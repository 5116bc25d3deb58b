package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"cafeprobe/firmware/account"
	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
	"cafeprobe/uplink/spool"
)

// How often the night's state is written, beside when something is told: while a station is late a restart may lose five
// minutes of a row, else half an hour of what was seen. That is at most 120 small files a night on the card.
const (
	lateEvery  = 5 * time.Minute
	quietEvery = 30 * time.Minute
)

const nightFile = "hours.json"

// nights keeps what a box that listens knows of the nights over a restart. It is account.NightKeeper.
type nights struct {
	path  string
	log   *slog.Logger
	known *account.Nights // what the run before knew, and the chain says
	rouse chan struct{}   // there is something to be written
	clock func() time.Time

	mu    sync.Mutex
	file  nightState
	dirty bool
	wrote time.Time
	put   sync.Mutex // held while the file is written, so that the newest is written last

	announcing sync.Mutex // held while a maintenance is recorded
}

// nightState is the file.
type nightState struct {
	Chain       uplink.ChainID    `json:"chain"`
	Nights      json.RawMessage   `json:"nights,omitempty"`
	Maintenance hours.Maintenance `json:"maintenance"`
}

// maxNightFile bounds the file that is read.
const maxNightFile = 2 << 20

// openNights reads what the run before kept in dir, and what the chain says was told. A file that cannot be read is none:
// then the chain alone says what was told.
func openNights(dir string, sp *spool.Spool, log *slog.Logger) (*nights, error) {
	n := &nights{
		path: filepath.Join(dir, nightFile), log: log, known: new(account.Nights), rouse: make(chan struct{}, 1), clock: time.Now,
	}
	chain := sp.Identity().Chain
	if err := n.read(chain); err != nil {
		log.Warn("what was known of the night is lost, but for what the chain says", "error", err)
		n.known = new(account.Nights)
		n.file = nightState{}
	}
	n.file.Chain = chain
	err := each(sp, func(r uplink.Stored) {
		if r.Kind != uplink.KindAfterHours && r.Kind != uplink.KindMaintenance {
			return
		}
		body, err := r.Body()
		if err != nil {
			return
		}
		switch b := body.(type) {
		case *uplink.AfterHours:
			if told, err := account.Told(b); err == nil {
				n.known.Know(told)
			}
		case *uplink.Maintenance: // a power cut may have come before the file was written
			_ = n.file.Maintenance.Declare(b.From.Time(), b.To.Time())
		}
	})
	return n, err
}

func (n *nights) read(chain uplink.ChainID) error {
	info, err := os.Stat(n.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.Size() > maxNightFile {
		err = fmt.Errorf("%s: %d octets, at most %d", n.path, info.Size(), maxNightFile)
	}
	if err != nil {
		return err
	}
	b, err := os.ReadFile(n.path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &n.file); err != nil {
		return fmt.Errorf("%s: %w", n.path, err)
	}
	if n.file.Chain != chain {
		return fmt.Errorf("%s is of chain %.30q", n.path, n.file.Chain)
	}
	if len(n.file.Nights) == 0 {
		return nil
	}
	return json.Unmarshal(n.file.Nights, n.known)
}

// each calls f with the records that are on the card, in the order of their numbers.
func each(sp *spool.Spool, f func(uplink.Stored)) error {
	for from := sp.First(); from <= sp.Head().Seq; {
		rs, err := sp.Read(from, 1024, 1<<20)
		if err != nil || len(rs) == 0 {
			return err
		}
		for _, r := range rs {
			f(r)
		}
		from = rs[len(rs)-1].Seq + 1
	}
	return nil
}

// Keep takes the newest state, and has it written where that is due. It does not wait for the card.
func (n *nights) Keep(state []byte, late, now bool) {
	n.mu.Lock()
	n.file.Nights, n.dirty = state, true
	every := quietEvery
	if late {
		every = lateEvery
	}
	due := now || n.clock().Sub(n.wrote) >= every
	n.mu.Unlock()
	if !due {
		return
	}
	select {
	case n.rouse <- struct{}{}:
	default:
	}
}

// Maintained reports whether t is in a declared maintenance.
func (n *nights) Maintained(t time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.file.Maintenance.At(t)
}

// announce takes a maintenance, of which record makes a record, and returns when it is on the card. The record comes first: what lowers an
// alert is in the chain. The same again changes nothing. It returns hours.ErrMaintenance for one that cannot be.
func (n *nights) announce(m *uplink.Maintenance, record func(uplink.Body) error) error {
	n.announcing.Lock()
	defer n.announcing.Unlock()
	from, to := m.From.Time(), m.To.Time()
	n.mu.Lock()
	next := n.file.Maintenance
	n.mu.Unlock()
	if next.Has(from, to) {
		return nil
	}
	if err := next.Declare(from, to); err != nil {
		return err
	}
	err := record(m)
	if err != nil && !errors.Is(err, errUnkept) { // what waits in memory is said, and counts
		return err
	}
	n.mu.Lock()
	n.file.Maintenance, n.dirty = next, true
	n.mu.Unlock()
	return errors.Join(err, n.flush())
}

// run writes what is due until ctx is done.
func (n *nights) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.rouse:
			n.end()
		}
	}
}

// end writes what is left. A card that takes nothing stops nothing: what was told is told, and the chain says so.
func (n *nights) end() {
	if n == nil {
		return
	}
	if err := n.flush(); err != nil {
		n.log.Error("state of the night not written", "error", err)
	}
}

// flush writes the newest state if it is not on the card.
func (n *nights) flush() error {
	n.put.Lock()
	defer n.put.Unlock()
	n.mu.Lock()
	if !n.dirty {
		n.mu.Unlock()
		return nil
	}
	b, err := json.Marshal(n.file)
	n.dirty, n.wrote = false, n.clock() // a card that fails is tried again with the next that is due, not each minute
	n.mu.Unlock()
	if err == nil {
		err = durable.WriteFile(n.path, append(b, '\n'))
	}
	return err
}
