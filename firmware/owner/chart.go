package owner

import (
	"strconv"
	"strings"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/ledger"
)

// chart is what a chart of minutes shows: how many stations were on and in use, and when that could not be known. Places are in percent of
// its width, so that the same picture fits a telephone and a desk.
type chart struct {
	Title, Desc string
	Width       int    // minutes
	On, Use     string // areas as SVG path data, x in minutes, y from 0 at the top to 100
	Bands       []band
	Hours       []tick
	Levels      []level
	Keys        []string // classes that there are, for the legend
	Now         string   // place of the present, "" if it is not in it
}

// band is a part of the time, behind or before the areas.
type band struct{ X, W, Class string }

// tick is an hour on the axis.
type tick struct {
	X, Label, Anchor string
	Minor            bool
}

// level is a number of stations on the axis, Y in percent from the top.
type level struct{ Y, Label string }

// classes are how minutes are drawn in which nothing can be said, by state. Unknown ones are drawn only if they are over.
var classes = [...]string{ledger.Unknown: "unknown", ledger.Off: "off", ledger.Blind: "blind", ledger.Gap: "gap", ledger.Seen: ""}

// chartOf draws minutes that begin at from, as known at now. nights are the hours to be shaded.
func chartOf(minutes []ledger.Minute, from, now time.Time, nights []ledger.Span) chart {
	c := chart{Width: len(minutes)}
	over := int(now.Sub(from) / time.Minute) // minutes that are over
	top := 0
	for i := range minutes {
		top = max(top, int(minutes[i].On), int(minutes[i].InUse))
	}
	top, step := scale(top)
	c.On = area(minutes, over, top, func(m *ledger.Minute) int { return int(max(m.On, m.InUse)) })
	c.Use = area(minutes, over, top, func(m *ledger.Minute) int { return int(m.InUse) })
	for n := step; n <= top; n += step {
		c.Levels = append(c.Levels, level{percent(top-n, top), strconv.Itoa(n)})
	}
	for _, n := range nights {
		a, b := max(0, int(n.From.Sub(from)/time.Minute)), min(len(minutes), int(n.To.Sub(from)/time.Minute))
		if a < b {
			c.band(a, b, "night")
		}
	}
	for a := 0; a < min(over, len(minutes)); {
		b := a + 1
		for b < min(over, len(minutes)) && minutes[b].State == minutes[a].State {
			b++
		}
		if class := classes[minutes[a].State]; class != "" {
			c.band(a, b, class)
		}
		a = b
	}
	c.hours(from)
	if over >= 0 && over < len(minutes) {
		c.Now = percent(over, len(minutes))
	}
	return c
}

func (c *chart) band(a, b int, class string) {
	c.Bands = append(c.Bands, band{percent(a, c.Width), percent(b-a, c.Width), class})
	for _, k := range c.Keys {
		if k == class {
			return
		}
	}
	c.Keys = append(c.Keys, class)
}

// hours marks every third hour of a day, of a shorter time each; the minor ones a telephone has no room for.
func (c *chart) hours(from time.Time) {
	from = from.In(hours.Zone)
	every, major := 1, 2
	if c.Width > 16*60 {
		every, major = 3, 6
	}
	first := from.Hour()
	for m := 0; m <= c.Width; m += 60 * every {
		t := from.Add(time.Duration(m) * time.Minute)
		k := tick{X: percent(m, c.Width), Label: t.Format("15:04"), Anchor: "middle", Minor: (first+m/60)%major != 0}
		switch {
		case m == 0:
			k.Anchor, k.Minor = "start", false
		case m == c.Width:
			k.Anchor, k.Minor = "end", false
			if k.Label == "00:00" {
				k.Label = "24:00"
			}
		}
		c.Hours = append(c.Hours, k)
	}
}

// scale returns a round number of stations that n fits below, and the step between lines.
func scale(n int) (top, step int) {
	step = 1
	for _, s := range []int{1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500} {
		if step = s; n <= 4*s {
			break
		}
	}
	top = max(1, (n+step-1)/step) * step
	return top, step
}

// area returns the outline of a count over the minutes that are over.
func area(minutes []ledger.Minute, over, top int, count func(*ledger.Minute) int) string {
	var p strings.Builder
	last, any := 0, false
	p.WriteString("M0 100")
	end := max(0, min(over, len(minutes)))
	for i := range end {
		n := min(count(&minutes[i]), top)
		if n != last {
			p.WriteString("H" + strconv.Itoa(i) + "V" + fixed(100-100*float64(n)/float64(top)))
			last, any = n, true
		}
	}
	if !any {
		return ""
	}
	p.WriteString("H" + strconv.Itoa(end) + "V100Z")
	return p.String()
}

func percent(a, of int) string { return fixed(100*float64(a)/float64(max(1, of))) + "%" }

func fixed(f float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(f, 'f', 2, 64), "0"), ".")
}

// strip is a day as one line of bands: the nights, in use, and above them what could not be seen.
func strip(d *ledger.Day, now time.Time, nights []ledger.Span) (bands []band) {
	start := d.Date.Start()
	c := chartOf(d.Minutes, start, now.Add(-ledger.Settle), nights) // what is not settled yet is neither
	use := chart{Width: c.Width}
	for _, s := range d.Open {
		use.band(int(s.From.Sub(start)/time.Minute), int(s.To.Sub(start)/time.Minute), "use")
	}
	for _, b := range c.Bands {
		if b.Class == "night" {
			bands = append(bands, b)
		}
	}
	bands = append(bands, use.Bands...)
	for _, b := range c.Bands {
		if b.Class != "night" {
			bands = append(bands, b)
		}
	}
	return bands
}
