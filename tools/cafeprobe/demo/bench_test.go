package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/bootstate"
	"cafeprobe/firmware/image"
	"cafeprobe/firmware/vm"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/provincetest"
)

// bench is a province and the card of one of its boxes, which a test may take out, and whose province it may take away.
type bench struct {
	t     *testing.T
	image string // the image's folder
	card  string
	cfg   province.Config
	p     *province.Province
	away  func() // ends the province
	sent  uint64 // frames that left the capture port, at all boots
}

// newBench returns a bench whose box has the image on its card, and what a technician gives it; it has not booted yet.
func newBench(t *testing.T, dir, img, releases string) *bench {
	t.Helper()
	b := &bench{t: t, image: img, cfg: provinceIn(dir, releases)}
	b.back()
	b.cfg.Secure.MQTT, b.cfg.Secure.Enroll = b.p.SecureAddr(), strings.TrimPrefix(b.p.EnrollURL(), "https://")
	var err error
	if b.card, err = card(t.Context(), Config{Dir: dir, Image: img}, b.p); err != nil {
		t.Fatal(err)
	}
	return b
}

// back starts the province, where it was before.
func (b *bench) back() {
	b.t.Helper()
	b.p, b.away = provincetest.Run(b.t, b.cfg)
}

// boot starts the box. It is ended with the test, which shows what the console said last if it fails.
func (b *bench) boot(t *testing.T, hurry bool) *vm.Machine {
	t.Helper()
	c, err := machine(filepath.Dir(b.card), b.image, b.card)
	if err != nil {
		t.Fatal(err)
	}
	c.Hurry = hurry
	m, err := vm.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the console ends with:\n%s", m.Serial.Tail())
		}
		m.Close()
	})
	return m
}

// off presses the box's power button, and waits until it is off: its card may be changed then.
func (b *bench) off(t *testing.T, m *vm.Machine) {
	t.Helper()
	if err := m.PowerButton(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	if err := m.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	n, _ := m.Capture.FromBox()
	b.sent += n
}

// begin has the box boot for the first time, until the province knows it.
func (b *bench) begin() {
	b.t.Helper()
	m := b.boot(b.t, false)
	runs(b.t, m, "a", false, bootTime)
	known(b.t, b.p)
	b.off(b.t, m)
}

// partition is one of a card.
type partition struct {
	*os.File
	at int64
}

func (p partition) ReadAt(x []byte, off int64) (int, error)  { return p.File.ReadAt(x, p.at+off) }
func (p partition) WriteAt(x []byte, off int64) (int, error) { return p.File.WriteAt(x, p.at+off) }

// change opens a partition of a box that is off, and calls f.
func (b *bench) change(t *testing.T, name string, f func(partition) error) {
	t.Helper()
	file, err := os.OpenFile(b.card, os.O_RDWR, 0)
	if err == nil {
		err = errors.Join(f(partition{file, partitionAt(t, b.card, name)}), file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// flip turns one bit of the slot's first octets that are like what.
func (b *bench) flip(t *testing.T, slot string, what []byte) {
	t.Helper()
	b.change(t, "slot_"+slot, func(p partition) error {
		all := make([]byte, image.SlotMax)
		if _, err := p.ReadAt(all, 0); err != nil {
			return err
		}
		at := bytes.Index(all, what)
		if at < 0 {
			return fmt.Errorf("slot %s has no such octets", slot)
		}
		_, err := p.WriteAt([]byte{what[0] ^ 1}, int64(at))
		return err
	})
}

// give leaves the card as an update does that is about to be tried: a firmware in slot b, and PID 1's and the boot loader's notes of it.
func (b *bench) give(t *testing.T, version string, firmware []byte) {
	t.Helper()
	b.change(t, "slot_b", func(p partition) error {
		_, err := p.WriteAt(firmware, 0)
		return err
	})
	memo := fmt.Sprintf(`{"trial":{"fw":%q,"slot":"b","length":%d,"sha256":"%x"}}`, version, len(firmware), sha256.Sum256(firmware))
	b.write(t, "/init/update.json", []byte(memo))
	b.change(t, "state", func(p partition) error {
		s, _, err := bootstate.Load(p)
		if err != nil && !errors.Is(err, bootstate.ErrState) {
			return err
		}
		_, err = bootstate.Save(p, s.Trial())
		return err
	})
}

// write puts a file onto the data partition.
func (b *bench) write(t *testing.T, path string, data []byte) {
	t.Helper()
	from := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(from, data, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "debugfs", "-w", "-f", "-", fmt.Sprintf("%s?offset=%d", b.card, partitionAt(t, b.card, "data")))
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	cmd.Stdin = strings.NewReader(fmt.Sprintf("rm %s\nwrite %s %s\nstat %[1]s\n", path, from, path))
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, fmt.Appendf(nil, "Size: %d", len(data))) {
		t.Fatalf("write %s: %v: %s", path, err, out)
	}
}
