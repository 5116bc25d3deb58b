package hours

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// at returns hh:mm on the 24th of November 2026, in Zone; 24:00 and later are the day after.
func at(clock string) time.Time {
	var h, m int
	if _, err := fmt.Sscanf(clock, "%d:%d", &h, &m); err != nil {
		panic(err)
	}
	return time.Date(2026, 11, 24, h, m, 0, 0, Zone)
}

func game() Profile {
	p, err := NewProfile(Game, Window{}, Grace)
	if err != nil {
		panic(err)
	}
	return p
}

// site gives minutes to a Nights and keeps what it tells.
type site struct {
	n    Nights[string]
	told []Told
}

func newSite(p Profile) *site {
	s := &site{}
	s.n.Change(p, at("12:00"))
	return s
}

// minute gives one minute in which stations, one letter each, are in use.
func (s *site) minute(start time.Time, stations string) {
	s.give(&Minute[string]{Start: start, Certain: true, Use: use(stations)})
}

func use(stations string) (list []Use[string]) {
	for _, c := range stations {
		list = append(list, Use[string]{string(c), 0.9})
	}
	return list
}

func (s *site) give(m *Minute[string]) { s.told = append(s.told, s.n.Take(m)...) }

// minutes gives n minutes from clock on.
func (s *site) minutes(clock string, n int, stations string) {
	for i := range n {
		s.minute(at(clock).Add(time.Duration(i)*time.Minute), stations)
	}
}

// says returns what was told as "2026-11-24 alert, …".
func (s *site) says() string {
	var list []string
	for _, t := range s.told {
		list = append(list, t.Night.String()+" "+string(t.Stage))
	}
	return strings.Join(list, ", ")
}

// TestWindow: a minute is late by when it starts (rule R1).
func TestWindow(t *testing.T) {
	f := func(clock string, want bool) {
		t.Helper()
		s := newSite(game())
		start := at(clock)
		first := start.Before(at("24:00"))
		if first {
			s.minute(start, "a")
		}
		s.minutes("23:00", 10, "ab")
		if !first {
			s.minute(start, "a")
		}
		s.minute(at("33:00"), "")
		if len(s.told) != 2 {
			t.Fatalf("%s: told %q, want an alert and its end", clock, s.says())
		}
		got := s.told[1].First.Equal(start) || s.told[1].Last.Equal(start)
		if got != want {
			t.Errorf("%s: counted %v, want %v: %+v", clock, got, want, s.told[1].Figures)
		}
	}
	f("21:59", false)
	f("22:00", true)
	f("31:59", true)
	f("32:00", false)
}

// TestSeconds: what counts is the whole minute that a time is in, and no minute of before the window is in it.
func TestSeconds(t *testing.T) {
	p := game()
	f := func(start time.Time, want int, in bool) {
		t.Helper()
		d := DateOf(at("22:00"))
		if got, ok := p.place(d, start); ok != in || ok && got != want {
			t.Errorf("%v: minute %d, %v, want %d, %v", start, got, ok, want, in)
		}
	}
	f(at("22:00").Add(-time.Nanosecond), 0, false)
	f(at("22:00"), 0, true)
	f(at("22:00").Add(59*time.Second), 0, true)
	f(at("32:00").Add(-time.Nanosecond), 599, true)
	f(at("32:00"), 0, false)
}

