package spool

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// An op is one thing that a spool did to its folder, in the order in which the kernel was asked for it.
type op struct {
	kind opKind
	ino  uint64
	name string // create, rename, unlink
	to   string // rename
	off  int64
	size int64 // truncate, allocate
	data []byte
}

type opKind int

const (
	opCreate opKind = iota
	opWrite
	opTruncate
	opAllocate
	opSync
	opRename
	opUnlink
	opSyncDir
	opTold // no change: what the spool's user was told is committed, or receipted
)

// A disk is what a card holds for sure, and what was written to it since its last flush.
type disk struct {
	names   map[string]uint64 // of the flushed folder
	live    map[string]uint64
	files   map[uint64][]byte
	pending map[uint64][]op
	folder  []op
}

func newDisk() *disk {
	return &disk{map[string]uint64{}, map[string]uint64{}, map[uint64][]byte{}, map[uint64][]op{}, nil}
}

func (d *disk) clone() *disk {
	c := &disk{maps.Clone(d.names), maps.Clone(d.live), map[uint64][]byte{}, map[uint64][]op{}, slices.Clone(d.folder)}
	for i, b := range d.files {
		c.files[i] = slices.Clone(b)
	}
	for i, os := range d.pending {
		c.pending[i] = slices.Clone(os)
	}
	return c
}

// apply takes an op. A card that lies takes a flush for nothing.
func (d *disk) apply(o op, lies bool) {
	switch o.kind {
	case opCreate, opUnlink, opRename:
		d.folder = append(d.folder, op{kind: o.kind, ino: d.live[o.name], name: o.name, to: o.to})
		if o.kind == opCreate {
			d.folder[len(d.folder)-1].ino = o.ino
		}
		rename(d.live, d.folder[len(d.folder)-1])
	case opWrite, opTruncate, opAllocate:
		d.pending[o.ino] = append(d.pending[o.ino], o)
	case opSync:
		if !lies {
			for _, p := range d.pending[o.ino] {
				d.files[o.ino] = change(d.files[o.ino], p, func() bool { return true })
			}
			delete(d.pending, o.ino)
		}
	case opSyncDir:
		if !lies {
			for _, p := range d.folder {
				rename(d.names, p)
			}
			d.folder = nil
		}
	}
}

func rename(names map[string]uint64, o op) {
	switch o.kind {
	case opCreate:
		names[o.name] = o.ino
	case opUnlink:
		delete(names, o.name)
	case opRename:
		if names[o.name] == o.ino {
			delete(names, o.name)
		}
		names[o.to] = o.ino
	}
}

// change applies o to b, of a write those sectors of 512 octets for which took says so.
func change(b []byte, o op, took func() bool) []byte {
	end := o.size
	if o.kind == opWrite {
		end = o.off + int64(len(o.data))
	}
	if o.kind == opTruncate && o.size < int64(len(b)) {
		return b[:o.size]
	}
	if n := end - int64(len(b)); n > 0 {
		b = append(b, make([]byte, n)...)
	}
	for at := 0; at < len(o.data); {
		n := sector - int(o.off+int64(at))%sector
		n = min(n, len(o.data)-at)
		if took() {
			copy(b[o.off+int64(at):], o.data[at:at+n])
		}
		at += n
	}
	return b
}

// image writes into dir what the card may hold after a cut: all that was flushed, and of the rest any part. Some images
// take nearly all of it, some nearly nothing, some half a sector. traces is how many sectors of the rest are in it, in
// generations that the folder has.
func (d *disk) image(t *testing.T, dir string, r *rand.Rand) (traces int) {
	t.Helper()
	d = d.clone()
	share := []float64{0, 0.1, 0.5, 0.9, 0.99, 1}[r.IntN(6)]
	took := func() bool { return r.Float64() < share }
	for _, o := range d.folder {
		if took() {
			rename(d.names, o)
		}
	}
	var reached []uint64
	for name, ino := range d.names {
		if _, ok := parseName(name, suffix); ok {
			reached = append(reached, ino)
		}
	}
	for ino, os := range d.pending {
		took := func() bool {
			yes := took()
			if yes && slices.Contains(reached, ino) {
				traces++
			}
			return yes
		}
		for _, o := range os {
			if len(o.data) > 0 && r.IntN(20) == 0 {
				o.data = o.data[:r.IntN(len(o.data))]
			}
			if o.kind == opWrite || took() {
				d.files[ino] = change(d.files[ino], o, took)
			}
		}
	}
	for name, ino := range d.names {
		if err := os.WriteFile(filepath.Join(dir, name), d.files[ino], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return traces
}
