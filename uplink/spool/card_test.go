package spool

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"cafeprobe/uplink"
)

func TestMountWarnings(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		m, ok := parseMount(line)
		var got []string
		for _, w := range m.warnings() {
			got = append(got, w.word)
		}
		if !ok || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v, want %v", line, got, ok, want)
		}
	}
	f("36 35 98:0 / /data rw,noatime - ext4 /dev/mmcblk0p4 rw,errors=continue")
	f("36 35 98:0 / /data rw,noatime - ext4 /dev/mmcblk0p4 rw,nobarrier,data=writeback", uplink.CardNoBarrier, uplink.CardNoBarrier)
	f("36 35 98:0 / /data ro - ext4 /dev/mmcblk0p4 rw", uplink.CardReadOnly)
	f("36 35 0:20 / /data rw - tmpfs tmpfs rw", uplink.CardVolatile)
	f("36 35 0:20 / /data rw shared:1 - overlay overlay rw,lowerdir=/a", uplink.CardVolatile)
	f("36 35 8:1 / /data rw - vfat /dev/sda1 rw", uplink.CardNoJournal)
	if _, ok := parseMount("nonsense"); ok {
		t.Error("nonsense is a mount")
	}
}

// mounted makes a file system of so many MiB on a loop device and returns its folder and the device's name.
func mounted(t *testing.T, mib int64) (dir, device string) {
	t.Helper()
	if os.Getuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("loop devices need root")
		}
		t.Skip("NOT TESTED: loop devices need root")
	}
	image := filepath.Join(t.TempDir(), "card")
	check(t, os.WriteFile(image, nil, 0o600))
	check(t, os.Truncate(image, mib<<20))
	run := func(name string, args ...string) string {
		t.Helper()
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("mkfs.ext4", "-q", "-F", "-m", "0", image)
	loop := run("losetup", "--show", "-f", image)
	t.Cleanup(func() { run("losetup", "-d", loop) })
	dir = t.TempDir()
	check(t, syscall.Mount(loop, dir, "ext4", syscall.MS_NOATIME, "errors=remount-ro"))
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir, filepath.Base(loop)
}

// A card that is really full, and one that turns read-only under way: sessions wait in memory, thin kinds are refused and
// counted, Stats says why; with room again all is written and a gap record says what is missing.
func TestFullCard(t *testing.T) {
	dir, _ := mounted(t, 24)
	s := mustOpen(t, dir, identity(t), Config{Generation: 8 << 20})
	defer s.Close()
	fill(t, s, 10)
	filler := filepath.Join(dir, "filler")
	choke := func() {
		t.Helper()
		f, err := os.OpenFile(filler, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		check(t, err)
		for _, n := range []int{1 << 20, 4 << 10} { // to the last block
			for err = nil; err == nil; {
				_, err = f.Write(make([]byte, n))
			}
		}
		check(t, f.Close())
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("fill the card: %v, want ENOSPC", err)
		}
	}
	choke()
	mustAppend(t, s, opened(t, 999, 1)) // a new day wants a new file: there is room in what the one before had reserved
	check(t, s.Commit())
	choke()
	for d := range 3 {
		mustAppend(t, s, opened(t, 1000+d, 1))
		if err := s.Commit(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("commit to a full card: %v, want ENOSPC", err)
		}
	}
	health := encode(t, &uplink.Health{Stamp: uplink.Stamp{Quality: uplink.QualityNone}})
	if _, err := s.Append(health); !errors.Is(err, ErrFull) {
		t.Errorf("health: %v, want %v", err, ErrFull)
	}
	if st := s.Stats(); st.Fault == "" || s.Card().Fault != uplink.CardFull || st.Waiting != 3 || st.Refused != 1 {
		t.Errorf("stats %+v, want a fault, 3 waiting, 1 refused", st)
	}
	check(t, os.Remove(filler))
	check(t, s.Commit())
	rs := verify(t, s)
	if n := len(rs); n != 15 || rs[14].Kind != uplink.KindGap || s.Stats().Fault != "" {
		t.Errorf("%d records, the last %s, stats %+v; want 15 and a gap", n, rs[n-1].Kind, s.Stats())
	}
}