// TestAlert: two stations, ten minutes in a row, behind the grace (rule R2).
func TestAlert(t *testing.T) {
	f := func(name string, give func(s *site), want string) {
		t.Helper()
		s := newSite(game())
		give(s)
		if got := s.says(); got != want {
			t.Errorf("%s: told %q, want %q", name, got, want)
		}
	}
	const alert, watch = "2026-11-24 alert", "2026-11-24 watch"
	f("nine minutes", func(s *site) { s.minutes("23:00", 9, "ab") }, "")
	f("ten minutes", func(s *site) { s.minutes("23:00", 10, "ab") }, alert)
	f("ten of one station", func(s *site) { s.minutes("23:00", 10, "a") }, "")
	f("ten minutes behind midnight", func(s *site) { s.minutes("25:00", 10, "ab") }, alert)
	f("over midnight", func(s *site) { s.minutes("23:55", 10, "ab") }, alert)
	f("until the end", func(s *site) { s.minutes("31:50", 10, "ab") }, alert)
	f("until behind the end", func(s *site) { s.minutes("31:51", 20, "ab") }, "")
	f("in the grace", func(s *site) { s.minutes("22:00", 10, "ab") }, "")
	f("nine behind the grace", func(s *site) { s.minutes("21:30", 49, "ab") }, "")
	f("ten behind the grace", func(s *site) { s.minutes("21:30", 50, "ab") }, alert)
	f("by turns", func(s *site) {
		for i, pair := range strings.Split("ab bc cd de ea ab bc cd de ea", " ") {
			s.minute(at("23:00").Add(time.Duration(i)*time.Minute), pair)
		}
	}, alert)
	f("a minute of one between", func(s *site) {
		s.minutes("23:00", 9, "ab")
		s.minutes("23:09", 1, "a")
		s.minutes("23:10", 9, "ab")
	}, "")
	f("one for 29 minutes", func(s *site) { s.minutes("23:00", 29, "a") }, "")
	f("one for 30 minutes", func(s *site) { s.minutes("23:00", 30, "a") }, watch)
	f("one for 30 minutes from 22:10", func(s *site) { s.minutes("22:00", 40, "a") }, watch)
	f("one for 29 minutes from 22:10", func(s *site) { s.minutes("22:00", 39, "a") }, "")
	f("one and then another", func(s *site) { s.minutes("23:00", 15, "a"); s.minutes("23:15", 15, "b") }, "")
	f("one twice for 29", func(s *site) {
		s.minutes("23:00", 29, "a")
		s.minutes("23:29", 1, "")
		s.minutes("23:30", 29, "a")
	}, "")
	f("watch, then alert", func(s *site) { s.minutes("23:00", 30, "a"); s.minutes("23:30", 10, "ab") }, watch+", "+alert)
	f("no watch behind an alert", func(s *site) { s.minutes("23:00", 100, "ab") }, alert)
	f("once a night", func(s *site) {
		s.minutes("22:30", 20, "ab")
		s.minutes("22:50", 20, "")
		s.minutes("23:10", 50, "abc")
	}, alert)
	f("every night", func(s *site) {
		s.minutes("23:00", 10, "ab")
		s.minutes("47:00", 10, "ab")
	}, alert+", 2026-11-24 end, 2026-11-25 alert")
}

// TestConfidence: what counts is a probability of 0.7.
func TestConfidence(t *testing.T) {
	f := func(p float64, want string) {
		t.Helper()
		s := newSite(game())
		for i := range 10 {
			s.give(&Minute[string]{
				Start: at("23:00").Add(time.Duration(i) * time.Minute), Certain: true, Use: []Use[string]{{"a", p}, {"b", 1}},
			})
		}
		if got := s.says(); got != want {
			t.Errorf("with %v: told %q, want %q", p, got, want)
		}
	}
	f(0.7, "2026-11-24 alert")
	f(math.Nextafter(0.7, 0), "")
	f(math.NaN(), "")
	f(math.Inf(1), "2026-11-24 alert")
}

