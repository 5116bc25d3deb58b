package day

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func parsed(t *testing.T, text string) Table {
	t.Helper()
	table, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestTables: both tables can be played, and the long one has what it is for.
func TestTables(t *testing.T) {
	parsed(t, Short)
	long := parsed(t, Long)
	if n := len(long.Who()); n != 1+10 {
		t.Errorf("%d computers, want the boot server and 10 clients", n)
	}
	for _, v := range []Verb{Boot, Off, Cut, Reboot, Wake, Update, Browse, Video, Chat, Game, Voice} {
		if !slices.ContainsFunc(long.Rows, func(r Row) bool { return r.Does == v }) {
			t.Errorf("nobody does %s", v)
		}
	}
	for _, who := range []string{"may-04", "may-08"} {
		if used := long.Sessions(who); len(used) > 0 || len(long.On(who)) != 1 {
			t.Errorf("%s is used at %v, want on and nobody's", who, used)
		}
	}
}

func TestParseComplains(t *testing.T) {
	const day = "day 8:00 9:00\na 8:00 - boot\n"
	for _, c := range []struct{ name, text, says string }{
		{"no day", "a 8:00 - boot\n", `no line "day FROM TO"`},
		{"a verb that there is not", day + "a 8:10 8:20 sings", `line 3: no verb is called "sings"`},
		{"a time that there is not", day + "a 8:70 - off", `"8:70" is no time of day`},
		{"a moment with an end", day + "a 8:10 8:20 off", "want - for a to"},
		{"backwards", day + "a 8:20 8:10 browse x.vn", "ends before it begins"},
		{"nothing to browse", day + "a 8:10 8:20 browse", "want what"},
		{"used before it has booted", day + "a 8:01 8:20 browse x.vn", "has not booted yet"},
		{"used while it is off", day + "a 8:10 - off\na 8:09 8:20 browse x.vn", "it is off"},
		{"off twice", day + "a 8:10 - off\na 8:20 - off", "it is off"},
		{"after the end", day + "a 8:50 9:01 browse x.vn", "not within the day"},
	} {
		if _, err := Parse(c.text); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
	}
}

// TestOnAndSessions: a reboot begins a new time on; rows that go over into each other are one session.
func TestOnAndSessions(t *testing.T) {
	table := parsed(t, `day 8:00 10:00
a 8:00 - boot
a 8:10 8:20 browse x.vn
a 8:15 8:30 chat y.vn
a 8:30 8:35 game valorant
a 8:40 8:45 browse x.vn
a 8:50 - reboot
a 9:30 - cut
`)
	at := func(h, m int) time.Duration { return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute }
	if got, want := table.On("a"), []Stretch{{at(8, 0), at(8, 50)}, {at(8, 50), at(9, 30)}}; !slices.Equal(got, want) {
		t.Errorf("on %v, want %v", got, want)
	}
	if got, want := table.Sessions("a"), []Stretch{{at(8, 10), at(8, 35)}, {at(8, 40), at(8, 45)}}; !slices.Equal(got, want) {
		t.Errorf("sessions %v, want %v", got, want)
	}
}

// TestScript: steps are in order, none is of a computer that is off, and programs keep their periods.
func TestScript(t *testing.T) {
	table := parsed(t, Long)
	beat := Program{"x.vn", 40 * time.Second, 60 * time.Second, true}
	steps := table.Script(1, func(string) []Program { return []Program{beat} })
	if again := table.Script(1, func(string) []Program { return []Program{beat} }); !slices.Equal(steps, again) {
		t.Error("the same seed gives other steps")
	}
	last := map[string]time.Duration{}
	for i, s := range steps {
		if i > 0 && s.At < steps[i-1].At {
			t.Fatalf("step %d at %v comes after %v", i, s.At, steps[i-1].At)
		}
		if !slices.ContainsFunc(table.On(s.Who), func(x Stretch) bool { return x.From <= s.At && s.At+s.For <= x.To }) {
			t.Errorf("%s %s at %v: it is off", s.Who, s.Do, s.At)
		}
		if s.Do != Beat {
			continue
		}
		if gap := s.At - last[s.Who]; last[s.Who] > 0 && gap < beat.Every {
			t.Errorf("%s: a heartbeat %v after the last, want at least %v", s.Who, gap, beat.Every)
		}
		last[s.Who] = s.At
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Long)
	f.Add(Short)
	f.Fuzz(func(t *testing.T, text string) {
		table, err := Parse(text)
		if err != nil {
			return
		}
		for _, who := range table.Who() {
			for _, s := range append(table.On(who), table.Sessions(who)...) {
				if s.From > s.To || s.From < table.From || s.To > table.To {
					t.Errorf("%s: %v is not within the day", who, s)
				}
			}
		}
	})
}
