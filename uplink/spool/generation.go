package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"

	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
)

// A generation is one bbolt file: records first to Head.Seq, in order, none ever deleted. Its name is first, so that no
// clock is needed to name or to find it.
//
//	bucket "rec":   seq, 8 octets big-endian -> uvarint boot, 32 octets hash, raw record
//	bucket "meta":  "first" -> Prev; "day" -> first and last day; "rcpt" -> receipt's place; "fork" -> Prev is the province's;
//	                "closed" -> salvaged, not to be written to
//	buckets "mark0" to "mark2": see mark.go
type generation struct {
	db       *bolt.DB // nil while it is only planned: there is no file yet
	writable bool
	bad      bool // could not be read; nothing more is asked of it
	path     string
	first    uint64 // the sequence number its name says
	facts
}

// facts are what a file says. They cross from the process that checks to the one that asks, as JSON.
type facts struct {
	Prev uplink.Head // before its first record
	Head uplink.Head // behind its last
	Boot uint64      // largest boot counter
	Day0 int64       // day of the first record that has a time, days since the epoch; 0 for none
	Day  int64       // latest day of a record
	Rcpt uplink.Head // the receipt that was known at its last commit
	Used int64       // octets in use, of the file's
	Fork bool        // Prev is the province's word, not a record of the file before

	Closed bool // salvaged: nothing is known of what came behind, so nothing is written to it
}

var (
	bucketRec  = []byte("rec")
	bucketMeta = []byte("meta")
	keyFirst   = []byte("first")
	keyDay     = []byte("day")
	keyReceipt = []byte("rcpt")
	keyFork    = []byte("fork")
	keyClosed  = []byte("closed")
)

const suffix = ".db"

// options are bbolt's that were measured: with its defaults a one-record commit after a drained backlog writes 696 KiB,
// with these 16. NoSync stays off, always. The page size is fixed: a card may move to a kernel with larger pages.
func options(readOnly bool) *bolt.Options {
	return &bolt.Options{
		Timeout:        time.Second,
		NoFreelistSync: true,
		FreelistType:   bolt.FreelistMapType,
		ReadOnly:       readOnly,
		NoStatistics:   true,
		PageSize:       pageSize,
	}
}

const pageSize = 4096

// name returns the file name of the generation that starts with first: digits enough that names sort as numbers do.
func name(first uint64) string { return fmt.Sprintf("%016d%s", first, suffix) }

// plan returns a generation that has no file yet. Its first record will follow prev with sequence number first.
func plan(dir string, first uint64, prev uplink.Head, fork bool) *generation {
	return &generation{
		path: filepath.Join(dir, name(first)), first: first,
		facts: facts{Prev: prev, Head: uplink.Head{Seq: first - 1, Hash: prev.Hash}, Fork: fork},
	}
}

// create makes g's file with rs in it. The file is made under another name and renamed when it is whole: a file with a
// generation's name always has its buckets.
func (g *generation) create(size int64, rs []uplink.Stored) error {
	dir := filepath.Dir(g.path)
	tmp := filepath.Join(dir, "new.tmp")
	fail := func(err error) error { return fmt.Errorf("create %s: %w", g.path, err) }
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	err := g.build(tmp, rs)
	if err == nil {
		err = grow(tmp, size)
	}
	if err == nil {
		err = os.Rename(tmp, g.path)
	}
	if err == nil {
		err = durable.SyncDir(dir)
	}
	if err != nil {
		_ = os.Remove(tmp) // a full card needs the room; what matters is err
		return fail(err)
	}
	return g.open(false)
}

