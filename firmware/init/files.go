package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"cafeprobe/firmware/init/part"
	"cafeprobe/firmware/init/provision"

	"golang.org/x/sys/unix"
)

// withState calls f with the partition state.
func (b *box) withState(f func(*os.File) error) error {
	p, err := b.disks.Find(part.State)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(p.Device, os.O_RDWR|unix.O_CLOEXEC, 0)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, unix.EROFS) { // a card that takes no writes can still be read
		file, err = os.OpenFile(p.Device, os.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return fmt.Errorf("partition state: %w", err)
	}
	defer file.Close()
	return f(file)
}

// provision unpacks the technician's files, if he wrote some beside the image. The archive stays where nothing lasting takes them. A
// box that finds none, and has lost what makes it what it is, takes that from its spare.
func (b *box) provision(state *os.File) error {
	files, err := provision.Read(state)
	if errors.Is(err, provision.ErrNone) {
		names, err := provision.OpenSpare(state).Restore(dataDir)
		if len(names) > 0 {
			b.log.Warn("files were lost, and are the spare's now", "names", names)
			b.event(eventSpare, map[string]any{"files": len(names)})
		}
		return err
	}
	if err == nil {
		err = provision.Unpack(dataDir, files)
	}
	if err == nil && b.dataNow().Lasting() {
		err = errors.Join(provision.OpenSpare(state).Forget(), provision.Wipe(state))
	}
	b.event(eventProvision, map[string]any{"files": len(files), "error": words(err)})
	return err
}

// sparePeriod is how often is looked whether the spare is out of date: after an enrolment, once a year, or with a new setting.
const sparePeriod = time.Minute

// spare keeps the spare up to date until ctx ends.
func (b *box) spare(ctx context.Context) {
	for said := ""; ctx.Err() == nil; pause(ctx, sparePeriod) {
		if !b.dataNow().Lasting() {
			return
		}
		err := b.withState(func(state *os.File) error {
			wrote, err := provision.OpenSpare(state).Save(dataDir)
			if wrote {
				b.log.Info("the spare is up to date")
			}
			return err
		})
		if err != nil && err.Error() != said {
			said = err.Error()
			b.try("spare", err)
		}
	}
}

// forgetSpare wipes the spares of what makes the box what it was.
func (b *box) forgetSpare() error {
	return b.withState(func(state *os.File) error { return provision.OpenSpare(state).Forget() })
}

// words returns what an error says, "" of none.
func words(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
