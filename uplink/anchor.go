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

// Kind returns KindAnchor.
func (*Anchor) Kind() Kind { return KindAnchor }

func (a *Anchor) valid() error {
	if !isWord(a.Source, 16) || a.Time == 0 {
		return fmt.Errorf("src %.20q, t %d", a.Source, a.Time)
	}
	return nil
}
