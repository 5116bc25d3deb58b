package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cafeprobe/firmware/bootstate"
	"cafeprobe/firmware/init/kernel"
	"cafeprobe/firmware/init/part"
	"cafeprobe/firmware/slot"
	"cafeprobe/firmware/update"
)

// withDisk gives b a disk in files, with the partitions that a card has, and the running slot.
func withDisk(t *testing.T, b *box, running string) (dev string) {
	t.Helper()
	dir := t.TempDir()
	dev = filepath.Join(dir, "dev")
	sys := filepath.Join(dir, "block", "vda")
	for name, size := range map[string]int64{"vda1": 1 << 20, "vda2": 64 << 10, "vda3": 96 << 10} {
		as := map[string]string{"vda1": "state", "vda2": "slot_a", "vda3": "slot_b"}[name]
		if err := os.MkdirAll(filepath.Join(sys, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(dev, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sys, name, "uevent"), []byte("DEVTYPE=partition\nPARTNAME="+as+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dev, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.disks = part.Disks{Globs: []string{filepath.Join(dir, "block", "*")}, Dev: dev}
	b.args = kernel.ParseArguments("cafeprobe.slot=" + running + " cafeprobe.try=0")
	return dev
}

// TestSlotOfAnUpdate: what is written is the slot that does not run, as a whole partition.
func TestSlotOfAnUpdate(t *testing.T) {
	for running, size := range map[string]int64{"a": 96 << 10, "b": 64 << 10} {
		b := testBox(t)
		dev := withDisk(t, b, running)
		p, room, err := b.openSlot()
		if err != nil || room != size {
			t.Fatalf("slot %s runs: %d octets, %v, want %d", running, room, err, size)
		}
		if _, err := p.WriteAt([]byte("firmware"), 0); err != nil {
			t.Error(err)
		}
		if err := p.(io.Closer).Close(); err != nil {
			t.Error(err)
		}
		file := map[string]string{"a": "vda3", "b": "vda2"}[running]
		if got, err := os.ReadFile(filepath.Join(dev, file)); err != nil || string(got[:8]) != "firmware" {
			t.Errorf("slot %s runs: the other begins with %q, %v", running, got[:8], err)
		}
	}
}

// TestSlotsOfTheBox: a trial, and its end, are in partition state.
func TestSlotsOfTheBox(t *testing.T) {
	b := testBox(t)
	withDisk(t, b, "a")
	s := boxSlots{b}
	want := func(want slot.State) {
		t.Helper()
		if got, err := s.State(); err != nil || got != want {
			t.Errorf("%v, %v, want %v", got, err, want)
		}
	}
	const A, B, none = bootstate.A, bootstate.B, bootstate.None
	want(slot.State{Running: A, Active: A, Trial: none, Failed: none})
	if err := s.Clear(); err != nil {
		t.Error(err)
	}
	if err := s.Try(); err != nil {
		t.Error(err)
	}
	want(slot.State{Running: A, Active: A, Trial: B, Tries: 3, Failed: none})
	b.args = kernel.ParseArguments("cafeprobe.slot=b cafeprobe.try=1")
	if err := s.Confirm(); err != nil {
		t.Error(err)
	}
	want(slot.State{Running: B, Active: B, Trial: none, Failed: none})
	if err := s.Forget(); err != nil {
		t.Error(err)
	}
}

// TestNoLimits: a kernel without the cgroups that limit the updater costs the limits, and is said; the box gets its updater.
func TestNoLimits(t *testing.T) {
	b := testBox(t)
	withDisk(t, b, "a")
	b.openUpdater(filepath.Join(t.TempDir(), "none"))
	if b.updater == nil {
		t.Error("no updater")
	}
	if len(b.faults) != 1 || !strings.Contains(b.faults[0], "without limits") {
		t.Errorf("faults %q", b.faults)
	}
}

// TestTellsStep: a refusal that somebody has to answer for is two events.
func TestTellsStep(t *testing.T) {
	b := testBox(t)
	b.tellStep(update.Step{Version: "2026.12.0", Step: "refused", Why: "unsigned"})
	b.tellStep(update.Step{Version: "2026.12.0", Step: "refused", Why: "current"})
	var got []string
	for _, e := range b.events.Pending() {
		got = append(got, e.Kind+" "+string(e.Detail))
	}
	text, err := json.Marshal(got)
	want := `["update {\"version\":\"2026.12.0\",\"step\":\"refused\",\"why\":\"unsigned\"}",` +
		`"security {\"from\":\"update\",\"what\":\"forged\"}",` +
		`"update {\"version\":\"2026.12.0\",\"step\":\"refused\",\"why\":\"current\"}"]`
	if err != nil || string(text) != want {
		t.Errorf("events %s, %v, want %s", text, err, want)
	}
}

// TestLeave: a damaged firmware on trial ends the box's run, and an event says why.
func TestLeave(t *testing.T) {
	b := testBox(t)
	b.leave()
	b.leave() // by who compares, and by who confirms
	if end := b.serve(nil); end != kernel.Reboot {
		t.Errorf("the box ends by %v", end)
	}
	list := b.events.Pending()
	if len(list) != 1 || list[0].Kind != eventReboot || !strings.Contains(string(list[0].Detail), `"why":"damaged"`) {
		t.Errorf("events %+v", list)
	}
}
