// Package cut replays power cuts: of a recording of all that an emulated box wrote to its card it makes the cards that cuts in its midst
// leave, and judges each by what the box and its boot loader make of it.
package cut

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"cafeprobe/firmware/image"
	"cafeprobe/firmware/image/disk"
	"cafeprobe/firmware/init/part"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
)

// Recording is what a box wrote to its card, and what the province knew meanwhile. Disk and Log are set by who records.
type Recording struct {
	Disk string // the card as it was before: an image, which Replay writes to
	Log  string // what was written to it: vm.Config.WriteLog

	Phases    []Phase       // what the box did, in order; the last one ends the recording
	Marks     []Mark        // what was known when, in order
	Records   []uplink.Head // all that the province held at the end, in order
	Firmwares []Firmware    // what slots may hold, by age
	Parts     map[string]int64

	mu sync.Mutex
}

// Phases that have a name here: records are committed; a slot is written.
const (
	Records = "records"
	Update  = "update"
)

// Phase is a part of a recording.
type Phase struct {
	Name string
	From int64 // length of the log when it began, octets
}

// Mark says that the province held so many records at the latest when the log had that length.
type Mark struct {
	Length  int64
	Records uint64
}

// Firmware is one that a slot may hold.
type Firmware struct {
	Length int64
	SHA256 [sha256.Size]byte
}

// parts are the partitions of which it counts where they are.
var parts = []string{part.State, "slot_a", "slot_b", part.ESP, part.Data}

// Take notes what is on the card before: the firmware of the image in folder first, where its partitions are, and the firmware of the
// image in folder second, which is to come.
func (r *Recording) Take(first, second string) error {
	r.Parts = map[string]int64{}
	for _, name := range parts {
		if at, err := disk.Find(r.Disk, name); err == nil {
			r.Parts[name] = at
		}
	}
	for _, dir := range []string{first, second} {
		for _, name := range []string{image.SlotFile, image.SlotFileA, image.SlotFileB} {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			r.Firmwares = append(r.Firmwares, Firmware{int64(len(b)), sha256.Sum256(b)})
		}
	}
	if len(r.Firmwares) < 2 {
		return fmt.Errorf("no firmware in %s or %s", first, second)
	}
	return nil
}

// Raw reports whether slots are partitions, and not files of a PC.
func (r *Recording) Raw() bool { _, pc := r.Parts[part.ESP]; return !pc }

// length returns how long the log is now. All that the box's card has confirmed is in it.
func (r *Recording) length() (int64, error) {
	info, err := os.Stat(r.Log)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Begin notes that a phase begins.
func (r *Recording) Begin(name string) error {
	n, err := r.length()
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Phases = append(r.Phases, Phase{name, n})
	return nil
}

// watchEvery is how often Watch looks.
const watchEvery = 50 * time.Millisecond

// Watch notes what p knows, until ctx is done. What it holds was committed before, and is on the card.
func (r *Recording) Watch(ctx context.Context, p *province.Province) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for last := uint64(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		t, err := p.Totals(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case t.Verified == last:
			continue
		}
		n, err := r.length()
		if err != nil {
			return err
		}
		last = t.Verified
		r.Marks = append(r.Marks, Mark{n, last})
	}
}

// Know takes what the province in dir holds of a box, after the box has ended.
func (r *Recording) Know(dir, box string) error {
	heads, err := Heads(dir, box)
	r.Records = heads
	return err
}

// Heads returns the place in its chain of each record that the province in dir holds of a box.
func Heads(dir, box string) (list []uplink.Head, err error) {
	s, _, err := province.OpenBeside(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	ctx := context.Background()
	c, err := s.ChainOf(ctx, box, "")
	if err != nil {
		return nil, err
	}
	t, err := s.Totals(ctx)
	if err != nil {
		return nil, err
	}
	if t.Chains != 1 || t.Forks != 0 {
		return nil, fmt.Errorf("the province holds %d chains, of which %d parted", t.Chains, t.Forks)
	}
	if err := s.EachRecord(ctx, c, func(rec store.Record) error {
		list = append(list, uplink.Head{Seq: rec.Seq, Hash: uplink.Hash(rec.Hash)})
		return nil
	}); err != nil {
		return nil, err
	}
	if uint64(len(list)) != t.Verified {
		return nil, fmt.Errorf("the province holds %d records, and has verified %d", len(list), t.Verified)
	}
	return list, nil
}
