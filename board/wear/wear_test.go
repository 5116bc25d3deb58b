package wear

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"cafeprobe/board"
	"cafeprobe/board/boardtest"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

const stat = "    1234        0    56789      100     2222        0    16384      300        0      250      400\n"

func TestWear(t *testing.T) {
	f := func(name, life, eol string, want board.Wear) {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "mmcblk0")
		write(t, filepath.Join(dir, "stat"), stat)
		if life != "" {
			write(t, filepath.Join(dir, "device", "life_time"), life)
			write(t, filepath.Join(dir, "device", "pre_eol_info"), eol)
		}
		d, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		boardtest.Storage(t, d)
		if got, err := d.Wear(); got != want || err != nil {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
		}
	}
	const octets = 16384 * 512
	f("an SD card", "", "", board.Wear{Used: -1, Written: octets})
	f("a new eMMC", "0x01 0x01\n", "0x01\n", board.Wear{Used: 10, Reserve: board.ReserveNormal, Written: octets})
	f("the worse of two", "0x03 0x09\n", "0x02\n", board.Wear{Used: 90, Reserve: board.ReserveWarning, Written: octets})
	f("over", "0x0b 0x01\n", "0x03\n", board.Wear{Used: 110, Reserve: board.ReserveUrgent, Written: octets})
	f("an eMMC that does not say", "0x00 0x00\n", "0x00\n", board.Wear{Used: -1, Written: octets})
	f("what no eMMC says", "0xff nan 0x0c\n", "nan\n", board.Wear{Used: -1, Written: octets})
}

// TestDevice: the disk of a partition is what the partition is of.
func TestDevice(t *testing.T) {
	sys := t.TempDir()
	disk := filepath.Join(sys, "devices", "mmc0", "block", "mmcblk0")
	write(t, filepath.Join(disk, "stat"), stat)
	write(t, filepath.Join(disk, "mmcblk0p3", "partition"), "3\n")
	write(t, filepath.Join(disk, "mmcblk0p3", "stat"), "1 0 2 0 3 0 8 0 0 0 0\n")
	links := filepath.Join(sys, "dev", "block")
	if err := errors.Join(os.MkdirAll(links, 0o755), os.Symlink(disk, filepath.Join(links, "179:0")),
		os.Symlink(filepath.Join(disk, "mmcblk0p3"), filepath.Join(links, "179:3"))); err != nil {
		t.Fatal(err)
	}
	for _, minor := range []uint32{0, 3} {
		d, err := device(sys, 179, minor)
		if err != nil {
			t.Fatal(err)
		}
		if w, err := d.Wear(); err != nil || w.Written != 16384*512 {
			t.Errorf("179:%d: %+v, %v, want the disk's", minor, w, err)
		}
	}
	if _, err := device(sys, 0, 27); !errors.Is(err, board.ErrNone) {
		t.Errorf("in memory: %v, want ErrNone", err)
	}
	if _, err := Open(filepath.Join(sys, "nothing")); !errors.Is(err, board.ErrNone) {
		t.Errorf("no disk: %v, want ErrNone", err)
	}
	if _, err := Of(sys, filepath.Join(sys, "nothing")); err == nil {
		t.Error("of what is not there: no error")
	}
}

// TestHere: this machine's own disk, if it has one below this folder.
func TestHere(t *testing.T) {
	d, err := Of("/sys", ".")
	if errors.Is(err, board.ErrNone) {
		t.Skip("no block device below: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	boardtest.Storage(t, d)
}

func FuzzWear(f *testing.F) {
	f.Add(stat, "0x03 0x09\n", "0x02\n")
	f.Fuzz(func(t *testing.T, stat, life, eol string) {
		if n := used(life); n < -1 || n > 110 {
			t.Errorf("%q: %d %%", life, n)
		}
		if n, err := written(stat); err == nil && n%sector != 0 {
			t.Errorf("%q: %d octets", stat, n)
		}
		switch reserve(eol) {
		case "", board.ReserveNormal, board.ReserveWarning, board.ReserveUrgent:
		default:
			t.Errorf("%q: %q", eol, reserve(eol))
		}
	})
}
