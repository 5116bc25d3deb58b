package cut

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"cafeprobe/firmware/vm"
	"cafeprobe/uplink"
)

// checker is where Debian has e2fsck: the same as a box's, of another version.
const checker = "/sbin/e2fsck"

// Replay configures a replay of a Recording. Dir and Each are required.
type Replay struct {
	Dir    string // an empty folder, at best in memory: what is made of a cut is removed again
	Each   int    // cuts in each phase
	Phase  string // the only one; empty: all
	Seed   uint64
	Change func(*vm.Log) // changes what was written, so that cuts do harm; nil: nothing
}

// Violation is a cut that a box does not come back from as it has to.
type Violation struct {
	Phase string
	Crash vm.Crash
	Err   error
}

func (v Violation) Error() string {
	return fmt.Sprintf("%s, after %d writes with %d lost: %v", v.Phase, v.Crash.At, len(v.Crash.Lost), v.Err)
}

// Result says what a replay found.
type Result struct {
	Cuts       map[string]int // by phase
	Lost, Torn int            // writes that cuts took
	Found      []Found
	Violations []Violation
}

// States returns how many cards were judged.
func (r *Result) States() (n int) {
	for _, c := range r.Cuts {
		n += c
	}
	return n
}

// Count returns of how many cards f holds.
func (r *Result) Count(f func(Found) bool) (n int) {
	for _, x := range r.Found {
		if f(x) {
			n++
		}
	}
	return n
}

// String returns all in one line.
func (r *Result) String() string {
	known := 0
	for _, f := range r.Found {
		known += f.Known
	}
	return fmt.Sprintf("%d states %v, %d writes lost, %d torn; %d to be grown yet, %d on trial, %d mended, %d made anew; %d records looked for; "+
		"%d violations", r.States(), r.Cuts, r.Lost, r.Torn, r.Count(func(f Found) bool { return f.Grown }),
		r.Count(func(f Found) bool { return f.Tried }), r.Count(func(f Found) bool { return f.Mended }),
		r.Count(func(f Found) bool { return f.Anew }), known, len(r.Violations))
}

// cut is one of a phase.
type cut struct {
	vm.Crash
	phase string
}

