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

// Selector fills in board/uboot/selector.cmd for a model.
func Selector(source string, m *Model) string {
	number, bootm := "devnum", ""
	if m.Tree == "machine" {
		bootm = "${fit}#" + m.Name + " ${fdtcontroladdr}"
	}
	text := strings.NewReplacer(
		"@DEVTYPE@", m.Device, "${@DEVNUM@}", orVariable(m.Number, number), "@FIT@", m.Load, "@BUF@", m.Buffer,
		"@SLOT@", fmt.Sprintf("%x", SlotSize), "@CMDLINE@", m.Cmdline(), "@BOARD@", m.Name, "@BOOTM@", bootm,
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
