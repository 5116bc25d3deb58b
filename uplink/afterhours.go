package uplink

import (
	"fmt"
	"strings"
	"time"
)

// AfterHours says that stations were in use in the hours in which nobody may use one: at most one record of each stage a
// night and chain. It is a lead for an inspection and no finding, counts stations and names none.
type AfterHours struct {
	Stamp
	Night      Date   `json:"night"`            // on which the hours began
	Stage      string `json:"stage"`            // a word: StageWatch, StageAlert, StageEnd
	Category   string `json:"cat"`              // a word that the site is judged by: game, agent
	Hours      string `json:"hours"`            // those, in UTC+7: 22:00-08:00
	First      Time   `json:"first"`            // start of the first minute in which a station was in use
	Last       Time   `json:"last"`             // start of the last
	Peak       Int    `json:"peak"`             // the most stations in one minute
	Minutes    Int    `json:"min"`              // station-minutes in use
	Blind      Int    `json:"blind"`            // minutes of the hours so far in which nothing could be seen, or the box was off
	Confidence Int    `json:"c"`                // percent, 0 to 100: the mean over the station-minutes
	Maintained Int    `json:"maint,omitempty"`  // minutes in use in a declared maintenance
	Uncertain  bool   `json:"unsure,omitempty"` // these times may be wrong by more than a minute
}

// What AfterHours.Stage says.
const (
	StageWatch = "watch" // one station for half an hour; or several, in a declared maintenance
	StageAlert = "alert" // two stations or more for ten minutes
	StageEnd   = "end"   // the hours are over: the final figures
)

// Kind returns KindAfterHours.
func (*AfterHours) Kind() Kind { return KindAfterHours }

func (a *AfterHours) valid() error {
	switch {
	case !a.Night.Valid() || !isWord(a.Stage, 12) || !isWord(a.Category, 12) || !isHours(a.Hours):
		return fmt.Errorf("night %.12q, stage %.14q, cat %.14q, hours %.14q", a.Night, a.Stage, a.Category, a.Hours)
	case a.First <= 0 || a.Last < a.First || a.Last > MaxInt || a.Peak == 0 || a.Minutes < a.Peak || a.Confidence > 100:
		return fmt.Errorf("from %d to %d, peak %d, min %d, c %d", a.First, a.Last, a.Peak, a.Minutes, a.Confidence)
	}
	return nil
}

// Date is a day in Viet Nam (UTC+7), as 2026-11-24.
type Date string

// Valid reports whether d is a day of the calendar.
func (d Date) Valid() bool {
	_, err := time.Parse(time.DateOnly, string(d))
	return err == nil
}

// isHours reports whether s is two times of day, as 22:00-08:00; the second may be 24:00.
func isHours(s string) bool {
	from, to, ok := strings.Cut(s, "-")
	_, err := time.Parse("15:04", from)
	_, err2 := time.Parse("15:04", to)
	return ok && len(from) == 5 && len(to) == 5 && err == nil && (err2 == nil || to == "24:00")
}
