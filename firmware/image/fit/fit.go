// Package fit makes the image of one ARM slot: kernel, first file system and device trees in U-Boot's FIT form
// (doc/usage/fit/source_file_format.rst), each with its SHA-256, which U-Boot compares before it starts anything.
package fit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"cafeprobe/firmware/image/fdt"
)

// Tree is a device tree that a slot brings.
type Tree struct {
	Name string // of the model, as the selector asks for it
	Data []byte // as the kernel's package has it
}

// Slot is what goes into an image. Without Trees there is one configuration, Board, and the device tree is the machine's own.
type Slot struct {
	Board     string
	Version   string
	Kernel    []byte // arm64 Image, compressed by gzip
	Initramfs []byte // as the kernel is to get it
	Trees     []Tree // the first is that of configuration Board; each other has a configuration of its name
	Time      uint32 // seconds since 1970
}

// Build returns the image. The same slot gives the same octets.
func Build(s Slot) []byte {
	images := &fdt.Node{Name: "images", Nodes: []*fdt.Node{
		// A kernel without a load address goes where U-Boot finds room: one image serves boards whose memory begins elsewhere.
		image("kernel", s.Kernel, fdt.String("type", "kernel_noload"), fdt.String("os", "linux"), fdt.String("arch", "arm64"),
			fdt.String("compression", "gzip"), fdt.Cells("load", 0), fdt.Cells("entry", 0)),
		image("initramfs", s.Initramfs, fdt.String("type", "ramdisk"), fdt.String("os", "linux"), fdt.String("arch", "arm64"),
			fdt.String("compression", "none")),
	}}
	configurations := &fdt.Node{Name: "configurations", Props: []fdt.Prop{fdt.String("default", s.Board)}}
	add := func(name, tree string) {
		c := &fdt.Node{Name: name, Props: []fdt.Prop{fdt.String("kernel", "kernel"), fdt.String("ramdisk", "initramfs")}}
		if tree != "" {
			c.Props = append(c.Props, fdt.String("fdt", tree))
		}
		configurations.Nodes = append(configurations.Nodes, c)
	}
	for i, t := range s.Trees {
		node := "fdt-" + t.Name
		images.Nodes = append(images.Nodes, image(node, t.Data, fdt.String("type", "flat_dt"), fdt.String("arch", "arm64"),
			fdt.String("compression", "none")))
		if i == 0 {
			add(s.Board, node)
		}
		if t.Name != s.Board {
			add(t.Name, node)
		}
	}
	if len(s.Trees) == 0 {
		add(s.Board, "")
	}
	return fdt.Marshal(&fdt.Node{
		Props: []fdt.Prop{
			fdt.Cells("timestamp", s.Time), fdt.String("description", "cafeprobe "+s.Version+" "+s.Board), fdt.Cells("#address-cells", 1),
		},
		Nodes: []*fdt.Node{images, configurations},
	})
}

func image(name string, data []byte, props ...fdt.Prop) *fdt.Node {
	sum := sha256.Sum256(data)
	return &fdt.Node{
		Name: name, Props: append([]fdt.Prop{{Name: "data", Value: data}}, props...),
		Nodes: []*fdt.Node{{Name: "hash-1", Props: []fdt.Prop{fdt.String("algo", "sha256"), {Name: "value", Value: sum[:]}}}},
	}
}

// ErrDamaged is wrapped by Check's errors.
var ErrDamaged = errors.New("fit: damaged image")

// Check says whether b begins with a whole image of at least one part, all of them as their hashes say.
func Check(b []byte) error {
	root, err := fdt.Parse(b)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	images := root.Node("images")
	if images == nil || len(images.Nodes) == 0 {
		return fmt.Errorf("%w: holds nothing", ErrDamaged)
	}
	for _, n := range images.Nodes {
		data, ok := n.Prop("data")
		h := n.Node("hash-1")
		if !ok || h == nil {
			return fmt.Errorf("%w: %s has no data or no hash", ErrDamaged, n.Name)
		}
		want, _ := h.Prop("value")
		if got := sha256.Sum256(data); !bytes.Equal(got[:], want) {
			return fmt.Errorf("%w: %s has sha256 %s, not %s", ErrDamaged, n.Name, hex.EncodeToString(got[:]), hex.EncodeToString(want))
		}
	}
	return nil
}
