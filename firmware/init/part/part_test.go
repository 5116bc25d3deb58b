package part

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// machine makes a folder as sysfs has it: disks by their device's path, linked from block.
func machine(t *testing.T, parts map[string]string) (globs func(...string) []string) {
	t.Helper()
	root := t.TempDir()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.MkdirAll(filepath.Join(root, "block"), 0o755))
	for path, name := range parts {
		dir := filepath.Join(root, "devices", path)
		check(os.MkdirAll(dir, 0o755))
		check(os.WriteFile(filepath.Join(dir, "uevent"), []byte("DEVTYPE=partition\nPARTNAME="+name+"\n"), 0o644))
		disk := filepath.Dir(dir)
		if err := os.Symlink(disk, filepath.Join(root, "block", filepath.Base(disk))); err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
	}
	return func(list ...string) (out []string) {
		for _, g := range list {
			out = append(out, filepath.Join(root, "block", g))
		}
		return out
	}
}

func TestFind(t *testing.T) {
	globs := machine(t, map[string]string{
		"pci0000:00/usb1/1-1/block/sda/sda1":    "data", // a stick
		"pci0000:00/ata1/block/sdb/sdb2":        "data",
		"platform/mmc/block/mmcblk1/mmcblk1p4":  "data2",
		"platform/mmc/block/mmcblk1/mmcblk1p5":  "data",
		"pci0000:00/0000:00:05.0/block/vda/vda": "esp", // a name that is the disk's own prefix
	})
	f := func(name, want string, list ...string) {
		t.Helper()
		p, err := Disks{Globs: globs(list...), Dev: "/d"}.Find(name)
		if p.Device != want || (want == "") != errors.Is(err, ErrAbsent) {
			t.Errorf("%s at %v: got %q, %v; want %q", name, list, p.Device, err, want)
		}
	}
	f("data", "/d/sdb2", "sd*")
	f("data", "/d/mmcblk1p5", "mmcblk*", "sd*")
	f("data", "/d/mmcblk1p5", "vd*", "mmcblk*")
	f("data", "", "vd*")
	f("state", "", "*")
	f("", "", "*")
	p, err := Disks{Globs: globs("mmcblk*"), Dev: "/d"}.Await("data2", 0)
	if err != nil || p.Disk != "/d/mmcblk1" || filepath.Base(p.Sys) != "mmcblk1p4" {
		t.Errorf("got %+v, %v", p, err)
	}
}
