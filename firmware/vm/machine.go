// Package vm runs a box that QEMU emulates, without a window: for `make qemu` and for the tests of the image. A Machine has the box's
// serial console, both ends of the cable at its capture port, and its power button, and ends with the process that started it,
// however that ends.
package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Arch is what processor a Machine has.
type Arch string

// The two that images are made for. Both are emulated in software: KVM is not there on the machines that test.
const (
	ARM64 Arch = "arm64" // QEMU's virt machine with a Cortex-A53, by U-Boot
	AMD64 Arch = "amd64" // QEMU's q35 machine, by OVMF
)

// Where the devices are on the PCI bus: ports are told apart by their device path, in QEMU as on a board.
const (
	slotUplink   = "0x3"
	slotCapture  = "0x4"
	slotDisk     = "0x5"
	slotWatchdog = "0x6"
	slotUSB      = "0x7"
)

// The ports' MAC addresses.
const (
	UplinkMAC  = "52:54:00:ca:fe:03"
	CaptureMAC = "52:54:00:ca:fe:04"
)

// Config says what a Machine is made of: always 512 MiB, the least that a board has, a disk and two ports.
type Config struct {
	Arch     Arch
	Disk     string // the image, raw; the guest writes to it
	Firmware string // U-Boot for arm64; OVMF's code for amd64
	Vars     string // OVMF's variables, written to: a copy of the machine's own; see UEFI

	ReadOnly bool   // the disk says that nothing can be written to it
	Worn     int    // every write to the disk fails from so many flushes on, at most 200; 0: none does
	WriteLog string // the file into which each write to Disk is logged, for LoadLog; "" for none
	NIC      string // QEMU's name of the capture port's kind; "": one that the firmware has no driver for
	Watchdog bool   // an i6300esb that resets the machine
	NoUplink bool   // no cable at the uplink
	Forward  string // address of this machine, 127.0.0.1:PORT, that leads to the box's port 443 at the uplink; "": none
	NoReset  bool   // a reset ends the machine

	// Hurry lets the guest's time go on at once to when it has something to do, while it has nothing: ten minutes of waiting take
	// seconds. To what is outside it is too fast: it gives a host no time to answer.
	Hurry bool
}

// A Machine is a box that runs. Use Start; Close ends it.
type Machine struct {
	Serial  *Serial
	Capture *Cable

	cmd  *exec.Cmd
	qmp  *qmp
	log  *tail
	done chan struct{}
	err  error
	once sync.Once
}

// forker starts programs from one thread that lives as long as the process: the kernel ends a child with the thread that
// forked it (PR_SET_PDEATHSIG), so no emulated box outlives a test that was killed.
var forker = sync.OnceValue(func() chan func() {
	c := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range c {
			f()
		}
	}()
	return c
})

// Start starts a Machine. It is killed when ctx ends. An error says what QEMU said.
func Start(ctx context.Context, cfg Config) (*Machine, error) {
	args, err := cfg.arguments()
	if err != nil {
		return nil, err
	}
	m := &Machine{log: &tail{max: 16 << 10}, done: make(chan struct{})}
	m.cmd = exec.CommandContext(ctx, cfg.program(), args...)
	m.cmd.Stderr = m.log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	var theirs []*os.File
	defer func() {
		for _, f := range theirs {
			f.Close()
		}
	}()
	var ours []*os.File
	for _, kind := range []int{unix.SOCK_STREAM, unix.SOCK_STREAM, unix.SOCK_DGRAM} { // console, QMP, capture port: 3, 4, 5
		a, b, err := pair(kind)
		if err != nil {
			closeAll(ours)
			return nil, err
		}
		ours, theirs = append(ours, a), append(theirs, b)
	}
	m.cmd.ExtraFiles = theirs
	started := make(chan error)
	forker() <- func() { started <- m.cmd.Start() }
	if err := <-started; err != nil {
		closeAll(ours)
		return nil, fmt.Errorf("start an emulated box: %w (apt-get install qemu-system-arm qemu-system-x86)", err)
	}
	m.Serial, m.Capture = newSerial(ours[0]), newCable(ours[2])
	go func() {
		m.err = m.cmd.Wait()
		close(m.done)
		closeAll(ours)
	}()
	if m.qmp, err = newQMP(ours[1]); err != nil {
		m.Close()
		return nil, fmt.Errorf("start an emulated box: %w: %s", err, m.log)
	}
	return m, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// pair returns two ends of a local socket: no port that somebody else may have, no address on the host.
func pair(kind int) (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a local socket: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "box"), os.NewFile(uintptr(fds[1]), "box"), nil
}

func (c *Config) program() string {
	if c.Arch == AMD64 {
		return "qemu-system-x86_64"
	}
	return "qemu-system-aarch64"
}

// arguments returns QEMU's.
func (c *Config) arguments() ([]string, error) {
	a := []string{"-nodefaults", "-no-user-config", "-display", "none", "-m", "512", "-smp", "1"}
	add := func(more ...string) { a = append(a, more...) }
	switch c.Arch {
	case ARM64:
		add("-M", "virt,acpi=off", "-cpu", "cortex-a53")
		if c.Firmware != "" {
			add("-bios", c.Firmware)
		}
	case AMD64:
		add("-M", "q35", "-accel", "tcg", "-cpu", "Nehalem")
		if c.Firmware != "" {
			add("-drive", "if=pflash,unit=0,format=raw,readonly=on,file="+comma(c.Firmware))
			add("-drive", "if=pflash,unit=1,format=raw,file="+comma(c.Vars))
		}
	default:
		return nil, fmt.Errorf("start an emulated box: processor %q: want %s or %s", c.Arch, ARM64, AMD64)
	}
	add("-chardev", "socket,id=console,fd=3", "-serial", "chardev:console")
	add("-chardev", "socket,id=qmp,fd=4", "-mon", "chardev=qmp,mode=control")
	add("-device", "virtio-rng-pci")
	c.disks(add)
	c.ports(add)
	if c.Watchdog {
		add("-device", "i6300esb,addr="+slotWatchdog, "-action", "watchdog=reset")
	}
	add("-device", "qemu-xhci,id=usb,addr="+slotUSB)
	if c.Hurry {
		add("-icount", "shift=2,sleep=off") // four nanoseconds an instruction: about what a Cortex-A53 does
	}
	if c.NoReset {
		add("-no-reboot")
	}
	return a, nil
}