func TestReadOnlyCard(t *testing.T) {
	dir, loop := mounted(t, 24)
	id := identity(t)
	s := mustOpen(t, dir, id, Config{})
	fill(t, s, 10)
	check(t, os.WriteFile("/sys/fs/ext4/"+loop+"/trigger_fs_error", []byte("1"), 0))
	mustAppend(t, s, opened(t, 0, 1))
	if err := s.Commit(); err == nil {
		t.Error("commit to a read-only card: no error")
	}
	if rs, err := s.Read(1, 100, 1<<20); err != nil || len(rs) != 10 {
		t.Errorf("%d records, %v from a read-only card, want 10", len(rs), err)
	}
	_ = s.Close() // it cannot commit what waits
	s = mustOpen(t, dir, id, Config{})
	defer s.Close()
	mustAppend(t, s, opened(t, 0, 2))
	c := s.Card()
	if st := s.Stats(); st.Fault == "" || c.Fault != uplink.CardReadOnly || !slices.Contains(c.Warn, uplink.CardReadOnly) || st.Head != 10 || st.Waiting != 1 || !slices.ContainsFunc(st.Warnings, func(w string) bool {
		return strings.Contains(w, "read-only")
	}) {
		t.Errorf("stats %+v, want a fault, a warning, head 10 and 1 waiting", st)
	}
}

// TestDayOfWrites counts what a day at 100 stations costs the card: every session's start and stop by itself, a health
// record in 15 minutes, titles, blocks and rosters by the hour.
func TestDayOfWrites(t *testing.T) {
	dir, loop := mounted(t, 96)
	s := mustOpen(t, dir, identity(t), Config{})
	written := func() int64 {
		t.Helper()
		syscall.Sync()
		b, err := os.ReadFile("/sys/block/" + loop + "/stat")
		check(t, err)
		n, err := strconv.ParseInt(strings.Fields(string(b))[6], 10, 64)
		check(t, err)
		return n * sector
	}
	before, records := written(), 0
	commit := func(rs ...uplink.Record) {
		mustAppend(t, s, rs...)
		check(t, s.Commit())
		records += len(rs)
	}
	for i := range 100 * 6 { // six sessions a station
		stamp := uplink.Stamp{Mono: uplink.Int(i), Time: uplink.Time(20500*day + i*day/600), Quality: uplink.QualitySync}
		commit(encode(t, &uplink.Open{Station: "u3mJq0yZcRE", Confidence: 86, Stamp: stamp}))
		commit(encode(t, &uplink.Close{Station: "u3mJq0yZcRE", Cause: "idle-timeout", Confidence: 91, Duration: 5400, Stamp: stamp}))
		if i%6 == 0 {
			commit(encode(t, &uplink.Health{Stamp: stamp}))
		}
		if i%25 == 0 {
			title := &uplink.Title{Stamp: stamp, Window: 3600}
			for k := range 20 {
				title.Mix = append(title.Mix, uplink.TitleUse{Title: "title-" + strconv.Itoa(k), Minutes: 60, Stations: 5})
			}
			commit(encode(t, title), encode(t, &uplink.Vantage{Class: "A", Confidence: 97, Stamp: stamp}))
		}
	}
	check(t, s.Close())
	got := written() - before
	t.Logf("%d records in %d commits: %.1f MB written to the device, %d octets a commit; the spool counts %.1f MB",
		records, s.Stats().Commits, float64(got)/1e6, got/int64(s.Stats().Commits), float64(s.Stats().Written)/1e6)
	if got > 50e6 {
		t.Errorf("%d octets a day written to the device, want at most 50 MB", got)
	}
}

// A mutated file is opened or put aside; whatever bbolt thinks of it, this process lives and the chain goes on.
func FuzzFile(f *testing.F) {
	id := identity(f)
	model := f.TempDir()
	s := mustOpen(f, model, id, Config{Generation: 512 << 10})
	for i := range 40 {
		mustAppend(f, s, opened(f, 0, i))
		check(f, s.Commit())
	}
	check(f, s.Close())
	whole, err := os.ReadFile(filepath.Join(model, name(1)))
	check(f, err)
	state, err := os.ReadFile(filepath.Join(model, stateFile))
	check(f, err)
	f.Add(uint32(0), []byte{0xff})
	f.Add(uint32(4096+64), []byte{0, 0, 0, 0, 0, 0, 0, 0}) // the meta page's root
	f.Add(uint32(3*4096), []byte{3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 9, 0, 0, 0, 0, 0x7f})
	f.Fuzz(func(t *testing.T, at uint32, with []byte) {
		dir := inMemory(t)
		b := slices.Clone(whole)
		copy(b[int(at)%(64<<10):], with)
		check(t, os.WriteFile(filepath.Join(dir, name(1)), b, 0o600))
		check(t, os.WriteFile(filepath.Join(dir, stateFile), state, 0o600))
		s, err := Open(dir, id, Config{Generation: 512 << 10, kernel: "another"})
		if err != nil {
			t.Fatalf("octets %x at %d: %v", with, at, err)
		}
		defer s.Close()
		seq, err := s.Append(opened(t, 1, 1))
		check(t, err)
		check(t, s.Commit())
		if seq <= 40 {
			t.Errorf("octets %x at %d: number %d is given again", with, at, seq)
		}
	})
}
