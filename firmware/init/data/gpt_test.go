package data

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sfdisk makes a disk's image as an image of a box is, and returns it.
func sfdisk(t testing.TB, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sfdisk", "--no-reread", "--no-tell-kernel", path)
	cmd.Stdin = strings.NewReader("label: gpt\nstart=2048, size=2048, name=state\nstart=4096, size=4096, name=slot_a\nstart=8192, size=8192, name=data\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		if errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") == "" {
			t.Skip("no sfdisk: apt-get install fdisk")
		}
		t.Fatalf("sfdisk: %v: %s", err, out)
	}
	return path
}

func sound(t *testing.T, path string) string {
	t.Helper()
	if out, err := exec.Command("sfdisk", "--verify", path).CombinedOutput(); err != nil || !strings.Contains(string(out), "No errors") {
		t.Errorf("sfdisk --verify: %v: %s", err, out)
	}
	out, err := exec.Command("sfdisk", "--dump", path).CombinedOutput()
	if err != nil {
		t.Errorf("sfdisk --dump: %v: %s", err, out)
	}
	return string(out)
}

func TestGrow(t *testing.T) {
	path := sfdisk(t, 16<<20)
	before := sound(t, path)
	const size = 100 << 20
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, grown, err := Grow(f, size, "data")
	if err != nil || !grown || p.Number != 3 || p.Start != 8192*512 || p.Start+p.Size < size-2<<20 {
		t.Errorf("grown %v to %+v, %v, want partition 3 up to the end", grown, p, err)
	}
	after := sound(t, path)
	for _, name := range []string{"state", "slot_a"} {
		line := func(dump string) string {
			i := slices.IndexFunc(strings.Split(dump, "\n"), func(l string) bool { return strings.Contains(l, `"`+name+`"`) })
			if i < 0 {
				return "gone"
			}
			return strings.Split(dump, "\n")[i]
		}
		if line(before) != line(after) {
			t.Errorf("partition %s was %q, is %q", name, line(before), line(after))
		}
	}
	if again, grown, err := Grow(f, size, "data"); err != nil || grown || again != p {
		t.Errorf("once more: %+v, grown %v, %v, want %+v and nothing done", again, grown, err, p)
	}
	if _, _, err := Grow(f, size, "state"); !errors.Is(err, ErrTable) {
		t.Errorf("a partition in the midst: %v, want ErrTable", err)
	}
}

// cutDisk is a disk in memory whose power is cut behind some writes; those since the last Sync may or may not have come.
type cutDisk struct {
	b    []byte
	open []func()
	left int
	rng  *rand.Rand
}

var errCut = errors.New("power cut")

func (c *cutDisk) ReadAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) > int64(len(c.b)) {
		return 0, errors.New("behind the end")
	}
	return copy(b, c.b[at:]), nil
}

func (c *cutDisk) WriteAt(b []byte, at int64) (int, error) {
	for i := 0; i < len(b); i += sector {
		if c.left == 0 {
			return i, errCut
		}
		c.left--
		old := slices.Clone(c.b[at+int64(i):][:sector])
		copy(c.b[at+int64(i):], b[i:i+sector])
		c.open = append(c.open, func() { copy(c.b[at+int64(i):], old) })
	}
	return len(b), nil
}

func (c *cutDisk) Sync() error {
	if c.left == 0 {
		return errCut
	}
	c.open = nil
	return nil
}

// TestGrowCut: wherever the power is cut, and whichever sectors came that were not asked to be there, the next start finds the partition
// where it was and grows it.
func TestGrowCut(t *testing.T) {
	image, err := os.ReadFile(sfdisk(t, 16<<20))
	if err != nil {
		t.Fatal(err)
	}
	const size = 24 << 20
	disk := make([]byte, size)
	copy(disk, image)
	rng := rand.New(rand.NewPCG(3, 4))
	for cut := range 70 {
		for range 20 {
			const ends = 64 * sector // all that is written to
			copy(disk[:ends], image)
			clear(disk[size-ends:])
			c := &cutDisk{b: disk, left: cut, rng: rng}
			_, _, err := Grow(c, size, "data")
			if err == nil && cut < 66 {
				t.Fatalf("cut behind %d sectors is no error", cut)
			}
			slices.Reverse(c.open)
			for _, undo := range c.open {
				if rng.IntN(2) == 0 {
					undo()
				}
			}
			c.left, c.open = 1<<20, nil
			p, _, err := Grow(c, size, "data")
			if err != nil || p.Start != 8192*512 || p.Start+p.Size < size-2<<20 {
				t.Fatalf("cut behind %d sectors: then %+v, %v", cut, p, err)
			}
		}
	}
}

func FuzzGrow(f *testing.F) {
	image, err := os.ReadFile(sfdisk(f, 16<<20))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(image[512:1024], image[1024:1536])
	disk := make([]byte, 16<<20)
	f.Fuzz(func(t *testing.T, header, entry []byte) {
		copy(disk, image)
		copy(disk[512:1024], header)
		copy(disk[1024:1536], entry)
		if p, _, err := Grow(&cutDisk{b: disk, left: 1 << 20}, int64(len(disk)), "data"); err == nil && (p.Start < 0 || p.Size <= 0 || p.Start+p.Size > int64(len(disk))) {
			t.Errorf("partition %+v of a disk of %d", p, len(disk))
		}
	})
}
