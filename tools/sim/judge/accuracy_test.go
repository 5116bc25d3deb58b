package judge

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/state"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/soak/hold"
	"cafeprobe/tools/soak/plot"
)

// The seeds that are scored. Numbers of the model, of sim and of the rules were chosen while looking at seeds below 1100,
// from 3000 to 3999 and from 31 000 to 31 149; none was chosen by one of these.
const (
	gateSeed, gateRooms = 20_000, 200
	seenSeed, seenRooms = 25_000, 8
	nightSeed           = 30_000
)

// pictures is where they go. It is not committed.
var pictures = filepath.Join("..", "..", "..", "out", "accuracy")

// TestAccuracy scores made-up rooms, prints the tables, draws how reliable what is said is, and fails beyond the limits of
// accuracy.tsv.
func TestAccuracy(t *testing.T) {
	t.Run("rooms", func(t *testing.T) {
		c := rooms(t, gateSeed, gateRooms, Options, ByModel(state.Builtin()))
		show(t, c)
		for _, p := range []struct {
			name, title string
			of          *state.Calibration
		}{
			{"states", "The state of a minute, at a mirror", &c.Views[state.Full].States},
			{"on", "On or off in a minute, at a plain port", &c.Views[state.Broadcasts].Ons},
			{"sessions", "Sessions, at a mirror: both ends are where they are said to be", &c.Uses.Confident},
		} {
			draw(t, p.name, p.title, p.of)
		}
		withinLimits(t, c, "rooms")
	})
	t.Run("observed", func(t *testing.T) {
		c := rooms(t, seenSeed, seenRooms, func(seed uint64) sim.Options {
			return sim.Options{Stations: 10, For: 5 * time.Hour, SecondSwitch: sim.No, MirrorLost: sim.No, PowerCut: sim.No}
		}, Observe)
		show(t, c)
		withinLimits(t, c, "observed")
	})
}

func rooms(t *testing.T, seed uint64, n int, options func(uint64) sim.Options, by Judge) *Score {
	t.Helper()
	c, err := Rooms(seed, n, options, by)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func show(t *testing.T, c *Score) {
	t.Helper()
	var b bytes.Buffer
	if err := c.Print(&b); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s\nnights: %q", b.String(), c.Night.Wrong)
}

// withinLimits holds c to the limits of accuracy.tsv that are of what.
func withinLimits(t *testing.T, c *Score, what string) {
	t.Helper()
	figures := c.Figures()
	for _, l := range limits(t) {
		if l.of != what {
			continue
		}
		i := slices.IndexFunc(figures, func(f Figure) bool { return f.Name == l.name })
		if i < 0 || figures[i].Of == 0 {
			t.Errorf("accuracy.tsv holds %s to a limit, of which there is none", l.name)
			continue
		}
		if f := figures[i]; l.least && f.Value < l.limit || !l.least && f.Value > l.limit {
			t.Errorf("%s of %s: %.4f, limit %.4f", l.name, what, f.Value, l.limit)
		}
	}
}

// limit is a row of accuracy.tsv.
type limit struct {
	of, name string
	least    bool
	limit    float64
}

func limits(t *testing.T) (list []limit) {
	t.Helper()
	text, err := os.ReadFile("accuracy.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		col := strings.Split(strings.TrimSpace(line), "\t")
		if len(col) != 5 || col[2] != "least" && col[2] != "most" {
			t.Fatalf("accuracy.tsv: %q: want rooms or observed, figure, least or most, limit, goal", line)
		}
		v, err := strconv.ParseFloat(col[3], 64)
		_, err2 := strconv.ParseFloat(col[4], 64)
		if err := errors.Join(err, err2); err != nil {
			t.Fatalf("accuracy.tsv: %q: %v", line, err)
		}
		list = append(list, limit{col[0], col[1], col[2] == "least", v})
	}
	return list
}

// draw draws how often was right what was said with some probability.
func draw(t *testing.T, name, title string, of *state.Calibration) {
	t.Helper()
	var said, right, minutes []float64
	for _, b := range of.Reliability() {
		if b.N > 0 {
			said, right, minutes = append(said, b.Said), append(right, b.Right), append(minutes, float64(b.N))
		}
	}
	title = fmt.Sprintf("%s: expected calibration error %.4f", title, of.Error())
	p := plot.Plot{Title: title, Axis: "said", Times: said, Rows: []plot.Panel{
		{Name: "right", Unit: "share; dashed: as it should be", Values: right, Wanted: said},
		{Name: "how often it was said", Unit: "times", Values: minutes},
	}}
	if err := p.Write(t.Context(), pictures, "reliability-"+name); err != nil {
		t.Error(err)
	}
}

// TestSiteNights: of 10 000 nights of fresh rooms with SOAK set, of 20 without, use after hours is told where it is, once, and
// nowhere else.
func TestSiteNights(t *testing.T) {
	seed, n := uint64(nightSeed), 20
	if os.Getenv("SOAK") != "" {
		seed, n = uint64(time.Now().UnixNano()), 10_000
	}
	if more, err := strconv.Atoi(os.Getenv("NIGHTS")); err == nil {
		n = more
	}
	c := rooms(t, seed, n, night, ByModel(state.Builtin()))
	show(t, c)
	t.Logf("seeds from %d", seed)
	hold.AtMost(t, "false after_hours", float64(c.Night.False), float64(max(1, n/10_000)), "nights")
	hold.AtMost(t, "alerts that were not told", float64(c.Night.True-c.Night.Told), 0.005*float64(c.Night.True), "nights")
	hold.Equal(t, "stages told twice", c.Night.Twice, 0, "nights")
	hold.AtLeast(t, "nights", c.Night.Nights, n, "nights")
	hold.AtMost(t, "use claimed at a plain port without proof", c.Views[state.Broadcasts].Unproved, 0, "minutes")
}

// night returns a night at a mirror; a third has guests in it by design, a quarter of the others as the seed draws it.
func night(seed uint64) sim.Options {
	o := sim.Options{Stations: 8 + int(seed%23), From: time.Date(2026, 11, 20+int(seed%9), 13, 0, 0, 0, time.UTC)}
	o.For = 12 * time.Hour
	if seed%3 == 0 {
		o.Late = 2 + int(seed/3%4)
	}
	return o
}
