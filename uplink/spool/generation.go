package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
)

// A generation is one bbolt file: records first to head.Seq, in order, none ever deleted. Its name is first, so that no
// clock is needed to name or to find it.
//
//	bucket "rec":  seq, 8 octets big-endian -> uvarint boot, 32 octets hash, raw record
//	bucket "meta": "first" -> prev.Seq and hash; "day" -> first and last day; "rcpt" -> receipt's seq and hash
type generation struct {
	db    *bolt.DB
	path  string
	prev  uplink.Head // before its first record
	head  uplink.Head // behind its last
	first uint64      // the sequence number its name says
	boot  uint64      // largest boot counter
	day0  int64       // day of the first record that has a time, days since the epoch; 0 for none
	day   int64       // latest day of a record
	rcpt  uplink.Head // the receipt that was known at its last commit
	used  int64       // octets in use, of the file's
}

var (
	bucketRec  = []byte("rec")
	bucketMeta = []byte("meta")
	keyFirst   = []byte("first")
	keyDay     = []byte("day")
	keyReceipt = []byte("rcpt")
)

const suffix = ".db"

// options are bbolt's that were measured: with its defaults a one-record commit after a drained backlog writes 696 KiB,
// with these 16. NoSync stays off, always.
func options(readOnly bool) *bolt.Options {
	return &bolt.Options{
		Timeout:        time.Second, // another cafeprobed has it
		NoFreelistSync: true,
		FreelistType:   bolt.FreelistMapType,
		ReadOnly:       readOnly,
		NoStatistics:   true,
	}
}

// name returns the file name of the generation that starts with first: digits enough that names sort as numbers do.
func name(first uint64) string { return fmt.Sprintf("%016d%s", first, suffix) }

// list returns the first sequence numbers of the generations in dir, ascending.
func list(dir string) ([]uint64, error) {
	es, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list spool: %w", err)
	}
	var firsts []uint64
	for _, e := range es {
		digits, ok := strings.CutSuffix(e.Name(), suffix)
		if n, err := strconv.ParseUint(digits, 10, 64); ok && err == nil && name(n) == e.Name() {
			firsts = append(firsts, n)
		}
	}
	sort.Slice(firsts, func(i, k int) bool { return firsts[i] < firsts[k] })
	return firsts, nil
}

// create makes an empty generation whose first record will follow prev with sequence number first. The file is made
// under another name and renamed when it is whole: a file with a generation's name always has its buckets.
func create(dir string, first uint64, prev uplink.Head, size int64) (*generation, error) {
	path := filepath.Join(dir, name(first))
	tmp := filepath.Join(dir, "new.tmp")
	fail := func(err error) (*generation, error) { return nil, fmt.Errorf("create %s: %w", path, err) }
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	db, err := bolt.Open(tmp, 0o600, options(false))
	if err != nil {
		return fail(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		_, err1 := tx.CreateBucket(bucketRec)
		m, err2 := tx.CreateBucket(bucketMeta)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		return m.Put(keyFirst, putHead(prev))
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return fail(err)
	}
	if err = grow(tmp, size); err != nil {
		return fail(err)
	}
	if err = os.Rename(tmp, path); err == nil {
		err = durable.SyncDir(dir)
	}
	if err != nil {
		return fail(err)
	}
	return open(dir, first)
}

// grow gives the file its final size, so that a commit changes no length and no map of blocks. A file system that
// cannot reserve blocks gets a sparse file.
func grow(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err = syscall.Fallocate(int(f.Fd()), 0, 0, size); errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		err = f.Truncate(size)
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// open checks a generation and opens it for writing. It returns an error that wraps errCorrupt if bbolt or the chain in
// it is broken.
func open(dir string, first uint64) (*generation, error) {
	g := &generation{path: filepath.Join(dir, name(first)), first: first}
	if err := g.check(); err != nil {
		return nil, err
	}
	db, err := bolt.Open(g.path, 0o600, options(false))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", g.path, err)
	}
	g.db = db
	return g, nil
}

var errCorrupt = errors.New("spool: corrupt")

// check reads the whole file once, read-only, and verifies its chain. bbolt panics on some broken files, and reading a
// page that a broken one points to can fault; both become errCorrupt. (It can also panic in goroutines of its own when it
// looks for free pages, but it does so only for writing, after this. A child process will take that risk over.)
func (g *generation) check() (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: %v: %w", g.path, p, errCorrupt)
		}
	}()
	db, err := bolt.Open(g.path, 0o600, options(true))
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, bolterrors.ErrTimeout) {
		return fmt.Errorf("open %s: %w", g.path, err)
	}
	if err != nil {
		return fmt.Errorf("open %s: %w: %w", g.path, err, errCorrupt)
	}
	defer db.Close()
	if err := db.View(g.load); err != nil {
		return fmt.Errorf("%s: %w: %w", g.path, err, errCorrupt)
	}
	return nil
}

