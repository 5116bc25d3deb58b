// Package hours finds use after hours: in which minutes of a night, when nobody may use a station, stations were in use,
// and what is to be told of it: at most one watch and one alert of a night, and one summary when it is over.
//
// It is pure: it has no clock, no input or output and no goroutine. What it knows fits a small JSON text, from which
// another run goes on.
package hours

import (
	"errors"
	"fmt"
	"time"
)

// When a night is told of (rules R1 and R2). A minute counts as late if it starts in the window and the station is in use
// with MinP. Minutes in which nobody could see neither count nor break a run: Patience of them in a row are passed over,
// more than a restart costs (rule R3): 16 minutes that were not settled, 5 since the state was written, the start, and until a
// station is known again. With more of them nobody knows that it was one run.
const (
	MinP          = 0.7
	AlertStations = 2  // this many stations …
	AlertMinutes  = 10 // … in each of so many minutes in a row: alert
	WatchMinutes  = 30 // one station in so many minutes in a row: watch
	Patience      = 30 // minutes
	Grace         = 10 // minutes at the window's beginning that are counted and not judged: 22:00 to 22:10

	ClockError = time.Minute // a time that may be wrong by more is uncertain (rule R12)
)

// Asia/Ho_Chi_Minh has been UTC+7 without summer time since 1975. The box has no time zone data and needs none.
const (
	zone = 7 * 60 // minutes
	day  = 24 * 60
)

// Zone is Asia/Ho_Chi_Minh.
var Zone = time.FixedZone("UTC+7", zone*60)

// local returns the whole minutes from 1970-01-01 00:00, Zone, to t.
func local(t time.Time) int64 { return floor(t.Unix(), 60) + zone }

func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Date is a day in Zone: days since 1970-01-01. A night has the date on which its window begins.
type Date int32

// DateOf returns the day of t.
func DateOf(t time.Time) Date { return Date(floor(local(t), day)) }

// minute returns when minute m of the day is.
func (d Date) minute(m int) time.Time {
	return time.Unix((int64(d)*day+int64(m)-zone)*60, 0).UTC()
}

// Start returns when d begins: 00:00, Zone.
func (d Date) Start() time.Time { return d.minute(0) }

// String returns d as 2026-11-24.
func (d Date) String() string { return d.minute(0).In(Zone).Format(time.DateOnly) }

// ParseDate reads what String writes.
func ParseDate(s string) (Date, error) {
	t, err := time.ParseInLocation(time.DateOnly, s, Zone)
	if err != nil {
		return 0, fmt.Errorf("date %.12q: want 2026-11-24", s)
	}
	return DateOf(t), nil
}

// MarshalText writes String.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Date) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDate(string(b))
	return err
}

// Window is a part of every day, from From until before To, in minutes since midnight, Zone. One whose To is not behind
// its From ends on the next day. The zero Window is empty.
type Window struct{ From, To int }

// ParseWindow reads 22:00-08:00, also with 24:00 as its end. Empty text is the empty Window.
func ParseWindow(s string) (w Window, err error) {
	if s == "" {
		return w, nil
	}
	if len(s) != len("22:00-08:00") || s[5] != '-' {
		return w, fmt.Errorf("window %.20q: want 22:00-08:00", s)
	}
	var ok, ok2 bool
	w.From, ok = clock(s[:5])
	w.To, ok2 = clock(s[6:])
	if !ok || !ok2 || w.From == w.To || w.From == day || w.To == 0 {
		return Window{}, fmt.Errorf("window %.20q: want two different times of day, as in 22:00-08:00 or 00:00-24:00", s)
	}
	return w, nil
}

// clock reads hh:mm.
func clock(s string) (m int, ok bool) {
	for i, c := range []byte(s) {
		if (c < '0' || c > '9') && i != 2 {
			return 0, false
		}
	}
	h, min := int(s[0]-'0')*10+int(s[1]-'0'), int(s[3]-'0')*10+int(s[4]-'0')
	m = h*60 + min
	return m, s[2] == ':' && min < 60 && m <= day
}

