package state

import (
	"fmt"
	"math"
)

// sumError is how far a row of probabilities may be from 1; it is made to sum to 1 then. Six digits are written.
const sumError = 0.002

// assemble lays the rows out, and finds what is missing, double or does not sum to 1.
func (p *Params) assemble() error {
	p.table = table{}
	for i := range p.rows {
		if err := p.alone(i); err != nil {
			return fmt.Errorf("line %d: %w", p.rows[i].line, err)
		}
	}
	for _, lay := range []func() error{p.layConstants, p.layStart, p.laySteps, p.laySilence, p.layShow} {
		if err := lay(); err != nil {
			return err
		}
	}
	return nil
}

// alone looks for a row before row i that says the same, or that shares some of its states and not all: those share
// numbers, so they share all buckets of a feature.
func (p *Params) alone(i int) error {
	r := &p.rows[i]
	for j := range p.rows[:i] {
		q := &p.rows[j]
		if q.view != r.view || q.feature != r.feature {
			continue
		}
		same := q.of == r.of
		switch {
		case q.bucket == r.bucket && (same || q.of&r.of != 0):
			return fmt.Errorf("said in line %d already", q.line)
		case q.of&r.of != 0 && !same:
			return fmt.Errorf("states overlap with those of line %d, which are not the same", q.line)
		}
	}
	return nil
}

// find returns the rows of a view and feature.
func (p *Params) find(v View, f feature) (rows []*row) {
	for i := range p.rows {
		if r := &p.rows[i]; r.view == v && r.feature == f {
			rows = append(rows, r)
		}
	}
	return rows
}

func (p *Params) layConstants() error {
	one := func(to *float64, v View, f feature) error {
		r := p.find(v, f)
		if len(r) == 0 {
			return fmt.Errorf("no row %s", featureNames[f])
		}
		*to = r[0].value
		return nil
	}
	for v := Blind; v <= Full; v++ {
		if err := one(&p.temperature[v], v, temperature); err != nil {
			return fmt.Errorf("%w for view %s", err, v)
		}
	}
	if err := one(&p.ceiling, Broadcasts, ceiling); err != nil {
		return err
	}
	if err := one(&p.robust, noView, robust); err != nil {
		return err
	}
	rows := p.find(noView, confidence)
	for _, r := range rows {
		p.confident[r.bucket] = r.value
	}
	if len(rows) < confidenceRows {
		return fmt.Errorf("%d rows confidence, want %v", len(rows), confidenceNames)
	}
	return one(&p.forget, noView, forget)
}

func (p *Params) layStart() error {
	sum, line := 0.0, 0
	for _, r := range p.find(noView, start) {
		at, _ := r.of.one()
		p.start[at] = r.value
		sum, line = sum+r.value, r.line
	}
	for s, x := range p.start {
		if x == 0 {
			return fmt.Errorf("no row start of %s", phaseNames[s])
		}
		p.start[s] /= sum
	}
	return checkSum(sum, line, "start")
}

// laySteps makes the probabilities of a step of dwell times and of where it goes.
func (p *Params) laySteps() error {
	for _, r := range p.find(noView, dwell) {
		at, _ := r.of.one()
		p.step[at][at] = r.value
	}
	for from := range phases {
		minutes := p.step[from][from]
		if minutes == 0 {
			return fmt.Errorf("no row dwell of %s", phaseNames[from])
		}
		sum, line := 0.0, 0
		for _, r := range p.find(noView, next) {
			if at, _ := r.of.one(); at != from {
				continue
			}
			if phase(r.bucket) == from {
				return fmt.Errorf("line %d: from a phase to itself; that is dwell's", r.line)
			}
			p.step[from][r.bucket] = r.value
			sum, line = sum+r.value, r.line
		}
		if sum == 0 {
			return fmt.Errorf("no row next of %s", phaseNames[from])
		}
		if err := checkSum(sum, line, "next of "+phaseNames[from]); err != nil {
			return err
		}
		for to := range phases {
			p.step[from][to] *= 1 / minutes / sum
		}
		p.step[from][from] = 1 - 1/minutes
		for to := range phases {
			p.into[to][from] = p.step[from][to]
		}
	}
	return nil
}

func (p *Params) laySilence() error {
	for v := Broadcasts; v <= Full; v++ {
		var values [silenceRows]float64
		s := &p.silent[v-Broadcasts]
		for _, r := range p.find(v, silence) {
			values[r.bucket] = r.value
			if r.of != 0 {
				s.of = r.of
			}
		}
		for b, x := range values {
			if x == 0 {
				return fmt.Errorf("no row silence %s for view %s", silenceNames[b], v)
			}
		}
		for _, r := range p.find(v, silence) {
			if r.of != 0 && r.of != s.of {
				return fmt.Errorf("line %d: silence of other states than in its other lines", r.line)
			}
		}
		s.farewell, s.weight, s.weight1 = values[farewellRow], values[weightRow], values[weight1Row]
		for b := range farewellRow {
			for n := silenceFrom[b]; n < silenceFrom[b+1]; n++ {
				s.more[n] = values[b]
			}
		}
		s.longer[1] = 1
		for n := 2; n < len(s.longer); n++ {
			s.longer[n] = s.longer[n-1] * s.more[n]
		}
	}
	return nil
}

func (p *Params) layShow() error {
	for v := Broadcasts; v <= Full; v++ {
		for f := range features {
			if err := p.layFeature(v, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// layFeature lays out one feature of one view. Every phase has all buckets, or none has any. Phases whose silence is
// judged by their station's habits have no bucket 0 of sent: theirs is what they send where they are heard.
func (p *Params) layFeature(v View, f feature) error {
	rows := p.find(v, f)
	if len(rows) == 0 {
		if f == sent {
			return fmt.Errorf("no row sent for view %s", v)
		}
		return nil
	}
	show := &p.show[v-Broadcasts][f]
	p.seen[v-Broadcasts][f] = true
	var line [phases]int
	for _, r := range rows {
		for s := range phases {
			if r.of.has(s) {
				show[r.bucket][s] = r.value
				line[s] = r.line
			}
		}
	}
	for s := range phases {
		quiet := f == sent && p.silent[v-Broadcasts].of.has(s)
		if quiet && show[0][s] != 0 {
			return fmt.Errorf("line %d: sent 0 of %s, whose silence has rows of its own", line[s], phaseNames[s])
		}
		if isSign(f) && show[1][s] != 0 {
			show[0][s] = 1 - show[1][s]
		}
		sum := 0.0
		for b := buckets(f) - 1; b >= 0; b-- {
			if show[b][s] == 0 && !(quiet && b == 0) {
				return fmt.Errorf("no row %s %s of %s for view %s", featureNames[f], bucketName(f, b), phaseNames[s], v)
			}
			sum += show[b][s]
		}
		if err := checkSum(sum, line[s], featureNames[f]+" of "+phaseNames[s]); err != nil {
			return err
		}
		for b := range buckets(f) {
			show[b][s] /= sum
		}
	}
	return nil
}

func checkSum(sum float64, line int, what string) error {
	if math.Abs(sum-1) > sumError {
		return fmt.Errorf("line %d: the values of %s sum to %.4f, want 1", line, what, sum)
	}
	return nil
}
