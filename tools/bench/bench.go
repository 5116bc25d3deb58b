package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"cafeprobe/tools/mix"
)

// bench is one run of all programs.
type bench struct {
	dir      string
	captures string
	rounds   int
	frames   map[string]int // of each capture
	took     map[string]map[string][]cost
}

// cost is what one process took.
type cost struct {
	cpu time.Duration // user and system
	rss int64         // the most that was resident, octets
}

// The captures.
const (
	mixFile   = "mix.pcap"
	floodFile = "flood.pcap"
)

func (b *bench) run(now time.Time) error {
	before := load()
	if err := b.make(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	list := programs(self, filepath.Join(filepath.Dir(self), "cafeprobe"))
	absent := map[string]bool{}
	for i := range list {
		if p := &list[i]; !p.find() {
			absent[p.name] = true
		}
	}
	b.took = map[string]map[string][]cost{mixFile: {}, floodFile: {}}
	for round := range b.rounds {
		for i := range list {
			p := &list[i]
			for _, file := range []string{mixFile, floodFile} {
				if absent[p.name] || file == floodFile && !p.flooded {
					continue
				}
				c, err := measure(p, filepath.Join(b.dir, file))
				if err != nil {
					return err
				}
				b.took[file][p.name] = append(b.took[file][p.name], c)
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d, load average %s\n", round+1, b.rounds, load())
	}
	table, err := os.Create(filepath.Join(b.dir, "capture.md"))
	if err != nil {
		return err
	}
	defer table.Close()
	out := io.MultiWriter(os.Stdout, table)
	fmt.Fprintf(out, "%s, %s. Load average %s before, %s after.\n\n", now.Format("2006-01-02"), machine(), before, load())
	return b.print(out, list, absent)
}

// make makes the captures that are absent, each by a process of its own: what this one has resident its children inherit.
func (b *bench) make() error {
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return err
	}
	b.frames = map[string]int{}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, c := range []struct {
		file string
		cfg  mix.Config
	}{{mixFile, mix.Config{Frames: mixFrames}}, {floodFile, mix.Config{Flood: floodFlows}}} {
		path := filepath.Join(b.dir, c.file)
		if _, err := os.Stat(path); err != nil {
			fmt.Fprintf(os.Stderr, "make %s\n", path)
			p := program{path: self, args: []string{
				"mix", "-captures", b.captures, "-frames", strconv.Itoa(c.cfg.Frames), "-flood", strconv.Itoa(c.cfg.Flood), "FILE",
			}}
			if _, err := measure(&p, path); err != nil {
				return err
			}
		}
		frames, octets, err := records(path) // and now it is in memory
		if err != nil {
			return fmt.Errorf("read %s: %w (remove it to have it made anew)", path, err)
		}
		b.frames[c.file] = frames
		fmt.Fprintf(os.Stderr, "%s: %d frames of %d octets mean\n", path, frames, octets/frames)
	}
	return nil
}

// measure runs p over a capture.
func measure(p *program, path string) (cost, error) {
	cmd := p.command(path)
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return cost{}, fmt.Errorf("%s: %w: %s", cmd, err, said.String())
	}
	use := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return cost{time.Duration(use.Utime.Nano() + use.Stime.Nano()), use.Maxrss << 10}, nil
}

// print writes the table.
func (b *bench) print(out io.Writer, list []program, absent map[string]bool) error {
	fmt.Fprintln(out, "| program | version | ns/frame | of the read loop | MB | flood: ns/frame | flood: MB more |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|")
	for i := range list {
		p := &list[i]
		if absent[p.name] {
			fmt.Fprintf(out, "| %s | not installed (package %s) | | | | | |\n", p.name, p.deb)
			continue
		}
		took := b.took[mixFile][p.name]
		row := fmt.Sprintf("| %s | %s | %s | %.2f | %.1f |", p.name, p.version(), b.each(mixFile, p.name), b.ratio(p.name), rss(took))
		if p.flooded {
			row += fmt.Sprintf(" %s | %.1f |", b.each(floodFile, p.name), rss(b.took[floodFile][p.name])-rss(took))
		} else {
			row += " | |"
		}
		fmt.Fprintln(out, row)
	}
	_, err := fmt.Fprintf(out, "\nMedians of %d rounds, least and most in brackets: processor time, user and system, of whole "+
		"processes over the same file, %d frames; the most memory resident, of which no process can show less than the %.1f MB "+
		"of the one that starts it. The flood is %d flows of one frame.\n", b.rounds, b.frames[mixFile], own(), b.frames[floodFile])
	return err
}

// each is the median time that a program took for a frame, nanoseconds, and between what it was in all rounds.
func (b *bench) each(file, name string) string {
	all := sorted(b.took[file][name], func(i int, c cost) float64 { return float64(c.cpu) / float64(b.frames[file]) })
	return fmt.Sprintf("%.0f (%.0f–%.0f)", middle(all), all[0], all[len(all)-1])
}

// ratio is the median of a program's time to that of the read loop of the same round.
func (b *bench) ratio(name string) float64 {
	loop := b.took[mixFile][readLoop]
	return middle(sorted(b.took[mixFile][name], func(i int, c cost) float64 { return float64(c.cpu) / float64(loop[i].cpu) }))
}

// rss is the median of the memory, MB.
func rss(list []cost) float64 {
	return middle(sorted(list, func(i int, c cost) float64 { return float64(c.rss) / 1e6 }))
}

// sorted returns f of each of list, in order.
func sorted(list []cost, f func(i int, c cost) float64) (all []float64) {
	for i, c := range list {
		all = append(all, f(i, c))
	}
	slices.Sort(all)
	return all
}

// middle is the median of all, which is sorted.
func middle(all []float64) float64 {
	n := len(all)
	return (all[n/2] + all[(n-1)/2]) / 2
}
