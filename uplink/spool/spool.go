// Package spool keeps a box's records on its card until the province has receipted them (bbolt files, one a day or 8 MiB).
//
// It assigns sequence numbers, chains hashes and counts boots. What was committed survives a power cut; what was appended
// but not yet committed was never seen by anybody, so its numbers may be given again. The head that Head returns, the
// records that Read returns and the sequence numbers that leave the box are of committed records only.
//
// Nothing here reads a clock to name or order anything: days are those of the records' own times.
package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
)

// Config configures a Spool. The zero Config is valid.
type Config struct {
	MaxBytes   int64         // on the card, 0 means 256 MiB. At the limit the oldest receipted files go; then see ErrFull
	Generation int64         // size of one file, 0 means 8 MiB
	Interval   time.Duration // from a record to its commit at most, 0 means 5 s
	KeepDays   int           // days that receipted records stay, 0 means 7
	Log        *slog.Logger  // nil for none
}

const (
	commitRecords = 64        // commit when so many wait
	maxPending    = 8192      // what may wait in memory while the card refuses
	maxGeneration = 1 << 16   // records in one file; bounds what a lost file can have held
	slack         = 256 << 10 // a file is full when less is left: the largest commit, and its copied pages
)

var (
	// ErrFull is returned by Append for records of thin kinds (uplink.Kind.Thin) while the spool holds Config.MaxBytes of
	// which nothing may be deleted, and for all kinds while the card refuses and 8192 records wait in memory. Nothing of
	// the call is appended then. (Later the loss of thin records will itself be a record: uplink.Gap.)
	ErrFull = errors.New("spool: full")
	// ErrChain is returned by Open for a directory that holds another chain's records.
	ErrChain = errors.New("spool: holds another chain")
	// ErrUnknown is returned by SetReceipt for a place in the chain that the spool has no hash of: behind its head, in a
	// gap, or long deleted.
	ErrUnknown = errors.New("spool: no such record")
	// ErrMismatch is returned by SetReceipt when the spool has another hash at that place: the chain is forked.
	ErrMismatch = errors.New("spool: hash differs")
	errClosed   = errors.New("spool: closed")
)

// Spool is an append-only store of one box's records. Its methods may be called by several goroutines.
type Spool struct {
	dir string
	id  Identity
	cfg Config

	write sync.Mutex // held during commits; taken before mu
	mu    sync.RWMutex
	gens  []*generation // ascending, the last is written; never empty
	rcpt  uplink.Head
	boot  uint64
	wait  []uplink.Stored // appended, not committed
	next  uplink.Head     // behind the last of wait
	full  bool
	down  bool // closed
	fault error
	stats Stats

	wake      chan struct{}
	committed chan struct{}
}

// Stats tells what a Spool holds and has done since Open.
type Stats struct {
	Head      uint64 // last committed sequence number
	Receipted uint64
	Waiting   int // records appended and not committed
	Files     int
	Bytes     int64 // on the card
	Appended  uint64
	Commits   uint64
	Refused   uint64 // records refused with ErrFull
	Faults    uint64 // commits that failed, to be tried again
	Corrupt   int    // files put aside at Open
	Deleted   uint64 // files deleted, all their records receipted
}

// Open opens or makes the spool of id in dir, which must exist, and counts one boot up. A file that is corrupt is renamed
// to *.corrupt; if it was the newest, or had records without a receipt, a gap record says what is lost.
func Open(dir string, id Identity, cfg Config) (*Spool, error) {
	cfg.MaxBytes = orElse(cfg.MaxBytes, 256<<20)
	cfg.Generation = max(orElse(cfg.Generation, 8<<20), 2*slack)
	cfg.Interval = orElse(cfg.Interval, 5*time.Second)
	cfg.KeepDays = orElse(cfg.KeepDays, 7)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Spool{
		dir: dir, id: id, cfg: cfg, rcpt: uplink.Head{Hash: id.Genesis()},
		wake: make(chan struct{}, 1), committed: make(chan struct{}, 1),
	}
	if err := s.load(); err != nil {
		for _, g := range s.gens {
			_ = g.db.Close() // what matters is err
		}
		return nil, err
	}
	return s, nil
}

func orElse[T int | int64 | time.Duration](v, zero T) T {
	if v == 0 {
		return zero
	}
	return v
}