// String returns w as 22:00-08:00, the empty Window as "".
func (w Window) String() string {
	if w == (Window{}) {
		return ""
	}
	return fmt.Sprintf("%02d:%02d-%02d:%02d", w.From/60, w.From%60, w.To/60, w.To%60)
}

// MarshalText writes String.
func (w Window) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (w *Window) UnmarshalText(b []byte) (err error) {
	*w, err = ParseWindow(string(b))
	return err
}

// Minutes returns how long w is: 0 to 1440.
func (w Window) Minutes() int {
	switch {
	case w == (Window{}):
		return 0
	case w.To > w.From:
		return w.To - w.From
	}
	return w.To - w.From + day
}

// Category is what a site is registered as.
type Category string

// The categories (rules R1 and R4).
const (
	Game  Category = "game"  // public game point: the window of the decree
	Agent Category = "agent" // Internet agent without games: the window of the province's profile, none without one
	Venue Category = "venue" // hotel, airport, school: no window
)

// Decreed is the window in which a public game point may not be open: Decree 147/2024, which Decree 174/2026 art. 100.3.đ
// penalises.
var Decreed = Window{22 * 60, 8 * 60}

// Profile is what a night is judged by. Use NewProfile.
type Profile struct {
	Category Category `json:"category"`
	Window   Window   `json:"window"`
	Grace    int      `json:"grace"` // minutes
}

// ErrProfile is wrapped by errors for a profile that makes no sense.
var ErrProfile = errors.New("hours: profile")

// NewProfile returns the profile of a site: the window is w where the category lets it have one, of a game point the
// decreed one where w is empty.
func NewProfile(c Category, w Window, grace int) (Profile, error) {
	if c == Game && w == (Window{}) {
		w = Decreed
	}
	p := Profile{c, w, grace}
	return p, p.valid()
}

func (p Profile) valid() error {
	switch {
	case p.Category != Game && p.Category != Agent && p.Category != Venue:
		return fmt.Errorf("%w: category %.20q: want game, agent or venue", ErrProfile, p.Category)
	case p.Category == Venue && p.Window != (Window{}):
		return fmt.Errorf("%w: a venue has no window", ErrProfile)
	case p.Category == Game && p.Window == (Window{}):
		return fmt.Errorf("%w: a game point has a window", ErrProfile)
	case p.Window.From < 0 || p.Window.From >= day || p.Window.To < 0 || p.Window.To > day:
		return fmt.Errorf("%w: window %+v", ErrProfile, p.Window)
	case p.Window != (Window{}) && (p.Window.From == p.Window.To || p.Window.To == 0):
		return fmt.Errorf("%w: window %+v", ErrProfile, p.Window)
	case p.Grace < 0 || p.Grace > 120:
		return fmt.Errorf("%w: grace %d: want 0 to 120 minutes", ErrProfile, p.Grace)
	}
	return nil
}

// begins returns when the night of d begins by p; ok is false if p has no window.
func (p Profile) begins(d Date) (t time.Time, ok bool) {
	return d.minute(p.Window.From), p.Window != (Window{})
}

// Night returns from when to when the night of d is by p; ok is false if p has no window.
func (p Profile) Night(d Date) (from, to time.Time, ok bool) {
	from, ok = p.begins(d)
	return from, p.ends(d), ok
}

// ends returns when the night of d is over by p.
func (p Profile) ends(d Date) time.Time { return d.minute(p.Window.From + p.Window.Minutes()) }

// place returns which minute of the night of d the time t is in by p.
func (p Profile) place(d Date, t time.Time) (at int, ok bool) {
	n := local(t) - (int64(d)*day + int64(p.Window.From))
	return int(n), n >= 0 && n < int64(p.Window.Minutes())
}
