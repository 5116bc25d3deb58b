package slot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"cafeprobe/firmware/bootstate"
	"cafeprobe/firmware/vm"
)

// page is what the kernel writes a device in.
const page = 4096

// disk is a device of which every write to the card is kept, in the order in which the kernel was asked for them.
type disk struct {
	b   []byte
	log vm.Log
}

// part is a partition of a disk.
type part struct {
	*disk
	at, size int64
}

func (p part) ReadAt(b []byte, at int64) (int, error) { return copy(b, p.b[p.at+at:p.at+p.size]), nil }

func (p part) WriteAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) > p.size {
		return 0, errors.New("no space left")
	}
	copy(p.b[p.at+at:], b)
	for first := (p.at + at) / page * page; first < p.at+at+int64(len(b)); first += page {
		p.log.Writes = append(p.log.Writes, vm.Write{Offset: first, Length: page, Data: bytes.Clone(p.b[first : first+page])})
	}
	return len(b), nil
}

func (p part) Sync() error {
	p.log.Writes = append(p.log.Writes, vm.Write{Flush: true})
	return nil
}

// image is a firmware whose head says its length and its sum, as that of a FIT does.
func image(seed uint64, size int) []byte {
	b := make([]byte, size)
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range b {
		b[i] = byte(rng.Uint32()) | 1
	}
	binary.BigEndian.PutUint64(b, uint64(size))
	sum := sha256.Sum256(b[Head:])
	copy(b[8:], sum[:])
	return b
}

// damaged is how the boot loader judges a slot: by what its head says.
func damaged(b []byte) bool {
	size := binary.BigEndian.Uint64(b)
	if size < Head || size > uint64(len(b)) {
		return true
	}
	sum := sha256.Sum256(b[Head:size])
	return !bytes.Equal(sum[:], b[8:40])
}

// Where partitions are on the disk of the tests.
const (
	stateAt, stateSize = 0, 8192
	slotSize           = 96 << 10
)

func slotAt(s bootstate.Slot) int64 { return stateSize + int64(s-bootstate.A)*slotSize }

func newDisk(t *testing.T, old bool) (*disk, *Raw) {
	t.Helper()
	d := &disk{b: make([]byte, stateSize+2*slotSize)}
	copy(d.b[slotAt(bootstate.A):], image(1, 70_001))
	if old {
		copy(d.b[slotAt(bootstate.B):], image(2, 90_000))
	}
	r, err := NewRaw(part{d, stateAt, stateSize}, bootstate.A)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bootstate.Save(part{d, stateAt, stateSize}, bootstate.Factory); err != nil {
		t.Fatal(err)
	}
	return d, r
}

// update is all that an update writes, from the announcement to the reboot.
func update(t *testing.T, slots interface {
	Clear() error
	Try() error
}, place func() Place, fw []byte,
) {
	t.Helper()
	if err := slots.Clear(); err != nil {
		t.Fatalf("clear: %v", err)
	}
	w, err := NewWriter(place(), WriterConfig{Length: int64(len(fw)), Every: 16 << 10})
	if err != nil {
		t.Fatalf("begin: %v", err)
	}
	for b := range slices.Chunk(fw, 5000) {
		if _, err := w.Write(b); err != nil {
			t.Fatalf("write: %v", err)
		}
	}
	if err := w.Finish(sha256.Sum256(fw)); err != nil {
		t.Fatalf("finish: %v", err)
	}
	if err := slots.Try(); err != nil {
		t.Fatalf("try: %v", err)
	}
}

// TestRawPowerCut cuts the power of an update, and of its confirmation, in 600 places, with what was not flushed lost, reordered
// and torn: the state stays valid, the slot that runs untouched, and what the boot loader starts is whole.
func TestRawPowerCut(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 28))
	fw := image(3, 80_123)
	states := 0
	for _, old := range []bool{false, true} {
		for _, confirm := range []bool{false, true} {
			d, r := newDisk(t, old)
			b := func() Place { return part{d, slotAt(bootstate.B), slotSize} }
			if confirm {
				update(t, r, b, fw)
			}
			before := bytes.Clone(d.b)
			d.log.Writes = nil
			if confirm {
				if err := (&Raw{part{d, stateAt, stateSize}, bootstate.B}).Confirm(); err != nil {
					t.Fatal(err)
				}
			} else {
				update(t, r, b, fw)
			}
			for _, c := range d.log.Crashes(150, rng) {
				after := &disk{b: bytes.Clone(before)}
				if err := d.log.Apply(part{after, 0, int64(len(after.b))}, c); err != nil {
					t.Fatal(err)
				}
				boots(t, after, fw, c)
				states++
			}
		}
	}
	t.Logf("%d states after a power cut", states)
}

// boots boots a disk five times, as the boot loader does.
func boots(t *testing.T, d *disk, fw []byte, c vm.Crash) {
	t.Helper()
	slot := func(s bootstate.Slot) []byte { return d.b[slotAt(s) : slotAt(s)+slotSize] }
	if a := image(1, 70_001); !bytes.Equal(slot(bootstate.A)[:len(a)], a) {
		t.Fatalf("%+v: the slot that ran has changed", c)
	}
	tried := 0
	for range 5 {
		s, _, err := bootstate.Load(part{d, stateAt, stateSize})
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		boot, next := s.Choose(func(x bootstate.Slot) bool { return damaged(slot(x)) })
		if boot == bootstate.None || damaged(slot(boot)) {
			t.Fatalf("%+v: %+v boots %s, which is not whole", c, s, boot)
		}
		if boot == bootstate.B && !bytes.Equal(slot(boot)[:len(fw)], fw) {
			t.Fatalf("%+v: %+v boots a firmware that was not put there", c, s)
		}
		if boot == bootstate.B && s.Active != boot {
			tried++
		}
		if next != s {
			if _, err := bootstate.Save(part{d, stateAt, stateSize}, next); err != nil {
				t.Fatal(err)
			}
		}
	}
	if tried > bootstate.Tries {
		t.Fatalf("%+v: tried %d times", c, tried)
	}
}
