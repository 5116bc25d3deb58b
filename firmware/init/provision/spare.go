package provision

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"cafeprobe/uplink/durable"
)

// A box whose data are lost would be nobody: its claim is used up, its key gone, and somebody would have to go there. So partition state
// holds a spare of the few small files that make it what it is, beside the data and as well kept as they are: a box that finds its data
// empty goes on as itself, and its chain says what was lost. There are two places, written in turn; a torn one leaves the other.

// SpareNames are the files that are spared, config.json last.
var SpareNames = []string{
	"net.json", "state/identity.json", "state/tls/ca.pem", "state/tls/box.pem", "state/owner.pem", "state/command.json", "state/settings.json",
	"config.json",
}

// Where the spares are in the partition: behind the technician's archive, each with room for SpareMax octets of archive.
const (
	spareFirst  = 640 << 10
	spareSecond = 832 << 10
	SpareMax    = 160 << 10
)

const (
	spareMagic = "CPSPAR1\n"
	spareHead  = len(spareMagic) + 8 + 4 + sha256.Size
)

// Spare is the spares of a partition. Its methods are for one goroutine at a time.
type Spare struct {
	p     SparePartition
	seq   uint64 // of the newer
	at    int64  // where the next goes
	files []File // of the newer
}

// SparePartition is what a Spare needs of a partition. *os.File is one.
type SparePartition interface {
	Partition
	io.ReaderAt
}

// OpenSpare reads the spares. A partition that has none is none yet.
func OpenSpare(p SparePartition) *Spare {
	s := &Spare{p: p, at: spareFirst}
	for _, at := range []int64{spareFirst, spareSecond} {
		if seq, files, err := readSpare(p, at); err == nil && seq > s.seq {
			s.seq, s.files, s.at = seq, files, spareFirst+spareSecond-at
		}
	}
	return s
}

func readSpare(r io.ReaderAt, at int64) (seq uint64, files []File, err error) {
	h := make([]byte, spareHead)
	if _, err := r.ReadAt(h, at); err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	if !bytes.HasPrefix(h, []byte(spareMagic)) {
		return 0, nil, ErrNone
	}
	n := binary.BigEndian.Uint32(h[len(spareMagic)+8:])
	if n > SpareMax {
		return 0, nil, fmt.Errorf("%w: %d octets, of at most %d", ErrArchive, n, SpareMax)
	}
	body := make([]byte, n)
	if _, err := r.ReadAt(body, at+int64(spareHead)); err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	seq = binary.BigEndian.Uint64(h[len(spareMagic):])
	if spareSum(seq, body) != [sha256.Size]byte(h[spareHead-sha256.Size:]) {
		return 0, nil, fmt.Errorf("%w: checksum", ErrArchive)
	}
	files, err = parse(body, SpareNames)
	return seq, files, err
}

func spareSum(seq uint64, body []byte) [sha256.Size]byte {
	return sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, seq), body...))
}

// Save makes the spare what the files below dir are, if they are whole and not what it is already, and reports whether it wrote. Where
// one is missing without which a box is none, as before it enrolled, it does nothing.
func (s *Spare) Save(dir string) (wrote bool, err error) {
	var files []File
	for _, n := range SpareNames {
		b, err := readWhole(filepath.Join(dir, n))
		switch {
		case errors.Is(err, os.ErrNotExist) && vital(n):
			return false, nil
		case errors.Is(err, os.ErrNotExist):
			continue
		case err != nil:
			return false, fmt.Errorf("spare: %w", err)
		}
		files = append(files, File{n, b})
	}
	if slices.EqualFunc(files, s.files, func(a, b File) bool { return a.Name == b.Name && bytes.Equal(a.Data, b.Data) }) {
		return false, nil
	}
	body, err := pack(files)
	if err != nil {
		return false, err
	}
	if len(body) > SpareMax {
		return false, fmt.Errorf("spare: %w: %d octets, of at most %d", ErrArchive, len(body), SpareMax)
	}
	b := binary.BigEndian.AppendUint64([]byte(spareMagic), s.seq+1)
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	sum := spareSum(s.seq+1, body)
	if _, err := s.p.WriteAt(slices.Concat(b, sum[:], body), s.at); err != nil {
		return false, fmt.Errorf("spare: %w", err)
	}
	if err := s.p.Sync(); err != nil {
		return false, fmt.Errorf("spare: %w", err)
	}
	s.seq, s.files, s.at = s.seq+1, files, spareFirst+spareSecond-s.at
	return true, nil
}

// Restore puts the spare's files below dir if one without which a box is none is not there, or not whole. It takes what is whole as it
// is, and returns the names of what it put there.
func (s *Spare) Restore(dir string) (names []string, err error) {
	sound := true
	for _, f := range s.files {
		if _, err := readWhole(filepath.Join(dir, f.Name)); err != nil && vital(f.Name) {
			sound = false
		}
	}
	if sound {
		return nil, nil
	}
	for _, f := range s.files {
		path := filepath.Join(dir, f.Name)
		if _, err := readWhole(path); err == nil {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return names, fmt.Errorf("spare: %w", err)
		}
		if err := durable.WriteFile(path, f.Data); err != nil {
			return names, fmt.Errorf("spare: %w", err)
		}
		names = append(names, f.Name)
	}
	return names, nil
}

// Forget wipes the spares: of a box that was provisioned anew, and may be another now.
func (s *Spare) Forget() error {
	for _, at := range []int64{spareFirst, spareSecond} {
		if _, err := s.p.WriteAt(make([]byte, spareSecond-spareFirst), at); err != nil {
			return fmt.Errorf("spare: %w", err)
		}
	}
	s.files = nil
	if err := s.p.Sync(); err != nil {
		return fmt.Errorf("spare: %w", err)
	}
	return nil
}

// vital reports whether a box without that file is none.
func vital(name string) bool {
	switch name {
	case "config.json", "state/identity.json", "state/tls/ca.pem", "state/tls/box.pem":
		return true
	}
	return false
}

// readWhole reads a file of its form: JSON, or a block of PEM at least.
func readWhole(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, SpareMax))
	if err != nil {
		return nil, err
	}
	whole := json.Valid(b)
	if filepath.Ext(path) == ".pem" {
		block, _ := pem.Decode(b)
		whole = block != nil
	}
	if !whole {
		return nil, fmt.Errorf("%w: %s is damaged", ErrArchive, path)
	}
	return b, nil
}
