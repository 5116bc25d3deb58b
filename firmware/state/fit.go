package state

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Labelled is the timeline of one station, with what it truly did: States[i] in Minutes[i], Unknown where that is not known.
type Labelled struct {
	Minutes []Minute
	States  []State
}

// ErrLabels is returned by Fit for timelines that nothing can be learnt from.
var ErrLabels = errors.New("state: not labelled timelines")

// What the numbers that were there before a fit count for: so many minutes of a phase, and so many times that it was left.
// An hour of a station changes little; a week of one outweighs them.
const (
	priorMinutes = 120
	priorLeaves  = 30
)

// fitRounds is how often the phases, which no label tells, are inferred anew with the numbers found so far.
const fitRounds = 4

// leastJudged is from how many labelled minutes of a view on its temperature is fitted.
const leastJudged = 500

// Fit returns the built-in parameters as labelled timelines change them. See Params.Fit.
func Fit(timelines []Labelled) (*Params, error) { return Builtin().Fit(timelines) }

// Fit returns p as labelled timelines change it: its numbers of emission, silence, dwell, next and start are those of the
// timelines, with p's as prior (Baum-Welch, each minute held to the phases of its label), and the temperatures those with
// which the truth is the most probable. Rows that got evidence say "fit" and of how many minutes. It returns ErrLabels for
// timelines without a label, and for labels that do not fit the minutes.
func (p *Params) Fit(timelines []Labelled) (*Params, error) {
	labels := 0
	for i := range timelines {
		t := &timelines[i]
		if len(t.Minutes) != len(t.States) {
			return nil, fmt.Errorf("%w: timeline %d has %d minutes and %d states", ErrLabels, i, len(t.Minutes), len(t.States))
		}
		for k, s := range t.States {
			if s > Use {
				return nil, fmt.Errorf("%w: timeline %d, minute %d: no state %d", ErrLabels, i, k, s)
			}
			if s != Unknown {
				labels++
			}
		}
	}
	if labels == 0 {
		return nil, fmt.Errorf("%w: no minute has a label", ErrLabels)
	}
	for range fitRounds {
		var c counts
		for i := range timelines {
			c.count(p, &timelines[i])
		}
		better, err := c.apply(p)
		if err != nil {
			return nil, err
		}
		p = better
	}
	return p.fitTemperatures(timelines)
}

// counts are the minutes that the timelines show of each thing, weighted by how probable each phase was.
type counts struct {
	show   [2][features][maxBuckets][phases]float64
	silent [2][maxSilence + 2][2]float64 // by the minute of silence: tried, silent
	bye    [2][2]float64                 // likewise behind a farewell
	step   [phases][phases]float64
	seen   [phases]float64
}

// trial is what one minute of a timeline says, and what of its silence was a trial of.
type trial struct {
	evidence
	run      int
	farewell bool
	in       set // the phases that its label leaves
}

// count adds a timeline, judged with p.
func (c *counts) count(p *Params, l *Labelled) {
	trials := tryOut(p, l)
	forwards := make([][phases]float64, len(trials))
	belief := p.start
	for i := range trials {
		t := &trials[i]
		forward(p, &belief, &t.evidence)
		restrict(&belief, t.in)
		forwards[i] = belief
	}
	var later [phases]float64
	for s := range later {
		later[s] = 1
	}
	for i := len(trials) - 1; i >= 0; i-- {
		t := &trials[i]
		c.minute(p, t, product(&forwards[i], &later))
		if i == 0 {
			return
		}
		restrict(&later, t.in)
		if t.mix == 0 {
			c.turn(p, &forwards[i-1], t, &later)
		}
		backward(p, &later, &t.evidence)
		for s, x := range best(&later) {
			later[s] = float64(x)
		}
	}
}

