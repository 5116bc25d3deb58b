// Package image makes what a technician writes to a box's card: kernel, first file system, boot loader and an empty data
// partition, of Debian's packages and this module's programs. The same source and the same parts give the same octets.
package image

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"cafeprobe/firmware/image/disk"
	"cafeprobe/firmware/image/fdt"
	"cafeprobe/firmware/image/fit"
	"cafeprobe/firmware/image/kmod"
	"cafeprobe/firmware/image/parts"
	"cafeprobe/firmware/image/uki"
)

// Config says what to build. Board, Source and Out are required.
type Config struct {
	Board   string
	Source  string // the module's root
	Out     string // a folder for what is made, and is made itself
	Store   string // where parts are kept; empty: out/parts below Source
	Lock    string // the list of parts; empty: board/parts.lock below Source
	Refresh bool   // take the newest parts instead of the listed ones

	Version string // of the release; empty: "0.0.0-dev"
	Number  uint64
	Root    string // a file: TUF's root.json; empty: none, and the box takes no update over the network
	Init    string // package of PID 1; empty: ./firmware/init
	Daemon  string // package of the daemon; empty: ./firmware/cafeprobed
	Data    int64  // octets of the data partition, which the box grows; 0: 64 MiB
	Log     *slog.Logger
}

// Files of a build, below Config.Out.
const (
	DiskFile     = "disk.img"
	SlotFile     = "slot.fit"
	SlotFileA    = "slot-a.efi"
	SlotFileB    = "slot-b.efi"
	LoaderFile   = "u-boot.bin" // for QEMU's -bios
	ManifestFile = "manifest.json"
	SBOMFile     = "sbom.spdx.json"
)

// StateSize is the size of partition state.
const StateSize = 1 << 20

// Sizes of the partitions that a firmware reads.
const (
	bootSize = 40 << 20 // the least that FAT32 allows with clusters of a sector is 33 MiB
	espSize  = 192 << 20
	dataSize = 64 << 20
)

// ErrSlotSize is returned by Build when a slot is larger than SlotMax.
var ErrSlotSize = errors.New("image: the slot is too large")

// build is what one run of Build knows.
type build struct {
	Config
	model  *Model
	unix   int64 // of the commit
	parts  map[string]parts.Part
	list   []parts.Part
	files  map[string][]byte
	sys    system
	kernel []byte // as the kernel's package has it
	tree   []byte // device tree; nil: the machine's own
	own    []byte // U-Boot of make uboot; nil: none
}

// Build makes the image and returns its manifest.
func Build(ctx context.Context, cfg Config) (*Manifest, error) {
	b := &build{Config: cfg, parts: map[string]parts.Part{}, files: map[string][]byte{}}
	if b.Store == "" {
		b.Store = filepath.Join(b.Source, "out", "parts")
	}
	if b.Lock == "" {
		b.Lock = filepath.Join(b.Source, "board", "parts.lock")
	}
	if b.Version == "" {
		b.Version = "0.0.0-dev"
	}
	if b.Init == "" {
		b.Init = "./firmware/init"
	}
	if b.Daemon == "" {
		b.Daemon = "./firmware/cafeprobed"
	}
	if b.Data == 0 {
		b.Data = dataSize
	}
	if b.Log == nil {
		b.Log = slog.New(slog.DiscardHandler)
	}
	defer os.Remove(b.dataFile())
	for _, step := range []func(context.Context) error{b.begin, b.fetch, b.compile, b.collect, b.format, b.assemble} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return b.finish()
}

// begin reads what the source says.
func (b *build) begin(ctx context.Context) (err error) {
	if b.model, err = ReadModel(filepath.Join(b.Source, "board"), b.Board); err != nil {
		return err
	}
	if b.Out, err = filepath.Abs(b.Out); err != nil {
		return err
	}
	if err := os.MkdirAll(b.Out, 0o755); err != nil {
		return err
	}
	out, err := b.command(ctx, nil, "git", "log", "-1", "--format=%H %ct")
	if err != nil {
		return fmt.Errorf("ask which commit this is: %w", err)
	}
	commit, at, _ := strings.Cut(strings.TrimSpace(out), " ")
	if b.unix, err = strconv.ParseInt(at, 10, 64); err != nil {
		return fmt.Errorf("read the commit's time: %w", err)
	}
	b.sys.release = Release{Version: b.Version, Number: b.Number, Board: b.Board, Built: time.Unix(b.unix, 0).UTC(), Commit: commit}
	b.sys.board = b.model.Board
	if b.Root != "" {
		b.sys.root, err = os.ReadFile(b.Root)
	}
	return err
}

