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
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
)

// Config configures a Spool. The zero Config is valid.
type Config struct {
	MaxBytes   int64         // on the card, 0 means 256 MB. At the limit the oldest receipted files go; then see ErrFull
	Generation int64         // largest size of one file, 0 means 8 MiB
	Interval   time.Duration // from a record to its commit at most, 0 means 5 s
	KeepDays   int           // days that receipted records stay, 0 means 7
	Log        *slog.Logger  // nil for none

	// Wary: nobody can tell an empty folder from a card that lost all. Numbers are passed over in it, as after any power
	// cut, so that the first record of a new chain is a gap record. For boxes in the field.
	Wary bool

	// Now stamps the records that the spool makes itself: of gaps and forks. nil: the stamp of the last record appended.
	Now func() uplink.Stamp

	kernel string // for tests: the name of this run of the kernel
}

const (
	commitRecords = 64        // commit when so many wait
	maxPending    = 8192      // what may wait in memory while the card refuses
	maxGeneration = 1 << 15   // records in one file; bounds what a lost file can have held
	reserve       = 4096      // numbers that state.json allows ahead of those in use, and that a power cut costs
	slack         = 256 << 10 // a file is full when less is left: the largest commit, and its copied pages
)

var (
	// ErrFull is returned by Append for records of thin kinds (uplink.Kind.Thin) while the spool holds Config.MaxBytes of
	// which nothing may be deleted, or the card takes no writes; and for all kinds while 8192 records wait in memory.
	// Nothing of the call is appended then. The spool counts it, and says so in a gap record as soon as there is room: the
	// caller has nothing to do.
	ErrFull = errors.New("spool: full")
	// ErrChain is returned by Open for a directory that holds another chain's records.
	ErrChain = errors.New("spool: holds another chain")
	// ErrUnknown is returned by SetReceipt for a place in the chain that the spool has no hash of: behind its head, or in a
	// gap.
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

	write     sync.Mutex // held during commits; taken before mu
	abandoned int        // files that this commit has left behind

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
	stamp uplink.Stamp // of the last record appended in this life

	dropped map[uplink.Kind]uint64 // refused since the last gap record that said so
	forkTo  *uplink.Head           // the province's place behind which the chain is to go on
	forked  time.Time              // when that was last done

	// What state.json says; of who holds write, or opens.
	limit   uint64 // no number above it has been given to a committed record
	before  uint64 // what limit was before this life
	checked uint64
	saved   uplink.Head // the receipt in it
	holes   []span
	dirty   bool // it is to be written before the next commit
	kernel  string

	lock *os.File
	card card

	wake      chan struct{}
	committed chan struct{}
}

// Stats tells what a Spool holds and has done since Open.
type Stats struct {
	Head      uint64 // last committed sequence number
	Receipted uint64
	Owed      uint64 // records committed behind Receipted: fewer than the numbers between, of which some were passed over
	Waiting   int    // records appended and not committed
	Files     int
	Bytes     int64 // on the card
	Appended  uint64
	Commits   uint64
	Refused   uint64 // records refused with ErrFull
	Faults    uint64 // commits that failed, to be tried again
	Corrupt   int    // files found broken
	Salvaged  uint64 // records that were taken out of them, or of behind a file's end
	Lost      uint64 // numbers declared lost at Open
	Checked   int    // files read whole at Open
	Forks     int    // times that the chain went on behind a receipt for another history
	Deleted   uint64 // files deleted, all their records receipted

	Full     bool          // Config.MaxBytes is reached: thin kinds are refused
	Fault    string        // why the card takes no writes: records wait in memory; empty when it does
	Warnings []string      // what is wrong with the file system that the spool is on
	Commit   time.Duration // how long a commit takes on the card, a mean in which the last counts an eighth; 0 before the first
	Written  uint64        // octets written since Open: to the block device where it is known, else by this process
}

// Open opens or makes the spool of id in dir, which must exist, and counts one boot up. In a new run of the kernel all
// files, else the newest and those not checked since their last commit, are read whole, by a child process (see CheckMain).
// A file that is broken is put aside, and what can be proved of it goes into new ones; gap records say what is lost, and
// which numbers a power cut passes over. A card that takes no writes is no error: records wait in memory, and Stats.Fault
// says why.
func Open(dir string, id Identity, cfg Config) (*Spool, error) {
	cfg.MaxBytes = orElse(cfg.MaxBytes, 256e6)
	cfg.Generation = max(orElse(cfg.Generation, 8<<20), 2*slack)
	cfg.Interval = orElse(cfg.Interval, 5*time.Second)
	cfg.KeepDays = orElse(cfg.KeepDays, 7)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Spool{
		dir: dir, id: id, cfg: cfg, kernel: orElse(cfg.kernel, kernelRun()), rcpt: uplink.Head{Hash: id.Genesis()},
		stamp: uplink.Stamp{Quality: uplink.QualityNone}, dropped: map[uplink.Kind]uint64{},
		wake: make(chan struct{}, 1), committed: make(chan struct{}, 1),
	}
	var err error
	if s.lock, err = lock(dir); err != nil {
		return nil, err
	}
	s.card = cardOf(dir)
	if err := s.load(); err != nil {
		for _, g := range s.gens {
			_ = g.close() // what matters is err
		}
		_ = s.lock.Close()
		return nil, err
	}
	return s, nil
}

