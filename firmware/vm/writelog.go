package vm

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
)

// Log is what a Machine wrote to its disk, in order: what dm-log-writes of Linux and blklogwrites of QEMU write (Linux,
// Documentation/admin-guide/device-mapper/log-writes.rst): a super block, then an entry of a sector and its octets each.
type Log struct {
	Writes []Write
}

// Write is one entry of a Log.
type Write struct {
	Offset int64  // octets from the beginning of the disk
	Length int64  // octets; of a discard there are no Data
	Data   []byte // what was written
	Flush  bool   // all that came before is on the disk first
	FUA    bool   // this is on the disk before the guest goes on
	Logged int64  // how long the log's file was when this was in it: what is known to come later has a larger one
}

// Of the log's format.
const (
	logMagic   = 0x6a736677736872
	logVersion = 1
	sector     = 512 // what offsets are counted in

	flagFlush   = 1 << 0
	flagFUA     = 1 << 1
	flagDiscard = 1 << 2

	maxLog = 4 << 30
)

// ErrLog is wrapped by LoadLog's error for a file that is no whole log.
var ErrLog = errors.New("log of a disk's writes")

// LoadLog reads the log that the Machine wrote of which it was Config.WriteLog, once that has ended. A log whose end is missing,
// as of a machine that was killed, is read as far as it goes.
func LoadLog(path string) (*Log, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a disk's writes: %w", err)
	}
	return parseLog(b)
}

func parseLog(b []byte) (*Log, error) {
	if len(b) < sector || binary.LittleEndian.Uint64(b) != logMagic || binary.LittleEndian.Uint64(b[8:]) != logVersion {
		return nil, fmt.Errorf("%w: no super block", ErrLog)
	}
	size := int64(binary.LittleEndian.Uint32(b[24:])) // of the log's own sectors
	if size < sector || size > 1<<16 || size&(size-1) != 0 {
		return nil, fmt.Errorf("%w: sectors of %d octets", ErrLog, size)
	}
	l := &Log{}
	for at := size; at+size <= int64(len(b)); {
		e := b[at:]
		first, sectors, flags := binary.LittleEndian.Uint64(e), binary.LittleEndian.Uint64(e[8:]), binary.LittleEndian.Uint64(e[16:])
		length := binary.LittleEndian.Uint64(e[24:])
		if first == 0 && sectors == 0 && flags == 0 && length == 0 {
			break
		}
		if first > maxLog/sector || sectors > maxLog/sector {
			return nil, fmt.Errorf("%w: entry at %d is of sector %d and %d more", ErrLog, at, first, sectors)
		}
		w := Write{
			Offset: int64(first) * size, Length: int64(sectors) * size, Flush: flags&flagFlush != 0, FUA: flags&flagFUA != 0,
		}
		at += size
		if flags&flagDiscard == 0 {
			if at+w.Length > int64(len(b)) {
				break
			}
			w.Data = b[at : at+w.Length : at+w.Length]
			at += w.Length
		}
		w.Logged = at
		l.Writes = append(l.Writes, w)
	}
	return l, nil
}

// Crash is one state in which a power cut leaves a disk.
type Crash struct {
	At   int   // how many of the log's writes were asked for
	Lost []int // those of them that did not come to the disk, whole
	Torn int   // the one that came in part, or -1
	Keep int64 // and how many of its octets came
}

// Crashes returns n states, drawn by rng, in which a power cut may leave a disk to which l was written: what was flushed is there;
// of what came after, each write is there, lost, or, one of them, torn at a sector. Disks promise no more.
func (l *Log) Crashes(n int, rng *rand.Rand) []Crash { return l.CrashesIn(0, len(l.Writes), n, rng) }

// CrashesIn is Crashes for a power cut after at least from and at most to of the log's writes.
func (l *Log) CrashesIn(from, to, n int, rng *rand.Rand) []Crash {
	list := make([]Crash, 0, n)
	for range n {
		c := Crash{At: from + rng.IntN(to-from+1), Torn: -1}
		var open []int
		for i := l.flushed(c.At); i < c.At; i++ {
			if w := &l.Writes[i]; len(w.Data) > 0 && !w.FUA {
				open = append(open, i)
			}
		}
		for _, i := range open {
			if rng.IntN(3) == 0 {
				c.Lost = append(c.Lost, i)
			}
		}
		if len(open) > 0 && rng.IntN(2) == 0 {
			c.Torn = open[rng.IntN(len(open))]
			c.Keep = sector * rng.Int64N(l.Writes[c.Torn].Length/sector)
		}
		list = append(list, c)
	}
	return list
}

// Before returns how many of the writes were in the log when its file was so long.
func (l *Log) Before(length int64) int {
	n, _ := slices.BinarySearchFunc(l.Writes, length+1, func(w Write, at int64) int { return cmp.Compare(w.Logged, at) })
	return n
}

// flushed returns how many of the first n writes are on the disk for sure.
func (l *Log) flushed(n int) int {
	for i := n - 1; i >= 0; i-- {
		if l.Writes[i].Flush {
			return i
		}
	}
	return 0
}

// Apply writes to disk, which holds what the Machine's disk held before, what a crash left.
func (l *Log) Apply(disk io.WriterAt, c Crash) error { return l.apply(disk, 0, c) }

// apply does what Apply does to a disk that has the first writes already.
func (l *Log) apply(disk io.WriterAt, first int, c Crash) error {
	lost := make(map[int]bool, len(c.Lost))
	for _, i := range c.Lost {
		lost[i] = true
	}
	for i := first; i < c.At; i++ {
		data := l.Writes[i].Data
		switch {
		case lost[i]:
			continue
		case i == c.Torn:
			data = data[:c.Keep]
		}
		if _, err := disk.WriteAt(data, l.Writes[i].Offset); err != nil {
			return fmt.Errorf("write a crashed disk: %w", err)
		}
	}
	return nil
}
