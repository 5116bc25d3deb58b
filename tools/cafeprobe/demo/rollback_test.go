package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/image"
	"cafeprobe/firmware/image/fdt"
	"cafeprobe/firmware/image/imagetest"
)

// bad is a firmware that is not to stay.
type bad struct {
	name         string
	init, daemon string // packages; empty: the image's own
	flip         string // the part of the FIT that has a wrong bit; empty: none
	why          string // the chain says
	slow         bool   // it is not hurried: a kernel that panics counts its ten seconds by instructions, and in a hurry QEMU stands still then
	trials       int    // how often its first process says that it is tried; tries are three, or one of a damaged slot
}

// TestRollBack: a box whose new firmware is none that can stay goes back to the one before within the tries, says why in its chain, and
// sends nothing at its capture port meanwhile. The firmware that is to be released is the one before, and of all that is bad about the
// others it decides itself where the province cannot be reached. The time that a box waits is the real one, gone through in a hurry.
func TestRollBack(t *testing.T) {
	long(t, "twenty minutes")
	img := imagetest.Candidate(t, source, "qemu-arm64")
	for group, list := range map[string][]bad{
		"ends": {
			{name: "PID 1 ends", init: "./firmware/cafeprobed", why: "reset", slow: true}, // it has no configuration
			{name: "PID 1 hangs", init: "./tools/cafeprobe/demo/testdata/hangs", why: "watchdog"},
			{name: "daemon ends", daemon: "./firmware/updater", why: "ends-again-and-again", trials: 3}, // it has no job
			{name: "kernel damaged", flip: "kernel", why: "damaged"},
			{name: "initramfs damaged", flip: "initramfs", why: "damaged"},
		},
		"lives": {
			{name: "daemon is silent", daemon: "./tools/cafeprobe/demo/testdata/silent", why: "has-said-nothing-yet", trials: 3},
			{name: "daemon is ill", daemon: "./tools/cafeprobe/demo/testdata/ill", why: "card-answers-with-errors", trials: 3},
			{name: "province away", why: "province-was-not-reached", trials: 3},
		},
	} {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, t.TempDir(), img, "")
			b.begin()
			for i, c := range list {
				t.Run(c.name, func(t *testing.T) { b.rollBack(t, fmt.Sprintf("2026.12.%d", i+1), &c) })
			}
			if group == "ends" {
				t.Run("active damaged", b.damagedActive)
			}
			if b.sent != 0 {
				t.Errorf("%d frames left the capture port", b.sent)
			}
		})
	}
}

// rollBack lets the box try a bad firmware, while the province is away, and then tell of it.
func (b *bench) rollBack(t *testing.T, version string, c *bad) {
	fw := b.firmware(t, version, c)
	if c.init == "" && c.daemon == "" && c.flip == "" {
		version = releaseOf(t, b.image).Version // which runs, and says so itself
	}
	b.give(t, version, fw)
	tries := 3
	if c.flip != "" {
		b.flip(t, "b", part(t, fw, c.flip))
		tries = 1
	}
	b.away()
	began := time.Now()
	m := b.boot(t, !c.slow)
	runs(t, m, "a", false, 15*time.Minute)
	back := time.Since(began)
	said := m.Serial.Said()
	if n := strings.Count(said, "cafeprobe: slot b, trial 1"); n != tries {
		t.Errorf("slot b was tried %d times, want %d", n, tries)
	}
	t.Logf("back after %s by the clock, %d tries; by the box's %s", back.Round(time.Second), tries, ends(said))
	b.off(t, m)
	b.back()
	m = b.boot(t, false)
	runs(t, m, "a", false, bootTime)
	told(t, b.p, strings.Repeat("trial "+version+" b , ", c.trials)+"rolled-back "+version+" b "+c.why)
	b.off(t, m)
}

// ends returns when, since each boot, the kernel said what ended it.
func ends(said string) string {
	var at []string
	for _, m := range regexp.MustCompile(`\[ *([0-9]+)\.[0-9]+\][^\r\n]*(the box reboots|Kernel panic|watchdog)`).FindAllStringSubmatch(said, -1) {
		at = append(at, m[1]+" s")
	}
	return strings.Join(at, ", ")
}

// damagedActive: the boot loader finds a wrong bit in the slot that had proved itself, and takes the other.
func (b *bench) damagedActive(t *testing.T) {
	fw, err := os.ReadFile(filepath.Join(b.image, image.SlotFile))
	if err != nil {
		t.Fatal(err)
	}
	b.change(t, "slot_b", func(p partition) error {
		_, err := p.WriteAt(fw, 0)
		return err
	})
	b.flip(t, "a", part(t, fw, "initramfs"))
	for range 2 { // and stays there
		m := b.boot(t, false)
		runs(t, m, "b", false, bootTime)
		told(t, b.p, "rolled-back unknown a damaged")
		b.off(t, m)
	}
}

// firmware returns a bad firmware.
func (b *bench) firmware(t *testing.T, version string, c *bad) []byte {
	t.Helper()
	dir := b.image
	if c.init != "" || c.daemon != "" {
		dir = build(t, image.Config{Board: "qemu-arm64", Out: t.TempDir(), Version: version, Number: 99, Init: c.init, Daemon: c.daemon})
	}
	fw, err := os.ReadFile(filepath.Join(dir, image.SlotFile))
	if err != nil {
		t.Fatal(err)
	}
	return fw
}

// part returns octets of the middle of a part of a FIT.
func part(t *testing.T, fw []byte, name string) []byte {
	t.Helper()
	root, err := fdt.Parse(fw)
	if err != nil {
		t.Fatal(err)
	}
	n := root.Node("images/" + name)
	if n == nil {
		t.Fatalf("the firmware has no %s", name)
	}
	data, _ := n.Prop("data")
	return data[len(data)/2:][:64]
}