func (c *Config) disks(add func(...string)) {
	disk := "disk"
	if c.Disk != "" {
		file := "driver=file,node-name=disk,cache.direct=off,filename=" + comma(c.Disk)
		if c.ReadOnly {
			file += ",read-only=on"
		}
		add("-blockdev", file)
		if c.WriteLog != "" {
			add("-blockdev", "driver=file,node-name=log,filename="+comma(c.WriteLog))
			add("-blockdev", "driver=blklogwrites,node-name=logged,file=disk,log=log,log-sector-size=512")
			disk = "logged"
		}
		if c.Worn > 0 {
			add("-blockdev", c.worn())
			disk = "worn"
		}
		add("-device", "virtio-blk-pci,write-cache=on,addr="+slotDisk+",drive="+disk)
	}
}

// worn returns a disk that fails to write when it has flushed so often: blkdebug counts states from 1 (qemu-block-drivers(7),
// docs/devel/blkdebug.rst).
func (c *Config) worn() string {
	var s strings.Builder
	s.WriteString("driver=raw,node-name=worn,file.driver=blkdebug,file.image=disk")
	for i := range c.Worn - 1 {
		fmt.Fprintf(&s, ",file.set-state.%d.event=flush_to_disk,file.set-state.%d.state=%d,file.set-state.%d.new_state=%d", i, i, i+1, i, i+2)
	}
	const fault = ",file.inject-error.0.event=none,file.inject-error.0.iotype=write,file.inject-error.0.errno=5,file.inject-error.0.state="
	fmt.Fprintf(&s, "%s%d", fault, c.Worn)
	return s.String()
}

func (c *Config) ports(add func(...string)) {
	add("-netdev", "dgram,id=cap,local.type=fd,local.str=5")
	add("-device", c.nic()+",netdev=cap,romfile=,addr="+slotCapture+",mac="+CaptureMAC)
	if c.NoUplink {
		return
	}
	user := "user,id=up"
	if c.Forward != "" {
		user += ",hostfwd=tcp:" + comma(c.Forward) + "-:443"
	}
	add("-netdev", user, "-device", "virtio-net-pci,netdev=up,romfile=,addr="+slotUplink+",mac="+UplinkMAC)
}

// nic returns QEMU's name of the capture port. OVMF has a driver and a network stack for virtio's, which send frames before anything of
// the image runs; for Intel's it has none, unless the card brings one in its ROM.
func (c *Config) nic() string {
	switch {
	case c.NIC != "":
		return c.NIC
	case c.Arch == AMD64:
		return "e1000e"
	}
	return "virtio-net-pci"
}

// comma doubles the commas of a file's name, as QEMU wants them.
func comma(s string) string { return strings.ReplaceAll(s, ",", ",,") }

// Done is closed when the Machine has ended.
func (m *Machine) Done() <-chan struct{} { return m.done }

// Wait waits until the Machine has ended by itself, at most until ctx does. An error says what QEMU said.
func (m *Machine) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("wait for the emulated box to end: %w; its console ends with:\n%s", ctx.Err(), m.Serial.Tail())
	case <-m.done:
	}
	if m.err != nil {
		return fmt.Errorf("emulated box: %w: %s", m.err, m.log)
	}
	return nil
}

// Reset presses the reset button: what is in memory is lost, what the guest wrote to its disk is not.
func (m *Machine) Reset() error { return m.qmp.run("system_reset", nil) }

// PowerButton presses the power button: the guest is asked to shut down.
func (m *Machine) PowerButton() error { return m.qmp.run("system_powerdown", nil) }

// Plug puts a USB stick in, which holds what the file at path does. The guest could write to it.
func (m *Machine) Plug(path string) error {
	file := map[string]any{"driver": "file", "filename": path}
	if err := m.qmp.run("blockdev-add", map[string]any{"driver": "raw", "node-name": "stick", "file": file}); err != nil {
		return fmt.Errorf("plug in a stick: %w", err)
	}
	err := m.qmp.run("device_add", map[string]any{"driver": "usb-storage", "id": "stick", "bus": "usb.0", "drive": "stick"})
	if err != nil {
		return fmt.Errorf("plug in a stick: %w", err)
	}
	return nil
}

// Unplug pulls the stick out.
func (m *Machine) Unplug() error {
	if err := m.qmp.run("device_del", map[string]any{"id": "stick"}); err != nil {
		return fmt.Errorf("pull out the stick: %w", err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) { // QEMU lets go of it a little later
		err := m.qmp.run("blockdev-del", map[string]any{"node-name": "stick"})
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("pull out the stick: %w", err)
		}
	}
}

// Kill ends the Machine at once, as a power cut does, but that what the guest wrote without a flush is not lost.
func (m *Machine) Kill() error {
	if err := m.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end the emulated box: %w", err)
	}
	<-m.done
	return nil
}

// Close ends the Machine and frees what it has. A second call does nothing.
func (m *Machine) Close() {
	m.once.Do(func() {
		_ = m.Kill()
		m.Serial.closed()
	})
}

// patience is how long QEMU's monitor may take to answer on a machine that other work shares.
const patience = 60 * time.Second