// TestFigures: what the alert and the end say.
func TestFigures(t *testing.T) {
	s := newSite(game())
	s.minutes("22:00", 5, "a") // in the grace: late, and no reason for an alert
	s.minutes("22:05", 5, "")
	s.minutes("22:30", 15, "ab") // 20 minutes before were not seen
	s.minutes("22:45", 60, "")
	s.minutes("23:45", 1, "abcd")
	s.minutes("23:46", 494, "")
	s.minute(at("32:00"), "ab")
	if got, want := s.says(), "2026-11-24 alert, 2026-11-24 end"; got != want {
		t.Fatalf("told %q, want %q", got, want)
	}
	f := func(got, want Figures) {
		t.Helper()
		if math.Abs(got.Confidence-want.Confidence) > 1e-9 {
			t.Errorf("confidence %v, want %v", got.Confidence, want.Confidence)
		}
		got.Confidence = want.Confidence
		if !got.First.Equal(want.First) || !got.Last.Equal(want.Last) {
			t.Errorf("from %v to %v, want %v to %v", got.First, got.Last, want.First, want.Last)
		}
		got.First, got.Last = want.First, want.Last
		if got != want {
			t.Errorf("figures %+v, want %+v", got, want)
		}
	}
	f(s.told[0].Figures, Figures{First: at("22:00"), Last: at("22:39"), Peak: 2, Minutes: 25, Blind: 20, Confidence: 0.9})
	f(s.told[1].Figures, Figures{First: at("22:00"), Last: at("23:45"), Peak: 4, Minutes: 39, Blind: 20, Confidence: 0.9})
}

// TestBlindMinutes: they neither count nor break a row, up to Patience of them (rule R3).
func TestBlindMinutes(t *testing.T) {
	f := func(name string, blind int, given bool, want string) {
		t.Helper()
		s := newSite(game())
		s.minutes("23:00", 5, "ab")
		for i := range blind {
			if given {
				s.give(&Minute[string]{Start: at("23:05").Add(time.Duration(i) * time.Minute), Certain: true, Blind: true})
			}
		}
		next := at("23:05").Add(time.Duration(blind) * time.Minute)
		for i := range 5 {
			s.minute(next.Add(time.Duration(i)*time.Minute), "ab")
		}
		if got := s.says(); got != want {
			t.Errorf("%s, %d minutes: told %q, want %q", name, blind, got, want)
		}
		if want != "" && s.told[0].Blind != 60+blind {
			t.Errorf("%s, %d minutes: %d blind, want these and the hour before", name, blind, s.told[0].Blind)
		}
	}
	f("blind", Patience, true, "2026-11-24 alert")
	f("blind", Patience+1, true, "")
	f("off", Patience, false, "2026-11-24 alert")
	f("off", Patience+1, false, "")
	s := newSite(game())
	for i := range 600 {
		s.give(&Minute[string]{Start: at("22:00").Add(time.Duration(i) * time.Minute), Certain: true, Blind: true})
	}
	s.minute(at("32:00"), "")
	if s.says() != "" {
		t.Errorf("a blind night: told %q, want nothing", s.says())
	}
}

// TestCategories: what a profile forbids (rule R4).
func TestCategories(t *testing.T) {
	f := func(c Category, window, want string) {
		t.Helper()
		w, err := ParseWindow(window)
		if err != nil {
			t.Fatal(err)
		}
		p, err := NewProfile(c, w, Grace)
		if err != nil {
			t.Fatal(err)
		}
		s := newSite(p)
		s.minutes("21:30", 60, "ab")
		if got := s.says(); got != want {
			t.Errorf("%s with %q at 21:30: told %q, want %q", c, window, got, want)
		}
	}
	f(Game, "", "2026-11-24 alert")
	f(Agent, "", "")
	f(Agent, "23:00-06:00", "")
	f(Agent, "21:00-06:00", "2026-11-24 alert")
	f(Agent, "00:00-24:00", "2026-11-24 alert")
	f(Agent, "22:00-21:00", "2026-11-24 alert")
	f(Venue, "", "")
	for _, p := range []struct {
		c Category
		w Window
		g int
	}{
		{Venue, Decreed, 10},
		{"", Decreed, 10},
		{Game, Window{-1, 5}, 10},
		{Game, Window{5, 5}, 10},
		{Game, Window{60, 0}, 10},
		{Agent, Decreed, -1},
		{Agent, Decreed, 121},
	} {
		if _, err := NewProfile(p.c, p.w, p.g); err == nil {
			t.Errorf("%+v is a profile", p)
		}
	}
}

