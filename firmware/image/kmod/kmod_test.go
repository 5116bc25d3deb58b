package kmod

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"cafeprobe/firmware/image/fdt"

	"github.com/ulikunitz/xz"
)

// module is the least ELF file with a section .modinfo.
func module(t *testing.T, info string) []byte {
	const names = "\x00.modinfo\x00.shstrtab\x00"
	head := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_REL), Machine: uint16(elf.EM_AARCH64), Version: 1, Shoff: 64, Ehsize: 64, Shentsize: 64, Shnum: 3, Shstrndx: 2,
	}
	at := uint64(64 + 3*64)
	var b bytes.Buffer
	for _, v := range []any{
		head,
		elf.Section64{},
		elf.Section64{Name: 1, Type: uint32(elf.SHT_PROGBITS), Off: at, Size: uint64(len(info))},
		elf.Section64{Name: 10, Type: uint32(elf.SHT_STRTAB), Off: at + uint64(len(info)), Size: uint64(len(names))},
		[]byte(info + names),
	} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// set writes a kernel's folder: disk needs card, which needs core; led is by itself; base is built in.
func set(t *testing.T) *Set {
	dir := t.TempDir()
	write := func(name string, data []byte) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("kernel/fs/disk.ko", module(t, "depends=card_host,base\x00alias=fs-disk\x00"))
	write("kernel/drivers/mmc/card-host.ko", module(t, "depends=core\x00alias=of:N*T*Cmaker,host\x00alias=of:N*T*Cmaker,hostC*\x00"))
	write("kernel/drivers/mmc/core.ko", module(t, "depends=\x00"))
	write("kernel/drivers/broken.ko", module(t, "depends=gone\x00"))
	var z bytes.Buffer
	w, err := xz.NewWriter(&z)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(module(t, "alias=of:N*T*Cgpio-leds\x00")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	write("kernel/drivers/leds/led.ko.xz", z.Bytes())
	write("modules.builtin", []byte("kernel/drivers/base.ko\n"))
	write("modules.builtin.modinfo", []byte("base.alias=of:N*T*Cmaker,base\x00base.license=GPL\x00"))
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestResolve(t *testing.T) {
	s := set(t)
	list, err := s.Resolve([]string{"led", "disk", "card-host", "base"})
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, m := range list {
		files = append(files, m.File)
		if _, err := elf.NewFile(bytes.NewReader(m.Data)); err != nil {
			t.Errorf("%s: %v", m.File, err)
		}
	}
	if want := []string{"led.ko", "core.ko", "card-host.ko", "disk.ko"}; !reflect.DeepEqual(files, want) {
		t.Errorf("order %q, want %q", files, want)
	}
	for _, n := range []string{"nothing", "broken"} {
		if _, err := s.Resolve([]string{n}); !errors.Is(err, ErrNoModule) {
			t.Errorf("%s: %v, want ErrNoModule", n, err)
		}
	}
}

func TestNeeds(t *testing.T) {
	s := set(t)
	aliases, err := s.Aliases()
	if err != nil {
		t.Fatal(err)
	}
	node := func(name, status string, compatible ...string) *fdt.Node {
		return &fdt.Node{Name: name, Props: []fdt.Prop{fdt.String("compatible", compatible...), fdt.String("status", status)}}
	}
	off := node("bus", "disabled", "simple-bus")
	off.Nodes = []*fdt.Node{node("leds", "okay", "gpio-leds")}
	got := s.Needs(NewIndex(aliases), &fdt.Node{Nodes: []*fdt.Node{
		node("mmc@1", "okay", "maker,newer", "maker,host"), node("mmc@2", "disabled", "maker,host"),
		node("clock", "okay", "maker,base", "maker,host"), off,
	}})
	if want := []Need{{"/mmc@1", "maker,host", []string{"card_host"}}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if f := s.Folder("card-host"); f != "drivers/mmc" {
		t.Errorf("card-host is of %q", f)
	}
}

func FuzzInfo(f *testing.F) {
	f.Add([]byte("\x7fELF"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if facts, err := Info(b); err == nil && len(facts.Depends)+len(facts.Aliases) > len(b) {
			t.Errorf("%d octets say %v", len(b), facts)
		}
	})
}
