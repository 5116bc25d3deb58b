package bootstate

import (
	"errors"
	"fmt"
	"io"
)

// offsets are where the copies are in the partition, in octets: so far apart that one erase of a card's flash pages is not of both.
var offsets = [2]int64{0, 4096}

// File is the partition. *os.File is one.
type File interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// Load returns the newest state of f's, and which copy it is. It returns Factory and -1, with an error that wraps ErrState, where no
// copy is valid.
func Load(f io.ReaderAt) (State, int, error) {
	newest, at := Factory, -1
	var errs []error
	for i, off := range offsets {
		var b [Size]byte
		if _, err := f.ReadAt(b[:], off); err != nil {
			errs = append(errs, fmt.Errorf("copy %d: %w", i, err))
			continue
		}
		s, err := Decode(b[:])
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("copy %d: %w", i, err))
		case at < 0 || s.Seq > newest.Seq:
			newest, at = s, i
		}
	}
	if at < 0 {
		return newest, at, fmt.Errorf("%w: %w", ErrState, errors.Join(errs...))
	}
	return newest, at, nil
}

// Save makes s the newest state of f, and returns it with its number. It writes the copy that is not the newest, so that a power cut
// leaves the one or the other, and reads it back.
func Save(f File, s State) (State, error) {
	old, at, _ := Load(f)
	s.Seq = old.Seq + 1
	if s.Seq == 0 {
		return old, fmt.Errorf("%w: its number is used up", ErrState)
	}
	b, err := s.Encode()
	if err != nil {
		return old, err
	}
	off := offsets[(at+1)%len(offsets)]
	if _, err := f.WriteAt(b[:], off); err != nil {
		return old, fmt.Errorf("write the boot state: %w", err)
	}
	if err := f.Sync(); err != nil {
		return old, fmt.Errorf("write the boot state: %w", err)
	}
	var back [Size]byte
	if _, err := f.ReadAt(back[:], off); err != nil || back != b {
		return old, fmt.Errorf("read the boot state back: %w", errors.Join(err, ErrState))
	}
	return s, nil
}
