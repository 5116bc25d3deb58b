// Package board says what a box is made of: the models that cafeprobe is built for, and how each is told from the others.
// It is pure; what reads a running machine is in board/detect.
package board

// Board is one model of hardware.
type Board struct {
	Name       string // of `make image BOARD=…` and in boot records: lower case, digits and hyphens
	Compatible string // the device tree's first compatible string; empty for a PC, which has no device tree
}

// PC is any x86-64 machine with two network ports.
var PC = Board{Name: "pc"}

// boards are the models with a device tree. The strings are those of Linux' own device trees (arch/arm64/boot/dts) and,
// for QEMU's virt machine, of hw/arm/virt.c.
var boards = []Board{
	{"nanopi-r2s", "friendlyarm,nanopi-r2s"},
	{"nanopi-r4s", "friendlyarm,nanopi-r4s"},
	{"orangepi-r1-plus", "xunlong,orangepi-r1-plus"},
	{"rpi4", "raspberrypi,4-model-b"},
	{"qemu-arm64", "linux,dummy-virt"},
}

// Boards returns all models, PC last.
func Boards() []Board { return append(append([]Board(nil), boards...), PC) }

// Match returns the model that a device tree's compatible strings name, the most specific first (Devicetree
// Specification 0.4 §2.3.1).
func Match(compatible []string) (b Board, ok bool) {
	for _, c := range compatible {
		for _, b := range boards {
			if b.Compatible == c {
				return b, true
			}
		}
	}
	return Board{}, false
}
