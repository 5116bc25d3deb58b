package demo

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"cafeprobe/firmware/image"
	"cafeprobe/firmware/vm"
)

// machine returns the machine that an image is for. What its firmware keeps is in dir.
func machine(dir, from, card string) (vm.Config, error) {
	c := vm.Config{Disk: card, Watchdog: true}
	b, err := os.ReadFile(filepath.Join(from, image.ManifestFile))
	if err != nil {
		return c, fmt.Errorf("which board the image is for: %w (make image BOARD=qemu-arm64)", err)
	}
	var m image.Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return c, fmt.Errorf("which board the image is for: %w", err)
	}
	switch m.Release.Board {
	case "qemu-arm64":
		c.Arch, c.Firmware = vm.ARM64, filepath.Join(from, image.LoaderFile)
	case "pc":
		c.Arch = vm.AMD64
		c.Firmware, c.Vars, err = vm.UEFI(dir)
	default:
		err = fmt.Errorf("QEMU emulates no %s: qemu-arm64 or pc", m.Release.Board)
	}
	return c, err
}
