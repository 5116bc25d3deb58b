package demo

import (
	"context"
	"debug/pe"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/image/imagetest"
	"cafeprobe/firmware/vm"
)

// TestEmulateDamage: a bit of a firmware flips on a PC's card between being read back and its first try. Nothing that starts a PC compares
// hashes. Where it boots all the same PID 1 does, and leaves it; where it does not boot its tries run out; at last the firmware before it
// runs, and says so. The first of them is the one that is to be released.
func TestEmulateDamage(t *testing.T) {
	long(t, "twenty minutes")
	w := newWalk(t, "pc")
	img := imagetest.Candidate(t, source, "pc")
	number := releaseOf(t, img).Number
	w.build("before", number-1)
	w.start("before", vm.Config{NoReset: true})
	runs(w.t, w.m, "a", false, patient)
	w.enrolled()
	for i, c := range []struct {
		section string
		where   float64 // in it
		why     string  // the firmware is left for
		trials  int     // in which PID 1 got so far as to say so
		power   bool    // somebody has to switch the PC off and on: it stands in its firmware
	}{
		{".osrel", 0.5, "damaged", 3, false}, // a text that nobody reads any more: all runs as ever
		{".initrd", 0.5, "reset", 0, false},  // the kernel panics, and starts the PC anew
		{".linux", 0.5, "reset", 0, true},
	} {
		built := img
		if i > 0 {
			built = w.build(fmt.Sprintf("damaged-%d", i), number+uint64(i))
		}
		version := releaseOf(t, built).Version
		sign(t, w.repo, built)
		offer(t, filepath.Join(w.dir, "province"), w.p, version)
		ctx, stop := context.WithTimeout(t.Context(), patient)
		if err := w.m.Wait(ctx); err != nil { // it ends to start anew
			t.Fatal(err)
		}
		stop()
		w.flip(filepath.Join(built, "slot-b.efi"), c.section, c.where)
		w.start("before", vm.Config{})
		for range 3 {
			if !c.power {
				break
			}
			w.expect(`BdsDxe: starting Boot\d+`)
			w.expect(`(?i)(decompress|failed|corrupt|No bootable)[^\r\n]*`)
			time.Sleep(5 * time.Second)
			w.note("stands; switched off and on")
			if err := w.m.Reset(); err != nil {
				t.Fatal(err)
			}
		}
		runs(w.t, w.m, "a", false, patient)
		w.note(c.section + ": slot a runs")
		told(t, w.p, strings.ReplaceAll("announced V  , written V b , "+strings.Repeat("trial V b , ", c.trials)+"rolled-back V b "+c.why, "V", version))
		w.silent()
		w.m.Close()
		w.start("before", vm.Config{NoReset: true})
		runs(w.t, w.m, "a", false, patient)
	}
}

// flip flips a bit of the firmware that waits in slot b of the card.
func (w *walk) flip(file, section string, where float64) {
	w.t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := pe.Open(file)
	if err != nil {
		w.t.Fatal(err)
	}
	defer p.Close()
	s := p.Section(section)
	if s == nil {
		w.t.Fatalf("%s has no section %s", file, section)
	}
	b[int(s.Offset)+int(float64(s.VirtualSize)*where)] ^= 4
	flipped := filepath.Join(w.dir, "flipped.efi")
	if err := os.WriteFile(flipped, b, 0o600); err != nil {
		w.t.Fatal(err)
	}
	at := partitionAt(w.t, w.card, "esp")
	cmd := exec.Command("mcopy", "-o", "-i", fmt.Sprintf("%s@@%d", w.card, at), flipped, "::/EFI/Linux/cafeprobe-b+3.efi")
	cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
}