func orElse[T int | int64 | time.Duration | string](v, zero T) T {
	var none T
	if v == none {
		return zero
	}
	return v
}

func (s *Spool) last() *generation { return s.gens[len(s.gens)-1] }

// say appends a record of the spool's own.
func (s *Spool) say(b uplink.Body) error {
	r, err := uplink.Encode(b)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(r)
	return nil
}

// now returns the stamp for a record of the spool's own.
func (s *Spool) now() uplink.Stamp {
	if s.cfg.Now != nil {
		return s.cfg.Now()
	}
	return s.stamp
}

// add gives r its place in the chain.
func (s *Spool) add(r uplink.Record) {
	s.next = s.next.Next(s.boot, r)
	s.wait = append(s.wait, uplink.Stored{Record: r, Seq: s.next.Seq, Boot: s.boot, Hash: s.next.Hash})
}

// Append gives rs their places in the chain and returns the first's sequence number. They are committed by Run or Commit.
// It returns ErrFull, or an error if the spool is closed; then none of rs is appended.
func (s *Spool) Append(rs ...uplink.Record) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return 0, errClosed
	}
	if err := s.refuse(rs); err != nil {
		return 0, err
	}
	first, urgent := s.next.Seq+1, false
	for _, r := range rs {
		s.add(r)
		s.stamp = r.Stamp
		urgent = urgent || r.Kind.Urgent()
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
	s.abandoned = 0
	for {
		err := errors.Join(s.fork(), s.relief())
		s.mu.RLock()
		wait, rcpt, down := s.wait[:min(len(s.wait), 4*commitRecords)], s.rcpt, s.down
		g := s.last()
		s.mu.RUnlock()
		if down {
			return errClosed
		}
		if len(wait) == 0 && err == nil {
			return nil
		}
		if err == nil {
			err = s.step(g, wait, rcpt)
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

// step commits the first of wait.
func (s *Spool) step(g *generation, wait []uplink.Stored, rcpt uplink.Head) error {
	g, err := s.roll(g, wait[0])
	if err != nil {
		return err
	}
	wait = fit(g, wait)
	if err := s.prepare(g, wait[len(wait)-1].Seq); err != nil {
		return err
	}
	if err = s.put(g, wait, rcpt); errors.Is(err, errCorrupt) {
		return s.abandon(g, err)
	}
	return err
}

// maxAbandoned is how many files one Commit leaves behind before it takes the card to be at fault.
const maxAbandoned = 2

// abandon leaves a file that broke while it was written to, and goes on in a new one. The next Open checks and salvages it;
// one without records has nothing to be salvaged and makes room for another of its name.
func (s *Spool) abandon(g *generation, why error) error {
	if s.abandoned++; s.abandoned > maxAbandoned {
		return why
	}
	s.cfg.Log.Error("spool file is broken; the chain goes on in a new one", "file", g.path, "error", why)
	n := plan(s.dir, s.wait[0].Seq, g.Head, false)
	if g.empty() {
		if err := errors.Join(os.Rename(g.path, g.path+aside), durable.SyncDir(s.dir)); err != nil {
			return errors.Join(why, err)
		}
		n = plan(s.dir, g.first, g.Prev, g.Fork)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Corrupt++
	if g.bad = true; g.empty() {
		s.gens = s.gens[:len(s.gens)-1]
	}
	s.gens = append(s.gens, n)
	return nil
}

// prepare makes sure that g can be written to and that what must outlive it is on the card, before records up to seq are.
func (s *Spool) prepare(g *generation, seq uint64) error {
	if !g.writable {
		c := *g
		err := c.close()
		if g.db == nil {
			err = s.create(&c)
		} else if err = errors.Join(err, c.open(false)); err != nil {
			err = errors.Join(err, c.open(true)) // to go on reading
		}
		s.mu.Lock()
		*g = c
		s.mu.Unlock()
		if err != nil {
			return err
		}
		s.dirty = true
	}
	if !s.dirty && seq+reserve/2 <= s.limit {
		return nil
	}
	return s.note(g, seq, nil)
}

// note writes state.json: g is the newest file, seq the largest number given in it now or next. A block of numbers behind
// it is allowed, and the next when half of that is used: a card must have lied about half a block of records for those
// that it lost to be above what state.json allows.
func (s *Spool) note(g *generation, seq uint64, clean *uplink.Head) error {
	s.mu.RLock()
	st := state{
		Chain: s.id.Chain, Boot: s.boot, First: g.first, Prev: g.Prev, Limit: max(s.limit, seq+reserve), Rcpt: s.rcpt,
		Checked: s.checked, Kernel: s.kernel, Holes: s.holes, Clean: clean,
	}
	for _, g := range s.gens {
		if g.leaps() {
			st.Forks = append(st.Forks, base{g.first, g.Prev})
		}
	}
	s.mu.RUnlock()
	if err := st.write(s.dir); err != nil {
		return err
	}
	s.limit, s.dirty, s.saved = st.Limit, false, st.Rcpt
	return nil
}

// save makes sure that the receipt outlives the files that are deleted because of it. A card without room for that is no
// error: the deletion is what makes room.
func (s *Spool) save(g *generation) error {
	s.mu.RLock()
	s.dirty = s.dirty || s.saved != s.rcpt
	s.mu.RUnlock()
	if err := s.prepare(g, g.Head.Seq); err != nil && !noRoom(err) {
		return err
	}
	return nil
}

// create makes g's file: a small one if the card has no room for a whole one.
func (s *Spool) create(g *generation) error {
	err := g.create(s.cfg.Generation, nil)
	if !noRoom(err) {
		return err
	}
	s.clean(g.Day, true)
	if err = g.create(s.cfg.Generation, nil); err != nil {
		err = g.create(2*slack, nil)
	}
	return err
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
	began := time.Now()
	if err := c.put(wait, rcpt); err != nil {
		return err
	}
	took := time.Since(began)
	s.mu.Lock()
	if s.stats.Commit == 0 {
		s.stats.Commit = took
	}
	s.stats.Commit += (took - s.stats.Commit) / 8
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
	sameDay := g.Day0 == 0 || dayOf(r.Stamp) <= g.Day0
	room := g.Used+slack <= max(s.cfg.Generation, 2*slack) && r.Seq-g.first < maxGeneration
	if g.db != nil && g.writable {
		room = room && g.Used+slack <= max(g.size(), 2*slack)
	}
	if g.empty() || (sameDay && room) {
		return g, nil
	}
	if err := s.save(g); err != nil {
		return nil, err
	}
	s.shrink(g) // first: on a full card that is the room for the next
	s.clean(dayOf(r.Stamp), false)
	n := plan(s.dir, r.Seq, g.Head, false)
	if err := s.create(n); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.gens = append(s.gens, n)
	s.mu.Unlock()
	s.dirty = true
	return n, nil
}

// shrink gives back what was reserved for g, which nothing is written to any more.
func (s *Spool) shrink(g *generation) {
	if err := g.shrink(); err != nil {
		s.cfg.Log.Error("spool file keeps what it does not need", "file", g.path, "error", err)
	}
}

// clean deletes receipted generations, oldest first: those older than KeepDays on day, and while there is no room for
// one more, or all if the card itself is full. It sets full if room is wanting still.
func (s *Spool) clean(day int64, all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.gens) > 1 {
		g := s.gens[0]
		old := g.Day > 0 && day-g.Day > int64(s.cfg.KeepDays)
		if g.Head.Seq > s.rcpt.Seq || !(all || old || s.bytes()+s.cfg.Generation > s.cfg.MaxBytes) {
			break
		}
		if err := errors.Join(g.close(), os.Remove(g.path), durable.SyncDir(s.dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.cfg.Log.Error("spool file not deleted", "file", g.path, "error", err)
		}
		s.gens = s.gens[1:]
		s.stats.Deleted++
	}
	if all || s.bytes()+s.cfg.Generation > s.cfg.MaxBytes {
		s.dropAside()
	}
	s.full = s.bytes()+s.cfg.Generation > s.cfg.MaxBytes
}

// bytes returns what the spool takes on the card.
func (s *Spool) bytes() (n int64) {
	for _, g := range s.gens {
		n += onCard(g.path)
	}
	for _, p := range s.putAside() {
		n += onCard(p)
	}
	return n
}

// Close commits what waits and closes the files. The receipt is saved with it, and that nothing is missing behind the head:
// the next start passes over no number.
func (s *Spool) Close() error {
	err := s.Commit()
	if errors.Is(err, errClosed) {
		return nil
	}
	s.write.Lock()
	defer s.write.Unlock()
	s.mu.Lock()
	g, whole := s.last(), err == nil && len(s.wait) == 0
	if s.down = true; g.writable && !g.bad && g.Rcpt != s.rcpt {
		err = errors.Join(err, g.put(nil, s.rcpt))
	}
	s.mu.Unlock()
	if whole && err == nil && g.writable && !g.bad {
		err = s.note(g, g.Head.Seq, &g.Head)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.gens {
		err = errors.Join(err, g.close())
	}
	return errors.Join(err, s.lock.Close())
}
