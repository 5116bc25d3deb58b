// Package pcapfile reads captures from files and pipes as a capture.Source: pcap with microseconds or nanoseconds, in
// either byte order (draft-ietf-opsawg-pcap), pcapng (draft-ietf-opsawg-pcapng), and both inside gzip or zstd. It writes
// pcap with nanoseconds.
//
// Captures that were put one behind the other with cat are read as one.
//
// What is damaged costs as little as can be told apart. Where a header cannot be true, the reader counts one Damaged and
// goes on at the next place that looks like a record or block:
//
//   - pcap has no marks, so the place is the first octet from which two record headers in a row are plausible (lengths
//     within bounds and captured ≤ on the wire, a fraction below one second, within a week of the last frame), or one
//     that ends where the capture ends;
//   - pcapng repeats each block's length at its end, so the place is the first multiple of four octets with a known block
//     type and two equal lengths.
//
// Lengths are not believed beyond MaxRecord: the snapshot length in a file's header is known to lie in both directions.
// A frame whose record claims more captured octets than there were on the wire is handed out with what is there.
package pcapfile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"cafeprobe/capture"
)

// MaxRecord bounds the captured octets of one frame: libpcap's MAXIMUM_SNAPLEN. A record that claims more is damaged.
const MaxRecord = 256 << 10

// The buffer grows with the records, from what is read fastest to what holds the largest record and the header after it
// twice over, so that moving the rest of one to the buffer's front stays rare.
const (
	smallBuffer = 64 << 10
	largeBuffer = 1 << 20
)

// ErrFormat is returned by Open and NewReader for what is neither pcap nor pcapng.
var ErrFormat = errors.New("neither pcap nor pcapng")

// ErrTruncated is what every TruncatedError is.
var ErrTruncated = errors.New("capture ends inside a record")

// TruncatedError is returned by Next in place of io.EOF after the last frame that could be read, when octets from Offset
// on make no whole record.
type TruncatedError struct {
	Name    string // of the file
	Offset  int64  // octets before the record, after decompression
	Have    int64  // octets that follow
	Damaged bool   // what follows is damaged rather than cut short
}

func (e *TruncatedError) Error() string {
	if e.Damaged {
		return fmt.Sprintf("read %s: no sound record in the %d octets from octet %d on", e.Name, e.Have, e.Offset)
	}
	return fmt.Sprintf("read %s: record at octet %d is cut short: capture ends %d octets later", e.Name, e.Offset, e.Have)
}

// Is reports that e is ErrTruncated.
func (e *TruncatedError) Is(target error) bool { return target == ErrTruncated }

// LinkError is returned for a capture whose frames are of a link type that capture/decode does not read: by Open and
// NewReader for pcap; for pcapng by Next in place of io.EOF when no frame at all could be handed out for that reason.
// Frames of such an interface beside frames of others are passed over and counted as Damaged.
type LinkError struct {
	Name string // of the file
	Link capture.LinkType
}

func (e *LinkError) Error() string {
	return fmt.Sprintf("read %s: unknown link type %s", e.Name, e.Link)
}

// Reader reads one capture. It is not safe for concurrent use.
type Reader struct {
	name   string
	src    io.Reader
	closer []func() error

	buf    []byte
	at, to int   // buf[at:to] is read from src and not yet handed out
	base   int64 // octets of src before buf[0]
	srcErr error // why src gives no more; io.EOF at its end

	big   bool // multi-octet numbers are big-endian
	stats capture.Stats
	last  int64 // time of the last frame handed out
	err   error // what Next returns from now on
	next  func(*Reader, *capture.Frame) (bool, error)

	classic classic
	ng      ng
}

// Open opens the capture at path; "-" is standard input.
func Open(path string) (*Reader, error) {
	if path == "-" {
		return newReader("standard input", os.Stdin)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open capture: %w", err)
	}
	r, err := newReader(path, f)
	if err != nil {
		f.Close()
		return nil, err
	}
	r.closer = append(r.closer, f.Close)
	return r, nil
}

// NewReader reads a capture from src, up to its first interface.
func NewReader(src io.Reader) (*Reader, error) { return newReader("capture", src) }

