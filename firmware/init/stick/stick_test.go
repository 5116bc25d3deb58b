package stick

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The test's program is the child too.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "-child" {
		os.Exit(Child(os.Stdin, os.Stderr))
	}
	os.Exit(m.Run())
}

// tree makes a sysfs with disks, each a path of a device and its files.
func tree(t *testing.T, disks map[string]map[string]string) string {
	t.Helper()
	sys := t.TempDir()
	if err := os.Mkdir(filepath.Join(sys, "block"), 0o755); err != nil {
		t.Fatal(err)
	}
	for device, files := range disks {
		dir := filepath.Join(sys, "devices", device)
		for name, text := range files {
			path := filepath.Join(dir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text+"\n"), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(dir, filepath.Join(sys, "block", filepath.Base(dir))); err != nil {
			t.Fatal(err)
		}
	}
	return sys
}

const usb = "pci0000:00/0000:00:07.0/usb1/1-1/1-1:1.0/host1/target1:0:0/1:0:0:0/block/"

// TestFind: what is behind USB and has a medium is a stick, with its partitions in order; the box's own disks are none.
func TestFind(t *testing.T) {
	stick := map[string]string{"size": "1000", "diskseq": "7"}
	for _, n := range []string{"10", "2", "1"} {
		stick["sdb"+n+"/partition"] = n
	}
	sys := tree(t, map[string]map[string]string{
		"pci0000:00/0000:00:05.0/virtio1/block/vda":              {"size": "1000", "diskseq": "1", "vda1/partition": "1"},
		"pci0000:00/0000:00:1f.2/ata1/host0/0:0:0:0/block/sda":   {"size": "1000", "diskseq": "2"},
		"platform/xhci-hcd.0.auto/usb2/2-1/2-1:1.0/block/sdc":    {"size": "1000", "diskseq": "9"},
		"platform/xhci-hcd.0.auto/usb2/2-1/2-1:1.0/1/block/sdd":  {"size": "0", "diskseq": "10"},
		"pci0000:00/usb-controller/0000:00:1f.5/nvme/block/nvme": {"size": "8"},
		usb + "sdb": stick,
	})
	got, err := Find(sys, "/dev")
	want := []Stick{{"sdb-7", []string{"/dev/sdb1", "/dev/sdb2", "/dev/sdb10"}}, {"sdc-9", []string{"/dev/sdc"}}}
	if err != nil || !slices.EqualFunc(got, want, func(a, b Stick) bool { return a.ID == b.ID && slices.Equal(a.Devices, b.Devices) }) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if _, err := Find(filepath.Join(sys, "none"), "/dev"); err == nil {
		t.Error("no sysfs, and no error")
	}
}

// TestFindMany: who puts in more than there is room for holds nobody up.
func TestFindMany(t *testing.T) {
	disks := map[string]map[string]string{}
	for _, c := range "abcdefghijklmnop" {
		disks[usb+"sd"+string(c)] = map[string]string{"size": "1", "diskseq": "1"}
	}
	one := disks[usb+"sda"]
	for i := range 100 {
		one[strings.Repeat("x", i+1)+"/partition"] = "1"
		one["sda"+strings.Repeat("1", i+1)+"/partition"] = "1"
	}
	got, err := Find(tree(t, disks), "/dev")
	if err != nil || len(got) != maxSticks || len(got[0].Devices) != maxParts {
		t.Errorf("%d sticks, %v", len(got), err)
	}
}

// TestMountNothing: what cannot be mounted is no release; what a child is asked wrongly, and one that is lost, are errors.
func TestMountNothing(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage")
	if err := os.WriteFile(garbage, bytes.Repeat([]byte{0xeb, 0x58, 0x90}, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Stick{Devices: []string{garbage, filepath.Join(dir, "absent")}}
	if _, err := s.Mount(filepath.Join(dir, "mnt"), 1, []string{self, "-child"}, (*exec.Cmd).Run); !errors.Is(err, ErrNone) {
		t.Errorf("mounted, %v, want ErrNone", err)
	}
	lost := func(cmd *exec.Cmd) error { return errors.New("signal: killed") }
	if _, err := s.Mount(filepath.Join(dir, "mnt"), 1, []string{self, "-child"}, lost); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("a child that is lost: %v", err)
	}
	for _, text := range []string{"", "{", `{"dir":"` + dir + `/none"}`, `[]`} {
		if got := Child(strings.NewReader(text), &bytes.Buffer{}); got != 1 {
			t.Errorf("asked %q: status %d, want 1", text, got)
		}
	}
}
