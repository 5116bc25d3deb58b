package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cafeprobe/tools/cafeprobe/simulate"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/soak/hold"
)

// TestWeekOfFrames: a café of four computers lives for a week, frame by frame, days and nights, and a daemon hears it as fast as it can and
// tells a province of it. Its memory and the files that it has open are at the end what they were after the first day, but for the spool's:
// it has one a day, for a week and a day. Time is that of the frames; timers of the daemon's own, as the commits of its spool, are not sped up, so what it writes is not a week's (uplink/spool has
// that).
func TestWeekOfFrames(t *testing.T) {
	if !long() {
		t.Skip("SOAK is not set: it takes three minutes and more")
	}
	span, early := 7*24*time.Hour, 24*time.Hour
	from := time.Date(2026, 11, 23, 0, 0, 0, 0, time.FixedZone("ICT", 7*3600))
	r, err := sim.New(6, sim.Options{Stations: 4, From: from, For: span, Vantage: sim.VantageA})
	if err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(t.TempDir(), "frames.pcap")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	p := newSite(t, t.TempDir(), "")
	b := newBox(t, p, pipe, 0)
	cmd := exec.Command(daemonPath, "-config", b.conf)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := strconv.Itoa(cmd.Process.Pid)
	defer func() { _ = cmd.Process.Kill() }()
	var first, last use
	day := 0
	n, err := simulate.Save(t.Context(), r, pipe, simulate.Config{Snap: 600, Progress: func(at time.Time) {
		now := useOf(t, pid)
		if now.most(&last); first == (use{}) && at.Sub(from) >= early {
			first = now
		}
		if d := int(at.Sub(from) / early); d > day {
			day = d
			t.Logf("after %v: %d KiB in memory, %d of them its own, %d files open and %d of the spool", time.Duration(d)*early, now.Resident>>10, now.Anonymous>>10,
				now.files, now.days)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	end := useOf(t, pid)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	totals, err := p.Totals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v: %d frames in %v, %d records at the province; at most %d KiB in memory, %d files open and %d of the spool", span, n.Frames,
		n.Took.Round(time.Second), totals.Verified, last.Resident>>10, last.files, last.days)
	hold.AtMost(t, "the daemon's own memory, growth after the first day", float64(end.Anonymous-first.Anonymous)/(1<<20), 4, "MiB")
	hold.AtMost(t, "the daemon in memory at most", float64(last.Resident)/1e6, 64, "MB")
	hold.AtMost(t, "files that the daemon has open, more than after the first day", end.files-first.files, 0, "files")
	hold.AtMost(t, "files of its spool that it has open", last.days, 9, "files")
	hold.AtLeast(t, "records at the province", totals.Verified, 10, "records")
}

// use is what a process takes up.
type use struct {
	memory
	files int // open, but for
	days  int // those of the spool
}

func useOf(t *testing.T, pid string) use {
	t.Helper()
	dir := filepath.Join("/proc", pid, "fd")
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	u := use{memory: memoryOf(t, pid)}
	for _, f := range list {
		switch to, err := os.Readlink(filepath.Join(dir, f.Name())); {
		case err != nil: // closed since
		case strings.HasSuffix(to, ".db"):
			u.days++
		default:
			u.files++
		}
	}
	return u
}

// most makes of to the most of both.
func (u use) most(to *use) {
	to.Resident, to.Anonymous, to.files = max(to.Resident, u.Resident), max(to.Anonymous, u.Anonymous), max(to.files, u.files)
	to.days = max(to.days, u.days)
}
