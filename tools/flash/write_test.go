package flash

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cafeprobe/firmware/image"
	"cafeprobe/firmware/image/disk"
	"cafeprobe/firmware/init/part"
	"cafeprobe/firmware/init/provision"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// made returns the path of a small image as make image makes them, with its manifest beside it, and its octets.
func made(t testing.TB, slot int) (string, []byte) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, image.DiskFile)
	content := make([]byte, slot)
	for at, fill := 0, rand.NewChaCha8([32]byte{7}); at < slot; at += 1 << 20 {
		_, _ = fill.Read(content[at : at+64<<10])
	}
	err := disk.Write(path, "test", []disk.Raw{{Offset: 64 * sector, Data: []byte("the loader")}}, []disk.Partition{
		{Name: part.State, Type: disk.Linux, Size: 1 << 20},
		{Name: "slot_a", Type: disk.Linux, Size: int64(slot), Content: content},
		{Name: part.Data, Type: disk.Linux, Size: 1 << 20, Content: []byte("data")},
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	manifest(t, dir, b)
	return path, b
}

func manifest(t testing.TB, dir string, b []byte) {
	t.Helper()
	text, err := json.Marshal(image.Manifest{
		Release: image.Release{Version: "2026.11.0", Board: "rpi4"},
		Files:   []image.Sum{{Name: image.DiskFile, Size: int64(len(b)), SHA256: fmt.Sprintf("%x", sha256.Sum256(b))}},
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, image.ManifestFile), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// card is one in memory. What was written since the last Sync is lost, kept or torn as it likes when it is pulled out.
type card struct {
	b     []byte
	since []piece
	left  int // operations until it is pulled out; negative for never
	rnd   *rand.Rand
}

func newCard(size int) *card {
	c := &card{b: make([]byte, size), left: -1, rnd: rand.New(rand.NewPCG(1, 2))}
	for i := range c.b {
		c.b[i] = 0xa5 // what somebody had on it
	}
	return c
}

func (c *card) step() error {
	if c.left == 0 {
		for _, p := range c.since {
			for n := len(p.b); n > 0; {
				take := min(n, (1+c.rnd.IntN(512))*sector)
				if n -= take; c.rnd.IntN(4) > 0 {
					copy(c.b[p.at+int64(n):], p.b[n:n+take])
				}
			}
		}
		c.since = nil
		return syscall.ENODEV
	}
	c.left--
	return nil
}

func (c *card) WriteAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) > int64(len(c.b)) || at%sector != 0 || len(b)%sector != 0 {
		return 0, fmt.Errorf("%d octets at %d of %d", len(b), at, len(c.b))
	}
	c.since = append(c.since, piece{bytes.Clone(b), at})
	return len(b), c.step()
}

func (c *card) Sync() error {
	if err := c.step(); err != nil {
		return err
	}
	for _, p := range c.since {
		copy(c.b[p.at:], p.b)
	}
	c.since = nil
	return nil
}

func (c *card) ReadAt(b []byte, at int64) (int, error) {
	if err := c.step(); err != nil {
		return 0, err
	}
	if len(c.since) > 0 {
		return 0, errors.New("read before what was written is there")
	}
	return copy(b, c.b[at:]), nil
}

func open(t testing.TB, path string) *Image {
	t.Helper()
	m, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func write(t testing.TB, m *Image, c *card) error {
	t.Helper()
	done := map[Phase]int64{}
	_, err := Write(t.Context(), m, c, int64(len(c.b)), func(p Phase, n int64) {
		if n < done[p] {
			t.Errorf("phase %d goes back from %d to %d", p, done[p], n)
		}
		done[p] = n
	})
	if err == nil && (done[Writing] != m.Size || done[Verifying] != m.Size) {
		t.Errorf("told %v of %d octets", done, m.Size)
	}
	return err
}

// TestWrite: an image is on the card octet for octet, however it is compressed, and an older table at the card's end is gone.
func TestWrite(t *testing.T) {
	path, want := made(t, 5<<20)
	f := func(ext string, pack func(io.Writer) (io.WriteCloser, error)) {
		t.Helper()
		var b bytes.Buffer
		w, err := pack(&b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(want); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		name := path + ext
		if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		c := newCard(len(want) + 1<<20)
		if err := write(t, open(t, name), c); err != nil {
			t.Fatalf("%s: %v", ext, err)
		}
		if !bytes.Equal(c.b[:len(want)], want) {
			t.Errorf("%s: the card differs", ext)
		}
		if end := c.b[len(c.b)-tail:]; bytes.Count(end, []byte{0}) != tail {
			t.Errorf("%s: the card's end was left", ext)
		}
		if err := os.WriteFile(name, b.Bytes()[:b.Len()-9], 0o644); err != nil {
			t.Fatal(err)
		}
		if m, err := Open(name); err == nil {
			err = write(t, m, newCard(len(want)))
			if !errors.Is(err, ErrImage) {
				t.Errorf("%s, cut: %v", ext, err)
			}
		} else if !errors.Is(err, ErrImage) {
			t.Errorf("%s, cut: %v", ext, err)
		}
	}
	f(".zst", func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) })
	f(".xz", func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) })
	f(".gz", func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
	f("", func(w io.Writer) (io.WriteCloser, error) { return whole{w}, nil })
}

type whole struct{ io.Writer }

func (whole) Close() error { return nil }

