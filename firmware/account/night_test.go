package account

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/cafe"
	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
)

var evening = time.Date(2026, 11, 24, 21, 30, 0, 0, hours.Zone)

// doing returns what stations do: one letter each, U in use, I idle, B booting, O on, ? unknown, - off; in lower case u is the
// cashier in use.
func doing(letters string) (list []cafe.Doing) {
	for i, c := range letters {
		d := cafe.Doing{Station: &cafe.Station{MAC: mac(byte(i)), Role: cafe.RolePC}, P: 0.9}
		switch c {
		case 'U':
			d.State = cafe.StateInUse
		case 'u':
			d.State, d.Station.Role = cafe.StateInUse, cafe.RoleCashier
		case 'I':
			d.State = cafe.StateOnIdle
		case 'B':
			d.State = cafe.StateBooting
		case 'O':
			d.State = cafe.StateOn
		case '-':
			d.State = cafe.StateOff
		}
		list = append(list, d)
	}
	return list
}

func profile(t *testing.T) hours.Profile {
	t.Helper()
	p, err := hours.NewProfile(hours.Game, hours.Window{}, hours.Grace)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// minuteOf is the minute that begins so long behind 21:30.
func minuteOf(at time.Duration, letters string) *cafe.Event {
	return &cafe.Event{Kind: cafe.EventMinute, Time: evening.Add(at).UnixNano(), Occupancy: doing(letters)}
}

// night gives minutes from 21:30 on to a, what letters says in each, and returns the records.
func night(t *testing.T, a *Account, minutes int, letters func(i int) string) {
	t.Helper()
	for i := range minutes {
		if err := a.Take(minuteOf(time.Duration(i)*time.Minute, letters(i))); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *page) stages(t *testing.T) string {
	t.Helper()
	var list []string
	for _, r := range p.records {
		b, err := r.Body()
		if err != nil {
			t.Fatal(err)
		}
		if h, ok := b.(*uplink.AfterHours); ok {
			list = append(list, string(h.Night)+" "+h.Stage)
		}
	}
	return strings.Join(list, ", ")
}

// TestNight: which states are use after hours, and which are not.
func TestNight(t *testing.T) {
	f := func(name, letters, want string) {
		t.Helper()
		p := &page{}
		a := New(Config{Secret: [32]byte{1}, Quality: uplink.QualitySync, Profile: profile(t)}, p)
		night(t, a, 700, func(int) string { return letters })
		if got := p.stages(t); got != want {
			t.Errorf("%s: told %q, want %q", name, got, want)
		}
	}
	const alert, watch, end = "2026-11-24 alert", "2026-11-24 watch", "2026-11-24 end"
	f("nobody", "", "")
	f("all off", "-----", "")
	f("forty idle, as in a night's updates (rule R22)", strings.Repeat("I", 40), "")
	f("idle and booting", "IIBB", "")
	f("on, of a plain port", "OOOO", "")
	f("blind", "????", "")
	f("the cashier", "uI", "")
	f("the cashier and one guest", "uU", watch+", "+end)
	f("two guests", "UU", alert+", "+end)
	f("two guests among unknown", "U?UO", alert+", "+end)
}

// TestNightRecord: what the record says, and what it does not.
func TestNightRecord(t *testing.T) {
	p := &page{}
	a := New(Config{Secret: [32]byte{1}, Quality: uplink.QualityCoarse, Profile: profile(t)}, p)
	night(t, a, 640, func(i int) string {
		switch {
		case i < 30:
			return "U-?"
		case i < 60:
			return "UUI"
		case i < 70:
			return "O??" // nobody can say
		}
		return "III"
	})
	var got []uplink.AfterHours
	for _, r := range p.records {
		b, err := r.Body()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, *b.(*uplink.AfterHours))
		if strings.Contains(string(r.Raw), `"st"`) {
			t.Errorf("%s names a station", r.Raw)
		}
	}
	ms := func(clock time.Duration) uplink.Time { return uplink.TimeOf(evening.Add(clock)) }
	stamp := func(clock time.Duration) uplink.Stamp {
		return uplink.Stamp{Mono: uplink.Int(clock.Milliseconds()), Time: ms(clock), Quality: uplink.QualityCoarse}
	}
	want := []uplink.AfterHours{{
		Stamp: stamp(49 * time.Minute), Night: "2026-11-24", Stage: "alert", Category: "game", Hours: "22:00-08:00",
		First: ms(30 * time.Minute), Last: ms(49 * time.Minute), Peak: 2, Minutes: 40, Confidence: 90, Uncertain: true,
	}, {
		Stamp: stamp(630 * time.Minute), Night: "2026-11-24", Stage: "end", Category: "game", Hours: "22:00-08:00",
		First: ms(30 * time.Minute), Last: ms(59 * time.Minute), Peak: 2, Minutes: 60, Blind: 10, Confidence: 90, Uncertain: true,
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for i := range got {
		told, err := Told(&got[i])
		if err != nil || !reflect.DeepEqual(recordOf(got[i].Stamp, &told), &got[i]) {
			t.Errorf("%+v reads back as %+v, %v", got[i], told, err)
		}
	}
}

// TestNightWithoutTime: while nobody knows what time it is, no minute is of any night; a time that is not sure is marked.
func TestNightWithoutTime(t *testing.T) {
	f := func(q uplink.Quality, want string, unsure bool) {
		t.Helper()
		p := &page{}
		w := wall{0, q}
		a := New(Config{Secret: [32]byte{1}, Clock: w, Profile: profile(t)}, p)
		night(t, a, 700, func(int) string { return "UU" })
		if got := p.stages(t); got != want {
			t.Errorf("%s: told %q, want %q", q, got, want)
		}
		for _, r := range p.records {
			if strings.Contains(string(r.Raw), `"unsure":true`) != unsure {
				t.Errorf("%s: %s, want unsure %v", q, r.Raw, unsure)
			}
		}
	}
	both := "2026-11-24 alert, 2026-11-24 end"
	f(uplink.QualityNone, "", false)
	f(uplink.QualityFloor, both, true)
	f(uplink.QualityCoarse, both, true)
	f(uplink.QualitySync, both, false)
}

// shelf is a NightKeeper.
type shelf struct {
	state       []byte
	kept, now   int
	maintenance hours.Maintenance
}

func (s *shelf) Keep(state []byte, _, now bool) {
	s.state = state
	if s.kept++; now {
		s.now++
	}
}

func (s *shelf) Maintained(t time.Time) bool { return s.maintenance.At(t) }

// TestNightGoesOn: with what was kept, and with the chain's own records alone, an account tells what the one before it did not.
func TestNightGoesOn(t *testing.T) {
	for _, lost := range []bool{false, true} {
		for _, cut := range []int{45, 49, 50, 100, 629, 631} {
			p, s := &page{}, &shelf{}
			cfg := Config{Secret: [32]byte{1}, Quality: uplink.QualitySync, Profile: profile(t), Keeper: s}
			a := New(cfg, p)
			use := func(i int) string {
				if i >= 30 && i < 80 {
					return "UU"
				}
				return "I-"
			}
			for i := range 700 {
				if i == cut {
					cfg.Nights = new(Nights)
					if !lost && s.state != nil {
						if err := json.Unmarshal(s.state, cfg.Nights); err != nil {
							t.Fatal(err)
						}
					}
					for _, r := range p.records {
						b, err := r.Body()
						if err != nil {
							t.Fatal(err)
						}
						told, err := Told(b.(*uplink.AfterHours))
						if err != nil {
							t.Fatal(err)
						}
						cfg.Nights.Know(told)
					}
					a = New(cfg, p)
				}
				if err := a.Take(minuteOf(time.Duration(i)*time.Minute, use(i))); err != nil {
					t.Fatal(err)
				}
			}
			if got, want := p.stages(t), "2026-11-24 alert, 2026-11-24 end"; got != want {
				t.Errorf("cut at %d, state lost %v: told %q, want %q", cut, lost, got, want)
			}
			if last := string(p.records[len(p.records)-1].Raw); !lost && !strings.Contains(last, `"min":100`) {
				t.Errorf("cut at %d: %s, want 100 station-minutes", cut, last)
			}
			want := 3 // the profile, the alert, the end
			if lost {
				want++ // the profile again
			}
			if s.kept < 602 || s.now != want {
				t.Errorf("cut at %d, state lost %v: kept %d times, %d of them at once, want every minute of the night, and %d",
					cut, lost, s.kept, s.now, want)
			}
		}
	}
}

// TestNightMaintained: a declared maintenance makes a watch of an alert, and is shown (rule R23).
func TestNightMaintained(t *testing.T) {
	p, s := &page{}, &shelf{}
	if err := s.maintenance.Declare(evening, evening.Add(8*time.Hour)); err != nil {
		t.Fatal(err)
	}
	a := New(Config{Secret: [32]byte{1}, Quality: uplink.QualitySync, Profile: profile(t), Keeper: s}, p)
	night(t, a, 90, func(int) string { return "UUU" })
	if got, want := p.stages(t), "2026-11-24 watch"; got != want || !strings.Contains(string(p.records[0].Raw), `"maint":20`) {
		t.Errorf("told %q, want %q with its minutes of maintenance", got, want)
	}
}

// TestNightEndsWithoutMinutes: the final figures come with the periodic summary where no station is there to be judged, and not
// before the night's last minutes can have been settled.
func TestNightEndsWithoutMinutes(t *testing.T) {
	p := &page{}
	a := New(Config{Secret: [32]byte{1}, Quality: uplink.QualitySync, Profile: profile(t)}, p)
	night(t, a, 60, func(int) string { return "UU" })
	for _, at := range []time.Duration{0, 5 * time.Minute} {
		e := cafe.Event{Kind: cafe.EventOccupancy, Time: evening.Add(11*time.Hour + 27*time.Minute + at).UnixNano()}
		if err := a.Take(&e); err != nil {
			t.Fatal(err)
		}
		want := "2026-11-24 alert"
		if at > 0 {
			want += ", 2026-11-24 end"
		}
		if got := p.stages(t); got != want {
			t.Errorf("%v behind 08:57: told %q, want %q", at, got, want)
		}
	}
}

// TestProfileOfTheDay: a profile that was set by day holds from that night on, also for a run that starts in a later night.
func TestProfileOfTheDay(t *testing.T) {
	venue, err := hours.NewProfile(hours.Venue, hours.Window{}, hours.Grace)
	if err != nil {
		t.Fatal(err)
	}
	p, s := &page{}, &shelf{}
	cfg := Config{Secret: [32]byte{1}, Quality: uplink.QualitySync, Profile: profile(t), Keeper: s}
	live := func(from time.Duration, minutes int) {
		t.Helper()
		if s.state != nil {
			cfg.Nights = new(Nights)
			if err := json.Unmarshal(s.state, cfg.Nights); err != nil {
				t.Fatal(err)
			}
		}
		a := New(cfg, p)
		for i := range minutes {
			if err := a.Take(minuteOf(from+time.Duration(i)*time.Minute, "UU")); err != nil {
				t.Fatal(err)
			}
		}
	}
	live(-10*time.Hour, 5) // a game point at noon
	cfg.Profile = venue
	live(-5*time.Hour, 5)    // a venue at 16:30
	live(26*time.Hour, 60)   // and the next night
	cfg.Profile = profile(t) // a game point again, in the middle of the night
	live(27*time.Hour, 60)
	live(49*time.Hour, 60)
	if got, want := p.stages(t), "2026-11-26 alert"; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
}

// TestNoProfile: without a profile nothing is judged.
func TestNoProfile(t *testing.T) {
	p := &page{}
	night(t, New(Config{Quality: uplink.QualitySync}, p), 700, func(int) string { return "UUU" })
	if len(p.records) > 0 {
		t.Errorf("told %s", fmt.Sprint(p.stages(t)))
	}
}