func newReader(name string, src io.Reader) (*Reader, error) {
	r := &Reader{name: name, buf: make([]byte, smallBuffer)}
	if err := r.decompress(bufio.NewReaderSize(src, 4<<10)); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	magic, err := r.peek(4)
	if err == nil {
		err = r.header(binary.LittleEndian.Uint32(magic))
	} else if err == io.EOF {
		err = fmt.Errorf("read %s: %w: only %d octets", name, ErrFormat, r.to)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// decompress looks at the first octets and puts a decompressor before the source where they ask for one. Neither
// decompressor starts a goroutine.
func (r *Reader) decompress(src *bufio.Reader) error {
	r.src = src
	magic, _ := src.Peek(4)
	switch {
	case len(magic) >= 2 && magic[0] == 0x1f && magic[1] == 0x8b: // RFC 1952 §2.3.1
		z, err := gzip.NewReader(src)
		if err != nil {
			return err
		}
		r.src = z
	case len(magic) == 4 && binary.LittleEndian.Uint32(magic) == 0xfd2fb528: // RFC 8878 §3.1.1
		z, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(32<<20))
		if err != nil {
			return err
		}
		r.src = z
		r.closer = append(r.closer, func() error { z.Close(); return nil })
	}
	return nil
}

// header reads what comes before the first frame. magic is little-endian.
func (r *Reader) header(magic uint32) error {
	switch swapped := bits.ReverseBytes32(magic); {
	case magic == blockSection:
		r.next = (*Reader).nextBlock
		return r.openNG()
	case isClassic(magic):
		r.next = (*Reader).nextRecord
		return r.openClassic(magic)
	case isClassic(swapped):
		r.big = true
		r.next = (*Reader).nextRecord
		return r.openClassic(swapped)
	default:
		return fmt.Errorf("read %s: %w: first octets %08x", r.name, ErrFormat, swapped)
	}
}

// Next fills f with the next frame; f.Data is in the reader's buffer and valid until the next Next. After the last frame
// it returns io.EOF, a *TruncatedError, a *LinkError, or the error of the source with the octet where it came; and so
// ever after.
func (r *Reader) Next(f *capture.Frame) error {
	for r.err == nil {
		ok, err := r.next(r, f)
		if ok {
			r.last = f.Time
			r.stats.Frames++
			r.stats.Octets += uint64(f.Len)
			return nil
		}
		r.err = err
	}
	return r.err
}

// Batch fills fs with the next frames, as many as lie in the reader's buffer: see capture.Batcher. Its errors are Next's.
func (r *Reader) Batch(fs []capture.Frame) (n int, err error) {
	if err := r.Next(&fs[0]); err != nil {
		return 0, err
	}
	n = 1
	if r.ng.seen {
		return n, nil // blocks of pcapng are read one by one
	}
	for n < len(fs) && r.buffered(&fs[n]) {
		n++
	}
	return n, nil
}

// Stats returns what was read so far. Dropped is what the capture's own counters say, where a pcapng file has any.
func (r *Reader) Stats() capture.Stats {
	s := r.stats
	s.Dropped = r.ng.dropped()
	return s
}

// Link returns the link type of the file, or of the first interface of a pcapng file. Frame.Link is each frame's own.
func (r *Reader) Link() capture.LinkType {
	if r.ng.seen {
		return r.ng.first
	}
	return r.classic.link
}

// Offset returns how many octets of the capture, after decompression, lie before the next record.
func (r *Reader) Offset() int64 { return r.base + int64(r.at) }

// Close closes the file that Open opened. It does not close what NewReader was given.
func (r *Reader) Close() error {
	var errs []error
	for _, f := range r.closer {
		errs = append(errs, f())
	}
	r.closer = nil
	return errors.Join(errs...)
}

// peek returns the next n octets, which stay unread; n is at most largeBuffer. It returns io.EOF when the source ends
// before them, at once or in their middle, and any other error with what was read.
func (r *Reader) peek(n int) ([]byte, error) {
	if r.to-r.at < n {
		if err := r.fill(n); err != nil {
			return nil, err
		}
	}
	return r.buf[r.at : r.at+n], nil
}

func (r *Reader) fill(n int) error {
	if r.at+n > len(r.buf) || r.at == r.to {
		size, buf := len(r.buf), r.buf
		for size < 2*n && size < largeBuffer {
			size *= 2
		}
		if size > len(buf) {
			buf = make([]byte, size)
		}
		r.base += int64(r.at)
		r.to = copy(buf, r.buf[r.at:r.to])
		r.buf, r.at = buf, 0
	}
	for empty := 0; r.to-r.at < n; {
		if r.srcErr == nil {
			var m int
			m, r.srcErr = r.src.Read(r.buf[r.to:])
			r.to += m
			if m > 0 || r.srcErr != nil {
				empty = 0
			} else if empty++; empty == 100 {
				r.srcErr = io.ErrNoProgress
			}
			continue
		}
		if r.srcErr == io.EOF || r.srcErr == io.ErrUnexpectedEOF { // the latter: gzip or zstd was cut short
			return io.EOF
		}
		return fmt.Errorf("read %s at octet %d: %w", r.name, r.base+int64(r.to), r.srcErr)
	}
	return nil
}

// rest returns all that is left of the source when peek has returned io.EOF.
func (r *Reader) rest() []byte { return r.buf[r.at:r.to] }

// end returns the error for a source that ended between records.
func (r *Reader) end() error {
	if r.srcErr != io.EOF {
		return &TruncatedError{Name: r.name, Offset: r.Offset()}
	}
	if r.ng.skipped && r.stats.Frames == 0 {
		return &LinkError{Name: r.name, Link: r.ng.unknown}
	}
	return io.EOF
}

// resync passes over what is damaged: it moves on in strides of step octets until found says that a record starts there,
// and counts one Damaged. Where none does, it returns a *TruncatedError for where it started: cut says that what is there
// looks like a record whose end is missing.
func (r *Reader) resync(step int, found func() (bool, error), cut bool) error {
	start := r.Offset()
	for {
		if _, err := r.peek(step); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		r.at += step
		if ok, err := found(); err != nil {
			return err
		} else if ok {
			r.stats.Damaged++
			return nil
		}
	}
	r.at = r.to
	return &TruncatedError{Name: r.name, Offset: start, Have: r.Offset() - start, Damaged: !cut}
}

func (r *Reader) u16(b []byte) uint16 {
	v := binary.LittleEndian.Uint16(b)
	if r.big {
		v = bits.ReverseBytes16(v)
	}
	return v
}

func (r *Reader) u32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if r.big {
		v = bits.ReverseBytes32(v)
	}
	return v
}

// fit sets f.Data and f.Len for a record of whole octets on the wire, less an FCS of fcs octets where that was captured.
func fit(f *capture.Frame, data []byte, whole uint32, fcs int) {
	n := max(len(data), int(min(whole, 1<<31-1)))
	n = max(0, n-fcs)
	f.Data, f.Len = data[:min(len(data), n)], n
}
