package state

// Calibration counts how often something was right that was said with some probability. The zero Calibration is empty.
type Calibration struct {
	bins [Bins]Bin
	n    float64
}

// Bins is how many bins of equal width a Calibration has.
const Bins = 20

// Bin is what was said with probabilities of one bin.
type Bin struct {
	N     int     // how often
	Said  float64 // the mean of the probabilities
	Right float64 // the share that was right
}

// Add takes something that was said with probability p, from 0 to 1.
func (c *Calibration) Add(p float64, right bool) {
	b := &c.bins[min(max(int(p*Bins), 0), Bins-1)]
	b.N++
	b.Said += (p - b.Said) / float64(b.N)
	hit := 0.0
	if right {
		hit = 1
	}
	b.Right += (hit - b.Right) / float64(b.N)
	c.n++
}

// AddBelief takes a belief in what was truth: the most probable state, and whether it was right.
func (c *Calibration) AddBelief(b *Belief, truth State) {
	s := b.Likely()
	c.Add(b[s], s == truth)
}

// Reliability returns the bins, from 0 to 1; those of a well calibrated judge have Said and Right alike.
func (c *Calibration) Reliability() []Bin { return c.bins[:] }

// Error returns the expected calibration error: how far Said and Right are apart in the mean, each bin by its N. It is 0
// where nothing was added.
func (c *Calibration) Error() (ece float64) {
	for _, b := range c.bins {
		if b.N > 0 {
			ece += float64(b.N) / c.n * max(b.Said-b.Right, b.Right-b.Said)
		}
	}
	return ece
}
