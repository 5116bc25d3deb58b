package state

// habit is how long one station is silent while it is on, learnt from its own silences: one calls every few seconds,
// another every 12 minutes. The chance of one more minute is that of its own silences, and of the parameters' as long as
// there are few. The counts are weighted by how sure it is that the station was on.
type habit struct {
	minutes float32                 // that followed a heard one
	silent  float32                 // of those, in which nothing was sent
	reach   [maxSilence + 1]float32 // silences that lasted so many minutes at least
}

// What a habit remembers at most: four hours of minutes and sixty silences, so that it follows its station.
const (
	habitMinutes  = 240
	habitSilences = 60
)

// more returns how probable it is that a station that is on and has been silent for run minutes is for another.
func (h *habit) more(s *silent, run int) float64 {
	n := run + 1
	p := s.more[min(n, maxSilence+1)]
	switch {
	case n == 1:
		p = (float64(h.silent) + s.weight1*p) / (float64(h.minutes) + s.weight1)
	case n <= maxSilence:
		p = (float64(h.reach[n]) + s.weight*s.longer[n]) / (float64(h.reach[n-1]) + s.weight*s.longer[n-1])
	case n == maxSilence+1:
		p = s.weight * s.longer[n] / (float64(h.reach[n-1]) + s.weight*s.longer[n-1])
	}
	return min(max(p, 0.02), 0.98) // one lost frame, or one that came by chance, is no proof
}

// learn takes a silence of run minutes that a frame ended, 0 for none; weight is how probable it is that the station was on.
func (h *habit) learn(run int, weight float64) {
	if run > maxSilence {
		return
	}
	w := float32(weight)
	if h.minutes += w; h.minutes > habitMinutes {
		h.minutes, h.silent = h.minutes/2, h.silent/2
	}
	if run == 0 {
		return
	}
	h.silent += w
	for n := 1; n <= run; n++ {
		h.reach[n] += w
	}
	if h.reach[1] > habitSilences {
		for n := range h.reach {
			h.reach[n] /= 2
		}
	}
}
