package image

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cafeprobe/board"
	"cafeprobe/firmware/image/fdt"
	"cafeprobe/firmware/image/kmod"
	"cafeprobe/firmware/image/parts"
)

// TestTrees: whatever a board's device tree has enabled, and the kernel has a module for, is in the board's list or unused.
func TestTrees(t *testing.T) {
	linux := fetch(t, parts.Want{Name: "linux-image-arm64", Arch: "arm64"})[0]
	set, err := kmod.Open(filepath.Join(linux.Dir, "usr/lib/modules", strings.TrimPrefix(linux.Package, "linux-image-")))
	if err != nil {
		t.Fatal(err)
	}
	x, err := index(filepath.Join(source, "out/parts"), linux.SHA256, set)
	if err != nil {
		t.Fatal(err)
	}
	unused, err := Unused(filepath.Join(source, "board"))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range board.Boards() {
		if b == board.PC {
			continue
		}
		m, err := ReadModel(filepath.Join(source, "board"), b.Name)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(linux.Dir, "usr/lib", linux.Package, m.Tree)
		if m.Tree == "machine" {
			file = machineTree(t)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := fdt.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := board.Match(tree.Strings("compatible")); !ok || got != b || !slices.Equal(m.Compatible, []string{b.Compatible}) {
			t.Errorf("%s: the tree is of %q, board.json of %q", b.Name, tree.Strings("compatible"), m.Compatible)
		}
		list, err := set.Resolve(m.Modules)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range Missing(set, x, tree, list, unused) {
			t.Errorf("%s: %s, %s, needs one of %v (%s): add it to modules.list, or its folder to unused.list",
				b.Name, n.Path, n.Compatible, n.Modules, set.Folder(n.Modules[0]))
		}
		// It bites: without what switches the card's supply, the card's driver waits for ever.
		if i := slices.Index(m.Modules, "fixed"); i >= 0 {
			less, err := set.Resolve(slices.Delete(slices.Clone(m.Modules), i, i+1))
			if err != nil {
				t.Fatal(err)
			}
			if len(Missing(set, x, tree, less, unused)) == 0 {
				t.Errorf("%s: without module fixed nothing is missing", b.Name)
			}
		}
	}
}

// machineTree asks QEMU for the device tree of its machine.
func machineTree(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "virt.dtb")
	cmd := exec.Command("qemu-system-aarch64", "-M", "virt,acpi=off,dumpdtb="+path, "-cpu", "cortex-a53", "-display", "none")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("ask QEMU for its device tree: %v: %s", err, out)
	}
	return path
}

// TestStickModules: every board reads a stick. usb-storage leaves one that can do UAS to uas where the kernel was built with that, as
// Debian's is; vfat wants the code pages of the kernel's configuration.
func TestStickModules(t *testing.T) {
	names, err := Models(filepath.Join(source, "board"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%d boards, %v", len(names), err)
	}
	for _, n := range names {
		m, err := ReadModel(filepath.Join(source, "board"), n)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"usb-storage", "uas", "sd_mod", "vfat", "nls_cp437", "nls_ascii", "nls_utf8"} {
			if !slices.Contains(m.Modules, want) {
				t.Errorf("%s: modules.list has no %s", n, want)
			}
		}
		if !slices.ContainsFunc(m.Modules, func(s string) bool { return strings.HasPrefix(s, "xhci-") }) {
			t.Errorf("%s: modules.list has no USB 3 controller", n)
		}
	}
}
