package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"cafeprobe/firmware/init/kernel"
	"cafeprobe/firmware/init/part"
	"cafeprobe/firmware/init/run"
	"cafeprobe/firmware/slot"
	"cafeprobe/firmware/update"

	"golang.org/x/sys/unix"
)

// Where things of an update are.
const (
	updaterPath = "/bin/updater"
	rootFile    = "/etc/tuf/root.json"
	updateFile  = "/data/init/update.json"
	seenDir     = "/data/update" // the child's own
)

// updaterMemory is how much memory the child may have with what the kernel keeps of its writes, in octets: eight MiB wait to be flushed.
const updaterMemory = 96 << 20

// Kinds of events that an update makes.
const (
	eventUpdate   = "update"   // a step
	eventSecurity = "security" // somebody did what he must not
)

// boxSlots are the box's slots, looked for at each use: the ESP is mounted no longer than it is needed.
type boxSlots struct{ b *box }

func (s boxSlots) State() (st slot.State, err error) {
	err = s.b.withSlots(func(x slots) error {
		var err error
		st, err = x.State()
		return err
	})
	return st, err
}

func (s boxSlots) Clear() error   { return s.b.withSlots(slots.Clear) }
func (s boxSlots) Try() error     { return s.b.withSlots(slots.Try) }
func (s boxSlots) Confirm() error { return s.b.withSlots(slots.Confirm) }
func (s boxSlots) Forget() error  { return s.b.withSlots(slots.Forget) }

// openUpdater makes what brings new firmware, once the data are up. Its child is limited below root; a kernel that cannot do that
// costs the limits, not the updates.
func (b *box) openUpdater(root string) {
	group, err := run.NewGroup(root, "updater", updaterMemory)
	b.try("the updater runs without limits", err)
	child := func(cmd *exec.Cmd) error {
		group.Add(cmd)
		return b.reaper.Run(cmd)
	}
	u := update.New(update.Config{
		Slots: boxSlots{b}, Open: b.openSlot, Image: b.imageOf(),
		Child: update.Process(update.ProcessConfig{Command: []string{updaterPath}, User: update.User, Run: child}),
		Release: update.Release{
			Version: b.release.Version, Number: b.release.Number, Board: b.board.Name,
		},
		Root: rootFile, Dir: seenDir, File: updateFile, Log: b.log,
		// Whoever knows better than the machine's clock, which servers of the time may not have set yet.
		Now:   func() time.Time { return update.Reference(b.release.Built, time.Now()) },
		Event: b.tellStep, Ready: b.renew, Hung: b.hung(),
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.updater = u
}

// hung reports whether the box started because its watchdog had reset it, where the hardware knows.
func (b *box) hung() bool {
	w, ok := b.watchdog.(interface{ Caused() bool })
	return ok && w.Caused()
}

// tellStep makes events of a step of an update.
func (b *box) tellStep(s update.Step) {
	b.event(eventUpdate, s)
	if what := s.Security(); what != "" {
		b.event(eventSecurity, map[string]string{"what": what, "from": "update"})
	}
}

// update takes what the daemon passes on, until ctx ends.
func (b *box) update(ctx context.Context) {
	if err := errors.Join(os.MkdirAll(seenDir, 0o700), os.Chown(seenDir, update.User, update.User)); err != nil {
		b.try("updates", err)
		return
	}
	b.updater.Run(ctx)
}

// offer takes an offer of the daemon's.
func (b *box) offer(text json.RawMessage) {
	o, err := update.ParseOffer(text)
	if err == nil {
		_, err = os.Stat(rootFile) // an image without a root believes nobody
	}
	if err != nil {
		b.try("an offered firmware", err)
		return
	}
	b.updater.Offer(o)
}

// renewTime is how long the daemon has to make records of what was told before the box starts anew.
const renewTime = 2 * time.Minute

// renew starts the box anew for a firmware that waits, once what was told of it is in the chain.
func (b *box) renew() {
	b.task(func() {
		for end := since() + renewTime; since() < end && len(b.pending()) > 0; {
			time.Sleep(time.Second)
		}
		b.finish(kernel.Reboot)
	})
}

// openSlot opens the slot that does not run, after it was cleared.
func (b *box) openSlot() (slot.Place, int64, error) {
	esp, err := b.disks.Find(part.ESP)
	if err == nil {
		p, err := b.openESP(esp.Device, "esp-slot", (*slot.ESP).Open)
		return p, 0, err
	}
	if !errors.Is(err, part.ErrAbsent) {
		return nil, 0, err
	}
	p, err := b.disks.Find("slot_" + b.running().Other().String())
	if err != nil {
		return nil, 0, err
	}
	f, err := os.OpenFile(p.Device, os.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("open the slot: %w", err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("open the slot: %w", err)
	}
	return f, size, nil
}

// espPlace is a slot's file while its file system is mounted.
type espPlace struct {
	*os.File
	unmount func() error
}

// Close ends both.
func (p espPlace) Close() error { return errors.Join(p.File.Close(), p.unmount()) }

// Handle returns the file, for the child.
func (p espPlace) Handle() *os.File { return p.File }

// imageOf returns what opens the slot that runs on a PC, nil on boards whose boot loader compares it.
func (b *box) imageOf() func() (slot.Place, error) {
	esp, err := b.disks.Find(part.ESP)
	if err != nil {
		return nil
	}
	return func() (slot.Place, error) { return b.openESP(esp.Device, "esp-image", (*slot.ESP).Image) }
}

// openESP opens a slot's file of a PC. The file system is mounted at name, beside where others mount it meanwhile.
func (b *box) openESP(device, name string, open func(*slot.ESP) (slot.Place, error)) (slot.Place, error) {
	dir := filepath.Join(runDir, name)
	unmount, err := mountESP(device, dir)
	if err != nil {
		return nil, err
	}
	s, err := slot.NewESP(slot.Dir(filepath.Join(dir, slot.Folder)), b.running())
	if err == nil {
		var p slot.Place
		if p, err = open(s); err == nil {
			return espPlace{p.(*os.File), unmount}, nil
		}
	}
	return nil, errors.Join(err, unmount())
}

// failing notes why the box starts anew while its firmware is on trial.
func (b *box) failing(why string) {
	if !b.onTrial() { // before the data are up it is not
		return
	}
	for _, p := range []string{"the daemon of a firmware on trial ", "the daemon ", "the "} {
		why = strings.TrimPrefix(why, p)
	}
	b.updater.Failing(why)
}
