package flash

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"cafeprobe/tools/lang"

	"golang.org/x/sys/unix"
)

// Reasons for which a disk is refused; the faults of Check wrap them.
var (
	ErrSystem   = errors.New("system disk")
	ErrMounted  = errors.New("mounted")
	ErrHeld     = errors.New("in use")
	ErrReadOnly = errors.New("write-protected")
	ErrSmall    = errors.New("too small")
	ErrFixed    = errors.New("not removable")
	ErrNoDisk   = errors.New("no disk")
)

// refusal is a fault whose cause is a reason: its words are What's.
type refusal struct {
	lang.Fault
	reason error
}

func (r *refusal) Unwrap() []error { return []error{&r.Fault, r.reason} }

func refuse(reason error, what, do lang.Text, args ...any) *refusal {
	return &refusal{lang.Fault{What: what, Do: do, Args: args}, reason}
}

// Check says why an image of size octets is not to be written to d, or nil. force allows a disk that is not meant to be taken out, and
// nothing else.
func (d *Disk) Check(size int64, force bool) error {
	switch {
	case d.System:
		return refuse(ErrSystem, lang.Text{
			VI: "%s là ổ đĩa hệ thống của máy này", EN: "%s is the disk that this computer runs from",
		}, lang.Text{VI: "chọn thẻ nhớ khác (cafeprobe flash liệt kê)", EN: "choose another one (cafeprobe flash lists them)"}, d.Path)
	case len(d.Mounted) > 0:
		return refuse(ErrMounted, lang.Text{VI: "%s đang được gắn tại %s", EN: "%s is mounted at %s"}, lang.Text{
			VI: "gỡ ra bằng umount, rồi chạy lại; dữ liệu trên đó sẽ mất", EN: "umount it, and run this again; what is on it will be lost",
		}, d.Path, strings.Join(d.Mounted, ", "))
	case len(d.Held) > 0:
		return refuse(ErrHeld, lang.Text{VI: "%s đang được %s sử dụng", EN: "%s is part of %s"}, lang.Text{
			VI: "đó không phải là thẻ nhớ trống; chọn thẻ khác", EN: "that is no spare card; choose another one",
		}, d.Path, strings.Join(d.Held, ", "))
	case d.ReadOnly:
		return refuse(ErrReadOnly, lang.Text{VI: "%s bị khóa ghi", EN: "%s is write-protected"}, lang.Text{
			VI: "gạt công tắc bên cạnh thẻ; nếu vẫn khóa thì thẻ đã hỏng", EN: "slide the switch at the card's side; if it stays so, the card is worn out",
		}, d.Path)
	case d.Size < size:
		return refuse(ErrSmall, lang.Text{VI: "%s chỉ có %s, cần %s", EN: "%s has %s, and %s are needed"}, lang.Text{
			VI: "dùng thẻ lớn hơn, từ 8 GB", EN: "use a larger card, of 8 GB or more",
		}, d.Path, Octets(d.Size), Octets(size))
	case !d.Removable && !force:
		return refuse(ErrFixed, lang.Text{VI: "%s gắn cố định trong máy", EN: "%s is built into this computer"}, lang.Text{
			VI: "nếu đúng là eMMC của thiết bị thì thêm --force", EN: "if it is the box's own eMMC, add --force",
		}, d.Path)
	}
	return nil
}

// Find returns the disk that a user means: a name as sdb, its path, or a link to it as below /dev/disk. A partition is refused, since a
// card is written as a whole.
func (m Machine) Find(name string) (*Disk, error) {
	if !strings.Contains(name, "/") {
		name = m.path("dev", name)
	}
	i, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, refuse(ErrNoDisk, lang.Text{VI: "không có %s", EN: "there is no %s"}, lang.Text{
			VI: "cắm thẻ vào, rồi chạy cafeprobe flash để xem tên", EN: "put the card in, and see its name by cafeprobe flash",
		}, name)
	case err != nil:
		return nil, err
	case i.Mode().IsRegular():
		return &Disk{Name: i.Name(), Path: name, Size: i.Size(), Bus: "file", Removable: true}, nil
	}
	st, ok := i.Sys().(*syscall.Stat_t)
	if !ok || i.Mode()&fs.ModeDevice == 0 || i.Mode()&fs.ModeCharDevice != 0 {
		return nil, refuse(ErrNoDisk, lang.Text{VI: "%s không phải là ổ đĩa", EN: "%s is no disk"}, lang.Text{
			VI: "chạy cafeprobe flash để xem có gì", EN: "cafeprobe flash lists what there is",
		}, name)
	}
	disks, err := m.Disks()
	if err != nil {
		return nil, err
	}
	number := fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	for _, d := range disks {
		if text(m.path("sys/block", d.Name), "dev") == number {
			return &d, nil
		}
	}
	if whole := m.under(number); len(whole) == 1 && whole[0] != "" {
		return nil, refuse(ErrNoDisk, lang.Text{VI: "%s chỉ là một phần của %s", EN: "%s is a part of %s only"}, lang.Text{
			VI: "ghi cả thẻ: dùng tên của ổ đĩa", EN: "a card is written as a whole: give the disk's name",
		}, name, whole[0])
	}
	return nil, refuse(ErrNoDisk, lang.Text{VI: "%s không chứa gì", EN: "%s holds nothing"}, lang.Text{
		VI: "cắm thẻ vào đầu đọc", EN: "put a card into the reader",
	}, name)
}

// Octets writes a size as makers of cards do: in powers of ten.
func Octets(n int64) string {
	switch {
	case n >= 10e9:
		return fmt.Sprintf("%.0f GB", float64(n)/1e9)
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%d B", n)
}
