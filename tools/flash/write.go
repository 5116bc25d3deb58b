package flash

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
	"unsafe"

	"cafeprobe/tools/lang"

	"golang.org/x/sys/unix"
)

// chunk is how much is written at once, in octets: an erase block of a card (SD Physical Layer 4.13, table 4-39), which begins where
// partitions do.
const chunk = 4 << 20

// header is what of the first piece is written last, in octets: a page, which has the partition table's first header.
const header = 4096

// Phase is what is being done.
type Phase int

// The phases, in their order.
const (
	Writing Phase = iota
	Verifying
)

// Errors of Write, beside those of the image; its faults wrap them.
var (
	ErrWrite  = errors.New("write")
	ErrVerify = errors.New("verify")
)

// Card is what Write writes to. *os.File is one. WriteAt and ReadAt are given whole sectors, in memory that is aligned for O_DIRECT.
type Card interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// Result says what was done.
type Result struct {
	Octets        int64
	Write, Verify time.Duration
}

// Create opens a disk to be written, for this program alone. Its faults say what to do.
func Create(d *Disk) (*os.File, error) {
	flags := os.O_RDWR | unix.O_DIRECT
	if d.Bus != "file" {
		flags |= os.O_EXCL // of a device: nobody else has it mounted or held (open(2))
	}
	f, err := os.OpenFile(d.Path, flags, 0)
	if errors.Is(err, syscall.EINVAL) { // a file system without direct transfers
		f, err = os.OpenFile(d.Path, flags&^unix.O_DIRECT, 0)
	}
	if err == nil {
		return f, nil
	}
	what := lang.Text{VI: "không mở được %s", EN: "%s cannot be opened"}
	do := lang.Text{}
	switch {
	case errors.Is(err, fs.ErrPermission):
		do = lang.Text{VI: "chạy với quyền root (sudo)", EN: "be root (sudo)"}
	case errors.Is(err, syscall.EBUSY):
		do = lang.Text{VI: "gỡ thẻ khỏi các chương trình khác (umount)", EN: "something has it open or mounted: end that (umount)"}
	case errors.Is(err, syscall.EROFS):
		do = lang.Text{VI: "gạt công tắc khóa ghi bên cạnh thẻ", EN: "slide the switch at the card's side"}
	}
	return nil, &lang.Fault{What: what, Do: do, Args: []any{d.Path}, Err: err}
}

// job is one image on its way to one card.
type job struct {
	ctx   context.Context
	image *Image
	card  Card
	tell  func(Phase, int64)
	seed  maphash.Seed
	sums  []uint64 // of the pieces that were written: against chance, not against a forger
	head  []byte   // the first piece, which comes last

	checked int64 // octets that were read back
}

// Write writes an image to a card of size octets, and compares. tell is called with how many octets of a phase are done.
//
// The first piece, without which nothing finds the rest, is overwritten with zeros at the beginning, and written when all else was read
// back: a card that was pulled out does not start half of an image, and writing it again heals it. So is the end of the card, where an
// older image may have left a second partition table.
func Write(ctx context.Context, m *Image, card Card, size int64, tell func(Phase, int64)) (Result, error) {
	j := &job{ctx: ctx, image: m, card: card, tell: tell, seed: maphash.MakeSeed(), sums: make([]uint64, (m.Size+chunk-1)/chunk), head: aligned(chunk)}
	start := time.Now()
	if err := j.erase(size); err != nil {
		return Result{}, err
	}
	if err := j.body(); err != nil {
		return Result{}, err
	}
	wrote := time.Now()
	if err := j.verify(1, len(j.sums)); err != nil {
		return Result{}, err
	}
	checked := time.Now()
	// The partition table's header comes behind all that it leads to, so that a write that was cut leaves none.
	for _, part := range [][2]int{{header, len(j.head)}, {0, header}} {
		if err := j.put(j.head[part[0]:part[1]], int64(part[0])); err != nil {
			return Result{}, err
		}
		if err := j.sync(); err != nil {
			return Result{}, err
		}
	}
	last := time.Now()
	if err := j.verify(0, 1); err != nil {
		return Result{}, err
	}
	return Result{m.Size, wrote.Sub(start) + last.Sub(checked), checked.Sub(wrote) + time.Since(last)}, nil
}

// tail is how much of a card's end is overwritten: a partition table's second copy is 33 sectors (UEFI 2.10 §5.3.2).
const tail = 64 << 10