// load sets all fields but db from the file.
func (g *generation) load(tx *bolt.Tx) error {
	rec, meta := tx.Bucket(bucketRec), tx.Bucket(bucketMeta)
	if rec == nil || meta == nil {
		return errors.New("a bucket is missing")
	}
	var ok bool
	if g.prev, ok = getHead(meta.Get(keyFirst)); !ok || g.prev.Seq >= g.first {
		return errors.New("no start")
	}
	if v := meta.Get(keyReceipt); v != nil {
		if g.rcpt, ok = getHead(v); !ok {
			return errors.New("receipt")
		}
	}
	if v := meta.Get(keyDay); len(v) == 16 {
		g.day0, g.day = int64(binary.BigEndian.Uint64(v)), int64(binary.BigEndian.Uint64(v[8:]))
	}
	g.head, g.used = g.prev, tx.Size()
	c := rec.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		r, err := getRecord(k, v)
		if err != nil {
			return err
		}
		if g.head, err = uplink.VerifyStored(g.head, []uplink.Stored{r}); err != nil {
			return err
		}
		g.boot = max(g.boot, r.Boot)
	}
	if g.head.Seq == g.prev.Seq {
		g.head.Seq = g.first - 1 // empty; what is missing before it will be its first record
	}
	return nil
}

// empty reports whether g holds no record.
func (g *generation) empty() bool { return g.head.Seq < g.first }

// put commits rs, which follow g's head, and the receipt.
func (g *generation) put(rs []uplink.Stored, rcpt uplink.Head) error {
	day0, day := g.day0, g.day
	var used int64
	err := g.db.Update(func(tx *bolt.Tx) error {
		rec, meta := tx.Bucket(bucketRec), tx.Bucket(bucketMeta)
		rec.FillPercent = 1 // keys only ever rise
		for _, r := range rs {
			if d := dayOf(r.Stamp); d > 0 {
				day = max(day, d)
				if day0 == 0 {
					day0 = d
				}
			}
			if err := rec.Put(putKey(r.Seq), putRecord(r)); err != nil {
				return err
			}
		}
		used = tx.Size()
		days := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(day0)), uint64(day))
		return errors.Join(meta.Put(keyDay, days), meta.Put(keyReceipt, putHead(rcpt)))
	})
	if err != nil {
		return fmt.Errorf("commit to %s: %w", g.path, err)
	}
	g.day0, g.day, g.used, g.rcpt = day0, day, used, rcpt
	if n := len(rs); n > 0 {
		g.head, g.boot = uplink.Head{Seq: rs[n-1].Seq, Hash: rs[n-1].Hash}, rs[n-1].Boot
	}
	return nil
}

// read calls f with the records from seq on, until f says no.
func (g *generation) read(seq uint64, f func(uplink.Stored) bool) (more bool, err error) {
	more = true
	err = g.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketRec).Cursor()
		for k, v := c.Seek(putKey(seq)); k != nil && more; k, v = c.Next() {
			r, err := getRecord(k, v)
			if err != nil {
				return err
			}
			more = f(r)
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("read %s: %w", g.path, err)
	}
	return more, nil
}

// hash returns the hash of record seq, or of the head before the first.
func (g *generation) hash(seq uint64) (h uplink.Hash, ok bool) {
	if seq == g.prev.Seq {
		return g.prev.Hash, true
	}
	_ = g.db.View(func(tx *bolt.Tx) error {
		if v := tx.Bucket(bucketRec).Get(putKey(seq)); v != nil {
			if r, err := getRecord(putKey(seq), v); err == nil {
				h, ok = r.Hash, true
			}
		}
		return nil
	})
	return h, ok
}

// size returns the octets the file takes on the card.
func (g *generation) size() int64 {
	info, err := os.Stat(g.path)
	if err != nil {
		return 0
	}
	return info.Size()
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