// TestChange: a change of profile takes effect with the next night that has not begun, by what held or by what comes.
func TestChange(t *testing.T) {
	agent := func(window string) Profile {
		w, err := ParseWindow(window)
		if err != nil {
			t.Fatal(err)
		}
		p, err := NewProfile(Agent, w, Grace)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	venue, err := NewProfile(Venue, Window{}, Grace)
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, was, is Profile, now string, tonight, tomorrow Profile) {
		t.Helper()
		var s schedule
		s = s.change(was, at("12:00").AddDate(0, 0, -3)).change(is, at(now))
		d := DateOf(at("12:00"))
		if a, b, c := s.of(d-1), s.of(d), s.of(d+1); a != was || b != tonight || c != tomorrow {
			t.Errorf("%s at %s: last night %+v, tonight %+v, tomorrow %+v, want %+v, %+v, %+v", name, now, a, b, c, was, tonight, tomorrow)
		}
	}
	f("game to venue", game(), venue, "15:00", venue, venue)
	f("game to venue", game(), venue, "21:59", venue, venue)
	f("game to venue", game(), venue, "22:00", game(), venue)
	f("game to venue", game(), venue, "26:00", game(), venue)
	f("venue to game", venue, game(), "21:59", game(), game())
	f("venue to game", venue, game(), "22:00", venue, game())
	f("longer", game(), agent("20:00-06:00"), "19:59", agent("20:00-06:00"), agent("20:00-06:00"))
	f("longer, begun by the new", game(), agent("20:00-06:00"), "21:00", game(), agent("20:00-06:00"))
	f("shorter, begun by the old", agent("20:00-06:00"), game(), "21:00", agent("20:00-06:00"), game())
	f("the same", game(), game(), "23:00", game(), game())

	var back schedule // found by FuzzMinutes: the clock was set back between two changes
	back = back.change(game(), at("360:00")).change(venue, at("22:00"))
	if back.valid() != nil || back.of(DateOf(at("360:00"))) != venue {
		t.Errorf("%+v: %v, want an order, and a venue", back, back.valid())
	}

	s := newSite(game())
	s.minutes("22:00", 15, "ab")
	s.n.Change(venue, at("22:15"))
	s.minutes("22:15", 5, "ab")
	s.minutes("47:00", 60, "ab")
	if got, want := s.says(), "2026-11-24 alert, 2026-11-24 end"; got != want {
		t.Errorf("a venue from 22:15 on: told %q, want %q: tonight still, tomorrow not", got, want)
	}
	s = newSite(venue)
	s.n.Change(game(), at("23:00"))
	s.minutes("23:00", 60, "ab")
	s.minutes("47:00", 10, "ab")
	if got, want := s.says(), "2026-11-25 alert"; got != want {
		t.Errorf("a game point from 23:00 on: told %q, want %q", got, want)
	}
	s.n.Change(venue, at("60:00"))
	s.n.Change(game(), at("61:00"))
	if got := len(s.n.schedule); got != 2 {
		t.Errorf("%d profiles after a change that was taken back before it held, want 2", got)
	}
}

