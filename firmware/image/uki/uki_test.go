package uki

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"errors"
	"testing"
)

// stub is the least PE32+ program: one section, and room for more.
func stub() []byte {
	b := make([]byte, 0x600)
	copy(b, "MZ")
	put16, put32 := binary.LittleEndian.PutUint16, binary.LittleEndian.PutUint32
	put32(b[0x3c:], 0x40)
	copy(b[0x40:], "PE\x00\x00")
	put16(b[0x44:], pe.IMAGE_FILE_MACHINE_AMD64)
	put16(b[0x46:], 1)
	put16(b[0x54:], 240)
	o := b[0x58:]
	put16(o, 0x20b)
	put32(o[32:], 0x1000) // SectionAlignment
	put32(o[36:], 0x200)  // FileAlignment
	put32(o[56:], 0x2000)
	put32(o[60:], 0x400)
	put32(o[108:], 16)
	s := b[0x58+240:]
	copy(s, ".text")
	put32(s[8:], 0x123)
	put32(s[12:], 0x1000)
	put32(s[16:], 0x200)
	put32(s[20:], 0x400)
	return b
}

func TestBuild(t *testing.T) {
	add := []Section{{".cmdline", []byte("quiet")}, {".linux", bytes.Repeat([]byte("k"), 5000)}}
	out, err := Build(stub(), add)
	if err != nil {
		t.Fatal(err)
	}
	f, err := pe.NewFile(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	end := uint32(0)
	for _, s := range f.Sections {
		if s.VirtualAddress%0x1000 != 0 || s.Offset%0x200 != 0 || s.VirtualAddress < end {
			t.Errorf("section %s at %#x, file %#x, behind %#x", s.Name, s.VirtualAddress, s.Offset, end)
		}
		end = s.VirtualAddress + s.VirtualSize
	}
	for _, a := range add {
		s := f.Section(a.Name)
		if s == nil || s.VirtualSize != uint32(len(a.Data)) {
			t.Fatalf("section %s is %+v", a.Name, s)
		}
		b, err := s.Data()
		if err != nil || !bytes.Equal(b[:len(a.Data)], a.Data) {
			t.Errorf("section %s has %.10q, %v", a.Name, b, err)
		}
	}
	if size := f.OptionalHeader.(*pe.OptionalHeader64).SizeOfImage; size < end || size%0x1000 != 0 {
		t.Errorf("SizeOfImage %#x, sections end at %#x", size, end)
	}
}

func TestBuildRefuses(t *testing.T) {
	many := make([]Section, 20)
	if _, err := Build(stub(), many); !errors.Is(err, ErrStub) {
		t.Errorf("without room: %v, want ErrStub", err)
	}
	if _, err := Build([]byte("MZ"), nil); !errors.Is(err, ErrStub) {
		t.Errorf("no program: %v, want ErrStub", err)
	}
}
