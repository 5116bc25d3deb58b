package uplink

import "fmt"

// Anchor ties the box's boot-time clock to UTC: at m milliseconds after boot it was t, give or take Error. One is written
// when the clock is first set, every hour, and at every step above 500 ms. Records between two anchors are never
// rewritten: whoever wants better times for them estimates from these.
type Anchor struct {
	Stamp
	Error  Int    `json:"err"`  // milliseconds
	Step   Delta  `json:"step"` // milliseconds by which UTC was put forward (positive) or back; 0 at the first
	Source string `json:"src"`  // a word: ntp, rtc, file, build
}

// Drift is how fast m may be wrong, against UTC: cheap crystals are sold with ±20 to ±30 ppm at 25 °C, and boxes stand in warm
// corners. 50 ppm is 4.3 s a day and 30 s a week. What follows from an Anchor at another m is wrong by so much more.
const Drift = 50e-6

// MinStep is the correction, in milliseconds, above which an Anchor is written at once.
const MinStep = 500

// Kind returns KindAnchor.
func (*Anchor) Kind() Kind { return KindAnchor }

func (a *Anchor) valid() error {
	if !isWord(a.Source, 16) || a.Time == 0 {
		return fmt.Errorf("src %.20q, t %d", a.Source, a.Time)
	}
	return nil
}