// TestMaintenance: what is declared lowers the alert to a watch, and is shown (rule R23).
func TestMaintenance(t *testing.T) {
	var m Maintenance
	if err := m.Declare(at("23:00"), at("24:00")); err != nil {
		t.Fatal(err)
	}
	f := func(name, from string, minutes int, want string, kept int) {
		t.Helper()
		s := newSite(game())
		for i := range minutes {
			start := at(from).Add(time.Duration(i) * time.Minute)
			s.give(&Minute[string]{Start: start, Certain: true, Maintained: m.At(start), Use: use("ab")})
		}
		s.minute(at("32:00"), "")
		if got := s.says(); got != want {
			t.Errorf("%s: told %q, want %q", name, got, want)
		} else if end := s.told[len(s.told)-1]; end.Maintained != kept {
			t.Errorf("%s: %d minutes in the maintenance, want %d", name, end.Maintained, kept)
		}
	}
	f("in it", "23:10", 40, "2026-11-24 watch, 2026-11-24 end", 40)
	f("nine before it", "22:51", 40, "2026-11-24 watch, 2026-11-24 end", 31)
	f("ten before it", "22:50", 40, "2026-11-24 alert, 2026-11-24 end", 30)
	f("ten behind it", "23:30", 40, "2026-11-24 watch, 2026-11-24 alert, 2026-11-24 end", 30)
	f("behind it", "24:00", 10, "2026-11-24 alert, 2026-11-24 end", 0)

	g := func(name string, from, to time.Time, want bool) {
		t.Helper()
		if err := m.Declare(from, to); (err == nil) != want {
			t.Errorf("%s: %v, want accepted: %v", name, err, want)
		}
	}
	g("the same again", at("23:00"), at("24:00"), true)
	g("no length", at("01:00"), at("01:00"), false)
	g("more than a week", at("01:00"), at("01:00").Add(maxLength+1), false)
	for i := range 3 {
		g("more", at("01:00").Add(time.Duration(i)*time.Hour), at("02:00").Add(time.Duration(i)*time.Hour), true)
	}
	g("the fifth", at("09:00"), at("10:00"), false)
	g("next month", at("01:00").AddDate(0, 1, 0), at("02:00").AddDate(0, 1, 0), true)
	text, err := m.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var back Maintenance
	if err := back.UnmarshalJSON(text); err != nil || len(back.spans) != 5 || !back.At(at("23:30")) || back.At(at("24:00")) {
		t.Errorf("%s reads as %+v, %v", text, back, err)
	}
	many := `[` + strings.Repeat(`{"from":0,"to":1},`, maxKept) + `{"from":0,"to":1}]`
	for _, bad := range []string{`{}`, `[{"from":2,"to":2}]`, `[{"from":0,"to":604801}]`, many} {
		if err := back.UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%.40s is read", bad)
		}
	}
}

// TestUncertain: what rests on a time that may be wrong by more than a minute says so (rule R12).
func TestUncertain(t *testing.T) {
	f := func(name string, unsure func(i int) bool, alert, end bool) {
		t.Helper()
		s := newSite(game())
		for i := range 60 {
			m := &Minute[string]{Start: at("23:00").Add(time.Duration(i) * time.Minute), Certain: !unsure(i)}
			if i >= 20 && i < 40 {
				m.Use = use("ab")
			}
			s.give(m)
		}
		s.minute(at("32:00"), "")
		if len(s.told) != 2 || s.told[0].Uncertain != alert || s.told[1].Uncertain != end {
			t.Errorf("%s: told %+v, want an alert that is uncertain: %v, and an end: %v", name, s.told, alert, end)
		}
	}
	f("never", func(int) bool { return false }, false, false)
	f("always", func(int) bool { return true }, true, true)
	f("while nobody is late", func(i int) bool { return i < 20 || i >= 40 }, false, false)
	f("one late minute", func(i int) bool { return i == 25 }, true, true)
	f("behind the alert", func(i int) bool { return i == 35 }, false, true)
}

