package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/capture/capturetest"
	"cafeprobe/tools/lab/day"
)

// TestMain lets this program be what the lab starts in namespaces, as the lab itself is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if part, ok := parts[os.Args[1]]; ok {
			exit(os.Args[1], part(os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}

// TestDayCast: everybody of the tables is there, and every name and game that they have can be reached.
func TestDayCast(t *testing.T) {
	known, addrs := map[string]bool{}, map[string]string{}
	for _, n := range theDay.names {
		known[n.name] = true
		if other := addrs[n.v4]; other != "" {
			t.Errorf("%s and %s are both at %s", other, n.name, n.v4)
		}
		addrs[n.v4] = n.name
	}
	who := map[string]bool{}
	for _, s := range dayCast {
		who[s.name] = true
	}
	for _, text := range []string{day.Long, day.Short} {
		table, err := day.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range table.Script(daySeed, dayPrograms) {
			if !who[s.Who] {
				t.Errorf("nobody is called %s", s.Who)
			}
			switch s.Do {
			case day.Play, day.Talk:
				if dayGames[s.To] == "" {
					t.Errorf("%s has no server", s.To)
				}
			case day.Segment:
				if !known[segments[s.To]] {
					t.Errorf("video of %s comes from nowhere", s.To)
				}
			case day.Page, day.Say, day.Beat, day.Get, day.Download, day.Time:
				if !known[s.To] {
					t.Errorf("%s asks for %s, which is not resolved", s.Who, s.To)
				}
			}
		}
	}
}

// TestWallClock: times before a jump are what they were, later ones are moved by it.
func TestWallClock(t *testing.T) {
	day := time.Date(2026, 11, 28, 8, 0, 0, 0, vietnam)
	c := newClock(day)
	began := c.blocks[0].from
	c.jump(time.Hour)
	jumped := c.blocks[1].from
	if got := c.at(began.Add(-time.Second)); !got.Equal(day.Add(-time.Second)) {
		t.Errorf("a second before the start it said %v", got)
	}
	if got := c.at(jumped.Add(-time.Nanosecond)); got.Sub(day) > time.Minute {
		t.Errorf("before the jump it said %v", got)
	}
	if got, want := c.at(jumped.Add(time.Second)), day.Add(time.Hour+time.Second+jumped.Sub(began)); !got.Equal(want) {
		t.Errorf("after the jump it said %v, want %v", got, want)
	}
	if n := strings.Count(c.report(jumped.Add(time.Second)), "\n"); n != 4 {
		t.Errorf("%d lines of the report, want two of comment and two blocks", n)
	}
}

// TestSnapper: of a conversation the beginning is whole, later payloads are cut, headers never, and DNS is whole for ever.
func TestSnapper(t *testing.T) {
	udp := func(from, to uint16, n int) []byte {
		b := make([]byte, 14+20+8+n)
		binary.BigEndian.PutUint16(b[12:], 0x0800)
		b[14], b[14+9] = 0x45, 17
		copy(b[26:], []byte{192, 168, 1, 21, 203, 0, 113, 10})
		binary.BigEndian.PutUint16(b[34:], from)
		binary.BigEndian.PutUint16(b[36:], to)
		return b
	}
	tcpFrom := func(from uint16, n int) []byte {
		b := append(udp(from, 40443-from, 0)[:34], make([]byte, 32+n)...)
		binary.BigEndian.PutUint16(b[34:], from)
		binary.BigEndian.PutUint16(b[36:], 40443-from)
		b[23], b[46] = 6, 8<<4
		return b
	}
	tcp := func(n int) []byte { return tcpFrom(40000, n) }
	f := func(name string, frame []byte, want ...int) {
		t.Helper()
		s := snapper{}
		for i, w := range want {
			if got := s.keep(frame); got != w {
				t.Errorf("%s, frame %d: %d octets of %d kept, want %d", name, i+1, got, len(frame), w)
			}
		}
	}
	f("a player's moves", udp(40000, 5107, 100), 142, 142, 142, 142, 42, 42)
	f("the answers", udp(5107, 40000, 100), 142, 142, 42)
	f("questions", udp(40000, 53, 100), 142, 142, 142, 142, 142, 142)
	f("a request", tcp(100), 166, 166, 66)
	f("its answer", tcpFrom(443, 100), 66)
	f("acknowledgements", tcp(0), 66, 66, 66, 66, 66, 66)
	f("not IP", bytes.Repeat([]byte{1}, 60), 60)
	f("short", []byte{1, 2, 3}, 3)
}

// TestShortMorning plays some minutes of a small room: every kind of thing that happens on a day, by the real programs.
func TestShortMorning(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes 40 s")
	}
	if err := checkHost(); err != nil {
		t.Skipf("no lab here: %v", err)
	}
	out := t.TempDir()
	if err := oneDay(day.Short, out); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"day.pcapng.zst", "day.truth.tsv", "day.truth.json", "day.blocks.tsv"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() < 500 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	kinds := map[string]int{}
	for _, f := range capturetest.Facts(t, filepath.Join(out, "day.truth.tsv")) {
		kinds[f.Kind]++
	}
	for kind, least := range map[string]int{
		"station": 6, "schedule_power": 6, "schedule_state": 8, "schedule_session": 1, "wol": 1, "sni": 10, "quic_sni": 2,
		"dhcp_uuid": 1, "http_host": 4, "dns_query": 20,
	} {
		if kinds[kind] < least {
			t.Errorf("%d rows of %s, want at least %d", kinds[kind], kind, least)
		}
	}
}
