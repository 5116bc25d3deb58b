package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	"cafeprobe/firmware/state"
	"cafeprobe/tools/sim/judge"
	"cafeprobe/tools/sim/timeline"
)

type fitCmd struct {
	Params string   `help:"Numbers to begin with; without it, the built-in ones."`
	Out    string   `short:"o" help:"Where the fitted numbers go, as TSV; without it, only the scores are printed."`
	Held   []string `help:"Timelines that are scored and not learnt from; without any, those of every fourth room."`
	Files  []string `arg:"" name:"FILE" help:"Labelled timelines, as cafeprobe simulate --minutes writes them, also gzipped."`
}

var errFit = errors.New("fit: one room alone: give more rooms, or --held FILE to score by, since what was learnt from says nothing")

// Run fits the model's numbers, and says what that is worth for rooms from which nothing was learnt.
func (c *fitCmd) Run() error {
	p := state.Builtin()
	if c.Params != "" {
		text, err := os.ReadFile(c.Params)
		if err != nil {
			return err
		}
		if p, err = state.Parse(string(text)); err != nil {
			return fmt.Errorf("%s: %w", c.Params, err)
		}
	}
	learn, held, err := c.load()
	if err != nil {
		return err
	}
	labelled := make([]state.Labelled, len(learn))
	for i := range learn {
		labelled[i] = learn[i].Labelled()
	}
	fitted, err := p.Fit(labelled)
	if err != nil {
		return err
	}
	if err := compare(os.Stdout, held, p, fitted); err != nil || c.Out == "" {
		return err
	}
	return os.WriteFile(c.Out, []byte(fitted.String()), 0o644)
}

// load reads the files and parts what is learnt from and what is scored.
func (c *fitCmd) load() (learn, held []timeline.Timeline, err error) {
	read := func(paths []string) (list []timeline.Timeline, err error) {
		for _, path := range paths {
			more, err := timeline.Load(path)
			if err != nil {
				return nil, err
			}
			list = append(list, more...)
		}
		return list, nil
	}
	if learn, err = read(c.Files); err != nil {
		return nil, nil, err
	}
	if len(c.Held) > 0 {
		held, err = read(c.Held)
		return learn, held, err
	}
	learn, held = part(learn)
	if len(held) == 0 {
		return nil, nil, errFit
	}
	return learn, held, nil
}

// part takes out every fourth room, in the order of the rooms' names.
func part(list []timeline.Timeline) (learn, held []timeline.Timeline) {
	var rooms []string
	for i := range list {
		rooms = append(rooms, list[i].Room)
	}
	slices.Sort(rooms)
	rooms = slices.Compact(rooms)
	every := min(4, len(rooms))
	for _, t := range list {
		if n, _ := slices.BinarySearch(rooms, t.Room); every > 1 && n%every == every-1 {
			held = append(held, t)
		} else {
			learn = append(learn, t)
		}
	}
	return learn, held
}

// compare prints the scores of the same timelines by two sets of numbers.
func compare(out io.Writer, held []timeline.Timeline, before, after *state.Params) error {
	a, b := judge.Timelines(held, before).Figures(), judge.Timelines(held, after).Figures()
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "held out\tof\tbefore\tafter\t")
	for i := range a {
		if a[i].Of > 0 || b[i].Of > 0 {
			fmt.Fprintf(w, "%s\t%d\t%.4g\t%.4g\t\n", a[i].Name, a[i].Of, a[i].Value, b[i].Value)
		}
	}
	return w.Flush()
}
