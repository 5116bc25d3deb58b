package data

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf16"
)

// Of the GUID partition table (UEFI 2.10 §5.3).
const (
	sector    = 512
	entrySize = 128
	entries   = 128
	tableSize = entries * entrySize   // octets
	tableLen  = tableSize / sector    // sectors
	minDisk   = 2*tableLen + 3 + 2048 // sectors; a table at each end, and something between
	headerLen = 92                    // octets of a header that its checksum is of
	signature = 0x5452415020494645    // "EFI PART"
	mbr, gptH = int64(0), int64(1)    // sectors: of the protective MBR, of the primary header
	oneDiskPT = 0xee                  // what a protective MBR's partition is
	mbrEntry  = 446                   // octet of its first entry
	mbrLength = mbrEntry + 12         // and of that one's length in sectors
)

// ErrTable is wrapped by Grow's error for a disk whose partitions are not as an image has them.
var ErrTable = errors.New("partition table")

// Disk is a whole disk, or its image.
type Disk interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// table is a copy of the partition table.
type table struct {
	header  [sector]byte
	entries [tableSize]byte
}

func (t *table) word(at int) int64   { return int64(binary.LittleEndian.Uint64(t.header[at:])) }
func (t *table) set(at int, v int64) { binary.LittleEndian.PutUint64(t.header[at:], uint64(v)) }
func (t *table) first(i int) int64 {
	return int64(binary.LittleEndian.Uint64(t.entries[i*entrySize+32:]))
}

func (t *table) last(i int) int64 {
	return int64(binary.LittleEndian.Uint64(t.entries[i*entrySize+40:]))
}

func (t *table) setLast(i int, v int64) {
	binary.LittleEndian.PutUint64(t.entries[i*entrySize+40:], uint64(v))
}

func (t *table) used(i int) bool { return !bytes.Equal(t.entries[i*entrySize:][:16], make([]byte, 16)) }

// Octets of a header at which numbers of sectors are.
const (
	atSelf, atOther, atFirst, atLast, atEntries = 24, 32, 40, 48, 72
)

// name returns an entry's, at most 36 UTF-16 units.
func (t *table) name(i int) string {
	var u []uint16
	for b := t.entries[i*entrySize+56 : (i+1)*entrySize]; len(b) > 1; b = b[2:] {
		c := binary.LittleEndian.Uint16(b)
		if c == 0 {
			break
		}
		u = append(u, c)
	}
	return string(utf16.Decode(u))
}

// load reads the copy whose header is at a sector.
func load(d io.ReaderAt, at int64) (*table, error) {
	t := &table{}
	if _, err := d.ReadAt(t.header[:], at*sector); err != nil {
		return nil, fmt.Errorf("%w: sector %d: %w", ErrTable, at, err)
	}
	h := t.header
	sum := binary.LittleEndian.Uint32(h[16:])
	clear(h[16:20])
	switch {
	case binary.LittleEndian.Uint64(h[:]) != signature, binary.LittleEndian.Uint32(h[12:]) != headerLen,
		crc32.ChecksumIEEE(h[:headerLen]) != sum, t.word(atSelf) != at:
		return nil, fmt.Errorf("%w: sector %d: no header", ErrTable, at)
	case binary.LittleEndian.Uint32(h[80:]) != entries, binary.LittleEndian.Uint32(h[84:]) != entrySize:
		return nil, fmt.Errorf("%w: sector %d: entries of another size", ErrTable, at)
	}
	from := t.word(atEntries)
	if from < 2 || from > 1<<40 {
		return nil, fmt.Errorf("%w: entries at sector %d", ErrTable, from)
	}
	if _, err := d.ReadAt(t.entries[:], from*sector); err != nil {
		return nil, fmt.Errorf("%w: sector %d: %w", ErrTable, from, err)
	}
	if crc32.ChecksumIEEE(t.entries[:]) != binary.LittleEndian.Uint32(t.header[88:]) {
		return nil, fmt.Errorf("%w: sector %d: checksum of the entries", ErrTable, from)
	}
	return t, nil
}

