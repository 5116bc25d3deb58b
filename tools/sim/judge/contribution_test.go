package judge

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"text/tabwriter"

	"cafeprobe/firmware/state"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/timeline"
)

// contributionSeed begins the seeds of rooms in which no number was chosen and that TestAccuracy does not have.
const contributionSeed = 26_000

// TestContribution says what each kind of evidence contributes, and what numbers that are up to 30 % off cost: of 60 rooms
// with SOAK set, of 8 without.
func TestContribution(t *testing.T) {
	n, draws := uint64(8), uint64(2)
	if os.Getenv("SOAK") != "" {
		n, draws = 60, 10
	}
	var list []timeline.Timeline
	for seed := contributionSeed + uint64(0); seed < contributionSeed+n; seed++ {
		o := Options(seed)
		if o.Vantage == sim.VantageC {
			o.Vantage = sim.VantageA
		}
		r, err := sim.New(seed, o)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, timeline.Of(r, fmt.Sprint(seed))...)
	}
	p := state.Builtin()
	all := Timelines(list, p)
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%d rooms\tsessions F1\tlost\tminutes right\tlost\t\n", n)
	row := func(what string, c *Score) (lost float64) {
		lost = all.Uses.F1() - c.Uses.F1()
		right, now := all.Views[state.Full].Accuracy(), c.Views[state.Full].Accuracy()
		fmt.Fprintf(w, "%s\t%.3f\t%.3f\t%.4f\t%.4f\t\n", what, c.Uses.F1(), lost, now, right-now)
		return lost
	}
	row("all", all)
	lost := map[string]float64{}
	for _, name := range state.Features() {
		less, err := p.Without(name)
		if err != nil {
			t.Fatal(err)
		}
		lost[name] = row("without "+name, Timelines(list, less))
	}
	worst := 0.0
	for seed := range draws {
		g := rand.New(rand.NewPCG(seed, 30))
		other, err := p.Vary(func() float64 { return 0.7 + 0.6*g.Float64() })
		if err != nil {
			t.Fatal(err)
		}
		worst = max(worst, row(fmt.Sprintf("up to 30 %% off, draw %d", seed), Timelines(list, other)))
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", b.String())
	if lost["user"] < 0.1 {
		t.Errorf("without what people load %.3f of F1 is lost, want 0.1", lost["user"])
	}
	if worst > mostLost {
		t.Errorf("numbers up to 30 %% off cost %.3f of F1, at most %.3f", worst, mostLost)
	}
}

// mostLost is how much of F1 numbers that are up to 30 % off may cost.
const mostLost = 0.02