// load opens the generations, repairs, and writes the new boot counter.
func (s *Spool) load() error {
	st, known, err := readState(s.dir)
	if err != nil {
		return err
	}
	if known && st.Chain != s.id.Chain {
		return fmt.Errorf("%w: %s, want %s", ErrChain, st.Chain, s.id.Chain)
	}
	firsts, err := list(s.dir)
	if err != nil {
		return err
	}
	s.boot = st.Boot
	var lost []uplink.Gap
	for i, first := range firsts {
		g, err := open(s.dir, first)
		if errors.Is(err, errCorrupt) {
			end := first + maxGeneration // a newest file may have held so many
			if i+1 < len(firsts) {
				end = firsts[i+1]
			}
			if err := s.quarantine(first, err); err != nil {
				return err
			}
			lost = append(lost, uplink.Gap{From: uplink.Int(first), To: uplink.Int(end - 1), Why: "corrupt"})
			continue
		}
		if err != nil {
			return err
		}
		s.gens = append(s.gens, g)
		s.boot = max(s.boot, g.boot)
		if g.rcpt.Seq > s.rcpt.Seq {
			s.rcpt = g.rcpt
		}
	}
	if err := s.start(st, known, firsts, lost); err != nil {
		return err
	}
	s.boot++
	s.next = s.last().head
	if err := s.newest().write(s.dir); err != nil {
		return err
	}
	return s.declare(lost)
}

// start makes the generation to write to, if the newest is not there or was lost.
func (s *Spool) start(st state, known bool, firsts []uint64, lost []uplink.Gap) error {
	first, prev := uint64(1), uplink.Head{Hash: s.id.Genesis()}
	switch n := len(firsts); {
	case n == 0 && known && st.First > 1: // the files are gone, the state is not: go on behind all they can have held
		first, prev = st.First+maxGeneration, uplink.Head{Seq: st.First - 1, Hash: st.Prev}
	case n == 0:
	case len(s.gens) > 0 && s.last().first == firsts[n-1]:
		return nil
	default:
		first = uint64(lost[len(lost)-1].To) + 1
		if known && st.First == firsts[n-1] {
			prev = uplink.Head{Seq: st.First - 1, Hash: st.Prev}
		} else if len(s.gens) > 0 {
			prev = s.last().head
		}
	}
	g, err := create(s.dir, first, prev, s.cfg.Generation)
	if err != nil {
		return err
	}
	s.gens = append(s.gens, g)
	return nil
}

// quarantine puts a corrupt file aside, for somebody to look at; it is never read again.
func (s *Spool) quarantine(first uint64, why error) error {
	path := filepath.Join(s.dir, name(first))
	s.cfg.Log.Error("spool file put aside", "file", path, "error", why)
	s.stats.Corrupt++
	if err := os.Rename(path, path+".corrupt"); err != nil {
		return fmt.Errorf("put aside: %w", err)
	}
	return durable.SyncDir(s.dir)
}

// declare commits a gap record for each range of lost records that has no receipt. A loss right before a new generation
// is its first record, whose hash is over the last one before the loss. The records have no time but that of this boot:
// nothing here knows any.
func (s *Spool) declare(lost []uplink.Gap) error {
	g := s.last()
	if n := len(lost); g.empty() && g.prev.Seq+1 < g.first {
		if n > 0 && uint64(lost[n-1].To) == g.first-1 {
			lost = lost[:n-1]
		}
		lost = append([]uplink.Gap{{From: uplink.Int(g.prev.Seq + 1), To: uplink.Int(g.first - 1), Why: "corrupt"}}, lost...)
	}
	for i := range lost {
		if i > 0 || uint64(lost[i].To) != g.first-1 {
			if uint64(lost[i].To) <= s.rcpt.Seq {
				continue
			}
		}
		lost[i].Stamp.Quality = uplink.QualityNone
		r, err := uplink.Encode(&lost[i])
		if err != nil {
			return err
		}
		if _, err := s.Append(r); err != nil {
			return err
		}
	}
	return s.Commit()
}

func (s *Spool) last() *generation { return s.gens[len(s.gens)-1] }

// newest returns what state.json is to say.
func (s *Spool) newest() state {
	g := s.last()
	return state{s.id.Chain, s.boot, g.first, g.prev.Hash}
}

// Append gives rs their places in the chain and returns the first's sequence number. They are committed by Run or Commit.
// It returns ErrFull, or an error if the spool is closed; then none of rs is appended.
func (s *Spool) Append(rs ...uplink.Record) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return 0, errClosed
	}
	first, urgent := s.next.Seq+1, false
	if len(s.wait)+len(rs) > maxPending {
		s.stats.Refused += uint64(len(rs))
		return 0, fmt.Errorf("%w: %d records wait for the card: %w", ErrFull, len(s.wait), s.fault)
	}
	for _, r := range rs {
		if s.full && r.Kind.Thin() {
			s.stats.Refused += uint64(len(rs))
			return 0, fmt.Errorf("%w: %s", ErrFull, r.Kind)
		}
		urgent = urgent || r.Kind.Urgent()
	}
	for _, r := range rs {
		s.next = s.next.Next(s.boot, r)
		s.wait = append(s.wait, uplink.Stored{Record: r, Seq: s.next.Seq, Boot: s.boot, Hash: s.next.Hash})
	}
	s.stats.Appended += uint64(len(rs))
	if urgent || len(s.wait) >= commitRecords {
		signal(s.wake)
	}
	return first, nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run commits until ctx is done: every Config.Interval, at 64 records, or at once for an urgent kind. Then it commits
