package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMeasure: what the kernel says is read; what it does not say is 0.
func TestMeasure(t *testing.T) {
	b, proc := testBox(t), t.TempDir()
	if m := b.measure(proc); m != (memory{}) {
		t.Errorf("of nothing: %+v", m)
	}
	for name, text := range map[string]string{
		"meminfo": "MemTotal:         480000 kB\nMemFree:           10000 kB\nMemAvailable:     400000 kB\nHugePages_Total:       0\n",
		"1/statm": "300000 2000 1500 1 0 900 0\n", "1/fd/0": "", "1/fd/1": "", "77/statm": "no number", "77/fd/9": "",
	} {
		path := filepath.Join(proc, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.daemon.Store(77)
	want := memory{
		Total: 480000 << 10, Available: 400000 << 10, Init: 2000 * uint64(os.Getpagesize()), InitOpen: 2, DaemonOpen: 1,
	}
	if m := b.measure(proc); m != want {
		t.Errorf("got %+v, want %+v", m, want)
	}
	if own := b.measure("/proc"); own.Total == 0 || own.Available == 0 || own.Available > own.Total {
		t.Errorf("this machine: %+v", own)
	}
}
