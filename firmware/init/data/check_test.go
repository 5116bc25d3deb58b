package data

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestTornSuperblock: a file system that was grown while it was mounted, as at a first boot, and whose first superblock a power cut tore
// in a later life, is mended. The second superblock says since then that there is a journal to be replayed, and nothing newer.
func TestTornSuperblock(t *testing.T) {
	const block, second = 4096, 32768 // blocks in front of the second superblock
	dir := t.TempDir()
	path := filepath.Join(dir, "data")
	if err := os.WriteFile(filepath.Join(dir, "block"), make([]byte, block), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "given"), []byte("given"), 0o600); err != nil {
		t.Fatal(err)
	}
	commands := fmt.Sprintf("write %s/given given\njo\njw -b 20000 %s/block\njc\n", dir, dir)
	if err := os.WriteFile(filepath.Join(dir, "commands"), []byte(commands), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) []byte {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s (apt-get install e2fsprogs)", name, err, out)
		}
		return out
	}
	run("mke2fs", "-q", "-t", "ext4", "-b", fmt.Sprint(block), "-J", "size=4", "-O", "has_journal,metadata_csum,64bit", path, "160M")
	run("debugfs", "-w", "-f", filepath.Join(dir, "commands"), path)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	super := make([]byte, 1024)
	if _, err := f.ReadAt(super, 1024); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(super, second*block); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xff}, 1024+sector+188); err != nil { // in the second sector
		t.Fatal(err)
	}
	fixed, err := Check("/sbin/e2fsck", path)
	if !fixed {
		t.Fatalf("not mended: %v", err)
	}
	if fixed, err := Check("/sbin/e2fsck", path); fixed || err != nil {
		t.Errorf("not sound then: %v, %v", fixed, err)
	}
	if got := run("debugfs", "-R", "cat given", path); !bytes.Contains(got, []byte("given")) {
		t.Errorf("file is lost: %s", got)
	}
}