// fetch brings Debian's packages.
func (b *build) fetch(ctx context.Context) error {
	arch := b.model.Arch
	wants := []parts.Want{{Name: "linux-image-" + arch, Arch: arch}, {Name: "e2fsck-static", Arch: arch}}
	switch b.model.Boot {
	case Script:
		wants = append(wants, parts.Want{Name: "u-boot-qemu", Arch: "all"})
	case RaspberryPi:
		wants = append(wants, parts.Want{Name: "raspi-firmware", Arch: "all"})
	case UEFI:
		wants = append(wants, parts.Want{Name: "systemd-boot-efi", Arch: arch})
	}
	store := parts.Store{Dir: b.Store, Lock: b.Lock, Refresh: b.Refresh, Log: b.Log}
	list, err := store.Fetch(ctx, wants)
	for _, p := range list {
		b.parts[p.Name] = p
	}
	b.list = list
	return err
}

// compile builds PID 1, the daemon and what PID 1 has an update done by, for the board.
func (b *build) compile(ctx context.Context) error {
	// The daemon's clock is never earlier than when it was built, which without a repository around nothing else tells it.
	flags := fmt.Sprintf("-ldflags=-s -w -buildid= -X main.stamped=%d", b.unix)
	for _, p := range []struct {
		pkg string
		to  *[]byte
	}{{b.Init, &b.sys.init}, {b.Daemon, &b.sys.daemon}, {"./firmware/updater", &b.sys.updater}} {
		bin := filepath.Join(b.Out, ".program")
		env := []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + b.model.Arch, "GOFLAGS="}
		args := []string{"build", "-trimpath", "-buildvcs=false", flags, "-o", bin, p.pkg}
		if _, err := b.command(ctx, env, "go", args...); err != nil {
			return err
		}
		defer os.Remove(bin)
		var err error
		if *p.to, err = os.ReadFile(bin); err != nil {
			return err
		}
	}
	return nil
}

// collect reads what is needed of the packages.
func (b *build) collect(context.Context) (err error) {
	linux := b.parts["linux-image-"+b.model.Arch]
	release := strings.TrimPrefix(linux.Package, "linux-image-")
	if b.kernel, err = os.ReadFile(filepath.Join(linux.Dir, "boot", "vmlinuz-"+release)); err != nil {
		return err
	}
	set, err := kmod.Open(filepath.Join(linux.Dir, "usr/lib/modules", release))
	if err != nil {
		return err
	}
	if b.sys.modules, err = set.Resolve(b.model.Modules); err != nil {
		return err
	}
	if b.sys.fsck, err = os.ReadFile(filepath.Join(b.parts["e2fsck-static"].Dir, "usr/sbin/e2fsck.static")); err != nil {
		return err
	}
	if b.model.Tree != "" && b.model.Tree != "machine" {
		b.tree, err = os.ReadFile(filepath.Join(linux.Dir, "usr/lib", linux.Package, b.model.Tree))
		if err == nil && b.model.Crash.Size > 0 {
			b.tree, err = fdt.Reserve(b.tree, b.model.Crash.Address, b.model.Crash.Size)
		}
	}
	return err
}

// dataFile is where the data partition's file system is while a build runs.
func (b *build) dataFile() string { return filepath.Join(b.Out, ".data.ext4") }

// format makes the data partition's file system. The first file system has it too, for a box whose own is beyond repair.
func (b *build) format(ctx context.Context) error {
	seed := fmt.Sprintf("%s %s %d", b.Board, b.Version, b.Data)
	if err := disk.Ext4(ctx, b.dataFile(), seed, b.Data, b.unix); err != nil {
		return err
	}
	empty, err := os.ReadFile(b.dataFile())
	if err != nil {
		return err
	}
	b.sys.data, err = compress(empty)
	return err
}

