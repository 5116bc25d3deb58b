package flash

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cafeprobe/tools/lang"
)

// loop makes a block device of a file of size octets and returns its path and the file's.
func loop(t testing.TB, size int64, options ...string) (device, file string) {
	t.Helper()
	if os.Getuid() != 0 && os.Getenv("CI") == "" {
		t.Skip("not root: loop devices cannot be made")
	}
	file = filepath.Join(t.TempDir(), "card")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, size); err != nil {
		t.Fatal(err)
	}
	out := command(t, "losetup", append(options, "--find", "--show", file)...)
	device = strings.TrimSpace(out)
	t.Cleanup(func() { command(t, "losetup", "--detach", device) })
	return device, file
}

func command(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return string(out)
}

func find(t testing.TB, name string) *Disk {
	t.Helper()
	d, err := Machine{}.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDevice: onto a block device of the kernel's, with direct transfers, and again over what is there.
func TestDevice(t *testing.T) {
	path, want := made(t, 5<<20)
	m := open(t, path)
	device, file := loop(t, int64(len(want))+3<<20)
	d := find(t, device)
	if d.Bus != "loop" || d.Size != int64(len(want))+3<<20 {
		t.Errorf("%+v", d)
	}
	if err := d.Check(m.Size, true); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		f, err := Create(d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Write(t.Context(), m, f, d.Size, func(Phase, int64) {}); err != nil {
			t.Fatal(err)
		}
		Reread(f)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		command(t, "sync")
		got, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(got[:len(want)], want) {
			t.Fatalf("the device differs: %v", err)
		}
	}
}

// TestRefused: what must not be written is not, as the kernel has it.
func TestRefused(t *testing.T) {
	f := func(name string, force bool, size int64, want error) {
		t.Helper()
		if err := find(t, name).Check(size, force); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	device, _ := loop(t, 8<<20)
	f(device, false, 4<<20, ErrFixed)
	f(device, true, 9<<20, ErrSmall)
	locked, _ := loop(t, 8<<20, "--read-only")
	f(locked, true, 4<<20, ErrReadOnly)
	for name, want := range map[string]error{"/dev/null": ErrNoDisk, "nonesuch": ErrNoDisk, t.TempDir(): ErrNoDisk} {
		if _, err := (Machine{}).Find(name); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}

	command(t, "mkfs.ext4", "-q", device)
	dir := t.TempDir()
	command(t, "mount", device, dir)
	defer command(t, "umount", dir)
	f(device, true, 4<<20, ErrMounted)
	_, err := Create(&Disk{Path: device, Size: 8 << 20, Bus: "loop"}) // mounted after it was looked at
	var fault *lang.Fault
	if !errors.Is(err, syscall.EBUSY) || !errors.As(err, &fault) || !strings.Contains(fault.In(lang.VI), "umount") {
		t.Errorf("a mounted one is opened: %v", err)
	}
}

// TestRoot: the disk that this machine runs from is found out, if it runs from one.
func TestRoot(t *testing.T) {
	disks, err := Machine{}.Disks()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("findmnt", "-no", "SOURCE", "/").Output()
	if err != nil || !strings.HasPrefix(string(out), "/dev/") {
		t.Skipf("the root file system is on no disk: %s", out)
	}
	whole, err := exec.Command("lsblk", "-nso", "NAME,TYPE", "-l", strings.TrimSpace(string(out))).Output()
	if err != nil {
		t.Skipf("lsblk: %v", err)
	}
	for _, d := range disks {
		on := strings.Contains(string(whole), d.Name+" ") && strings.Contains(string(whole), " disk")
		if d.System != on {
			t.Errorf("%s: system %v; lsblk says of the root:\n%s", d.Name, d.System, whole)
		}
	}
}

// BenchmarkWrite writes 2 GB to a loop device, and has dd do the same beside it: "dd" is how long dd took for each second of ours.
func BenchmarkWrite(b *testing.B) {
	const size = 2 << 30
	path := filepath.Join(b.TempDir(), "disk.img")
	if err := os.WriteFile(path, bytes.Repeat([]byte("cafeprobe "), size/10), 0o644); err != nil {
		b.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		b.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	manifest(b, filepath.Dir(path), content)
	m := open(b, path)
	device, _ := loop(b, size, "--direct-io=on") // else it is memory that is written to
	d := find(b, device)
	dd := func() time.Duration {
		start := time.Now()
		command(b, "dd", "if="+path, "of="+device, "bs=4M", "oflag=direct", "conv=fsync", "status=none")
		return time.Since(start)
	}
	dd() // the file behind the device gets its blocks
	var ours, theirs time.Duration
	b.SetBytes(size)
	for b.Loop() {
		f, err := Create(d)
		if err != nil {
			b.Fatal(err)
		}
		r, err := Write(b.Context(), m, f, d.Size, func(Phase, int64) {})
		if err := errors.Join(err, f.Close()); err != nil {
			b.Fatal(err)
		}
		ours += r.Write
		theirs += dd()
	}
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "dd/ours")
	b.ReportMetric(float64(size)*float64(b.N)/1e6/ours.Seconds(), "written-MB/s")
}
