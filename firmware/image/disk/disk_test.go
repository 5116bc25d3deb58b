package disk

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// make lays out a card with one of everything.
func card(t *testing.T, seed string) string {
	dir := t.TempDir()
	fat, ext := filepath.Join(dir, "fat"), filepath.Join(dir, "ext4")
	files := []File{{"EFI/Linux/cafeprobe-a.efi", bytes.Repeat([]byte("x"), 5000)}, {"config.txt", []byte("y")}}
	if err := FAT(t.Context(), fat, seed, "BOOT", 40<<20, 1700000000, files); err != nil {
		t.Fatal(err)
	}
	if err := Ext4(t.Context(), ext, seed, 64<<20, 1700000000); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "disk")
	err := Write(path, seed, []Raw{{64 * sector, bytes.Repeat([]byte("loader"), 1000)}}, []Partition{
		{Name: "boot", Type: Basic, Size: 40 << 20, File: fat, Boot: true},
		{Name: "state", Type: Linux, Size: 1 << 20},
		{Name: "slot_a", Type: Linux, Size: 1 << 20, Content: []byte("slot")},
		{Name: "data", Type: Linux, Size: 64 << 20, File: ext},
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func need(t *testing.T, tools ...string) {
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	for _, n := range tools {
		if _, err := exec.LookPath(n); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("%s is not installed, and this is CI: make packages-test", n)
			}
			t.Skipf("%s is not installed (apt-get install dosfstools e2fsprogs mtools fdisk)", n)
		}
	}
}

func TestSameAgain(t *testing.T) {
	need(t, "mke2fs", "mkfs.vfat", "mcopy")
	read := func(seed string) []byte {
		b, err := os.ReadFile(card(t, seed))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	one := read("one")
	if !bytes.Equal(one, read("one")) {
		t.Error("two cards with the same content differ")
	}
	if bytes.Equal(one, read("two")) {
		t.Error("cards with another seed have the same identifiers")
	}
}

// Debian's tools find nothing wrong with what is on the card.
func TestSound(t *testing.T) {
	need(t, "mke2fs", "mkfs.vfat", "mcopy", "sfdisk", "fsck.vfat", "e2fsck", "mtype")
	path := card(t, "one")
	run := func(name string, args ...string) string {
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			t.Errorf("%s %v: %v: %s", name, args, err, out)
		}
		return string(out)
	}
	if out := run("sfdisk", "--verify", path); !strings.Contains(out, "No errors detected") {
		t.Errorf("sfdisk: %s", out)
	}
	run("fsck.vfat", "-n", filepath.Join(filepath.Dir(path), "fat"))
	run("e2fsck", "-fn", filepath.Join(filepath.Dir(path), "ext4"))
	if out := run("mtype", "-i", filepath.Join(filepath.Dir(path), "fat"), "::config.txt"); out != "y" {
		t.Errorf("config.txt is %q", out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(b[64*sector:], []byte("loaderloader")) {
		t.Error("the loader is not at sector 64")
	}
	if at := bytes.Index(b, []byte("slot")); at%align != 0 {
		t.Errorf("the slot is at %d", at)
	}
}

func TestWriteRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	if err := Write(path, "", []Raw{{512, []byte("x")}}, nil); err == nil {
		t.Error("a loader inside of the partition table was taken")
	}
	large := Partition{Name: "a", Type: Linux, Size: 1 << 20, Content: make([]byte, 1<<20+1)}
	if err := Write(path, "", nil, []Partition{large}); err == nil {
		t.Error("content larger than its partition was taken")
	}
}