// tryOut gives the minutes to a model and returns what it made of each.
func tryOut(p *Params, l *Labelled) []trial {
	m := New(p)
	trials := make([]trial, len(l.Minutes))
	for i := range l.Minutes {
		t := &trials[i]
		t.run, t.farewell = m.run, m.farewell
		view := m.view
		m.first, m.n = 0, 0
		m.push(&l.Minutes[i])
		t.evidence = m.pending[0]
		if t.missing != 0 || t.minute.View != view {
			t.run, t.farewell = 0, false
		}
		for s := range phases {
			if l.States[i] == Unknown || l.States[i] == stateOf[s] {
				t.in |= 1 << s
			}
		}
	}
	return trials
}

// restrict takes from a belief what a label leaves out, and scales it. If nothing is left, as the parameters have no such
// step, it starts anew with the phases of the label.
func restrict(belief *[phases]float64, in set) {
	sum := 0.0
	for s := range phases {
		if !in.has(s) {
			belief[s] = 0
		}
		sum += belief[s]
	}
	for s := range phases {
		switch {
		case sum > 0:
			belief[s] /= sum
		case in.has(s):
			belief[s] = 1
		}
	}
	if sum == 0 {
		restrict(belief, in)
	}
}

// product returns how probable each phase is by what came before and what came later; nothing where both exclude each
// other.
func product(before, later *[phases]float64) (both [phases]float64) {
	sum := 0.0
	for s := range both {
		both[s] = before[s] * later[s]
		sum += both[s]
	}
	if sum > 0 {
		for s := range both {
			both[s] /= sum
		}
	}
	return both
}

// minute counts what t shows, its phases being as probable as of.
func (c *counts) minute(p *Params, t *trial, of [phases]float64) {
	if t.minute.View == Blind {
		return
	}
	v := t.minute.View - Broadcasts
	silent := p.silent[v].of
	heard := t.minute.heard()
	habit := 0.0
	for s, x := range of {
		c.seen[s] += x
		if silent.has(phase(s)) {
			habit += x
		}
	}
	tries := [2]float64{habit, 0}
	if !heard {
		tries[1] = habit
	}
	add := func(to *[2]float64) { to[0], to[1] = to[0]+tries[0], to[1]+tries[1] }
	if t.farewell {
		add(&c.bye[v])
	} else {
		add(&c.silent[v][min(t.run+1, maxSilence+1)])
	}
	if !heard {
		for s, x := range of {
			if !silent.has(phase(s)) {
				c.show[v][sent][0][s] += x
			}
		}
		return
	}
	for f, b := range t.minute.bucketsOf() {
		for s, x := range of {
			c.show[v][f][b][s] += x
		}
	}
}

// turn counts the step into t.
func (c *counts) turn(p *Params, before *[phases]float64, t *trial, later *[phases]float64) {
	var both [phases][phases]float64
	sum := 0.0
	for from := range both {
		for to := range both {
			x := before[from] * p.step[from][to] * later[to] * float64(t.show[to])
			both[from][to] = x
			sum += x
		}
	}
	if sum == 0 {
		return
	}
	for from := range both {
		for to, x := range both[from] {
			c.step[from][to] += x / sum
		}
	}
}

// apply returns p with the counts in it.
func (c *counts) apply(p *Params) (*Params, error) {
	q := &Params{lines: p.lines, rows: append([]row(nil), p.rows...)}
	minutes := 0.0
	for _, x := range c.seen {
		minutes += x
	}
	for i := range q.rows {
		r := &q.rows[i]
		had, of, prior := 0.0, 0.0, float64(priorMinutes)
		switch at, _ := r.of.one(); {
		case r.feature < features:
			had, of = c.shown(r)
		case r.feature == silence && r.bucket < weightRow:
			had, of = c.silences(r)
		case r.feature == start:
			had, of = c.seen[at], minutes
		case r.feature == dwell:
			c.dwell(p, r, at)
			continue
		case r.feature == next:
			for to, x := range c.step[at] {
				if phase(to) != at {
					of += x
				}
			}
			had, prior = c.step[at][r.bucket], priorLeaves
		}
		r.learn((had+prior*r.value)/(of+prior), of, "minutes")
	}
	if err := q.assemble(); err != nil {
		return nil, fmt.Errorf("what was fitted cannot be used: %w", err)
	}
	return q, nil
}