// what waits and returns that commit's error. A commit that fails is logged and tried again at the next.
func (s *Spool) Run(ctx context.Context) error {
	t := time.NewTicker(s.cfg.Interval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.Commit()
		case <-t.C:
		case <-s.wake:
		}
		if err := s.Commit(); err != nil {
			s.cfg.Log.Error("spool does not commit", "error", err)
		}
	}
}

// Commit writes all that was appended to the card. When it returns nil it is there.
func (s *Spool) Commit() error {
	s.write.Lock()
	defer s.write.Unlock()
	for {
		s.mu.RLock()
		wait, rcpt, down := s.wait[:min(len(s.wait), 4*commitRecords)], s.rcpt, s.down
		g, full := s.last(), s.full
		s.mu.RUnlock()
		if down {
			return errClosed
		}
		if len(wait) == 0 {
			return nil
		}
		if full {
			s.clean(dayOf(wait[0].Stamp))
		}
		g, err := s.roll(g, wait[0])
		if err == nil {
			wait = fit(g, wait)
			err = s.put(g, wait, rcpt)
		}
		if err != nil {
			s.mu.Lock()
			s.fault = err
			s.stats.Faults++
			s.mu.Unlock()
			return err
		}
	}
}

// fit returns as many of wait as go into one commit of g: 128 KiB, so that a commit never outgrows slack.
func fit(g *generation, wait []uplink.Stored) []uplink.Stored {
	n, octets := 0, 0
	for n < len(wait) && wait[n].Seq-g.first < maxGeneration {
		octets += len(wait[n].Raw) + 64
		if n > 0 && octets > slack/2 {
			break
		}
		n++
	}
	return wait[:n]
}

// put commits wait, the first of s.wait, to g and takes them out. Readers are not held up by the card.
func (s *Spool) put(g *generation, wait []uplink.Stored, rcpt uplink.Head) error {
	c := *g
	if err := c.put(wait, rcpt); err != nil {
		return err
	}
	s.mu.Lock()
	*g = c
	s.wait = append([]uplink.Stored(nil), s.wait[len(wait):]...)
	s.fault = nil
	s.stats.Commits++
	s.mu.Unlock()
	signal(s.committed)
	return nil
}

// roll returns the generation that r belongs in: a new one if g is full or r is of a later day.
func (s *Spool) roll(g *generation, r uplink.Stored) (*generation, error) {
	sameDay := g.day0 == 0 || dayOf(r.Stamp) <= g.day0
	room := g.used+slack <= max(s.cfg.Generation, 2*slack) && r.Seq-g.first < maxGeneration
	if g.empty() || (sameDay && room) {
		return g, nil
	}
	s.clean(dayOf(r.Stamp))
	n, err := create(s.dir, r.Seq, g.head, s.cfg.Generation)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.gens = append(s.gens, n)
	st := s.newest()
	s.mu.Unlock()
	if err := st.write(s.dir); err != nil {
		return nil, err
	}
	return n, nil
}

// clean deletes receipted generations, oldest first: those older than KeepDays on day, and while there is no room for
// one more. It sets full if room is wanting still.
func (s *Spool) clean(day int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.gens) > 1 {
		g := s.gens[0]
		old := g.day > 0 && day-g.day > int64(s.cfg.KeepDays)
		if g.head.Seq > s.rcpt.Seq || !(old || s.bytes()+s.cfg.Generation > s.cfg.MaxBytes) {
			break
		}
		if err := errors.Join(g.db.Close(), os.Remove(g.path), durable.SyncDir(s.dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.cfg.Log.Error("spool file not deleted", "file", g.path, "error", err)
		}
		s.gens = s.gens[1:]
		s.stats.Deleted++
	}
	s.full = s.bytes()+s.cfg.Generation > s.cfg.MaxBytes
}

func (s *Spool) bytes() (n int64) {
	for _, g := range s.gens {
		n += g.size()
	}
	return n
}

// Close commits what waits and closes the files. The receipt is saved with it.
func (s *Spool) Close() error {
	err := s.Commit()
	if errors.Is(err, errClosed) {
		return nil
	}
	s.write.Lock()
	defer s.write.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.last(); g.rcpt != s.rcpt {
		err = errors.Join(err, g.put(nil, s.rcpt))
	}
	for _, g := range s.gens {
		err = errors.Join(err, g.db.Close())
	}
	s.down = true
	return err
}
