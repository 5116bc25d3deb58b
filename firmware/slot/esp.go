package slot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"cafeprobe/firmware/bootstate"

	"golang.org/x/sys/unix"
)

// Folder is where systemd-boot looks for unified kernel images, in the ESP.
const Folder = "EFI/Linux"

// Files is a folder of the ESP. What is done to it may come to the card in any order until Sync, and a rename in two parts: after
// a power cut there may be the old name, the new one, both or none.
type Files interface {
	Names() ([]string, error)
	Open(name string) (Place, error) // makes the file where it is absent
	Rename(from, to string) error
	Remove(name string) error
	Sync() error // waits until all that was done is on the card
}

// ESP is a box whose slots are files of systemd-boot: cafeprobe-a.efi, and cafeprobe-b+2-1.efi of a slot on trial that has two
// tries left and one behind it (UAPI.1, "Boot counting"). systemd-boot counts by renaming, prefers the newest release among those
// that have tries left or need none, and takes one without tries for want of others only. A file has its name, with its tries,
// from the beginning; what makes it boot is its head, which a Writer writes last and in place: without it the file is no PE
// program and is passed over. So no update depends on a rename of FAT, which is not whole; only Confirm does, when the other slot
// is whole too. The ESP is to be mounted with errors=continue, since what a rename left twice is freed twice. Use NewESP. Its
// methods are not safe for concurrent use.
type ESP struct {
	files   Files
	running bootstate.Slot
}

// NewESP returns the slots of a box that runs slot running, as its kernel's command line says.
func NewESP(files Files, running bootstate.Slot) (*ESP, error) {
	if running != bootstate.A && running != bootstate.B {
		return nil, ErrUnknown
	}
	return &ESP{files, running}, nil
}

// Names of a slot's files.
const (
	prefix = "cafeprobe-"
	suffix = ".efi"
)

// entry is what a file's name says, and whether it has a head.
type entry struct {
	name    string
	slot    bootstate.Slot
	counted bool // it is on trial, or was
	left    int  // tries
	whole   bool // it may boot
}

func parseEntry(name string) (e entry, ok bool) {
	// FAT keeps the case of long names, and does not heed it.
	rest, ok := strings.CutPrefix(strings.ToLower(name), prefix)
	rest, efi := strings.CutSuffix(rest, suffix)
	if !ok || !efi || rest == "" {
		return entry{}, false
	}
	e = entry{name: name, slot: bootstate.Slot(rest[0])}
	if rest = rest[1:]; e.slot != bootstate.A && e.slot != bootstate.B || rest != "" && rest[0] != '+' {
		return entry{}, false
	}
	if rest == "" {
		return e, true
	}
	left, done, both := strings.Cut(rest[1:], "-")
	n, err := strconv.ParseUint(left, 10, 8)
	if err == nil && both {
		_, err = strconv.ParseUint(done, 10, 8)
	}
	e.counted, e.left = true, int(n)
	return e, err == nil
}

// entries returns the files of the slots.
func (e *ESP) entries() (list []entry, err error) {
	names, err := e.files.Names()
	if err != nil {
		return nil, fmt.Errorf("read the slots: %w", err)
	}
	for _, n := range names {
		x, ok := parseEntry(n)
		if !ok {
			continue
		}
		if x.whole, err = e.whole(n); err != nil {
			return nil, fmt.Errorf("read the slots: %w", err)
		}
		list = append(list, x)
	}
	return list, nil
}

// whole reports whether a file has a head.
func (e *ESP) whole(name string) (bool, error) {
	p, err := e.files.Open(name)
	if err != nil {
		return false, err
	}
	if c, ok := p.(io.Closer); ok {
		defer c.Close()
	}
	head := make([]byte, Head)
	n, err := p.ReadAt(head, 0)
	if err != nil && n < Head { // too short, or no more to be read
		return false, nil
	}
	return !bytes.Equal(head, make([]byte, Head)), nil
}

// State returns what was agreed on. What runs is active unless its file is counted.
func (e *ESP) State() (State, error) {
	s := State{Running: e.running, Active: e.running, Trial: bootstate.None, Failed: bootstate.None}
	list, err := e.entries()
	if err != nil {
		return s, err
	}
	proved := map[bootstate.Slot]bool{}
	for _, x := range list {
		proved[x.slot] = proved[x.slot] || !x.counted
	}
	for _, x := range list {
		switch {
		case !x.counted || proved[x.slot]:
		case x.slot == e.running:
			s.Active, s.Trial, s.Tries = e.running.Other(), e.running, x.left
		case x.whole && x.left > 0 && !s.OnTrial():
			s.Trial, s.Tries = x.slot, x.left
		case x.whole && x.left == 0:
			s.Failed = x.slot
		}
	}
	return s, nil
}