// assemble makes slot and disk.
func (b *build) assemble(ctx context.Context) error {
	initramfs, err := b.sys.cpio()
	if err != nil {
		return err
	}
	b.Log.Info("initramfs", "octets", len(initramfs), "modules", len(b.sys.modules))
	if b.model.Boot == UEFI {
		return b.uefi(ctx, initramfs)
	}
	return b.arm(ctx, initramfs)
}

// arm makes the FIT and a card with two raw slots, both holding it.
func (b *build) arm(ctx context.Context, initramfs []byte) error {
	var kernel bytes.Buffer
	z, err := gzip.NewWriterLevel(&kernel, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(b.kernel); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	slot := fit.Slot{Board: b.Board, Version: b.Version, Kernel: kernel.Bytes(), Initramfs: initramfs, Time: uint32(b.unix)}
	if b.tree != nil {
		slot.Trees = []fit.Tree{{Name: b.Board, Data: b.tree}}
	}
	image := fit.Build(slot)
	if len(image) > SlotMax {
		return fmt.Errorf("%w: %d octets of at most %d", ErrSlotSize, len(image), SlotMax)
	}
	b.files[SlotFile] = image
	raw, list, err := b.boot(ctx)
	if err != nil {
		return err
	}
	list = append(list,
		disk.Partition{Name: "state", Type: disk.Linux, Size: StateSize},
		disk.Partition{Name: "slot_a", Type: disk.Linux, Size: SlotSize, Content: image},
		disk.Partition{Name: "slot_b", Type: disk.Linux, Size: SlotSize, Content: image})
	return b.disk(raw, list)
}

// boot returns what an ARM board finds first: the loader in front of all partitions, or a partition boot.
func (b *build) boot(ctx context.Context) ([]disk.Raw, []disk.Partition, error) {
	own, err := b.loader()
	b.own = own
	// Debian's U-Boot has a prompt, and goes on to the network, by every port, where it finds nothing to boot: for QEMU alone.
	if err != nil && (b.model.Boot != Script || !errors.Is(err, ErrNoLoader)) {
		return nil, nil, err
	}
	if b.model.Boot == Rockchip {
		// Where the boot ROM looks (Rockchip's "Boot option" notes): sector 64.
		return []disk.Raw{{Offset: 64 * 512, Data: own}}, nil, nil
	}
	var files []disk.File
	loader := own
	if own == nil {
		source, err := os.ReadFile(filepath.Join(b.Source, "board/uboot/selector.cmd"))
		if err != nil {
			return nil, nil, err
		}
		files = append(files, disk.File{Name: "boot.scr", Data: ScriptImage(Selector(string(source), b.model), uint32(b.unix))})
		if loader, err = os.ReadFile(filepath.Join(b.parts["u-boot-qemu"].Dir, "usr/lib/u-boot/qemu_arm64/u-boot.bin")); err != nil {
			return nil, nil, err
		}
	}
	b.Log.Info("boot loader", "own", own != nil, "sha256", sum(loader))
	if b.model.Boot == RaspberryPi {
		more, err := b.raspberry(loader)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, more...)
	} else {
		b.files[LoaderFile] = loader
	}
	list, err := b.fat(ctx, "boot", disk.Basic, bootSize, files)
	return nil, list, err
}

// raspberry returns what the Raspberry Pi's firmware reads: its second stage, which is not free, the device tree that it fills
// in, and U-Boot as its kernel. The mini UART keeps its speed only when the core's is fixed (enable_uart).
func (b *build) raspberry(loader []byte) ([]disk.File, error) {
	files := []disk.File{
		{Name: "config.txt", Data: []byte("arm_64bit=1\nenable_uart=1\nkernel=u-boot.bin\nboot_delay=0\ndisable_splash=1\n")},
		{Name: "u-boot.bin", Data: loader},
		{Name: filepath.Base(b.model.Tree), Data: b.tree},
	}
	for _, n := range []string{"start4.elf", "fixup4.dat"} {
		data, err := os.ReadFile(filepath.Join(b.parts["raspi-firmware"].Dir, "usr/lib/raspi-firmware", n))
		if err != nil {
			return nil, err
		}
		files = append(files, disk.File{Name: n, Data: data})
	}
	return files, nil
}

