package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cafeprobe/capture/title"
	"cafeprobe/firmware/titles"
	"cafeprobe/tools/province"
)

// TestSignTitles: what the province signs its boxes take, and mistakes are told before.
func TestSignTitles(t *testing.T) {
	dir := t.TempDir()
	p, err := province.New(province.Config{Dir: dir, Province: "demo", MQTT: "127.0.0.1:0", Web: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	key := p.PublicKey()
	ctx, end := context.WithCancel(t.Context())
	end()
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	table := filepath.Join(dir, "table.tsv")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(table, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	put("a\tgame\tlauncher\tgame.example\tproof\tthis test\n")
	cmd := titlesCmd{Dir: dir, Name: "demo", Number: title.Version + 1, Table: table}
	if err := cmd.run(&out); err != nil {
		t.Fatal(err)
	}
	if s, err := titles.Open(out.Bytes(), "demo", key); err != nil || s.Number != cmd.Number {
		t.Errorf("the box reads %+v, %v", s, err)
	}
	put("a\tgame\tsleeping\tgame.example\tproof\tthis test\n")
	if err := cmd.run(&out); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("no table: %v, want its line", err)
	}
	cmd.Number = title.Version
	if err := cmd.run(&out); err == nil || !strings.Contains(err.Error(), "higher") {
		t.Errorf("an old number: %v, want a higher one", err)
	}
}
