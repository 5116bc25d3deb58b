package cut

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cafeprobe/firmware/image/disk"
	"cafeprobe/firmware/init/part"
)

// TestESP: a PC boots what has a head and has proved itself, or is on trial; it must be whole.
func TestESP(t *testing.T) {
	whole := func(n byte) []byte { return append([]byte("MZ"), firmware(n)...) }
	spoilt := bytes.Clone(whole(2))
	spoilt[100_000] ^= 1
	headless := append(make([]byte, 4096), whole(2)[4096:]...)
	f := func(name string, want error, tried bool, loader bool, programs map[string][]byte) {
		t.Helper()
		var files []disk.File
		if loader {
			for _, l := range loaders {
				files = append(files, disk.File{Name: l, Data: []byte("loader")})
			}
		}
		files = append(files, disk.File{Name: "EFI/Linux/readme", Data: []byte("nothing")})
		for _, p := range slices.Sorted(maps.Keys(programs)) {
			files = append(files, disk.File{Name: "EFI/Linux/" + p, Data: programs[p]})
		}
		dir := inMemory(t)
		path := filepath.Join(dir, "card")
		if err := disk.FAT(t.Context(), path, "seed", "ESP", espSize, 0, files); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(name, "chain") {
			breakChains(t, path, len(whole(2)))
		}
		c := &Card{Parts: map[string]int64{part.ESP: 0}}
		for _, n := range []byte{1, 2} {
			c.Firmwares = append(c.Firmwares, Firmware{int64(len(whole(n))), sha256.Sum256(whole(n))})
		}
		c.Extract = func(to string, _, _ int64) error { return os.Link(path, to) }
		var found Found
		if err := c.esp(dir, &found); !errors.Is(err, want) || found.Tried != tried {
			t.Errorf("%s: %v, tried %v, want %v, %v", name, err, found.Tried, want, tried)
		}
	}
	type files = map[string][]byte
	f("one", nil, false, true, files{"cafeprobe-a.efi": whole(1)})
	f("one to be tried", nil, true, true, files{"cafeprobe-a.efi": whole(1), "cafeprobe-b+3.efi": whole(2)})
	f("one tried in vain", nil, false, true, files{"cafeprobe-a.efi": whole(1), "cafeprobe-b+0-3.efi": whole(2)})
	f("one that is being written", nil, false, true, files{"cafeprobe-a.efi": whole(1), "cafeprobe-b+3.efi": headless})
	f("one that is cut short", nil, false, true, files{"cafeprobe-a.efi": whole(1), "cafeprobe-b+3.efi": nil})
	f("one that is being written, with a chain that is short", nil, false, true, files{"cafeprobe-a.efi": whole(1), "cafeprobe-b+3.efi": headless})
	f("one whose chain is short", ErrSlots, false, true, files{"cafeprobe-a.efi": whole(1), "cafeprobe-b+3.efi": whole(2)})
	f("two names", nil, true, true, files{"cafeprobe-a.efi": whole(1), "cafeprobe-b+2-1.efi": whole(2), "cafeprobe-b.efi": whole(2)})
	f("one that is spoilt", ErrSlots, false, true, files{"cafeprobe-a.efi": whole(1), "cafeprobe-b+3.efi": spoilt})
	f("none that has proved itself", ErrSlots, false, true, files{"cafeprobe-a.efi": headless, "cafeprobe-b+3.efi": whole(2)})
	f("no loader", ErrSlots, false, false, files{"cafeprobe-a.efi": whole(1)})
}

// breakChains frees clusters in the middle of the last file of a FAT file system, which has n octets.
func breakChains(t *testing.T, path string, n int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Of the FAT32 boot sector (Microsoft FAT specification 1.03): reserved sectors, number and length of the FATs, cluster size.
	sector := int(binary.LittleEndian.Uint16(b[11:]))
	first, count, length := int(binary.LittleEndian.Uint16(b[14:]))*sector, int(b[16]), int(binary.LittleEndian.Uint32(b[36:]))*sector
	clusters := n / (sector * int(b[13]))
	last := 0
	for c := 2; c < length/4; c++ {
		if binary.LittleEndian.Uint32(b[first+4*c:]) != 0 {
			last = c
		}
	}
	for i := range count {
		at := first + i*length + 4*(last-clusters/2)
		clear(b[at : at+4*clusters/4])
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