// store writes t with its header at a sector, its entries at another, and its other copy at a third: first what the header's checksum is
// of, then the header.
func (t *table) store(d Disk, self, from, other int64) error {
	t.set(atSelf, self)
	t.set(atOther, other)
	t.set(atEntries, from)
	binary.LittleEndian.PutUint32(t.header[88:], crc32.ChecksumIEEE(t.entries[:]))
	clear(t.header[16:20])
	binary.LittleEndian.PutUint32(t.header[16:], crc32.ChecksumIEEE(t.header[:headerLen]))
	for _, w := range []struct {
		b  []byte
		at int64
	}{{t.entries[:], from}, {t.header[:], self}} {
		if _, err := d.WriteAt(w.b, w.at*sector); err != nil {
			return fmt.Errorf("write the partition table: %w", err)
		}
		if err := d.Sync(); err != nil {
			return fmt.Errorf("write the partition table: %w", err)
		}
	}
	return nil
}

// Part is a partition: how many octets it begins behind the disk's beginning, how many it has, and its number, from 1.
type Part struct {
	Start, Size int64
	Number      int
}

// Grow makes the disk's last partition, which has to be of that name, as long as a disk of size octets lets it be, and puts the table's
// second copy at the disk's end. It changes nothing where nothing is to be gained, and returns the partition as it is then. A power cut
// leaves one copy that is whole, the new or the old one; the next call goes on from it.
func Grow(d Disk, size int64, name string) (p Part, grown bool, err error) {
	end := size/sector - 1
	if end < minDisk {
		return Part{}, false, fmt.Errorf("%w: a disk of %d octets", ErrTable, size)
	}
	t, err1 := load(d, gptH)
	backup, err2 := load(d, end)
	whole := err1 == nil && err2 == nil && t.word(atOther) == end && backup.entries == t.entries
	if err1 != nil {
		if t = backup; err2 != nil {
			return Part{}, false, errors.Join(err1, err2)
		}
	}
	i, err := t.find(name)
	if err != nil {
		return Part{}, false, err
	}
	last := end - tableLen - 1
	if t.last(i) > last {
		return Part{}, false, fmt.Errorf("%w: partition %s ends behind the disk", ErrTable, name)
	}
	last -= (last + 1) % 2048 // whole MiB, as it began
	grown = last > t.last(i)
	if last = max(last, t.last(i)); !whole || grown {
		t.setLast(i, last)
		t.set(atLast, end-tableLen-1)
		if err := t.spread(d, end); err != nil {
			return Part{}, false, err
		}
	}
	return t.part(i), grown, nil
}

// Lookup returns where a partition of a disk is, by the first copy of its table. A reader of the disk's first sectors is enough.
func Lookup(d io.ReaderAt, name string) (Part, error) {
	t, err := load(d, gptH)
	if err != nil {
		return Part{}, err
	}
	i, err := t.named(name)
	if err != nil {
		return Part{}, err
	}
	return t.part(i), nil
}

// spread writes both copies: the second, then the first, whose old content holds until then; and the MBR's length.
func (t *table) spread(d Disk, end int64) error {
	if err := t.store(d, end, end-tableLen, gptH); err != nil {
		return err
	}
	if err := t.store(d, gptH, 2, end); err != nil {
		return err
	}
	var m [sector]byte
	if _, err := d.ReadAt(m[:], mbr*sector); err != nil {
		return fmt.Errorf("read the partition table: %w", err)
	}
	if m[mbrEntry+4] != oneDiskPT {
		return nil // a hybrid that a boot ROM wants: not ours to change
	}
	binary.LittleEndian.PutUint32(m[mbrLength:], uint32(min(end, 1<<32-1)))
	if _, err := d.WriteAt(m[:], mbr*sector); err != nil {
		return fmt.Errorf("write the partition table: %w", err)
	}
	return d.Sync()
}

// find returns the number of the entry of that name, which has to be the last on the disk.
func (t *table) find(name string) (int, error) {
	at, err := t.named(name)
	if err != nil {
		return 0, err
	}
	if t.first(at) < 2+tableLen || t.last(at) < t.first(at) || t.last(at) > 1<<40 {
		return 0, fmt.Errorf("%w: partition %s from sector %d to %d", ErrTable, name, t.first(at), t.last(at))
	}
	for i := range entries {
		if t.used(i) && i != at && t.last(i) >= t.first(at) {
			return 0, fmt.Errorf("%w: partition %q is not in front of %s", ErrTable, t.name(i), name)
		}
	}
	return at, nil
}

// named returns the number, from 0, of the first entry of a name.
func (t *table) named(name string) (int, error) {
	for i := range entries {
		if t.used(i) && t.name(i) == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%w: no partition %s", ErrTable, name)
}

func (t *table) part(i int) Part {
	return Part{t.first(i) * sector, (t.last(i) - t.first(i) + 1) * sector, i + 1}
}