// TestClockSteps: a clock that is put forward or back over midnight gives no second alert of any night, and loses none.
func TestClockSteps(t *testing.T) {
	s := newSite(game())
	s.minutes("23:00", 12, "ab")
	s.minutes("47:00", 12, "ab") // a day ahead
	s.minutes("23:12", 60, "ab") // and back
	s.minutes("32:00", 1, "")
	if got, want := s.says(), "2026-11-24 alert, 2026-11-24 end, 2026-11-25 alert"; got != want {
		t.Errorf("a day forward and back: told %q, want %q", got, want)
	}
	s = newSite(game())
	s.minutes("23:00", 5, "ab")
	s.minutes("33:00", 1, "") // ahead into the morning: the night is over, nothing was told
	s.minutes("23:05", 10, "ab")
	if got, want := s.says(), "2026-11-24 alert"; got != want {
		t.Errorf("into the morning and back: told %q, want %q", got, want)
	}
	s = newSite(game())
	s.minutes("23:50", 5, "ab")
	s.minutes("23:50", 5, "ab") // five minutes back: the same minutes again
	if got := s.says(); got != "" {
		t.Errorf("minutes twice: told %q, want nothing: there were only five", got)
	}
	s = newSite(game())
	for i := range 40 { // two days forward, one day back: no night is told of twice, though more than are remembered come
		s.minutes(fmt.Sprintf("%d:00", 24*(2*i)+23), 10, "ab")
		s.minutes(fmt.Sprintf("%d:00", 24*(2*i-1)+23), 10, "ab")
	}
	seen := map[string]bool{}
	for _, told := range s.told {
		key := fmt.Sprint(told.Night, told.Stage)
		if seen[key] {
			t.Errorf("%s was told twice", key)
		}
		seen[key] = true
	}
}

// TestNoSummerTime: a night is ten hours long at all times of the year, whatever the machine's zone.
func TestNoSummerTime(t *testing.T) {
	for _, month := range []time.Month{1, 3, 6, 10, 12} {
		start := time.Date(2026, month, 28, 22, 0, 0, 0, time.FixedZone("", 7*3600))
		d := DateOf(start)
		if got := d.minute(22 * 60); !got.Equal(start) || game().ends(d).Sub(start) != 10*time.Hour {
			t.Errorf("the night of %v begins at %v and ends at %v, want %v and ten hours later", d, got, game().ends(d), start)
		}
		if got := DateOf(start.In(time.FixedZone("", -11*3600))); got != d {
			t.Errorf("in another zone the date is %v, want %v", got, d)
		}
	}
	d, err := ParseDate("2026-11-24")
	if err != nil || d.String() != "2026-11-24" || DateOf(at("00:00")) != d || DateOf(at("23:59")) != d || DateOf(at("24:00")) != d+1 {
		t.Errorf("date %v, %v", d, err)
	}
}

// TestText: windows and dates read back as they are written, and nothing else is read.
func TestText(t *testing.T) {
	for _, s := range []string{"", "22:00-08:00", "00:00-24:00", "23:59-00:01", "06:30-07:15", "01:00-24:00"} {
		if w, err := ParseWindow(s); err != nil || w.String() != s {
			t.Errorf("window %q reads as %v, %v", s, w, err)
		}
	}
	for _, s := range []string{
		"22:00", "22:00-22:00", "24:00-08:00", "22:60-08:00", "22:00-08:0", "2a:00-08:00", "22:00-24:01",
		"22.00-08:00", "22:00_08:00", "08:00-00:00", "ââ:ââ-ââ",
	} {
		if w, err := ParseWindow(s); err == nil {
			t.Errorf("window %q reads as %v", s, w)
		}
	}
	for _, s := range []string{"", "2026-13-01", "26-01-01", "2026-11-24 "} {
		if d, err := ParseDate(s); err == nil {
			t.Errorf("date %q reads as %v", s, d)
		}
	}
}

// BenchmarkTake: a minute in which a hundred stations are late, before anything is told and behind the alert.
func BenchmarkTake(b *testing.B) {
	for _, stations := range []int{1, 100} {
		b.Run(fmt.Sprint(stations), func(b *testing.B) {
			m := &Minute[int]{Certain: true}
			for k := range stations {
				m.Use = append(m.Use, Use[int]{k, 0.9})
			}
			var n Nights[int]
			i := 600
			for b.Loop() {
				if i++; i > 600 {
					i, n = 0, Nights[int]{}
					n.Change(game(), at("12:00"))
				}
				m.Start = at("22:00").Add(time.Duration(i) * time.Minute)
				n.Take(m)
			}
		})
	}
}
