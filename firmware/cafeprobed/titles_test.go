package main

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cafeprobe/firmware/config"
	"cafeprobe/firmware/titles"
	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

// TestTitles: a table that the province signed is installed and used; one that it did not sign is refused, and told.
func TestTitles(t *testing.T) {
	dir := t.TempDir()
	public, province, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	id, err := spool.NewIdentity(uplink.Address{Province: "demo", Box: "b-00000001"}, public)
	if err != nil {
		t.Fatal(err)
	}
	if err := id.Save(filepath.Join(dir, spool.IdentityFile)); err != nil {
		t.Fatal(err)
	}
	cfg := config.Config{Dir: dir}
	file, err := titles.Sign(titles.Signed{
		Province: "demo", Number: 40, Text: "a\tgame\tlauncher\tgame.example\tproof\tthis test\n",
	}, province)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "new")
	put := func(path string, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var refused []string
	load := func() (uint64, bool) {
		table, number := loadTitles(&cfg, &id, slog.New(slog.DiscardHandler), func(what, from string) {
			refused = append(refused, from+" "+what)
		})
		return number, table.Name("www.game.example") != 0
	}
	if _, own := load(); own {
		t.Error("a table is used that is not there")
	}
	var out strings.Builder
	put(path, file)
	if err := installTitles(&cfg, path, &out); err != nil || !strings.Contains(out.String(), "titles 40") {
		t.Errorf("install: %v, %q", err, &out)
	}
	if number, own := load(); number != 40 || !own || refused != nil {
		t.Errorf("table %d is used, own %v, refused %v", number, own, refused)
	}
	forged := bytes.Replace(file, []byte("game.example"), []byte("evil.example"), 1)
	put(path, forged)
	if err := installTitles(&cfg, path, &out); !errors.Is(err, titles.Forged) {
		t.Errorf("install of a forged table: %v, want forged", err)
	}
	put(filepath.Join(dir, titles.File), forged)
	if _, own := load(); own || !slices.Equal(refused, []string{"titles forged"}) {
		t.Errorf("a forged table: own %v, refused %v", own, refused)
	}
}
