package state

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// draw makes a timeline as p says that they are.
func draw(p *Params, r *rand.Rand, v View, n int) Labelled {
	var l Labelled
	at := pick(r, p.start[:])
	for i := range n {
		if i > 0 {
			at = pick(r, p.step[at][:])
		}
		l.Minutes = append(l.Minutes, drawMinute(p, r, v, phase(at), morning+int64(i)*minute))
		l.States = append(l.States, stateOf[at])
	}
	return l
}

func drawMinute(p *Params, r *rand.Rand, v View, at phase, start int64) Minute {
	m := Minute{Start: start, View: v}
	value := func(f feature) uint32 {
		var share [maxBuckets]float64
		for b := range share {
			share[b] = p.show[v-Broadcasts][f][b][at]
		}
		b := pick(r, share[:])
		if b == 0 || isSign(f) {
			return uint32(b)
		}
		return bounds[f][b-1]
	}
	if p.silent[v-Broadcasts].of.has(at) && r.Float64() < 0.15 {
		return m
	}
	if m.Sent = value(sent); m.Sent == 0 {
		return m
	}
	for f := bootSign; f <= lockedSign; f++ {
		if value(f) == 1 {
			m.Signs |= Boot << (f - bootSign)
		}
	}
	if v == Full {
		m.Play, m.Names, m.Title = uint8(value(playTime)), uint8(value(newNames)), uint16(value(ownTitle))
		m.User, m.Back, m.Chat = value(userVolume), value(backVolume), value(chatVolume)
	}
	return m
}

func pick(r *rand.Rand, share []float64) int {
	x := r.Float64()
	for i, s := range share {
		if x -= s; x < 0 {
			return i
		}
	}
	return len(share) - 1
}

// change returns the built-in parameters with rows replaced.
func change(t *testing.T, pairs ...string) *Params {
	t.Helper()
	text := builtin
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("params.tsv has no %q", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	p, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// measure judges timelines with p: the mean of −log of what the truth was given, and how well beliefs are calibrated.
func measure(p *Params, timelines []Labelled) (loss float64, c Calibration) {
	n := 0
	for i := range timelines {
		for k, s := range settleAll(New(p), timelines[i].Minutes) {
			c.AddBelief(&s.Belief, timelines[i].States[k])
			loss -= math.Log(max(s.Belief[timelines[i].States[k]], 1e-6))
			n++
		}
	}
	return loss / float64(n), c
}

// TestFit fits to timelines of rooms that differ from what the parameters say, and looks if it finds how.
func TestFit(t *testing.T) {
	truth := change(t,
		"-\tdwell\t-\tBOOTING\t2\t", "-\tdwell\t-\tBOOTING\t4\t",
		"-\tdwell\t-\tOFF\t240\t", "-\tdwell\t-\tOFF\t90\t",
		"Full\tcpu\tyes\tON\t0.7\t", "Full\tcpu\tyes\tON\t0.3\t",
		"Full\tboot\tyes\tBOOTING\t0.5\t", "Full\tboot\tyes\tBOOTING\t0.25\t",
	)
	r := rand.New(rand.NewPCG(7, 7))
	var learn, score []Labelled
	for range 24 {
		learn = append(learn, draw(truth, r, Full, 1440))
		score = append(score, draw(truth, r, Full, 1440))
	}
	p, err := Fit(learn)
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got/want-1) > 0.2 {
			t.Errorf("%s is fitted as %.4f, want %.4f", what, got, want)
		}
	}
	near("minutes of booting", 1/(1-p.step[booting][booting]), 4)
	near("minutes of off", 1/(1-p.step[off][off]), 90)
	near("share of minutes with a sign of the CPU", p.show[1][cpuSign][1][quiet], 0.3)
	near("share of minutes of booting with a sign of it", p.show[1][bootSign][1][booting], 0.25)
	near("share of minutes in which an idle station is silent", p.silent[1].more[1], 0.15)

	before, cold := measure(Builtin(), score)
	after, c := measure(p, score)
	if after > before {
		t.Errorf("the truth loses %.4f after the fit, %.4f before", after, before)
	}
	if c.Error() > 0.03 {
		t.Errorf("expected calibration error %.4f after the fit, at most 0.03: %+v", c.Error(), c.Reliability())
	}
	t.Logf("loss %.4f → %.4f, calibration error %.4f → %.4f, temperature %.2f",
		before, after, cold.Error(), c.Error(), p.temperature[Full])
	if text := p.String(); !strings.Contains(text, "\tfit: ") || strings.Count(text, "\n") != strings.Count(builtin, "\n") {
		t.Error("what was fitted does not say so, or lost lines")
	}
	again, err := Parse(p.String())
	if err != nil {
		t.Fatal(err)
	}
	if again.table != p.table {
		t.Error("what was fitted, written and read is not the same")
	}
}

// TestTemperature: of one who is too sure, the temperature rises until nine in ten of what is given 0.9 are right.
func TestTemperature(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var list []judgement
	for range 20_000 {
		right := 0.5 + r.Float64()/2
		b := Belief{Idle: right, Use: 1 - right}
		truth := Use
		if r.Float64() < right {
			truth = Idle
		}
		b.temper(1 / 2.5)
		list = append(list, judgement{b, truth})
	}
	warm := coolest(list)
	if math.Abs(warm-2.5) > 0.2 {
		t.Errorf("temperature %.2f, want 2.5", warm)
	}
	var c Calibration
	for i := range list {
		list[i].belief.temper(warm)
		c.AddBelief(&list[i].belief, list[i].truth)
	}
	if c.Error() > 0.02 {
		t.Errorf("calibration error %.4f, at most 0.02", c.Error())
	}
}

func TestCalibration(t *testing.T) {
	var c Calibration
	if c.Error() != 0 {
		t.Errorf("error %v of nothing", c.Error())
	}
	for i := range 10 {
		c.Add(0.9, i != 0) // nine in ten
		c.Add(0.7, i < 5)  // five in ten
	}
	if got, want := c.Error(), 0.1; math.Abs(got-want) > 1e-9 {
		t.Errorf("error %v, want %v", got, want)
	}
	if b := c.Reliability()[14]; b.N != 10 || math.Abs(b.Said-0.7) > 1e-9 || b.Right != 0.5 {
		t.Errorf("bin of 0.7 is %+v", b)
	}
	c.Add(1, true)
	if b := c.Reliability()[Bins-1]; b.N != 1 {
		t.Errorf("last bin is %+v, want what was said with 1", b)
	}
}

func TestFitRefuses(t *testing.T) {
	d := newDay(Full).idle(3)
	f := func(name string, l ...Labelled) {
		t.Helper()
		if _, err := Fit(l); !errors.Is(err, ErrLabels) {
			t.Errorf("%s: error %v, want ErrLabels", name, err)
		}
	}
	f("nothing")
	f("a label too few", Labelled{d.minutes, d.truth[1:]})
	f("no label", Labelled{d.minutes, make([]State, 3)})
	f("a label that is none", Labelled{d.minutes, []State{Idle, Use + 1, Idle}})

	// Labels that the model has no step for, blind minutes and clocks that jump are no reason to fail.
	odd := newDay(Full).off(2).play(3).unseen(5, Use).boot().off(2).left(3).off(3).update(1).off(1).lobby(1, Use)
	odd.minutes[4].Start -= 5 * minute
	p, err := Fit([]Labelled{{odd.minutes, odd.truth}})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range p.step {
		for _, y := range x {
			if !(y >= 0 && y <= 1) {
				t.Fatalf("step of %v", y)
			}
		}
	}
}
