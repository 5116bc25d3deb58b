package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"cafeprobe/firmware/bootstate"
)

// TestRawSlots: a firmware on trial is confirmed by itself alone, and a failure is told until it is forgotten.
func TestRawSlots(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "state"))
	if err == nil {
		err = f.Truncate(8192)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a, b := rawSlots{f, bootstate.A}, rawSlots{f, bootstate.B}
	if err := a.Confirm(); !errors.Is(err, errNoTrial) {
		t.Errorf("confirm on a new card: %v", err)
	}
	if _, err := bootstate.Save(f, bootstate.Factory.Trial()); err != nil {
		t.Fatal(err)
	}
	if err := a.Confirm(); !errors.Is(err, errNoTrial) {
		t.Errorf("the old slot confirms the other's trial: %v", err)
	}
	if err := b.Confirm(); err != nil {
		t.Error(err)
	}
	s, _, err := bootstate.Load(f)
	if err != nil || s.Active != bootstate.B || s.Try != bootstate.None {
		t.Errorf("%+v, %v, want b active and no trial", s, err)
	}
	s.Failed = bootstate.A
	if _, err := bootstate.Save(f, s); err != nil {
		t.Fatal(err)
	}
	if failed, err := b.Failed(); failed != bootstate.A || err != nil {
		t.Errorf("failed %v, %v", failed, err)
	}
	if err := errors.Join(b.Forget(), b.Forget()); err != nil {
		t.Error(err)
	}
	if failed, err := b.Failed(); failed != bootstate.None || err != nil {
		t.Errorf("failed %v, %v, want it forgotten", failed, err)
	}
}
