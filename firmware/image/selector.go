package image

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
)

// SlotSize is how many octets a slot of an ARM board's card has; SlotMax is how large we let its image become, so that a fetch at
// 64 kbit/s stays under 70 minutes.
const (
	SlotSize = 64 << 20
	SlotMax  = 32 << 20
)

// treeSize is the room for a machine's own device tree, in octets: twice what QEMU has for it (FDT_MAX_SIZE).
const treeSize = 2 << 20

// Selector fills in board/uboot/selector.cmd for a model.
func Selector(source string, m *Model) string {
	number, bootm, tree := "devnum", "", ""
	if m.Tree == "machine" {
		bootm = "${fit}#" + m.Name + " ${fdtcontroladdr}"
		if m.Crash.Size > 0 {
			// A copy of the machine's tree, which has no room for more, below that memory.
			at := m.Crash.Address - treeSize
			tree = fmt.Sprintf("fdt move ${fdtcontroladdr} %x %x && fdt rsvmem add %x %x && ", at, treeSize, m.Crash.Address, m.Crash.Size)
			bootm = fmt.Sprintf("${fit}#%s %x", m.Name, at)
		}
	}
	text := strings.NewReplacer(
		"@DEVTYPE@", m.Device, "${@DEVNUM@}", orVariable(m.Number, number), "@FIT@", m.Load, "@BUF@", m.Buffer,
		"@SLOT@", fmt.Sprintf("%x", SlotSize), "@CMDLINE@", m.Cmdline(), "@BOARD@", m.Name, "@TREE@", tree,
		"@BOOTM@", bootm,
	).Replace(source)
	return text
}

func orVariable(value, name string) string {
	if value != "" {
		return value
	}
	return "${" + name + "}"
}

// OneLine makes a script a single command, as U-Boot has it built in: without comments, its lines joined.
func OneLine(script string) string {
	var words []string
	for l := range strings.Lines(script) {
		if l = strings.TrimSpace(l); l != "" && l[0] != '#' {
			words = append(words, l)
		}
	}
	return strings.Join(words, " ")
}

// Numbers of U-Boot's image header (include/image.h).
const (
	scriptMagic = 0x27051956
	scriptHead  = 64
	osLinux     = 5
	archARM64   = 22
	typeScript  = 6
)

// ScriptImage wraps a script in U-Boot's image header, as `mkimage -T script` does: boot.scr.
func ScriptImage(script string, unix uint32) []byte {
	body := binary.BigEndian.AppendUint32(nil, uint32(len(script)))
	body = append(append(body, 0, 0, 0, 0), script...)
	h := make([]byte, scriptHead)
	put := binary.BigEndian.PutUint32
	put(h, scriptMagic)
	put(h[8:], unix)
	put(h[12:], uint32(len(body)))
	put(h[24:], crc32.ChecksumIEEE(body))
	h[28], h[29], h[30] = osLinux, archARM64, typeScript
	copy(h[32:], "cafeprobe slot selector")
	put(h[4:], crc32.ChecksumIEEE(h))
	return append(h, body...)
}
