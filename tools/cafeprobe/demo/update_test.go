package demo

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/image"
	"cafeprobe/firmware/image/imagetest"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/collector"
	"cafeprobe/tools/release"
	"cafeprobe/uplink"
)

// TestEmulateUpdate: a box that runs takes two firmware releases from the province. PID 1 of the first ends at once, and the box goes back.
// That one is withdrawn; the second, which is to be released, stays. The box's chain says both.
func TestEmulateUpdate(t *testing.T) {
	if os.Getenv("SOAK") == "" {
		t.Skip("SOAK is not set: it takes twenty minutes")
	}
	for _, board := range boards {
		t.Run(board, func(t *testing.T) { takesUpdates(t, board) })
	}
}

func takesUpdates(t *testing.T, board string) {
	img := imagetest.Candidate(t, "../../..", board)
	candidate, err := release.ReadImage(img)
	if err != nil {
		t.Fatal(err)
	}
	of := candidate.Manifest.Release
	dir := t.TempDir()
	repo, err := release.Init(filepath.Join(dir, "repo"), filepath.Join(dir, "keys"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	build := func(version string, number uint64, init string) string {
		t.Helper()
		out := filepath.Join(dir, version)
		cfg := image.Config{
			Board: board, Source: "../../..", Out: out, Version: version, Number: number, Root: repo.RootFile(), Init: init,
		}
		if _, err := image.Build(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		return out
	}
	const before, bad = "before", "bad"
	first := build(before, of.Number-1, "")
	sign(t, repo, build(bad, of.Number, "./firmware/cafeprobed")) // it ends at once: it has no configuration
	b := newBench(t, dir, first, filepath.Join(dir, "repo"))
	m := b.boot(t, false)
	began := time.Now()
	note := func(what string) { t.Logf("%6s %s", time.Since(began).Round(time.Second), what) }
	runs(t, m, "a", false, bootTime)
	awaited, stop := context.WithTimeout(t.Context(), bootTime)
	defer stop()
	if err := records(awaited, b.p, 1); err != nil {
		t.Fatal(err)
	}
	note("slot a runs, and is known to the province")

	offer(t, b.cfg.Dir, b.p, bad)
	runs(t, m, "a", false, 10*time.Minute)
	note("slot a runs again")
	told(t, b.p, "announced bad  , written bad b , rolled-back bad b reset")
	if tries := strings.Count(m.Serial.Said(), "Attempted to kill init"); tries != 3 {
		t.Errorf("slot b was tried %d times, want 3", tries)
	}
	note("and the chain says so")

	if err := repo.Withdraw(bad, time.Now()); err != nil {
		t.Fatal(err)
	}
	sign(t, repo, img)
	offer(t, b.cfg.Dir, b.p, of.Version)
	runs(t, m, "b", true, 8*time.Minute)
	note("slot b is tried")
	told(t, b.p, strings.ReplaceAll("announced V  , written V b , trial V b , confirmed V b ", "V", of.Version))
	note("slot b is confirmed")
	if sent, _ := m.Capture.FromBox(); sent != 0 {
		t.Errorf("%d frames left the capture port", sent)
	}
}

// sign releases an image, as if its tests were green: they are what runs here.
func sign(t *testing.T, repo *release.Repo, dir string) {
	t.Helper()
	i, err := release.ReadImage(dir)
	if err != nil {
		t.Fatal(err)
	}
	rec := &release.Record{
		Format: release.RecordFormat, Board: i.Manifest.Release.Board, Commit: i.Manifest.Release.Commit, Images: i.Sums(), Began: time.Now(),
	}
	rec.Ended = rec.Began
	for _, s := range release.Suites {
		rec.Suites = append(rec.Suites, release.Suite{Name: s, Result: release.Pass, Tests: 1})
	}
	if err := repo.Add(i, rec, time.Now()); err != nil {
		t.Fatal(err)
	}
}

// offer has the province offer a release to the box.
func offer(t *testing.T, dir string, p *province.Province, version string) {
	t.Helper()
	s, _, err := province.OpenBeside(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ch, err := s.ChainOf(t.Context(), string(address.Box), "")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(p.EnrollURL(), "https://"))
	if err != nil {
		t.Fatal(err)
	}
	args := fmt.Sprintf(`{"fw":%q,"url":"https://%s/release/"}`, version, net.JoinHostPort(host, port))
	if _, err := collector.Order(s, ch, uplink.VerbUpdate, []byte(args), time.Now(), time.Hour); err != nil {
		t.Fatal(err)
	}
}

// told waits until the box's chain has these steps of a firmware, and no others of that version.
func told(t *testing.T, p *province.Province, want string) {
	t.Helper()
	version := strings.Fields(want)[1]
	var got []string
	for end := time.Now().Add(8 * time.Minute); time.Now().Before(end); time.Sleep(time.Second) {
		got = nil
		err := p.EachRecord(t.Context(), address.Box, func(r uplink.Record) error {
			if body, err := r.Body(); err == nil {
				if u, ok := body.(*uplink.Update); ok && u.Version == version {
					got = append(got, fmt.Sprint(u.Step, " ", u.Version, " ", u.Slot, " ", u.Why))
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(got, ", ") == want {
			return
		}
	}
	t.Fatalf("the chain says %q, want %q", got, want)
}