// Clear removes what is in the slot that does not run. It returns ErrOnTrial where what runs is on trial.
func (e *ESP) Clear() error {
	s, err := e.State()
	if err != nil {
		return err
	}
	if s.OnTrial() {
		return ErrOnTrial
	}
	return e.remove(func(x entry) bool { return x.slot != e.running })
}

// remove removes the files that match.
func (e *ESP) remove(match func(entry) bool) error {
	list, err := e.entries()
	if err != nil {
		return err
	}
	some := false
	for _, x := range list {
		if !match(x) {
			continue
		}
		if err := e.files.Remove(x.name); err != nil {
			return fmt.Errorf("clear slot %s: %w", x.slot, err)
		}
		some = true
	}
	if some {
		return e.files.Sync()
	}
	return nil
}

// Open opens the file in which the slot that does not run is written, after Clear.
func (e *ESP) Open() (Place, error) {
	p, err := e.files.Open(e.fresh())
	if err != nil {
		return nil, fmt.Errorf("open slot %s: %w", e.running.Other(), err)
	}
	return p, nil
}

// Image opens the file of the slot that runs, to be read.
func (e *ESP) Image() (Place, error) {
	list, err := e.entries()
	if err != nil {
		return nil, err
	}
	for _, x := range list {
		if x.slot == e.running && x.whole { // of two names, of a rename that was split, either leads to it
			return e.files.Open(x.name)
		}
	}
	return nil, fmt.Errorf("read slot %s: it is not there", e.running)
}

// fresh is the name of a slot that was never tried.
func (e *ESP) fresh() string {
	return fmt.Sprintf("%s%s+%d%s", prefix, e.running.Other(), bootstate.Tries, suffix)
}

// Try lets what was written be booted next, and then until Confirm or until the tries are used up: it is by its head, and so Try
// only looks. It returns ErrOnTrial where what runs is on trial.
func (e *ESP) Try() error {
	s, err := e.State()
	switch {
	case err != nil:
		return err
	case s.OnTrial():
		return ErrOnTrial
	case s.Trial != e.running.Other():
		return fmt.Errorf("try slot %s: there is no whole firmware in it", e.running.Other())
	}
	return e.files.Sync()
}

// Confirm makes what runs the active slot. It returns ErrNoTrial where that is not on trial.
func (e *ESP) Confirm() error {
	s, err := e.State()
	if err != nil {
		return err
	}
	if !s.OnTrial() {
		return ErrNoTrial
	}
	list, err := e.entries()
	if err != nil {
		return err
	}
	for _, x := range list {
		if x.slot != e.running || !x.counted {
			continue
		}
		// A second name, of a rename that a power cut has split, is left: to remove it would free what the first one holds.
		if err := e.files.Rename(x.name, prefix+e.running.String()+suffix); err != nil {
			return fmt.Errorf("confirm slot %s: %w", e.running, err)
		}
		break
	}
	return e.files.Sync()
}

// Forget removes a slot that failed, since its name is what tells of it.
func (e *ESP) Forget() error {
	return e.remove(func(x entry) bool { return x.slot != e.running && x.counted && x.left == 0 })
}

// Dir is a folder of a file system that is mounted: the Files of a box.
type Dir string

// Names returns the names of the files.
func (d Dir) Names() (names []string, err error) {
	list, err := os.ReadDir(string(d))
	for _, f := range list {
		names = append(names, f.Name())
	}
	return names, err
}

// Open opens a file, which it makes where it is absent.
func (d Dir) Open(name string) (Place, error) {
	return os.OpenFile(filepath.Join(string(d), name), os.O_RDWR|os.O_CREATE, 0o600)
}

// Rename renames a file.
func (d Dir) Rename(from, to string) error {
	return os.Rename(filepath.Join(string(d), from), filepath.Join(string(d), to))
}

// Remove removes a file. One that is not there is removed.
func (d Dir) Remove(name string) error {
	if err := os.Remove(filepath.Join(string(d), name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Sync waits for the whole file system: a folder of FAT alone cannot be waited for.
func (d Dir) Sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}