// learn puts a fitted value into r, if there was anything that it could be fitted to.
func (r *row) learn(value, of float64, what string) {
	if of < 1 {
		return
	}
	low, high := r.limits()
	r.value = round(min(max(value, low), high))
	r.source = "fit: " + strconv.Itoa(int(math.Round(of))) + " " + what
}

// round cuts a number to the digits that a person may want to read.
func round(x float64) float64 {
	short, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 5, 64), 64)
	if err != nil {
		return x
	}
	return short
}

// shown returns how often r's states showed r's bucket, and how often anything of that feature.
func (c *counts) shown(r *row) (had, of float64) {
	show := &c.show[r.view-Broadcasts][r.feature]
	for s := range phases {
		if !r.of.has(s) {
			continue
		}
		had += show[r.bucket][s]
		for b := range buckets(r.feature) {
			of += show[b][s]
		}
	}
	return had, of
}

func (c *counts) silences(r *row) (had, of float64) {
	v := r.view - Broadcasts
	if r.bucket == farewellRow {
		return c.bye[v][1], c.bye[v][0]
	}
	for n := silenceFrom[r.bucket]; n < silenceFrom[r.bucket+1]; n++ {
		had, of = had+c.silent[v][n][1], of+c.silent[v][n][0]
	}
	return had, of
}

// dwell fits the mean time in a phase: of geometric times, minutes by leaves.
func (c *counts) dwell(p *Params, r *row, at phase) {
	of := 0.0
	for _, x := range c.step[at] {
		of += x
	}
	leaves := of - c.step[at][at] + priorMinutes*(1-p.step[at][at])
	r.learn((of+priorMinutes)/leaves, of, "minutes")
}

// fitTemperatures returns p with the temperature of each view that makes the truth the most probable.
func (p *Params) fitTemperatures(timelines []Labelled) (*Params, error) {
	plain := *p
	plain.temperature = [Full + 1]float64{1, 1, 1}
	plain.ceiling = 1
	var judged [Full + 1][]judgement
	for i := range timelines {
		l := &timelines[i]
		m := New(&plain)
		n := 0
		take := func(s *Settled) {
			if truth := l.States[n]; truth != Unknown {
				judged[s.View] = append(judged[s.View], judgement{s.Belief, truth})
			}
			n++
		}
		for k := range l.Minutes {
			if s, ok := m.Step(l.Minutes[k]); ok {
				take(&s)
			}
		}
		m.Flush(take)
	}
	q := &Params{lines: p.lines, rows: append([]row(nil), p.rows...)}
	for i := range q.rows {
		r := &q.rows[i]
		if r.feature == temperature && len(judged[r.view]) >= leastJudged {
			r.learn(coolest(judged[r.view]), float64(len(judged[r.view])), "minutes")
		}
	}
	if err := q.assemble(); err != nil {
		return nil, fmt.Errorf("what was fitted cannot be used: %w", err)
	}
	return q, nil
}

type judgement struct {
	belief Belief
	truth  State
}

// coolest returns the temperature at which the judgements lose the least: the mean of −log of what the truth was given.
// The loss has one minimum, so halving by the golden section finds it.
func coolest(list []judgement) float64 {
	loss := func(logT float64) (sum float64) {
		t := math.Exp(logT)
		for i := range list {
			b := list[i].belief
			b.temper(t)
			sum -= math.Log(max(b[list[i].truth], 1e-6))
		}
		return sum
	}
	const golden = 0.6180339887498949
	low, high := math.Log(0.2), math.Log(5)
	a, b := high-golden*(high-low), low+golden*(high-low)
	atA, atB := loss(a), loss(b)
	for high-low > 0.01 {
		if atA < atB {
			high, b, atB = b, a, atA
			a = high - golden*(high-low)
			atA = loss(a)
		} else {
			low, a, atA = a, b, atB
			b = low + golden*(high-low)
			atB = loss(b)
		}
	}
	return math.Exp((low + high) / 2)
}