// erase takes away what an older image could start by.
func (j *job) erase(size int64) error {
	zero := aligned(chunk)
	if err := j.put(zero, 0); err != nil {
		return err
	}
	if from := (size - tail) / 4096 * 4096; from >= j.image.Size {
		if err := j.put(zero[:(size-from)/sector*sector], from); err != nil {
			return err
		}
	}
	return j.sync()
}

// body writes everything behind the first piece. One piece is made ready while another is written.
func (j *job) body() error {
	free, full := make(chan []byte, 3), make(chan piece, 3)
	for range cap(free) {
		free <- aligned(chunk)
	}
	ctx, stop := context.WithCancel(j.ctx)
	defer stop()
	read := make(chan error, 1)
	go func() {
		defer close(full)
		read <- j.image.chunks(
			func() ([]byte, error) {
				select {
				case b := <-free:
					return b, nil
				case <-ctx.Done():
					return nil, context.Cause(ctx)
				}
			},
			func(b []byte, at int64) error {
				j.sums[at/chunk] = maphash.Bytes(j.seed, b)
				full <- piece{b, at} // as many places as buffers
				return nil
			},
		)
	}()
	var failed error
	for p := range full {
		switch {
		case failed != nil:
		case p.at == 0:
			j.head = j.head[:copy(j.head, p.b)]
		default:
			if failed = j.put(p.b, p.at); failed != nil {
				stop()
			}
		}
		if failed == nil {
			j.tell(Writing, p.at+int64(len(p.b)))
		}
		free <- p.b[:cap(p.b)]
	}
	if err := <-read; err != nil && failed == nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return j.sync()
}

type piece struct {
	b  []byte
	at int64
}

// verify reads pieces back, from the card and not from memory.
func (j *job) verify(from, to int) error {
	forget(j.card)
	b := aligned(chunk)
	for i := from; i < to; i++ {
		if err := j.ctx.Err(); err != nil {
			return err
		}
		at := int64(i) * chunk
		got := b[:min(chunk, j.image.Size-at)]
		if _, err := j.card.ReadAt(got, at); err != nil {
			return worn(ErrVerify, lang.Text{VI: "không đọc lại được thẻ tại %s", EN: "the card cannot be read at %s"}, at, err)
		}
		if maphash.Bytes(j.seed, got) != j.sums[i] {
			return worn(ErrVerify, lang.Text{
				VI: "thẻ không giữ đúng dữ liệu đã ghi tại %s", EN: "the card does not hold what was written to it at %s",
			}, at, nil)
		}
		j.checked += int64(len(got))
		j.tell(Verifying, j.checked)
	}
	return nil
}

func (j *job) put(b []byte, at int64) error {
	if err := j.ctx.Err(); err != nil {
		return err
	}
	if _, err := j.card.WriteAt(b, at); err != nil {
		return worn(ErrWrite, lang.Text{VI: "thẻ không ghi được tại %s", EN: "the card takes no write at %s"}, at, err)
	}
	return nil
}

func (j *job) sync() error {
	if err := j.card.Sync(); err != nil {
		return worn(ErrWrite, lang.Text{VI: "thẻ không ghi xong (%s)", EN: "the card does not finish its writes (%s)"}, j.image.Size, err)
	}
	return nil
}

// worn is the fault of a card. It does not start now, and writing it again does no harm.
func worn(kind error, what lang.Text, at int64, err error) error {
	do := lang.Text{
		VI: "cắm lại và chạy lại; nếu lại lỗi ở chỗ đó thì thay thẻ hoặc đầu đọc", EN: "plug it in anew and run this again; if it fails there again, replace the card or the reader",
	}
	if errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.ENOMEDIUM) {
		do = lang.Text{VI: "thẻ đã bị rút ra: cắm lại và chạy lại", EN: "it was pulled out: plug it in and run this again"}
	}
	r := refuse(kind, what, do, fmt.Sprintf("%s (%d)", Octets(at), at))
	r.Err = err
	return r
}

// forget has the kernel drop what it remembers of a file, so that it is read from where it is. A device that was opened for direct
// transfers needs none of it.
func forget(c Card) {
	if f, ok := c.(*os.File); ok {
		_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) // what it cannot drop is compared all the same
	}
}

// Reread has the kernel look at a disk's new partitions, so that a desktop shows them. A file has none.
func Reread(f *os.File) {
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.BLKRRPART, 0) // nothing depends on it
}

// aligned returns n octets that begin at a page, as O_DIRECT wants them (open(2)).
func aligned(n int) []byte {
	const page = 4096
	b := make([]byte, n+page)
	skip := (page - int(uintptr(unsafe.Pointer(&b[0]))%page)) % page
	return b[skip : skip+n : skip+n]
}
