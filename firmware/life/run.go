package life

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cafeprobe/firmware/clock"
	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
)

// File is the name of the file in the spool's directory.
const File = "life.json"

const (
	maxFile  = 4096      // octets that are read of it
	maxError = time.Hour // what a clock that says more is worth: nothing
)

// Run is what is known of one run of the daemon. In the file it says how far the run had come when it was last saved.
type Run struct {
	Machine string      `json:"machine"` // the kernel's name of the machine's boot
	Boot    uint64      `json:"boot"`    // boot counter of the chain
	Alive   uplink.Time `json:"alive"`   // UTC when it was saved; null if the clock was never set
	Floor   uplink.Time `json:"floor"`   // what was over then for sure
	Fix     *Fix        `json:"fix"`     // what the clock went by; null if it was never set
	Clean   bool        `json:"clean"`   // the daemon said goodbye
}

// Fix is a clock.Fix in the file. Times are milliseconds.
type Fix struct {
	Mono    uplink.Int     `json:"m"`
	Time    uplink.Time    `json:"t"`
	Error   uplink.Int     `json:"err"`
	Quality uplink.Quality `json:"tq"`
}

// Load reads what the last run left in dir. ok is false where there is nothing, or nothing that can be read: the time before
// is then unknown, and a box must start all the same.
func Load(dir string) (r Run, ok bool, err error) {
	path := filepath.Join(dir, File)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Run{}, false, nil
	}
	if err != nil {
		return Run{}, false, fmt.Errorf("read the last run: %w", err)
	}
	r, ok = parse(b)
	return r, ok, nil
}

func parse(b []byte) (r Run, ok bool) {
	if len(b) > maxFile || json.Unmarshal(b, &r) != nil || r.Machine == "" {
		return Run{}, false
	}
	return r, true
}

// Save writes r to dir, all or nothing.
func (r Run) Save(dir string) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("save this run: %w", err)
	}
	return durable.WriteFile(filepath.Join(dir, File), append(b, '\n'))
}

// Note brings r up to what c knows at the steady time now.
func (r *Run) Note(c *clock.Clock, now time.Duration) {
	r.Floor = uplink.TimeOf(c.Floor(now))
	f, ok := c.Fix()
	if !ok {
		return
	}
	r.Alive = uplink.TimeOf(c.At(now).UTC)
	at := f.At.Truncate(time.Millisecond)
	r.Fix = &Fix{
		uplink.Int(at.Milliseconds()), uplink.TimeOf(f.UTC.Add(at - f.At)),
		uplink.Int((f.Error + 2*time.Millisecond - 1).Milliseconds()), f.Quality,
	}
}

// Resume returns what the run's clock went by, for a run at the steady time now in the same boot of the machine. ok is false
// if it was never set, or this is another boot.
func (r Run) Resume(machine string, now time.Duration) (f clock.Fix, ok bool) {
	if r.Machine != machine || r.Fix == nil {
		return clock.Fix{}, false
	}
	at := time.Duration(r.Fix.Mono) * time.Millisecond
	if at < 0 || at > now || r.Fix.Error > uplink.Int(maxError.Milliseconds()) {
		return clock.Fix{}, false
	}
	err := time.Duration(r.Fix.Error) * time.Millisecond
	return clock.Fix{At: at, UTC: r.Fix.Time.Time(), Error: err, Quality: r.Fix.Quality}, true
}

// Why says why there is a run after r: what uplink.Boot.Why holds.
func (r Run) Why(machine string, watchdog bool) string {
	switch {
	case r.Machine == machine && r.Clean:
		return uplink.BootRestart
	case r.Machine == machine:
		return uplink.BootCrash
	case watchdog:
		return uplink.BootWatchdog
	case r.Clean:
		return uplink.BootReboot
	}
	return uplink.BootPower
}

// Begin returns the records that a run begins with: that the daemon started, and from when to when the box did not work. last
// is the run before, nil for none; b holds what else is known of the start.
func Begin(last *Run, b uplink.Boot) []uplink.Body {
	if last == nil {
		return []uplink.Body{&b}
	}
	b.Alive = last.Alive
	off := &uplink.Off{Stamp: b.Stamp, From: b.Alive, Boot: uplink.Int(last.Boot), Clean: last.Clean}
	return []uplink.Body{&b, off}
}