func (g *generation) build(path string, rs []uplink.Stored) error {
	db, err := bolt.Open(path, 0o600, options(false))
	if err != nil {
		return err
	}
	b := *g
	b.db = db
	err = db.Update(func(tx *bolt.Tx) error {
		_, err1 := tx.CreateBucket(bucketRec)
		m, err2 := tx.CreateBucket(bucketMeta)
		if err := errors.Join(err1, err2, createMarks(tx)); err != nil {
			return err
		}
		for key, set := range map[*[]byte]bool{&keyFork: g.Fork, &keyClosed: g.Closed} {
			if set {
				err1 = errors.Join(err1, m.Put(*key, []byte{1}))
			}
		}
		return errors.Join(err1, m.Put(keyFirst, putHead(g.Prev)))
	})
	for err == nil && len(rs) > 0 {
		part := fit(&b, rs)
		err = b.put(part, b.Rcpt)
		rs = rs[len(part):]
	}
	if err = errors.Join(err, db.Close()); err == nil {
		b.db = nil
		*g = b
	}
	return err
}

// grow gives the file its final size, so that a commit changes no length and no map of blocks. A file system that
// cannot reserve blocks gets a sparse file. Size 0 leaves it as it is.
func grow(path string, size int64) error {
	if size == 0 {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err = syscall.Fallocate(int(f.Fd()), 0, 0, size); errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		if info, err2 := f.Stat(); err2 == nil && info.Size() < size {
			err = f.Truncate(size)
		}
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// open opens g's file, which was checked or just made.
func (g *generation) open(readOnly bool) error {
	db, err := bolt.Open(g.path, 0o600, options(readOnly))
	if err != nil {
		return fmt.Errorf("open %s: %w", g.path, err)
	}
	g.db, g.writable = db, !readOnly
	return nil
}

// close closes the file. One that made bbolt panic may hold its locks for ever: it is left to the kernel.
func (g *generation) close() error {
	if g.db == nil || g.bad {
		return nil
	}
	return g.db.Close()
}

// guard runs f over the map of a file: a page that cannot be read, or that a broken one points to, faults. bbolt panics
// on what it did not expect. Both become an error.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v: %w", p, errCorrupt)
		}
	}()
	return f()
}

// empty reports whether g holds no record.
func (g *generation) empty() bool { return g.Head.Seq < g.first }

// put commits rs, which follow g's head, and the receipt.
func (g *generation) put(rs []uplink.Stored, rcpt uplink.Head) error {
	next := g.facts
	next.Rcpt = rcpt
	for _, r := range rs {
		next.Head, next.Boot = uplink.Head{Seq: r.Seq, Hash: r.Hash}, r.Boot
		if d := dayOf(r.Stamp); d > 0 {
			next.Day = max(next.Day, d)
			if next.Day0 == 0 {
				next.Day0 = d
			}
		}
	}
	err := guard(func() error {
		return g.db.Update(func(tx *bolt.Tx) error {
			rec, meta := tx.Bucket(bucketRec), tx.Bucket(bucketMeta)
			rec.FillPercent = 1 // keys only ever rise
			for _, r := range rs {
				if err := rec.Put(putKey(r.Seq), putRecord(r)); err != nil {
					return err
				}
			}
			next.Used = tx.Size()
			days := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(next.Day0)), uint64(next.Day))
			return errors.Join(meta.Put(keyDay, days), meta.Put(keyReceipt, putHead(rcpt)), putMarks(tx, next.Head.Seq))
		})
	})
	if err != nil {
		return fmt.Errorf("commit to %s: %w", g.path, err)
	}
	g.facts = next
	return nil
}

// read calls f with the records from seq on up to g.Head, until f says no. The file may have more already, of a commit that
// is not noted yet: nobody may tell them, since a receipt for them would be taken for one of another history.
func (g *generation) read(seq uint64, f func(uplink.Stored) bool) (more bool, err error) {
	if g.db == nil || g.bad {
		return true, nil
	}
	more = true
	err = guard(func() error {
		return g.db.View(func(tx *bolt.Tx) error {
			c := tx.Bucket(bucketRec).Cursor()
			for k, v := c.Seek(putKey(seq)); k != nil && more; k, v = c.Next() {
				r, err := getRecord(k, v)
				if err != nil {
					return err
				}
				if r.Seq > g.Head.Seq {
					return nil
				}
				more = f(r)
			}
			return nil
		})
	})
	if err != nil {
		return false, fmt.Errorf("read %s: %w", g.path, err)
	}
	return more, nil
}

