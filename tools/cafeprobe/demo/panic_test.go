package demo

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/bootstate"
	"cafeprobe/firmware/image"
)

// TestEmulatePanic: the kernel of a firmware on trial panics. What it said last survives the reset in memory that nobody else has, the box
// goes back, keeps that as a report, and its chain says both.
func TestEmulatePanic(t *testing.T) {
	e := newEmulated(t)
	other := build(t, image.Config{Board: "qemu-arm64", Out: t.TempDir(), Init: "./firmware/init/testdata/panics"})
	slot, err := os.ReadFile(filepath.Join(other, image.SlotFile))
	if err != nil {
		t.Fatal(err)
	}
	e.boot(nil)
	e.tells(0)
	e.off()

	e.write(e.partition("slot_b"), slot)
	trial := bootstate.State{Seq: 1 << 20, Active: bootstate.A, Try: bootstate.B, Tries: 1, Failed: bootstate.None}
	b, err := trial.Encode()
	if err != nil {
		t.Fatal(err)
	}
	e.write(e.partition("state"), b[:])
	before := e.verified()
	e.start(nil)
	e.expect(`a test's last words.*error="<nil>"`, bootTime)
	e.note("slot b ends")
	e.expect(`runs after [0-9.]+ s; slot a, trial false, data disk`, bootTime)
	e.note("slot a runs again")
	e.tells(before)
	for end := time.Now().Add(time.Minute); time.Now().Before(end) && e.told()["crash kernel"] == 0; {
		time.Sleep(time.Second)
	}
	if said := e.told(); said["crash kernel"] == 0 {
		t.Errorf("the chain says %v, want a crash of the kernel's", said)
	}
	name := ""
	for _, c := range e.ask().Crashes {
		if strings.HasSuffix(c, "-kernel.txt") {
			name = c
		}
	}
	e.off()
	report := e.read("/init/crash/" + name)
	for _, want := range []string{`init: a test's last words`, `Kernel panic - not syncing: sysrq triggered crash`, `Call trace:`, `after `} {
		if !strings.Contains(report, want) {
			t.Errorf("report %q of %d octets does not say %q:\n%.2000s", name, len(report), want, report)
		}
	}
	if torn := regexp.MustCompile(`[^\t\n -~]`).FindAllString(report, -1); len(torn) > 0 {
		t.Errorf("%d octets of the report are none of a text's", len(torn))
	}
	e.note("report %s of %d octets", name, len(report))
}
