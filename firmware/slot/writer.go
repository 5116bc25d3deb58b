package slot

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Head is how many octets are written last: without them nothing boots. They hold a FIT's or a PE program's header.
const Head = 4096

// syncEvery is WriterConfig.Every by default.
const syncEvery = 8 << 20

// Errors of a Writer.
var (
	ErrLength = errors.New("slot: the firmware is not of the length that it is to have")
	ErrSum    = errors.New("slot: the firmware is not the one that was signed")
	ErrCard   = errors.New("slot: the card does not give back what was written")
	ErrRoom   = errors.New("slot: no room for the firmware")
)

// WriterConfig says what is written. Length is required.
type WriterConfig struct {
	Length int64 // of the firmware, octets
	Room   int64 // of the place, octets; 0: it grows
	Resume int64 // as many octets of this firmware are in the place, as Synced said; 0: begin anew
	Every  int64 // octets between two waits for the card: so much a power cut costs; 0: 8 MiB

	// Synced is told that so many octets are on the card, and can be resumed from. nil: nobody wants to know.
	Synced func(octets int64)
}

// Writer writes a firmware to a place so that it boots when all of it is there and was compared, and not before.
type Writer struct {
	cfg    WriterConfig
	place  Place
	head   []byte
	sum    hash.Hash
	next   int64
	synced int64
}

// NewWriter begins to write. The place holds nothing that boots from then on. Where what was to be resumed from is not there, it
// begins anew.
func NewWriter(place Place, cfg WriterConfig) (*Writer, error) {
	if cfg.Length < Head || cfg.Room > 0 && cfg.Length > cfg.Room {
		return nil, fmt.Errorf("%w: %d octets, of at least %d and at most %d", ErrRoom, cfg.Length, Head, cfg.Room)
	}
	if cfg.Every <= 0 {
		cfg.Every = syncEvery
	}
	w := &Writer{cfg: cfg, place: place, sum: sha256.New()}
	zero := make([]byte, Head)
	if cfg.Resume > Head && cfg.Resume <= cfg.Length {
		head := make([]byte, Head)
		if _, err := place.ReadAt(head, 0); err == nil && bytes.Equal(head, zero) {
			return w, nil
		}
	}
	w.cfg.Resume = 0
	if _, err := place.WriteAt(zero, 0); err != nil {
		return nil, fmt.Errorf("clear the slot: %w", err)
	}
	if err := place.Sync(); err != nil {
		return nil, fmt.Errorf("clear the slot: %w", err)
	}
	return w, nil
}

// Next returns which octet of the firmware Write is to begin with: 0, then what follows the head or, if it resumes, what follows
// the octets that are there.
func (w *Writer) Next() int64 { return w.next }

// Write takes the next octets of the firmware. Behind the head it stops short, with io.ErrShortWrite, if it resumes: Next has
// changed.
func (w *Writer) Write(b []byte) (n int, err error) {
	if w.next+int64(len(b)) > w.cfg.Length {
		return 0, fmt.Errorf("%w: more than %d octets", ErrLength, w.cfg.Length)
	}
	if w.next < Head {
		n = min(len(b), int(Head-w.next))
		w.head = append(w.head, b[:n]...)
		w.next += int64(n)
		if w.next < Head {
			return n, nil
		}
		w.sum.Write(w.head)
		w.synced = Head
		if w.cfg.Resume > Head {
			if err := w.resume(); err != nil {
				return n, err
			}
			if n < len(b) {
				err = io.ErrShortWrite
			}
			return n, err
		}
		b = b[n:]
	}
	for len(b) > 0 {
		part := b[:min(int64(len(b)), w.cfg.Every)]
		m, err := w.place.WriteAt(part, w.next)
		w.sum.Write(part[:m])
		w.next += int64(m)
		n += m
		if err == nil && w.next-w.synced >= w.cfg.Every {
			err = w.Sync()
		}
		if err != nil {
			return n, fmt.Errorf("write the slot: %w", err)
		}
		b = b[m:]
	}
	return n, nil
}

// resume takes what is there for what was written: whether it is, the sum says in the end.
func (w *Writer) resume() error {
	n, err := io.Copy(w.sum, io.NewSectionReader(w.place, Head, w.cfg.Resume-Head))
	w.next = Head + n
	w.synced = w.next
	if err != nil {
		return fmt.Errorf("read what is in the slot: %w", err)
	}
	if w.next != w.cfg.Resume {
		return fmt.Errorf("read what is in the slot: %w", io.ErrUnexpectedEOF)
	}
	return nil
}

// Resumed reports whether a part of the firmware was there before.
func (w *Writer) Resumed() bool { return w.cfg.Resume > 0 }

// Sync waits until what was written is on the card.
func (w *Writer) Sync() error {
	if w.next <= w.synced {
		return nil
	}
	if err := w.place.Sync(); err != nil {
		return fmt.Errorf("write the slot: %w", err)
	}
	w.synced = w.next
	if w.cfg.Synced != nil {
		w.cfg.Synced(w.synced)
	}
	return nil
}

// Finish makes the firmware bootable: if it is whole and its SHA-256 is sum, the head is written, and all is read back from the
// card. The errors wrap ErrLength, ErrSum or ErrCard; then nothing is there that boots.
func (w *Writer) Finish(sum [sha256.Size]byte) error {
	if w.next != w.cfg.Length {
		return fmt.Errorf("%w: %d octets of %d", ErrLength, w.next, w.cfg.Length)
	}
	if got := w.sum.Sum(nil); !bytes.Equal(got, sum[:]) {
		return fmt.Errorf("%w: its SHA-256 is %x, want %x", ErrSum, got, sum)
	}
	if err := w.Sync(); err != nil {
		return err
	}
	if _, err := w.place.WriteAt(w.head, 0); err != nil {
		return fmt.Errorf("write the slot: %w", err)
	}
	if err := w.place.Sync(); err != nil {
		return fmt.Errorf("write the slot: %w", err)
	}
	err := Verify(w.place, w.cfg.Length, sum)
	if err != nil {
		_, clear := w.place.WriteAt(make([]byte, Head), 0)
		err = errors.Join(err, clear, w.place.Sync())
	}
	return err
}

// Verify reads a firmware of length octets back from the card, not from memory where the place lets that be told apart, and
// compares its SHA-256 with sum. The error wraps ErrCard.
func Verify(place io.ReaderAt, length int64, sum [sha256.Size]byte) error {
	n, got, err := Sum(io.NewSectionReader(place, 0, length), place)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCard, err)
	}
	if n != length || got != sum {
		return fmt.Errorf("%w: %d octets of SHA-256 %x, want %d of %x", ErrCard, n, got, length, sum)
	}
	return nil
}

// Sum returns the length and the SHA-256 of what r reads of place, from the card where that can be told apart from memory.
func Sum(r io.Reader, place io.ReaderAt) (n int64, sum [sha256.Size]byte, err error) {
	if f, ok := place.(interface{ Fd() uintptr }); ok {
		forget(int(f.Fd()))
		defer forget(int(f.Fd())) // and the memory is for others
	}
	h := sha256.New()
	n, err = io.Copy(h, r)
	h.Sum(sum[:0])
	return n, sum, err
}