// hash returns the hash of record seq.
func (g *generation) hash(seq uint64) (h uplink.Hash, ok bool) {
	_, err := g.read(seq, func(r uplink.Stored) bool {
		h, ok = r.Hash, r.Seq == seq
		return false
	})
	return h, ok && err == nil
}

// behind returns how many records g holds behind seq. Numbers are passed over in front of a file's first record alone.
func (g *generation) behind(seq uint64) uint64 {
	first := max(g.first, seq+1)
	if first > g.Head.Seq {
		return 0
	}
	_, _ = g.read(first, func(r uplink.Stored) bool { first = r.Seq; return false }) // what cannot be read is counted by its numbers
	return g.Head.Seq - first + 1
}

// size returns the file's length.
func (g *generation) size() int64 {
	info, err := os.Stat(g.path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// onCard returns the octets that a file takes on the card, or will when its pages are written to.
func onCard(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	n := info.Size()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		n = max(n, st.Blocks*sector)
	}
	return n
}

// shrink cuts off what lies behind the last page that was ever in use: nothing more is to be written to g. Both meta pages
// know of pages before that only, and all of those were flushed, so the cut may be there after a power cut or not.
func (g *generation) shrink() error {
	if g.db == nil || g.bad {
		return nil
	}
	var used int64
	err := guard(func() error {
		return g.db.View(func(tx *bolt.Tx) error {
			used = tx.Size() // generation.Used is without the pages of the last commit
			return nil
		})
	})
	if err != nil || used >= g.size() {
		return err
	}
	return os.Truncate(g.path, used)
}

// before returns the gap record that was to be the first in g, over the numbers in front of it, if the process or the power
// went before it was; else nil.
func (g *generation) before() *uplink.Gap {
	if !g.empty() || g.Prev.Seq+1 == g.first {
		return nil
	}
	return &uplink.Gap{From: uplink.Int(g.Prev.Seq + 1), To: uplink.Int(g.first - 1), Why: uplink.GapCut}
}

// leaps reports whether g follows the province's word, over numbers that its first record, a gap record, passes over. What
// is salvaged of such a file is still a fork, but does not leap if its first record is lost.
func (g *generation) leaps() bool { return g.Fork && g.Prev.Seq+1 < g.first }

func parseName(name, suffix string) (first uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, ok && err == nil && len(digits) == 16
}

func dayOf(s uplink.Stamp) int64 { return int64(s.Time) / (24 * 60 * 60 * 1000) }

func putKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

func putHead(h uplink.Head) []byte { return append(putKey(h.Seq), h.Hash[:]...) }

func getHead(v []byte) (h uplink.Head, ok bool) {
	if len(v) != 8+len(h.Hash) {
		return h, false
	}
	h.Seq = binary.BigEndian.Uint64(v)
	copy(h.Hash[:], v[8:])
	return h, true
}

func putRecord(r uplink.Stored) []byte {
	b := binary.AppendUvarint(make([]byte, 0, 8+len(r.Hash)+len(r.Raw)), r.Boot)
	return append(append(b, r.Hash[:]...), r.Raw...)
}

// getRecord reads what putRecord wrote. The record keeps nothing of v, which is bbolt's.
func getRecord(k, v []byte) (r uplink.Stored, err error) {
	boot, n := binary.Uvarint(v)
	if len(k) != 8 || n <= 0 || len(v) < n+len(r.Hash) {
		return r, fmt.Errorf("record %x: %d octets", k, len(v))
	}
	r.Seq, r.Boot = binary.BigEndian.Uint64(k), boot
	copy(r.Hash[:], v[n:])
	r.Record, err = uplink.ParseRecord(append([]byte(nil), v[n+len(r.Hash):]...))
	if err != nil {
		return r, fmt.Errorf("record %d: %w", r.Seq, err)
	}
	return r, nil
}