// uefi makes the unified kernel images and a disk with an ESP.
func (b *build) uefi(ctx context.Context, initramfs []byte) error {
	boot := filepath.Join(b.parts["systemd-boot-efi"].Dir, "usr/lib/systemd/boot/efi")
	stub, err := os.ReadFile(filepath.Join(boot, "linuxx64.efi.stub"))
	if err != nil {
		return err
	}
	loader, err := os.ReadFile(filepath.Join(boot, "systemd-bootx64.efi"))
	if err != nil {
		return err
	}
	files := []disk.File{
		{Name: "EFI/BOOT/BOOTX64.EFI", Data: loader},
		{Name: "loader/loader.conf", Data: []byte("timeout 0\neditor no\nauto-entries no\nauto-firmware no\n")},
	}
	release := strings.TrimPrefix(b.parts["linux-image-"+b.model.Arch].Package, "linux-image-")
	for _, slot := range []string{"a", "b"} {
		image, err := uki.Build(stub, []uki.Section{
			{Name: ".osrel", Data: b.osrel(slot)},
			{Name: ".uname", Data: []byte(release)},
			{Name: ".cmdline", Data: []byte(b.model.Cmdline() + " cafeprobe.slot=" + slot)},
			{Name: ".initrd", Data: initramfs},
			{Name: ".linux", Data: b.kernel},
		})
		if err != nil {
			return err
		}
		if len(image) > SlotMax {
			return fmt.Errorf("%w: %d octets of at most %d", ErrSlotSize, len(image), SlotMax)
		}
		b.files["slot-"+slot+".efi"] = image
		files = append(files, disk.File{Name: "EFI/Linux/cafeprobe-" + slot + ".efi", Data: image})
	}
	list, err := b.fat(ctx, "esp", disk.ESP, espSize, files)
	if err != nil {
		return err
	}
	return b.disk(nil, append(list, disk.Partition{Name: "state", Type: disk.Linux, Size: StateSize}))
}

// osrel says what systemd-boot orders its entries by: the release's number. Of one release slot a comes first, since a tilde
// sorts before the end of a version (UAPI.10, version comparison).
func (b *build) osrel(slot string) []byte {
	tilde := map[string]string{"a": "", "b": "~b"}[slot]
	const form = "ID=cafeprobe\nNAME=cafeprobe\nPRETTY_NAME=\"cafeprobe %s, slot %s\"\nVERSION_ID=%d%s\n"
	return fmt.Appendf(nil, form, b.Version, slot, b.Number, tilde)
}

// seed is what all identifiers of the disk are derived from: what is on it.
func (b *build) seed() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s %d", b.Board, b.Version, b.Data)
	for _, n := range []string{SlotFile, SlotFileA, SlotFileB} {
		fmt.Fprintf(&s, " %s", sum(b.files[n]))
	}
	return s.String()
}

// fat makes the one partition that a firmware reads.
func (b *build) fat(ctx context.Context, name string, kind disk.Type, size int64, files []disk.File) ([]disk.Partition, error) {
	path := filepath.Join(b.Out, "."+name+".fat")
	if err := disk.FAT(ctx, path, b.seed(), strings.ToUpper(name), size, b.unix, files); err != nil {
		return nil, err
	}
	return []disk.Partition{{Name: name, Type: kind, Size: size, File: path, Boot: kind != disk.ESP}}, nil
}

// disk adds the data partition and writes the card.
func (b *build) disk(raw []disk.Raw, list []disk.Partition) error {
	list = append(list, disk.Partition{Name: "data", Type: disk.Linux, Size: b.Data, File: b.dataFile()})
	err := disk.Write(filepath.Join(b.Out, DiskFile), b.seed(), raw, list)
	for _, p := range list {
		if p.File != "" {
			err = errors.Join(err, os.Remove(p.File))
		}
	}
	return err
}

// command runs a program at the source's root.
func (b *build) command(ctx context.Context, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = b.Source, append(os.Environ(), env...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(complaint.String())
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, text[max(0, len(text)-800):])
	}
	return out.String(), nil
}
