package state

import "fmt"

// Features returns the names of what a minute shows, as Without takes them.
func Features() []string { return featureNames[sent+1 : features] }

// Without returns p without what one feature tells, in both views: what is lost then is what it contributes. It returns an
// error, ErrParams, for a name that is not one of Features.
func (p *Params) Without(name string) (*Params, error) {
	for f := sent + 1; f < features; f++ {
		if featureNames[f] == name {
			q := *p
			q.seen[0][f], q.seen[1][f] = false, false
			return &q, nil
		}
	}
	return nil, fmt.Errorf("%w: feature %q is not one of %v", ErrParams, name, Features())
}

// Vary returns p with every number but the ceiling multiplied by what factor returns for it, and with sums made 1 again: how
// much the judgement changes says how exact the numbers have to be.
func (p *Params) Vary(factor func() float64) (*Params, error) {
	q := &Params{lines: p.lines, rows: append([]row(nil), p.rows...)}
	sums := map[family]float64{}
	for i := range q.rows {
		r := &q.rows[i]
		if r.feature == ceiling {
			continue
		}
		low, high := r.limits()
		r.value = min(max(r.value*factor(), low), high)
		sums[r.family()] += r.value
	}
	for i := range q.rows {
		r := &q.rows[i]
		if r.feature == start || r.feature == next || r.feature < features && !isSign(r.feature) {
			r.value /= sums[r.family()]
		}
	}
	if err := q.assemble(); err != nil {
		return nil, fmt.Errorf("what was varied cannot be used: %w", err)
	}
	return q, nil
}

// family is what rows have in common whose values sum to 1.
type family struct {
	view    View
	feature feature
	of      set
}

func (r *row) family() family {
	if r.feature == start {
		return family{r.view, start, all}
	}
	return family{r.view, r.feature, r.of}
}
