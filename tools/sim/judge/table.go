package judge

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"cafeprobe/firmware/state"
)

// Figure is one number of a Score.
type Figure struct {
	Name  string
	Value float64
	Of    int // of how many things it tells
}

// Figures returns the numbers of c that are held to limits. Times are seconds.
func (c *Score) Figures() []Figure {
	full, plain, u, n := &c.Views[state.Full], &c.Views[state.Broadcasts], &c.Uses, &c.Night
	return []Figure{
		{"states", full.Accuracy(), full.Minutes},
		{"states_ece", full.States.Error(), full.Minutes},
		{"on_within_5min", full.OnNear(), full.Minutes},
		{"plain_on_within_5min", plain.OnNear(), plain.Minutes},
		{"plain_on_ece", plain.Ons.Error(), plain.Minutes},
		{"plain_use_unproved", float64(plain.Unproved), plain.Minutes},
		{"sessions_precision", ratio(u.Found, u.Said), u.Said},
		{"sessions_recall", ratio(u.Found, u.True), u.True},
		{"sessions_f1", u.F1(), u.True},
		{"sessions_f1_apart", c.Apart.F1(), c.Apart.True},
		{"sessions_f1_5min", u.F1Close(), u.True},
		{"sessions_ece", u.Confident.Error(), u.Said},
		{"start_median", quantile(u.Starts, 0.5), len(u.Starts)},
		{"start_p95", quantile(u.Starts, 0.95), len(u.Starts)},
		{"end_median", quantile(u.Ends, 0.5), len(u.Ends)},
		{"end_p95", quantile(u.Ends, 0.95), len(u.Ends)},
		{"stated_median", quantile(u.Stated, 0.5), len(u.Stated)},
		{"after_hours_false", float64(n.False), n.Nights},
		{"after_hours_missed", float64(n.True - n.Told), n.True},
		{"after_hours_missed_watch", float64(n.Watches - n.Watched), n.Watches},
		{"after_hours_twice", float64(n.Twice), n.Nights},
		{"after_hours_border", float64(n.Border), n.Nights},
	}
}

func quantile(list []time.Duration, q float64) float64 {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	return list[min(len(list)-1, int(q*float64(len(list))))].Seconds()
}

// Print writes c as tables.
func (c *Score) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%d rooms\tfigure\tof\t\n", c.Rooms)
	for _, f := range c.Figures() {
		fmt.Fprintf(w, "%s\t%.4g\t%d\t\n", f.Name, f.Value, f.Of)
	}
	for _, v := range []state.View{state.Full, state.Broadcasts} {
		fmt.Fprintf(w, "\t\n%v: true, said\t", v)
		for s := state.Unknown; s <= state.Use; s++ {
			fmt.Fprintf(w, "%v\t", s)
		}
		for is := state.Off; is <= state.Use; is++ {
			fmt.Fprintf(w, "\n%v\t", is)
			for s := state.Unknown; s <= state.Use; s++ {
				fmt.Fprintf(w, "%d\t", c.Views[v].Confusion[is][s])
			}
		}
		fmt.Fprintln(w)
	}
	c.Uses.printMissed(w)
	return w.Flush()
}