// Replay makes the cards that power cuts leave, and judges each. An error says that one could not be.
func (r *Recording) Replay(ctx context.Context, cfg Replay) (*Result, error) {
	log, err := vm.LoadLog(r.Log)
	if err != nil {
		return nil, err
	}
	if cfg.Change != nil {
		cfg.Change(log)
	}
	base := filepath.Join(cfg.Dir, "card.img")
	if out, err := exec.CommandContext(ctx, "cp", "--sparse=always", r.Disk, base).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("copy the card: %w: %s", err, out)
	}
	defer os.Remove(base)
	disk, err := os.OpenFile(base, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer disk.Close()
	info, err := disk.Stat()
	if err != nil {
		return nil, err
	}
	res := &Result{Cuts: map[string]int{}}
	j := newJudges(ctx, res)
	replay := vm.NewReplay(log, disk)
	for i, c := range r.cuts(log, cfg) {
		o, err := replay.After(c.Crash)
		if err != nil {
			return nil, errors.Join(err, j.end())
		}
		card := &Card{Disk: o, Size: info.Size(), Parts: r.Parts, Firmwares: r.Firmwares, Check: checker, Extract: o.Extract}
		dir := filepath.Join(cfg.Dir, fmt.Sprint(i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, errors.Join(err, j.end())
		}
		f, rest, err := card.Judge(dir, r.known(log, c.At))
		j.take(c, dir, f, rest, err)
	}
	return res, j.end()
}

// cuts draws cuts in each phase, in the order in which they are replayed. Two thirds of them take something of what was written, as far
// as there are such: most moments are between two flushes with nothing in between.
func (r *Recording) cuts(log *vm.Log, cfg Replay) (list []cut) {
	rng := rand.New(rand.NewPCG(cfg.Seed, 6))
	for _, s := range r.spans(log) {
		if cfg.Phase != "" && cfg.Phase != s.name {
			continue
		}
		var harmful, others []vm.Crash
		for _, c := range log.CrashesIn(s.from, s.to, 6*cfg.Each, rng) {
			if len(c.Lost) > 0 || c.Torn >= 0 {
				harmful = append(harmful, c)
			} else {
				others = append(others, c)
			}
		}
		drawn := harmful[:min(len(harmful), max(cfg.Each*2/3, cfg.Each-len(others)))]
		drawn = append(drawn, others[:cfg.Each-len(drawn)]...)
		for _, c := range drawn {
			list = append(list, cut{c, s.name})
		}
	}
	slices.SortStableFunc(list, func(a, b cut) int { return a.At - b.At })
	return list
}

// span is a phase's writes.
type span struct {
	name     string
	from, to int
}

// spans returns the phases, and of the first one besides the part in which the data grow: partition table, then file system.
func (r *Recording) spans(log *vm.Log) (list []span) {
	for i, p := range r.Phases[:len(r.Phases)-1] {
		list = append(list, span{p.Name, log.Before(p.From), log.Before(r.Phases[i+1].From)})
	}
	first := min(slices.Min(slices.Collect(maps.Values(r.Parts))), 1<<20) // all in front of partitions is the table
	table := func(w vm.Write) bool { return len(w.Data) > 0 && w.Offset < first }
	boot := list[0]
	if i := slices.IndexFunc(log.Writes[boot.from:boot.to], table); i >= 0 {
		at := boot.from + i
		list = append(list, span{Growth, max(boot.from, at-growing), min(boot.to, at+growing)})
	}
	return list
}

// Growth is the phase in which the data grow, and growing how many writes it takes at most on both sides of the first copy of the table.
const (
	Growth  = "growth"
	growing = 12
)

// known returns the records that the province held when so many writes were logged.
func (r *Recording) known(log *vm.Log, writes int) []uplink.Head {
	n := uint64(0)
	for _, m := range r.Marks {
		if log.Before(m.Length) <= writes {
			n = m.Records
		}
	}
	return r.Records[:min(n, uint64(len(r.Records)))]
}

// judges are those that work on while the next card is made.
type judges struct {
	ctx   context.Context
	place chan struct{}
	wg    sync.WaitGroup

	mu  sync.Mutex
	res *Result
	err error
}

func newJudges(ctx context.Context, res *Result) *judges {
	return &judges{ctx: ctx, place: make(chan struct{}, runtime.GOMAXPROCS(0)), res: res}
}

// take judges the rest of a card and removes what was made of it.
func (j *judges) take(c cut, dir string, f *Found, rest func(context.Context) error, err error) {
	j.place <- struct{}{}
	j.wg.Go(func() {
		defer func() { <-j.place }()
		if err == nil {
			err = rest(j.ctx)
		}
		remove := os.RemoveAll(dir)
		j.mu.Lock()
		defer j.mu.Unlock()
		j.err = errors.Join(j.err, remove)
		j.res.Cuts[c.phase]++
		j.res.Lost += len(c.Lost)
		if c.Torn >= 0 {
			j.res.Torn++
		}
		j.res.Found = append(j.res.Found, *f)
		if err != nil {
			j.res.Violations = append(j.res.Violations, Violation{c.phase, c.Crash, err})
		}
	})
}

// end waits for all.
func (j *judges) end() error {
	j.wg.Wait()
	return errors.Join(j.err, j.ctx.Err())
}

// Judge judges the recording's card as it is, for records that the province holds. It stays as it is. dir is an empty folder.
func (r *Recording) Judge(ctx context.Context, dir string, known []uplink.Head) (*Found, error) {
	disk, err := os.OpenFile(r.Disk, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer disk.Close()
	info, err := disk.Stat()
	if err != nil {
		return nil, err
	}
	o, err := vm.NewReplay(&vm.Log{}, disk).After(vm.Crash{Torn: -1})
	if err != nil {
		return nil, err
	}
	card := &Card{Disk: o, Size: info.Size(), Parts: r.Parts, Firmwares: r.Firmwares, Check: checker, Extract: o.Extract}
	f, rest, err := card.Judge(dir, known)
	if err == nil {
		err = rest(ctx)
	}
	return f, err
}
