package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cafeprobe/tools/province"
	"cafeprobe/tools/province/store"
)

// TestSites: the file replaces what was registered; one that is wrong changes nothing and says where.
func TestSites(t *testing.T) {
	dir := t.TempDir()
	p, err := province.New(province.Config{Dir: dir, Province: "ha-giang"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	s, _, err := province.OpenBeside(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	file := filepath.Join(dir, "sites.json")
	f := func(text, wantErr string, want ...store.Site) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := (&sitesCmd{Dir: dir, File: file}).Run()
		if wantErr == "" && err != nil || wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)) {
			t.Errorf("%s: %v, want %q", text, err, wantErr)
		}
		boxes, err := s.Boxes(t.Context())
		if err != nil || len(boxes) != len(want) {
			t.Fatalf("%s: %d boxes, %v, want %d", text, len(boxes), err, len(want))
		}
		for i, b := range boxes {
			if b.Site != want[i] {
				t.Errorf("%s: %+v, want %+v", text, b.Site, want[i])
			}
		}
	}
	one, two := store.Site{Name: "Quán 1", Commune: "Xã A"}, store.Site{Name: "Quán 2", Commune: "Xã B"}
	f(`{"b-00000001":{"name":"Quán 1","commune":"Xã A"},"b-00000002":{"name":"Quán 2","commune":"Xã B"}}`, "", one, two)
	f(`{"b-1":{"name":"x"}}`, `"b-1" is no box`, one, two)
	f(`{"b-00000003":{"commune":"x"}}`, "b-00000003: want a name", one, two)
	f(`[]`, "want a JSON object", one, two)
	f(`{"b-00000002":{"name":"Quán 2","commune":"Xã B"}}`, "", two)
}
