package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Model is what the project's folder board/NAME says of a model: board.json, which the box reads too, and image.json.
type Model struct {
	Name    string
	Board   []byte   // board.json as it stands
	Modules []string // of modules.list, in order
	Dir     string

	Compatible []string
	Console    Console

	Arch   string // arm64, amd64
	Boot   Boot
	Device string // U-Boot's name of the card: virtio, mmc
	Number string // U-Boot's number of it; empty: that of the device which the script came from
	Load   string // where U-Boot puts a slot's image, hexadecimal with 0x
	Buffer string // where it puts a sector, likewise
	Tree   string // the device tree's file in the kernel's package; "machine": the one that U-Boot got from the machine
	Args   string // more of the kernel's command line
	Crash  Memory // what survives a reset, for the kernel's last words; zero: none that the boot loader knows
	Loader Loader // a U-Boot of the board's own; without Config it has none
}

// Memory is a piece of the board's memory.
type Memory struct {
	Address uint64
	Size    uint64 // octets
}

// Console is the serial port that the kernel and PID 1 write to.
type Console struct {
	Device string `json:"device"`
	Baud   int    `json:"baud"`
}

// Boot says how a board comes to its slot.
type Boot string

// The ways to boot.
const (
	Script      Boot = "script"   // Debian's U-Boot comes from outside; boot.scr on partition boot
	RaspberryPi Boot = "rpi"      // partition boot has the firmware, U-Boot and boot.scr
	Rockchip    Boot = "rockchip" // our U-Boot at sector 64
	UEFI        Boot = "uefi"     // systemd-boot and unified kernel images
)

// Models lists the names of all boards, which are the folders of dir that have a board.json.
func Models(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "board.json"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(filepath.Dir(f)))
	}
	return names, nil
}

// ErrNoModel is wrapped by ReadModel's error for a name without a folder.
var ErrNoModel = errors.New("image: no such board")

// ReadModel reads the folder NAME of dir, the project's board/.
func ReadModel(dir, name string) (*Model, error) {
	m := &Model{Dir: filepath.Join(dir, name)}
	var err error
	if m.Board, err = os.ReadFile(filepath.Join(m.Dir, "board.json")); errors.Is(err, os.ErrNotExist) {
		names, _ := Models(dir)
		return nil, fmt.Errorf("%w: %q; there are %s", ErrNoModel, name, strings.Join(names, ", "))
	} else if err != nil {
		return nil, err
	}
	var b struct {
		Name       string   `json:"name"`
		Compatible []string `json:"compatible"`
		Console    Console  `json:"console"`
	}
	if err := json.Unmarshal(m.Board, &b); err != nil {
		return nil, fmt.Errorf("read %s/board.json: %w", m.Dir, err)
	}
	if b.Name != name {
		return nil, fmt.Errorf("%s/board.json is of %q", m.Dir, b.Name)
	}
	m.Name, m.Compatible, m.Console = b.Name, b.Compatible, b.Console
	if err := m.readImage(); err != nil {
		return nil, fmt.Errorf("read %s/image.json: %w", m.Dir, err)
	}
	list, err := os.ReadFile(filepath.Join(m.Dir, "modules.list"))
	if err != nil {
		return nil, err
	}
	for l := range strings.Lines(string(list)) {
		l, _, _ = strings.Cut(l, "#")
		m.Modules = append(m.Modules, strings.Fields(l)...)
	}
	return m, nil
}

func (m *Model) readImage() error {
	text, err := os.ReadFile(filepath.Join(m.Dir, "image.json"))
	if err != nil {
		return err
	}
	var i struct {
		Arch   string `json:"arch"`
		Boot   Boot   `json:"boot"`
		Device string `json:"device"`
		Number string `json:"number"`
		Load   string `json:"load"`
		Buffer string `json:"buffer"`
		Tree   string `json:"tree"`
		Args   string `json:"args"`
		Crash  struct {
			Address string `json:"address"`
			Size    string `json:"size"`
		} `json:"crash"`
		Loader Loader `json:"uboot"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&i); err != nil {
		return err
	}
	m.Arch, m.Boot, m.Tree, m.Args, m.Loader = i.Arch, i.Boot, i.Tree, i.Args, i.Loader
	m.Device, m.Number, m.Load, m.Buffer = i.Device, i.Number, i.Load, i.Buffer
	if i.Crash.Address != "" {
		var err1, err2 error
		m.Crash.Address, err1 = strconv.ParseUint(i.Crash.Address, 0, 64)
		m.Crash.Size, err2 = strconv.ParseUint(i.Crash.Size, 0, 32)
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("crash: %w", err)
		}
	}
	switch m.Boot {
	case Script, RaspberryPi, Rockchip, UEFI:
		return nil
	}
	return fmt.Errorf("boot is %q", m.Boot)
}

// Cmdline is the kernel's command line but for the slot, which the selector adds.
func (m *Model) Cmdline() string {
	const all = "panic=10 loglevel=4 quiet ipv6.disable=0"
	args := []string{fmt.Sprintf("console=%s,%d", m.Console.Device, m.Console.Baud), all}
	if m.Crash.Size > 0 {
		args = append(args, m.ramoops())
	}
	if m.Args != "" {
		args = append(args, m.Args)
	}
	return strings.Join(args, " ")
}
