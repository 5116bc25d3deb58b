package main

import (
	"fmt"
	"path/filepath"
	"time"
)

// guestROM is the network card's boot ROM: iPXE, a real PXE client.
const guestROM = "/usr/lib/ipxe/qemu/pxe-e1000.rom"

const bootFile = "boot.ipxe"

// bootScript is what a diskless computer runs: it asks the boot server for its image's version, then for blocks of its
// disk for as long as it is on.
const bootScript = `#!ipxe
echo Quan net Hoa Phuong
imgfetch http://maychu.cafe.lan/image/win10.version || shell
imgfree
:disk
sleep 12
imgfetch http://maychu.cafe.lan/image/block || goto disk
imgfree
goto disk
`

// guest is a diskless computer: QEMU without window, disk or KVM, whose card boots over the network.
type guest struct {
	process *process
	monitor string // QEMU's monitor, a socket
}

// startGuest powers a diskless computer on.
func (l *lab) startGuest(h *host) error {
	if err := l.addTap(h.name); err != nil {
		return err
	}
	g := &guest{monitor: filepath.Join(l.dir, h.name+".monitor")}
	var err error
	g.process, err = l.start(l.bridge, h.name+"-qemu", "nice", "-n", "10", "qemu-system-x86_64",
		"-name", h.name, "-uuid", h.uuid, "-machine", "pc", "-accel", "tcg", "-m", "64", "-nodefaults", "-no-user-config",
		"-display", "none", "-serial", "none", "-boot", "n", "-monitor", "unix:"+g.monitor+",server=on,wait=off",
		"-netdev", "tap,id=lan,ifname="+h.name+",script=no,downscript=no",
		"-device", "e1000,netdev=lan,romfile="+guestROM+",mac="+h.mac)
	if err != nil {
		return err
	}
	h.guest = g
	select {
	case <-g.process.done:
		return fmt.Errorf("qemu ended at once: %w", g.process.err)
	case <-time.After(time.Second):
		return nil
	}
}

// resetGuest presses a diskless computer's reset button.
func (l *lab) resetGuest(h *host) error {
	return command(h.guest.monitor, "system_reset")
}

// end cuts a guest's power.
func (g *guest) end() { _ = g.process.stop() }