// TestPulledOut: at whatever operation a card is pulled out, and whatever it then holds of what was not flushed: it has no partition table
// unless it has everything, the fault says what to do, and writing it again heals it.
func TestPulledOut(t *testing.T) {
	path, want := made(t, 5<<20)
	m := open(t, path)
	c := newCard(len(want) + 1<<20)
	if err := write(t, m, c); err != nil {
		t.Fatal(err)
	}
	whole, cut := 0, 0
	for n := 0; ; n++ {
		c := newCard(len(want) + 1<<20)
		if n%2 == 1 { // an older image is on it, whose table is at both ends
			copy(c.b, want)
			copy(c.b[len(c.b)-34*sector:], want[len(want)-34*sector:])
			clear(c.b[5<<20 : 6<<20])
		}
		c.left, c.rnd = n, rand.New(rand.NewPCG(uint64(n), 3))
		err := write(t, m, c)
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), "pulled out") {
			t.Fatalf("operation %d: %v", n, err)
		}
		table := string(c.b[sector:][:8]) == "EFI PART" || string(c.b[len(c.b)-sector:][:8]) == "EFI PART"
		switch same := bytes.Equal(c.b[:len(want)], want); {
		case same:
			whole++
		case table && n > 2: // before its first flush it is what it was
			t.Errorf("operation %d: half an image has a partition table", n)
		default:
			cut++
		}
		c.left = -1
		if err := write(t, m, c); err != nil || !bytes.Equal(c.b[:len(want)], want) {
			t.Errorf("operation %d, written again: %v", n, err)
		}
	}
	t.Logf("%d operations left a card that does not start, %d a whole one", cut, whole)
	if cut < 12 || whole == 0 {
		t.Errorf("%d cut, %d whole: the test does not reach what it is about", cut, whole)
	}
}

// liar is a card that keeps one bit other than it was written.
type liar struct {
	*card
	at  int64
	bit byte
}

func (l *liar) ReadAt(b []byte, at int64) (int, error) {
	n, err := l.card.ReadAt(b, at)
	if at <= l.at && l.at < at+int64(n) {
		b[l.at-at] ^= l.bit
	}
	return n, err
}

// TestFlippedBit: one bit that differs is found, wherever it is, and then the card has no partition table.
func TestFlippedBit(t *testing.T) {
	path, want := made(t, 5<<20)
	m := open(t, path)
	rnd := rand.New(rand.NewPCG(5, 6))
	for i := range 12 {
		at := rnd.Int64N(int64(len(want)))
		if i == 0 {
			at = int64(len(want)) - 1
		}
		c := &liar{newCard(len(want)), at, 1 << rnd.IntN(8)}
		_, err := Write(t.Context(), m, c, int64(len(want)), func(Phase, int64) {})
		if !errors.Is(err, ErrVerify) {
			t.Fatalf("octet %d: %v, want ErrVerify", at, err)
		}
		if at >= chunk && string(c.b[sector:][:8]) == "EFI PART" {
			t.Errorf("octet %d: the card starts all the same", at)
		}
	}
}

// TestImageDamaged: an image that is not what its manifest says never gets a partition table onto a card.
func TestImageDamaged(t *testing.T) {
	path, b := made(t, 5<<20)
	b[6<<20] ^= 1
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	c := newCard(len(b))
	if err := write(t, open(t, path), c); !errors.Is(err, ErrImage) || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("got %v", err)
	}
	if string(c.b[sector:][:8]) == "EFI PART" {
		t.Error("the card would start")
	}
	f := func(name string, content []byte) {
		t.Helper()
		p := filepath.Join(t.TempDir(), name)
		if content != nil {
			if err := os.WriteFile(p, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Open(p); !errors.Is(err, ErrImage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("absent.img", nil)
	f("empty.img", []byte{})
	f("short.img", make([]byte, 1<<20))
	f("odd.img", make([]byte, 8<<20+1))
	f("rubbish.zst", append([]byte{0x28, 0xb5, 0x2f, 0xfd}, make([]byte, 100)...))
}

// TestProvision: the box's files stand where its first start reads them, and are read back with the rest.
func TestProvision(t *testing.T) {
	path, want := made(t, 5<<20)
	m := open(t, path)
	files := []provision.File{{Name: "net.json", Data: []byte(`{"dhcp":true}`)}, {Name: "config.json", Data: []byte(`{}`)}}
	if err := m.Provision(files); err != nil {
		t.Fatal(err)
	}
	c := newCard(len(want))
	if err := write(t, m, c); err != nil {
		t.Fatal(err)
	}
	got, err := provision.Read(io.NewSectionReader(bytes.NewReader(c.b), m.at-provision.Offset, 1<<20))
	if err != nil || len(got) != 2 || got[0].Name != "net.json" || !bytes.Equal(got[0].Data, files[0].Data) {
		t.Errorf("the box finds %v, %v", got, err)
	}
	copy(c.b[m.at:], make([]byte, len(m.blob)))
	if !bytes.Equal(c.b, want) {
		t.Error("something else was changed")
	}
	if err := m.Provision([]provision.File{{Name: "../etc/passwd"}}); !errors.Is(err, ErrImage) {
		t.Errorf("a stranger's file: %v", err)
	}
}

// TestStopped: a user who stops it leaves a card that does not start.
func TestStopped(t *testing.T) {
	path, want := made(t, 5<<20)
	ctx, stop := context.WithCancel(t.Context())
	c := newCard(len(want))
	_, err := Write(ctx, open(t, path), c, int64(len(want)), func(p Phase, n int64) {
		if n > 8<<20 {
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if string(c.b[sector:][:8]) == "EFI PART" {
		t.Error("the card would start")
	}
}
