package cut

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"cafeprobe/firmware/bootstate"
	"cafeprobe/firmware/init/part"
)

// stateSize is how much of partition state the copies take, in octets.
const stateSize = 8192

// window is a part of a disk.
type window struct {
	Disk
	at, size int64
}

func (w window) ReadAt(b []byte, at int64) (int, error) {
	return io.NewSectionReader(w.Disk, w.at, w.size).ReadAt(b, at)
}

func (w window) WriteAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) > w.size {
		return 0, io.ErrShortWrite
	}
	return w.Disk.WriteAt(b, w.at+at)
}

// raw judges slots that are partitions: it boots the card as the boot loader does until no trial is left.
func (c *Card) raw(f *Found) error {
	fail := func(format string, a ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrSlots}, a...)...)
	}
	state := window{c, c.Parts[part.State], stateSize}
	s, _, err := bootstate.Load(state)
	if err != nil { // a card that is new has none
		b := make([]byte, stateSize)
		if _, e := state.ReadAt(b, 0); e != nil || !bytes.Equal(b, make([]byte, stateSize)) {
			return fail("%w", errors.Join(err, e))
		}
	}
	whole := map[bootstate.Slot]bool{}
	for _, x := range []bootstate.Slot{bootstate.A, bootstate.B} {
		for _, fw := range c.Firmwares {
			ok, err := fw.is(c, c.Parts["slot_"+x.String()])
			if err != nil {
				return err
			}
			whole[x] = whole[x] || ok
		}
	}
	if !whole[s.Active] {
		return fail("slot %s is active, and not whole", s.Active)
	}
	if s.Try != bootstate.None && !whole[s.Try] {
		return fail("slot %s is to be tried, and not whole", s.Try)
	}
	f.Tried = s.Try != bootstate.None
	tried := 0
	for range bootstate.Tries + 2 {
		boot, next := s.Choose(func(x bootstate.Slot) bool { return !whole[x] })
		if boot == bootstate.None {
			return fail("%+v boots nothing", s)
		}
		if boot != s.Active {
			tried++
		}
		if next != s {
			if s, err = bootstate.Save(state, next); err != nil {
				return fail("%w", err)
			}
		}
	}
	if tried > bootstate.Tries || s.Try != bootstate.None {
		return fail("tried %d times, then %+v", tried, s)
	}
	return nil
}

// is reports whether f is what begins at an octet of a disk.
func (f Firmware) is(r io.ReaderAt, at int64) (bool, error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r, at, f.Length)); err != nil {
		return false, err
	}
	return [sha256.Size]byte(h.Sum(nil)) == f.SHA256, nil
}
