// Package uki makes a unified kernel image of the systemd stub (systemd-stub(7), UAPI.5): a PE program for UEFI to which
// kernel, first file system and command line are added as sections.
package uki

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
)

// Section is one that the stub looks for, as .linux or .cmdline.
type Section struct {
	Name string
	Data []byte
}

// Offsets of the PE format (Microsoft PE and COFF Specification, "COFF File Header" and "Optional Header", PE32+).
const (
	sectionSize   = 40
	numberOffset  = 4 + 2  // of the PE signature: NumberOfSections
	optionalStart = 4 + 20 // of the PE signature
	sizeOfImage   = 56     // of the optional header
	checksum      = 64
)

// Readable, initialised data.
const characteristics = 0x40000040

// ErrStub is wrapped by Build's errors.
var ErrStub = errors.New("uki: not a usable stub")

// Build returns stub with sections added behind its own.
func Build(stub []byte, sections []Section) ([]byte, error) {
	f, err := pe.NewFile(bytes.NewReader(stub))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStub, err)
	}
	head, ok := f.OptionalHeader.(*pe.OptionalHeader64)
	if !ok || head.SectionAlignment == 0 || head.FileAlignment == 0 {
		return nil, fmt.Errorf("%w: not PE32+", ErrStub)
	}
	signature := int(binary.LittleEndian.Uint32(stub[0x3c:]))
	table := signature + optionalStart + int(f.SizeOfOptionalHeader)
	used := len(f.Sections)
	if room := int(head.SizeOfHeaders) - table; (used+len(sections))*sectionSize > room {
		return nil, fmt.Errorf("%w: room for %d sections, not %d", ErrStub, room/sectionSize, used+len(sections))
	}
	out := bytes.Clone(stub)
	next := uint32(0)
	for _, s := range f.Sections {
		next = max(next, s.VirtualAddress+max(s.VirtualSize, s.Size))
	}
	for i, s := range sections {
		if len(s.Name) > 8 {
			return nil, fmt.Errorf("add section %s: its name has more than eight octets", s.Name)
		}
		next = up(next, head.SectionAlignment)
		out = append(out, make([]byte, int(up(uint32(len(out)), head.FileAlignment))-len(out))...)
		h := out[table+(used+i)*sectionSize:][:sectionSize]
		clear(h)
		copy(h, s.Name)
		binary.LittleEndian.PutUint32(h[8:], uint32(len(s.Data)))
		binary.LittleEndian.PutUint32(h[12:], next)
		binary.LittleEndian.PutUint32(h[16:], up(uint32(len(s.Data)), head.FileAlignment))
		binary.LittleEndian.PutUint32(h[20:], uint32(len(out)))
		binary.LittleEndian.PutUint32(h[36:], characteristics)
		out = append(out, s.Data...)
		next += uint32(len(s.Data))
	}
	out = append(out, make([]byte, int(up(uint32(len(out)), head.FileAlignment))-len(out))...)
	binary.LittleEndian.PutUint16(out[signature+numberOffset:], uint16(used+len(sections)))
	optional := out[signature+optionalStart:]
	binary.LittleEndian.PutUint32(optional[sizeOfImage:], up(next, head.SectionAlignment))
	binary.LittleEndian.PutUint32(optional[checksum:], 0)
	return out, nil
}

func up(n, to uint32) uint32 { return (n + to - 1) / to * to }
