// Package fetch is the part of an update that touches what somebody else sent: a child of PID 1, as a user without any right,
// reads and verifies the metadata, fetches the firmware and writes it to a slot that it is given open. What it does is bounded in
// octets and in time.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"cafeprobe/firmware/slot"
	"cafeprobe/firmware/update"
	"cafeprobe/firmware/update/trust"
)

// source is where an update is.
type source interface {
	trust.Source
	open(ctx context.Context, name string, from, length int64) (io.ReadCloser, error)
}

// fetcher does one job.
type fetcher struct {
	job    update.Job
	src    source
	report func(update.Report)
	wait   time.Duration // before a transfer that broke off is resumed: grows twofold
	tries  int           // as many in a row bring nothing
}

// Of a transfer that breaks off: it is resumed as often as it brings something, and eight times in vain, over about half an hour.
const (
	firstWait = 5 * time.Second
	maxWait   = 10 * time.Minute
	maxTries  = 8
)

// open returns a fetcher of job, and what ends it.
func open(job update.Job, report func(update.Report)) (*fetcher, func(), error) {
	f := &fetcher{job: job, report: report, wait: firstWait, tries: maxTries}
	if job.Offer.Folder != "" {
		root, err := os.OpenRoot(job.Offer.Folder)
		if err != nil {
			return nil, nil, fmt.Errorf("open the folder: %w", err)
		}
		f.src = folder{root}
		return f, func() { root.Close() }, nil
	}
	w, err := newWeb(job.Offer, time.UnixMilli(job.Now))
	f.src = w
	return f, func() {}, err
}

// find looks for the firmware.
func (f *fetcher) find(ctx context.Context) (update.Found, error) {
	root, err := os.ReadFile(f.job.Root)
	if err != nil {
		return update.Found{}, fmt.Errorf("the root in the image: %w", err)
	}
	b := trust.Box{
		Root: root, Dir: f.job.Dir, Now: time.UnixMilli(f.job.Now), Board: f.job.Board, Slot: f.job.Slot, Number: f.job.Number,
	}
	found, err := b.Find(ctx, f.src, f.job.Offer.Version)
	return found, room(err)
}

// room makes a card that is full a reason to refuse.
func room(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, slot.ErrRoom) {
		return update.Refuse(update.NoRoom, "%w", err)
	}
	return err
}

// write fetches the firmware into place.
func (f *fetcher) write(ctx context.Context, place slot.Place) error {
	found := f.job.Found
	again := f.job.Resume > 0
	for {
		w, err := slot.NewWriter(place, slot.WriterConfig{
			Length: found.Length, Room: f.job.Room, Resume: f.job.Resume,
			Synced: func(n int64) { f.report(update.Report{Synced: n}) },
		})
		if err == nil {
			err = f.fill(ctx, w)
		}
		if err == nil {
			err = w.Finish(found.SHA256)
		}
		switch {
		case errors.Is(err, slot.ErrSum) && again:
			f.job.Resume, again = 0, false // what was there was not what it was taken for
		case errors.Is(err, slot.ErrSum):
			return update.Refuse(update.Swapped, "%s: %w", found.File(), err)
		case errors.Is(err, slot.ErrCard):
			return update.Refuse(update.Card, "%w", err)
		default:
			return room(err)
		}
	}
}

// fill fetches until w has all.
func (f *fetcher) fill(ctx context.Context, w *slot.Writer) error {
	wait, left := f.wait, f.tries
	for w.Next() < f.job.Found.Length {
		was := w.Next()
		err := f.part(ctx, w)
		switch {
		case err == nil:
		case update.Refused(err) != "" || ctx.Err() != nil || errors.Is(err, errCard):
			return err
		case w.Next() >= was+dripOctets:
			wait, left = f.wait, f.tries
		default:
			left--
		}
		if err == nil {
			continue
		}
		if left == 0 {
			return err
		}
		if err := w.Sync(); err != nil { // so much a power cut meanwhile does not cost
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, maxWait)
	}
	return nil
}

// errCard is wrapped by what the slot does not take.
var errCard = errors.New("write the firmware")

// part fetches from where w is to the end, or as far as it goes.
func (f *fetcher) part(ctx context.Context, w *slot.Writer) error {
	found := f.job.Found
	from := w.Next()
	body, err := f.src.open(ctx, found.File(), from, found.Length)
	if err != nil {
		return err
	}
	defer body.Close()
	buf := make([]byte, 64<<10)
	for from < found.Length {
		n, err := io.ReadFull(body, buf[:min(int64(len(buf)), found.Length-from)])
		from += int64(n)
		if _, werr := w.Write(buf[:n]); errors.Is(werr, io.ErrShortWrite) {
			return nil // it resumes further on
		} else if werr != nil {
			return fmt.Errorf("%w: %w", errCard, werr)
		}
		if err != nil {
			return fmt.Errorf("fetch %s, octet %d: %w", found.File(), from, err)
		}
	}
	if n, _ := io.ReadFull(body, buf[:1]); n > 0 {
		return update.Refuse(update.Endless, "%s has more than %d octets", found.File(), found.Length)
	}
	return nil
}

// missing is a firmware that the metadata name and the folder has not.
func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the folder is not whole: %w", err)
	}
	return err
}
