package vm

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Replay makes the disks that many crashes leave, of one disk and without a copy of it for each. Use NewReplay.
type Replay struct {
	log  *Log
	disk *os.File
	done int // writes of the log that are in disk
}

// NewReplay returns the Replay of l. disk holds what the Machine's disk held before, and is written to; at best it is sparse.
func NewReplay(l *Log, disk *os.File) *Replay { return &Replay{log: l, disk: disk} }

// After returns the disk that c leaves, which is good until the next call. Crashes come in the order of their At: an earlier one is an error.
func (r *Replay) After(c Crash) (*Overlay, error) {
	flushed := r.log.flushed(c.At)
	if flushed < r.done {
		return nil, fmt.Errorf("replay a disk's writes: a crash after %d is asked for behind one after %d", c.At, r.done)
	}
	whole := Crash{At: flushed, Torn: -1}
	if err := r.log.apply(r.disk, r.done, whole); err != nil {
		return nil, err
	}
	r.done = flushed
	o := &Overlay{disk: r.disk, sectors: map[int64][]byte{}}
	return o, r.log.apply(o, flushed, c)
}

// Overlay is a disk of which some sectors are kept beside it: what is written to it leaves the disk itself alone.
type Overlay struct {
	disk    *os.File
	sectors map[int64][]byte // by their number
}

// ReadAt reads whole or parts of sectors.
func (o *Overlay) ReadAt(b []byte, at int64) (int, error) {
	n, err := o.disk.ReadAt(b, at)
	for s := at / sector; s*sector < at+int64(n); s++ {
		if data, ok := o.sectors[s]; ok {
			from := s*sector - at
			copy(b[max(0, from):n], data[max(0, -from):])
		}
	}
	return n, err
}

// WriteAt writes whole or parts of sectors.
func (o *Overlay) WriteAt(b []byte, at int64) (n int, err error) {
	for len(b) > 0 {
		s, skip := at/sector, at%sector
		data, ok := o.sectors[s]
		if !ok {
			data = make([]byte, sector)
			if skip != 0 || len(b) < sector {
				if _, err := o.disk.ReadAt(data, s*sector); err != nil && err != io.EOF {
					return n, err
				}
			}
			o.sectors[s] = data
		}
		m := copy(data[skip:], b)
		n, at, b = n+m, at+int64(m), b[m:]
	}
	return n, nil
}

// Sync does nothing: what was written is there.
func (o *Overlay) Sync() error { return nil }

// Extract writes size octets from at on into a new file, with holes where the disk has some.
func (o *Overlay) Extract(path string, at, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		return err
	}
	b := make([]byte, 1<<20)
	for from := at; from < at+size; {
		data, err := unix.Seek(int(o.disk.Fd()), from, unix.SEEK_DATA)
		if err == unix.ENXIO || data >= at+size {
			break // a hole up to the end
		}
		if err != nil {
			return fmt.Errorf("read a disk's data: %w", err)
		}
		n, err := o.disk.ReadAt(b[:min(int64(len(b)), at+size-data)], data)
		if err != nil && err != io.EOF {
			return fmt.Errorf("read a disk's data: %w", err)
		}
		if _, err := f.WriteAt(b[:n], data-at); err != nil {
			return err
		}
		from = data + int64(n)
	}
	for s, data := range o.sectors {
		if s*sector >= at && s*sector < at+size {
			if _, err := f.WriteAt(data, s*sector-at); err != nil {
				return err
			}
		}
	}
	return f.Close()
}
