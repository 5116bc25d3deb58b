package image

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/bootstate"
	"cafeprobe/firmware/image/disk"
	"cafeprobe/firmware/image/fdt"
	"cafeprobe/firmware/image/fit"
	"cafeprobe/firmware/image/parts"
	"cafeprobe/firmware/vm"
)

// source is the module's root.
const source = "../.."

// fetch returns Debian's packages. Where they cannot be had the test is skipped, but never in continuous integration.
func fetch(t *testing.T, wants ...parts.Want) []parts.Part {
	t.Helper()
	lock := filepath.Join(t.TempDir(), "parts.lock") // a copy: a test changes nothing of the source
	text, err := os.ReadFile(filepath.Join(source, "board/parts.lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(lock, text, 0o644); err != nil {
		t.Fatal(err)
	}
	s := parts.Store{Dir: filepath.Join(source, "out/parts"), Lock: lock}
	list, err := s.Fetch(t.Context(), wants)
	if errors.Is(err, parts.ErrUnavailable) && os.Getenv("CI") == "" {
		t.Skipf("Debian's packages cannot be fetched: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// probe is a kernel for QEMU's virt machine that says which slot it is of, then the device tree that it got, and turns the
// machine off.
func probe(slot bootstate.Slot) []byte {
	put := func(c byte) []uint32 { return []uint32{0x52800002 | uint32(c)<<5, 0xb9000022} } // movz w2, #c; str w2, [x1]
	code := []uint32{0xd2a12001}                                                            // movz x1, #0x0900, lsl #16: the PL011
	for _, c := range []byte("#" + slot.String() + "#") {
		code = append(code, put(c)...)
	}
	code = append(code, 0xd2900003, // movz x3, #0x8000
		0x38401402,             // ldrb w2, [x0], #1
		0xb9000022,             // str w2, [x1]
		0xf1000463, 0x54ffffa1) // subs x3, x3, #1; b.ne to ldrb
	code = append(code, put('$')...)
	code = append(code, 0xd2b08000, 0xf2800100, 0xd4000002, 0x14000000) // PSCI SYSTEM_OFF, 0x84000008; hvc #0; b .
	// The head that Linux' images have (Documentation/arch/arm64/booting.rst): 64 octets, a jump over them first.
	b := make([]byte, 64)
	binary.LittleEndian.PutUint32(b, 0x14000010)
	binary.LittleEndian.PutUint64(b[16:], 4096)
	binary.LittleEndian.PutUint64(b[24:], 0xa)
	copy(b[56:], "ARM\x64")
	for _, i := range code {
		b = binary.LittleEndian.AppendUint32(b, i)
	}
	return append(b, make([]byte, 4096-len(b))...)
}

// slotImage is a slot with probe, and with a device tree of its own or without.
func slotImage(t *testing.T, slot bootstate.Slot, tree bool) []byte {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(probe(slot)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s := fit.Slot{Board: "qemu-arm64", Version: "1", Kernel: z.Bytes(), Initramfs: bytes.Repeat([]byte("initramfs"), 50)}
	if tree {
		s.Trees = []fit.Tree{{Name: "qemu-arm64", Data: fdt.Marshal(&fdt.Node{Props: []fdt.Prop{
			fdt.Cells("#address-cells", 2), fdt.Cells("#size-cells", 2), fdt.String("compatible", "linux,dummy-virt"),
		}})}}
	}
	return fit.Build(s)
}

// damage flips a bit of a part of a slot.
func damage(t *testing.T, image []byte, part string) {
	root, err := fdt.Parse(image)
	if err != nil {
		t.Fatal(err)
	}
	n := root.Node("images/" + part)
	if n == nil {
		t.Fatalf("the slot has no %s", part)
	}
	data, _ := n.Prop("data")
	image[bytes.Index(image, data)+len(data)/2] ^= 1
}

// script is partition boot's file system with the selector, for slots with a device tree of their own or without.
func script(t *testing.T, tree bool) []byte {
	text, err := os.ReadFile(filepath.Join(source, "board/uboot/selector.cmd"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := ReadModel(filepath.Join(source, "board"), "qemu-arm64")
	if err != nil {
		t.Fatal(err)
	}
	if tree {
		m.Tree = "qemu-arm64.dtb"
	}
	path := filepath.Join(t.TempDir(), "boot")
	scr := ScriptImage(Selector(string(text), m), 1)
	if err := disk.FAT(t.Context(), path, "", "BOOT", bootSize, 0, []disk.File{{Name: "boot.scr", Data: scr}}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// copies are the two in partition state; nil is a torn one.
type copies [2]*bootstate.State

// TestSelector boots U-Boot with states of each kind, and compares what it boots, and the state that it leaves, with
// bootstate.Choose.
func TestSelector(t *testing.T) {
	if _, err := exec.LookPath("qemu-system-aarch64"); err != nil && os.Getenv("CI") == "" {
		t.Skip("qemu-system-aarch64 is not installed (apt-get install qemu-system-arm)")
	}
	uboot := filepath.Join(fetch(t, parts.Want{Name: "u-boot-qemu", Arch: "all"})[0].Dir, "usr/lib/u-boot/qemu_arm64/u-boot.bin")
	if own := os.Getenv("CAFEPROBE_UBOOT"); own != "" { // a U-Boot of make uboot
		uboot = own
	}
	boots := map[bool][]byte{false: script(t, false), true: script(t, true)}
	none, a, b := bootstate.None, bootstate.A, bootstate.B
	tried := copies{{Seq: 6, Active: a, Try: b, Tries: 3, Failed: none}, nil}
	for _, c := range []struct {
		name    string
		copies  copies // nil: torn
		damaged string // slots
		part    string // of them; empty: initramfs
	}{
		{"no copy", copies{}, "", ""},
		{"no copy, a damaged", copies{}, "a", ""},
		{"b active", copies{{Seq: 9, Active: b, Try: none, Failed: a}, {Seq: 0xa, Active: b, Try: none, Failed: none}}, "", ""},
		{"the newer copy first", copies{{Seq: 0x10, Active: b, Try: none, Failed: none}, {Seq: 0xf, Active: a, Try: none, Failed: none}}, "", ""},
		{"the newer copy torn", copies{{Seq: 1, Active: b, Try: none, Failed: none}, nil}, "", ""},
		{"active damaged", copies{nil, {Seq: 1, Active: b, Try: none, Failed: none}}, "b", ""},
		{"first try", copies{{Seq: 6, Active: a, Try: b, Tries: 3, Failed: none}, {Seq: 5, Active: a, Try: none, Failed: none}}, "", ""},
		{"last try", copies{{Seq: 6, Active: b, Try: a, Tries: 2, Failed: none}, {Seq: 7, Active: b, Try: a, Tries: 1, Failed: none}}, "", ""},
		{"no try left", copies{{Seq: 6, Active: a, Try: b, Tries: 1, Failed: none}, {Seq: 7, Active: a, Try: b, Failed: none}}, "", ""},
		{"try damaged", copies{{Seq: 6, Active: a, Try: b, Tries: 3, Failed: none}, nil}, "b", ""},
		{"no try left, active damaged", copies{{Seq: 6, Active: a, Try: b, Failed: none}, nil}, "a", ""},
		{"both damaged", copies{{Seq: 6, Active: a, Try: none, Failed: none}, nil}, "ab", ""},
		{"kernel of the try damaged", tried, "b", "kernel"},
		{"device tree whole", tried, "", "fdt-qemu-arm64"},
		{"device tree of the try damaged", tried, "b", "fdt-qemu-arm64"},
		{"device tree of the active damaged", copies{nil, {Seq: 1, Active: b, Try: none, Failed: none}}, "b", "fdt-qemu-arm64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			card := filepath.Join(t.TempDir(), "card")
			state := make([]byte, StateSize)
			for i, s := range c.copies {
				if s != nil {
					e, err := s.Encode()
					if err != nil {
						t.Fatal(err)
					}
					copy(state[4096*i:], e[:])
				} else {
					copy(state[4096*i:], "\x01\x02\x03\x04active=b\x00")
				}
			}
			part := cmp.Or(c.part, "initramfs")
			tree := strings.HasPrefix(part, "fdt-")
			list := []disk.Partition{
				{Name: "boot", Type: disk.Basic, Size: bootSize, Content: boots[tree], Boot: true},
				{Name: "state", Type: disk.Linux, Size: StateSize, Content: state},
			}
			for _, s := range []bootstate.Slot{a, b} {
				image := slotImage(t, s, tree)
				if strings.Contains(c.damaged, s.String()) {
					damage(t, image, part)
				}
				list = append(list, disk.Partition{Name: "slot_" + s.String(), Type: disk.Linux, Size: SlotSize, Content: image})
			}
			if err := disk.Write(card, c.name, nil, list); err != nil {
				t.Fatal(err)
			}
			was, _, _ := bootstate.Load(bytes.NewReader(state))
			slot, want := was.Choose(func(s bootstate.Slot) bool { return strings.Contains(c.damaged, s.String()) })
			got, said := bootOnce(t, uboot, card)
			try := 0
			if want.Tries < was.Tries && want.Failed == was.Failed {
				try = 1
			}
			wanted := "reset"
			if slot != none {
				wanted = fmt.Sprintf("%s: slot=%s try=%d", slot, slot, try)
			}
			if got != wanted {
				t.Errorf("U-Boot booted %q, want %q; it said:\n%s", got, wanted, said)
			}
			f, err := os.Open(card)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			left := make([]byte, StateSize)
			if _, err := f.ReadAt(left, partition(t, card, "state")); err != nil {
				t.Fatal(err)
			}
			is, _, _ := bootstate.Load(bytes.NewReader(left))
			if want == was && !bytes.Equal(left, state) {
				t.Errorf("U-Boot wrote to the state, which is %+v and was %+v", is, was)
			}
			if want != was && is.Seq <= was.Seq {
				t.Errorf("the state's number is %d, was %d", is.Seq, was.Seq)
			}
			if is.Seq = want.Seq; is != want {
				t.Errorf("U-Boot left %+v, want %+v", is, want)
			}
		})
	}
}

// partition returns where a partition of a card begins, in octets.
func partition(t *testing.T, card, name string) int64 {
	t.Helper()
	at, err := disk.Find(card, name)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// bootOnce starts a machine and returns what it came to: "reset", or the slot that booted, with its command line's words.
func bootOnce(t *testing.T, uboot, card string) (got, said string) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	m, err := vm.Start(ctx, vm.Config{Arch: vm.ARM64, Firmware: uboot, Disk: card, NoReset: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	_, err = m.Serial.Expect(ctx, `nothing that is ever said`) // to the end: the machine is off, or was reset
	said = m.Serial.Said()
	if ctx.Err() != nil {
		t.Fatalf("the machine did not end: %v", err)
	}
	if n, _ := m.Capture.FromBox(); n != 0 {
		t.Errorf("the boot loader sent %d frames at the capture port", n)
	}
	found := regexp.MustCompile(`#[ab]#`).FindStringIndex(said)
	if found == nil {
		if strings.Contains(said, "resetting") {
			return "reset", said
		}
		t.Fatalf("the machine ended (%v), and nothing booted:\n%s", err, said)
	}
	at := found[0]
	rest := said[at:]
	args := rest[max(0, strings.Index(rest, "cafeprobe.slot=")):]
	args, _, _ = strings.Cut(args, "\x00")
	return rest[1:2] + ": " + strings.ReplaceAll(args, "cafeprobe.", ""), said[:at]
}
