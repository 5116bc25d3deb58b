package flash

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cafeprobe/tools/lang"
)

// machine lays out what a kernel tells of disks: files, and links as "-> target".
func machine(t *testing.T, files map[string]string) Machine {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, ok := strings.CutPrefix(text, "-> "); ok {
			err = os.Symlink(filepath.Join(root, to), path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return Machine{root}
}

// add puts a disk with partitions into a machine's files.
func add(files map[string]string, name, place, number string, gb int, parts ...string) {
	dir := "sys/devices/" + place + "/" + name
	files["sys/block/"+name] = "-> " + dir
	files["sys/class/block/"+name] = "-> " + dir
	files["sys/dev/block/"+number] = "-> " + dir
	files[dir+"/size"] = fmt.Sprint(gb * 1e9 / 512)
	files[dir+"/dev"], files[dir+"/ro"], files[dir+"/removable"] = number+"\n", "0\n", "0\n"
	for i, p := range parts {
		n := fmt.Sprint(strings.Split(number, ":")[0], ":", 10*(i+1))
		files["sys/dev/block/"+n] = "-> " + dir + "/" + p
		files["sys/class/block/"+p] = "-> " + dir + "/" + p
		files[dir+"/"+p+"/partition"] = fmt.Sprint(i + 1)
		files["dev/"+p] = ""
	}
	files["dev/"+name] = ""
}

// laptop is a technician's: its system on an encrypted partition of an NVMe, a swap partition on a SATA disk that has a RAID too, a card in
// the built-in slot, a stick that the desktop has mounted, an eMMC, a reader without a card, a btrfs of which the kernel says 0:35.
func laptop(t *testing.T) Machine {
	f := map[string]string{
		"proc/self/mountinfo": `23 1 252:0 / / rw,relatime shared:1 - ext4 /dev/mapper/vg-root rw
24 23 259:10 / /boot/efi rw - vfat /dev/nvme0n1p1 rw
25 23 0:21 / /proc rw - proc proc rw
26 23 8:40 / /media/lan/B\040\134\040A rw - vfat /dev/sdb1 rw
27 23 0:35 /@ /data rw - btrfs /dev/sdd1 rw
short
`,
		"proc/swaps": "Filename Type Size Used Priority\n/dev/sda1 partition 1 0 -2\n/swapfile file 1 0 -3\n",
	}
	add(f, "nvme0n1", "pci0000:00/0000:01:00.0/nvme/nvme0", "259:0", 512, "nvme0n1p1", "nvme0n1p2")
	add(f, "sda", "pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block", "8:0", 1000, "sda1", "sda2")
	add(f, "sdb", "pci0000:00/usb1/1-2/1-2:1.0/host4/block", "9:0", 32)
	add(f, "sdc", "pci0000:00/usb1/1-3/1-3:1.0/host5/block", "8:32", 0)
	add(f, "sdd", "pci0000:00/0000:00:17.0/ata2/block", "8:48", 500, "sdd1")
	add(f, "sde", "pci0000:00/usb1/1-4/1-4:1.0/host6/block", "8:64", 64)
	add(f, "mmcblk0", "platform/mmc_host/mmc0/mmc0:0001/block", "179:0", 16)
	add(f, "mmcblk1", "platform/mmc_host/mmc1/mmc1:0001/block", "179:96", 31)
	add(f, "mmcblk1boot0", "platform/mmc_host/mmc1/mmc1:0001/block", "179:97", 1)
	add(f, "dm-0", "virtual/block", "252:0", 400)
	add(f, "dm-1", "virtual/block", "252:1", 400)
	add(f, "zram0", "virtual/block", "253:0", 4)
	f["sys/devices/virtual/block/dm-0/slaves/dm-1"] = ""
	f["sys/devices/virtual/block/dm-1/slaves/nvme0n1p2"] = ""
	f["sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1/nvme0n1p2/holders/dm-1"] = ""
	f["sys/devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda/sda2/holders/md0"] = ""
	f["sys/dev/block/8:40"] = "-> sys/devices/pci0000:00/usb1/1-2/1-2:1.0/host4/block/sdb/sdb1"
	f["sys/devices/pci0000:00/usb1/1-2/1-2:1.0/host4/block/sdb/sdb1/partition"] = "1"
	f["sys/devices/pci0000:00/usb1/1-2/1-2:1.0/host4/block/sdb/device/vendor"] = "Generic "
	f["sys/devices/pci0000:00/usb1/1-2/1-2:1.0/host4/block/sdb/device/model"] = "SD/MMC  "
	f["sys/devices/platform/mmc_host/mmc0/mmc0:0001/block/mmcblk0/device/type"] = "SD\n"
	f["sys/devices/platform/mmc_host/mmc0/mmc0:0001/block/mmcblk0/device/name"] = "SC16G\n"
	f["sys/devices/platform/mmc_host/mmc1/mmc1:0001/block/mmcblk1/device/type"] = "MMC\n"
	return machine(t, f)
}

// TestDisks: what a technician's machine has, and what of it may be written.
func TestDisks(t *testing.T) {
	disks, err := laptop(t).Disks()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]struct {
		bus   string
		model string
		why   error
	}{
		"nvme0n1": {"nvme", "", ErrSystem}, "sda": {"sata", "", ErrSystem}, "sdb": {"usb", "Generic SD/MMC", ErrMounted},
		"sdd": {"sata", "", ErrMounted}, "sde": {"usb", "", nil}, "mmcblk0": {"mmc", "SC16G", nil}, "mmcblk1": {"mmc", "", ErrFixed},
	}
	for _, d := range disks {
		w, ok := want[d.Name]
		if !ok {
			t.Errorf("%s is listed", d.Name)
		}
		delete(want, d.Name)
		if err := d.Check(1e9, false); !errors.Is(err, w.why) || w.why == nil && err != nil {
			t.Errorf("%s: %v, want %v", d.Name, err, w.why)
		}
		if err := d.Check(1e9, true); w.why != ErrFixed && !errors.Is(err, w.why) || w.why == ErrFixed && err != nil {
			t.Errorf("%s by force: %v, want %v", d.Name, err, w.why)
		}
		if d.Bus != w.bus || d.Model != w.model {
			t.Errorf("%s: bus %q, model %q, want %q, %q", d.Name, d.Bus, d.Model, w.bus, w.model)
		}
		if d.Name == "sdb" && (len(d.Mounted) != 1 || d.Mounted[0] != `/media/lan/B \ A`) {
			t.Errorf("mounted at %q", d.Mounted)
		}
	}
	if len(want) > 0 {
		t.Errorf("not listed: %v", want)
	}
}

// TestCheckWords: each refusal is said in both languages, with what to do.
func TestCheckWords(t *testing.T) {
	good := Disk{Name: "sdx", Path: "/dev/sdx", Size: 4e9, Removable: true}
	if err := good.Check(4e9, false); err != nil {
		t.Errorf("a card: %v", err)
	}
	f := func(change func(*Disk), want error, vi, en string) {
		t.Helper()
		d := good
		change(&d)
		err := d.Check(2e9, false)
		var r *refusal
		if !errors.Is(err, want) || !errors.As(err, &r) {
			t.Errorf("%v, want %v", err, want)
			return
		}
		if !strings.Contains(r.In(lang.VI), vi) || !strings.Contains(r.Error(), en) || strings.Contains(r.Error()+r.In(lang.VI), "%!") {
			t.Errorf("%q, %q, want words with %q and %q", r.In(lang.VI), r.Error(), vi, en)
		}
	}
	f(func(d *Disk) { d.System = true }, ErrSystem, "ổ đĩa hệ thống", "runs from")
	f(func(d *Disk) { d.Mounted = []string{"/media/x"} }, ErrMounted, "/media/x", "umount")
	f(func(d *Disk) { d.Held = []string{"dm-3"} }, ErrHeld, "dm-3", "part of dm-3")
	f(func(d *Disk) { d.ReadOnly = true }, ErrReadOnly, "khóa ghi", "switch")
	f(func(d *Disk) { d.Size = 1e9 }, ErrSmall, "cần 2.0 GB", "has 1.0 GB, and 2.0 GB are needed")
	f(func(d *Disk) { d.Removable = false }, ErrFixed, "--force", "--force")
}
