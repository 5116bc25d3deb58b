package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"cafeprobe/tools/cafeprobe/simulate"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/timeline"

	"golang.org/x/term"
)

type simulateCmd struct {
	Seed     uint64        `default:"1" help:"The same seed makes the same room."`
	Stations int           `default:"30" help:"PCs for guests."`
	From     string        `default:"2026-11-27 18:00" help:"When it begins, in Vietnam: 2026-11-27 20:00."`
	For      time.Duration `default:"4h" help:"How long."`
	Vantage  string        `enum:"A,A+,C" default:"A" help:"Where the box listens (A, A+, C)."`
	Late     int           `help:"PCs that are played at after closing time: 0 as the seed draws it, -1 none."`
	With     []string      `help:"What the room has: diskless, reboot, clones, night-updates, staff, outage, power-cut, mirror-lost, second-switch, tunnels, asleep. What is named neither here nor in --without the seed draws."`
	Without  []string      `help:"What it has not."`

	Out       string  `short:"o" help:"Capture to write, pcap; gzipped where it ends with .gz. The truth goes beside it, as .truth.tsv and .truth.json."`
	Minutes   string  `help:"File for what the PCs for guests show minute by minute with what they truly do, JSON, for cafeprobe fit."`
	Snap      int     `help:"Octets of a frame that are kept, 0 for all. Names need 600."`
	Interface string  `short:"i" help:"Interface of a test bench to play the room to instead; it takes root, or CAP_NET_RAW."`
	Speed     float64 `default:"1" help:"Times faster, with -i."`
}

var errSimulate = errors.New("simulate: say what to do with the frames: --out FILE or -i IFACE (neither: the summary alone)")

// Run makes a room and prints what happens in it.
func (c *simulateCmd) Run(ctx context.Context) error {
	if c.Out != "" && c.Interface != "" || c.Snap < 0 || c.Speed <= 0 {
		return errSimulate
	}
	o, err := c.options()
	if err != nil {
		return err
	}
	r, err := sim.New(c.Seed, o)
	if err != nil {
		return err
	}
	if err := simulate.Print(os.Stdout, r); err != nil {
		return err
	}
	if c.Minutes != "" {
		if err := timeline.Save(c.Minutes, timeline.Of(r, fmt.Sprint(c.Seed))); err != nil {
			return err
		}
	}
	var n simulate.Counts
	switch {
	case c.Out != "":
		n, err = simulate.Save(ctx, r, c.Out, simulate.Config{Snap: c.Snap, Progress: c.progress()})
	case c.Interface != "":
		n, err = simulate.Send(ctx, r, c.Interface, c.Speed)
	default:
		return nil
	}
	fmt.Printf("\n%d frames of %.1f MB in %v\n", n.Frames, float64(n.Octets)/1e6, n.Took.Round(time.Millisecond))
	if c.Out != "" && err == nil {
		tsv, doc := simulate.Truth(c.Out)
		fmt.Println("written", c.Out, tsv, doc)
	}
	return err
}

func (c *simulateCmd) progress() func(time.Time) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil
	}
	return func(at time.Time) { fmt.Fprintf(os.Stderr, "\r%s ", at.Format(time.DateTime)) }
}

// options reads the flags.
func (c *simulateCmd) options() (o sim.Options, err error) {
	o = sim.Options{Stations: c.Stations, For: c.For, Vantage: c.Vantage, Late: c.Late}
	if o.From, err = time.ParseInLocation("2006-01-02 15:04", c.From, time.FixedZone("ICT", 7*3600)); err != nil {
		return o, fmt.Errorf("simulate --from %q: want the form 2026-11-27 20:00", c.From)
	}
	traits := map[string]*sim.Choice{
		"diskless": &o.Diskless, "reboot": &o.Reboot, "clones": &o.Clones, "night-updates": &o.NightUpdates, "staff": &o.Staff,
		"outage": &o.Outage, "power-cut": &o.PowerCut, "mirror-lost": &o.MirrorLost,
		"second-switch": &o.SecondSwitch, "tunnels": &o.Tunnels, "asleep": &o.Asleep,
	}
	for choice, names := range map[sim.Choice][]string{sim.Yes: c.With, sim.No: c.Without} {
		for _, name := range names {
			switch t := traits[name]; {
			case t == nil:
				return o, fmt.Errorf("simulate: no trait %q (cafeprobe simulate --help lists them)", name)
			case *t != sim.Drawn:
				return o, fmt.Errorf("simulate: %s both with and without, or twice", name)
			default:
				*t = choice
			}
		}
	}
	return o, nil
}
