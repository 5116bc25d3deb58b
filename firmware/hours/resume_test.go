package hours

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// evening is a random night, minute by minute from 21:50 on: stations of a minute are letters, "-" is a blind minute. Some
// are busy, most are not.
func evening(r *rand.Rand) []string {
	out := make([]string, 640)
	come, leave := 1+r.IntN(2), 5+r.IntN(40) // percent a minute
	now := ""
	for i := range out {
		switch x := r.IntN(100); {
		case now == "a" && x >= 9, now != "" && x >= leave: // one alone stays long
		case now != "":
			now = ""
		case x < come:
			now = "a"
		case x < 2*come:
			now = []string{"ab", "bcd", "bc"}[r.IntN(3)]
		case x < 2*come+2:
			now = "-"
		}
		out[i] = now
		if now == "ab" && r.IntN(3) == 0 {
			out[i] = "ac"
		}
	}
	return out
}

// when returns when minute i of an evening is.
func when(i int) time.Time { return at("21:50").Add(time.Duration(i) * time.Minute) }

// row says by the words of rule R2, without any of the code that is tested, whether n minutes are late in a row: late[i] is
// whether minute i is, seen[i] whether somebody could see.
func row(late, seen []bool, n int) bool {
	for from := range late {
		if !late[from] {
			continue
		}
		found, last := 0, from
		for i := from; i < len(late); i++ {
			if late[i] {
				if i-last-1 > Patience {
					break
				}
				last = i
				found++
			} else if seen[i] {
				break
			}
			if found >= n {
				return true
			}
		}
	}
	return false
}

// expect returns the highest stage that minutes given from 21:50 on have to lead to.
func expect(given map[int]string) Stage {
	const grace, end = 20, 610 // 22:10 and 08:00
	several, seen := make([]bool, end-grace), make([]bool, end-grace)
	one := map[rune][]bool{}
	for i := grace; i < end; i++ {
		stations, ok := given[i]
		if !ok || stations == "-" {
			continue
		}
		seen[i-grace] = true
		several[i-grace] = len(stations) >= AlertStations
		for _, c := range stations {
			if one[c] == nil {
				one[c] = make([]bool, end-grace)
			}
			one[c][i-grace] = true
		}
	}
	if row(several, seen, AlertMinutes) {
		return Alert
	}
	for _, late := range one {
		if row(late, seen, WatchMinutes) {
			return Watch
		}
	}
	return ""
}

// highest returns the highest stage told, and checks that none was told twice, that nothing is behind the end and no watch
// behind an alert.
func highest(t *testing.T, told []Told) (s Stage) {
	t.Helper()
	var had []Stage
	for _, x := range told {
		if slices.Contains(had, x.Stage) {
			t.Fatalf("%s twice", x.Stage)
		}
		if slices.Contains(had, End) || x.Stage == Watch && slices.Contains(had, Alert) {
			t.Fatalf("%s behind %v", x.Stage, had)
		}
		had = append(had, x.Stage)
		if x.Stage != End {
			s = x.Stage
		}
	}
	if (s != "") != slices.Contains(had, End) {
		t.Fatalf("%v: want an end if anything was told", had)
	}
	return s
}

func give(n *Nights[string], i int, stations string) []Told {
	m := &Minute[string]{Start: when(i), Certain: true, Blind: stations == "-"}
	if !m.Blind {
		m.Use = use(stations)
	}
	return n.Take(m)
}

// again returns a Nights that knows what the text of n says.
func again(t *testing.T, n *Nights[string]) *Nights[string] {
	t.Helper()
	text, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	var back Nights[string]
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return &back
}

// TestWhole: a night that is given whole is told of as the rule says.
func TestWhole(t *testing.T) {
	count := map[Stage]int{}
	for seed := range uint64(100) {
		minutes := evening(rand.New(rand.NewPCG(seed, 1)))
		var n Nights[string]
		n.Change(game(), at("12:00"))
		given := map[int]string{}
		var told []Told
		for i, m := range minutes {
			given[i] = m
			told = append(told, give(&n, i, m)...)
		}
		got, want := highest(t, told), expect(given)
		if got != want {
			t.Fatalf("seed %d: %q, want %q", seed, got, want)
		}
		count[got]++
	}
	for _, s := range []Stage{"", Watch, Alert} {
		if count[s] < 8 {
			t.Errorf("%d nights with %q: the test shows little", count[s], s)
		}
	}
	t.Logf("nights %v", count)
}

// TestOrder: minutes in any order, some of them twice or in parts, lead to the same stage and the same figures.
func TestOrder(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 2))
		minutes := evening(r)
		ends := func(order []int) (Stage, Figures) {
			var n Nights[string]
			n.Change(game(), at("12:00"))
			var told []Told
			for _, i := range order {
				whole := minutes[i]
				if r.IntN(4) == 0 && len(whole) > 1 {
					told = append(told, give(&n, i, whole[1:])...)
				}
				told = append(told, give(&n, i, whole)...)
				if r.IntN(8) == 0 {
					told = append(told, give(&n, i, whole)...)
				}
			}
			told = append(told, n.Pass(at("32:00"))...)
			s := highest(t, told)
			if s == "" {
				return s, Figures{}
			}
			return s, told[len(told)-1].Figures
		}
		inside := make([]int, 600) // those of the window: a later one would close the night
		for i := range inside {
			inside[i] = i + 10
		}
		s1, f1 := ends(inside)
		if r.IntN(2) == 0 {
			slices.Reverse(inside)
		} else {
			r.Shuffle(len(inside), func(i, j int) { inside[i], inside[j] = inside[j], inside[i] })
		}
		s2, f2 := ends(inside)
		// Before the missing minutes have come a row may pass over them, which may be seen later as one that nobody was late in:
		// out of order a stage more can be told, never one less.
		if s1 == Alert && s2 != Alert || s1 == Watch && s2 == "" {
			t.Fatalf("seed %d: in order %q, out of order %q", seed, s1, s2)
		}
		if s1 != "" && !reflect.DeepEqual(f1, f2) {
			t.Fatalf("seed %d: in order %+v, out of order %+v", seed, f1, f2)
		}
	}
}

// TestResume: wherever the minutes are cut and whatever of the last ones is not in the saved state, no stage is told twice,
// and what the minutes that are known lead to is told.
func TestResume(t *testing.T) {
	var lives, behind int
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 3))
		minutes := evening(r)
		n := &Nights[string]{}
		n.Change(game(), at("12:00"))
		saved, savedAt := again(t, n), 0
		given := map[int]string{}
		var told []Told
		for i := 0; i < len(minutes); i++ {
			given[i] = minutes[i]
			more := give(n, i, minutes[i])
			told = append(told, more...)
			if len(more) > 0 || i-savedAt >= 5 {
				saved, savedAt = again(t, n), i
			}
			if r.IntN(60) > 0 {
				continue
			}
			lives++
			n = again(t, saved)
			for j := savedAt + 1; j <= i; j++ {
				delete(given, j) // those were lost with the box's memory
				behind++
			}
			for _, x := range told { // the chain says what was told, which the state may know too
				n.Know(x)
			}
			n.Change(game(), when(i))
			off := r.IntN(10) // minutes in which the box starts
			if r.IntN(3) == 0 {
				for j := max(0, i-r.IntN(20)); j <= i; j++ { // or some come again
					told = append(told, give(n, j, minutes[j])...)
					given[j] = minutes[j]
				}
			}
			i += off
		}
		told = append(told, n.Pass(at("33:00"))...)
		// A stage that was told before minutes were lost rests on them; the ones that are left can only ask for less.
		got, want := highest(t, told), expect(given)
		if want == Alert && got != Alert || want == Watch && got == "" {
			t.Fatalf("seed %d: told %q, want %q", seed, got, want)
		}
		if all := expectAll(minutes); rank(got) > rank(all) {
			t.Fatalf("seed %d: told %q, the whole night gives %q", seed, got, all)
		}
	}
	t.Logf("%d lives, %d minutes lost between a save and a cut", lives, behind)
}

func rank(s Stage) int { return slices.Index([]Stage{"", Watch, Alert}, s) }

// expectAll returns the stage of a night of which any minutes may not have been seen: a row may pass over Patience of them.
func expectAll(minutes []string) Stage {
	several, none := make([]bool, 590), make([]bool, 590)
	one := map[rune][]bool{}
	for i := range several {
		several[i] = len(minutes[i+20]) >= AlertStations
		for _, c := range minutes[i+20] {
			if c != '-' {
				if one[c] == nil {
					one[c] = make([]bool, 590)
				}
				one[c][i] = true
			}
		}
	}
	if row(several, none, AlertMinutes) {
		return Alert
	}
	for _, late := range one {
		if row(late, none, WatchMinutes) {
			return Watch
		}
	}
	return ""
}

// TestResumeLossless: cut anywhere and gone on from the saved state of that moment, a night is told of word for word as
// uncut.
func TestResumeLossless(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 4))
		minutes := evening(r)
		play := func(cut bool) (told []Told) {
			n := &Nights[string]{}
			n.Change(game(), at("12:00"))
			for i, m := range minutes {
				told = append(told, give(n, i, m)...)
				if cut && r.IntN(10) == 0 {
					n = again(t, n)
				}
			}
			return told
		}
		if a, b := play(false), play(true); !reflect.DeepEqual(a, b) {
			t.Fatalf("seed %d: uncut %+v, cut %+v", seed, a, b)
		}
	}
}

// TestResumeFromChain: the state is lost altogether and the chain alone says what was told: nothing is told twice, a row that
// goes on is told of, and the end has the figures of before.
func TestResumeFromChain(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 5))
		minutes := evening(r)
		n := &Nights[string]{}
		n.Change(game(), at("12:00"))
		part := map[int]string{} // of the present life
		var told []Told
		best := Stage("")
		for i, m := range minutes {
			part[i] = m
			told = append(told, give(n, i, m)...)
			if s := expect(part); rank(s) > rank(best) && (i+1)%100 == 0 {
				best = s
			}
			if r.IntN(120) == 0 {
				if s := expect(part); rank(s) > rank(best) {
					best = s
				}
				n, part = &Nights[string]{}, map[int]string{}
				n.Change(game(), when(i))
				for _, x := range told {
					n.Know(x)
				}
			}
		}
		if s := expect(part); rank(s) > rank(best) {
			best = s
		}
		told = append(told, n.Pass(at("33:00"))...)
		got := highest(t, told)
		if rank(got) < rank(best) {
			t.Fatalf("seed %d: told %q, want %q", seed, got, best)
		}
		if got == "" {
			continue
		}
		first, end := told[0].Figures, told[len(told)-1].Figures
		if end.Minutes < first.Minutes || end.Peak < first.Peak || end.Blind < first.Blind || !end.First.Equal(first.First) ||
			end.Last.Before(first.Last) {
			t.Fatalf("seed %d: %+v, then at the end %+v", seed, first, end)
		}
	}
}

// TestKnowsWhatCannotBe: what a chain says that no Nights has told spoils nothing.
func TestKnowsWhatCannotBe(t *testing.T) {
	good := Told{Night: DateOf(at("22:00")), Stage: Alert, Profile: game(), Figures: Figures{
		First: at("22:00"), Last: at("23:00"), Peak: 2, Minutes: 100, Confidence: 0.9,
	}}
	f := func(name string, change func(x *Told), want string) {
		t.Helper()
		x := good
		change(&x)
		s := newSite(game())
		s.n.Know(x)
		s.n = *again(t, &s.n)
		s.minutes("23:30", 30, "ab")
		s.minute(at("32:00"), "")
		if got := s.says(); got != want {
			t.Errorf("%s: told %q, want %q", name, got, want)
		}
		check(t, s.told)
	}
	const alert, end = "2026-11-24 alert", "2026-11-24 end"
	f("as it is", func(*Told) {}, end)
	f("a later version's stage", func(x *Told) { x.Stage = "more" }, alert+", "+end)
	f("no hours", func(x *Told) { x.Profile = Profile{} }, alert+", "+end)
	f("out of the hours", func(x *Told) { x.Last = at("40:00") }, end)
	f("backwards", func(x *Told) { x.First = at("23:30") }, end)
	f("more stations than there are", func(x *Told) { x.Peak = 1 << 40 }, end)
	f("less than nothing", func(x *Told) { x.Blind = -1 }, end)
	f("over", func(x *Told) { x.Stage = End }, alert)
}

// TestStateIsSmall: what is written is small enough to be written every few minutes.
func TestStateIsSmall(t *testing.T) {
	var n Nights[string]
	n.Change(game(), at("12:00"))
	for i := range 600 {
		m := &Minute[string]{Start: at("22:00").Add(time.Duration(i) * time.Minute), Certain: true}
		for k := range 100 {
			if (i+k)%7 > 0 {
				m.Use = append(m.Use, Use[string]{fmt.Sprintf("u3mJq0yZ%03d", k), 0.9})
			}
		}
		n.Take(m)
	}
	text, err := json.Marshal(&n)
	if err != nil || len(text) > 16<<10 {
		t.Errorf("%d octets, %v, want 16 KiB at most for 100 stations that are late all night", len(text), err)
	}
	t.Logf("%d octets", len(text))
}

// TestStations: more stations than there are in any site are not counted, and break nothing.
func TestStations(t *testing.T) {
	var n Nights[int]
	n.Change(game(), at("12:00"))
	m := &Minute[int]{Start: at("23:00"), Certain: true}
	for k := range maxStations + 10 {
		m.Use = append(m.Use, Use[int]{k, 1})
	}
	n.Take(m)
	if f := n.nights[0].figures(61); f.Peak != maxStations || f.Minutes != maxStations {
		t.Errorf("figures %+v, want %d stations", f, maxStations)
	}
}

// FuzzState: a text is refused, or reads as a state that is written as it was read, and takes minutes without harm.
func FuzzState(f *testing.F) {
	var n Nights[string]
	n.Change(game(), at("12:00"))
	for i, m := range evening(rand.New(rand.NewPCG(1, 1)))[:200] {
		give(&n, i, m)
	}
	text, err := json.Marshal(&n)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	const profile = `"profile":{"category":"game","window":"22:00-08:00","grace":10}`
	f.Add([]byte(`{"profiles":[{"from":"2026-11-24",` + profile + `}],"nights":[{"night":"2026-11-24",` + profile +
		`,"told":["alert"],"newest":70,"seen":"","unsure":"","maintained":"","percent":0,` +
		`"base":{"to":71,"first":60,"last":70,"peak":2,"minutes":20,"blind":60,"maintained":0,"percent":1800,"uncertain":false}}]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var n, back Nights[string]
		if json.Unmarshal(b, &n) != nil {
			return
		}
		text, err := json.Marshal(&n)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("%s, written as %s, reads: %v", b, text, err)
		}
		if text2, err := json.Marshal(&back); err != nil || !bytes.Equal(text2, text) {
			t.Fatalf("%s, %v, want %s", text2, err, text)
		}
		n.Change(game(), at("21:00"))
		var told []Told
		for i := range 640 {
			told = append(told, give(&n, i, "ab")...)
		}
		check(t, told)
	})
}

// check: figures that can be.
func check(t *testing.T, told []Told) {
	t.Helper()
	type key struct {
		d Date
		s Stage
	}
	had := map[key]bool{}
	for _, x := range told {
		if had[key{x.Night, x.Stage}] {
			t.Fatalf("%+v is told twice", x)
		}
		had[key{x.Night, x.Stage}] = true
		if x.Peak < 0 || x.Minutes < 0 || x.Blind < 0 || x.Blind > x.Profile.Window.Minutes() || x.Maintained < 0 ||
			x.Last.Before(x.First) {
			t.Fatalf("%+v", x)
		}
	}
}

// FuzzMinutes: whatever minutes come, in whatever order, with clocks that are set and lives that end, a stage of a night is
// told once.
func FuzzMinutes(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"))
	f.Add(bytes.Repeat([]byte{0x40, 0x80, 0xc0, 0xff}, 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 2000 {
			return
		}
		n := &Nights[byte]{}
		n.Change(game(), at("12:00"))
		now := at("22:05")
		var told []Told
		take := func(u ...Use[byte]) {
			told = append(told, n.Take(&Minute[byte]{Start: now, Certain: true, Use: u, Blind: len(u) == 0})...)
			now = now.Add(time.Minute)
		}
		nights := map[Date]bool{}
		for _, c := range b {
			switch c >> 5 {
			case 0:
				take()
			case 1, 2:
				for i := range byte(9) {
					take(Use[byte]{c & 31, 0.8}, Use[byte]{i, 0.9})
				}
			case 3:
				now = now.Add(time.Duration(c&31) * time.Hour)
			case 4:
				now = now.Add(-time.Duration(c&31) * time.Hour)
			case 5:
				text, err := json.Marshal(n)
				if err != nil {
					t.Fatal(err)
				}
				n = &Nights[byte]{}
				if err := json.Unmarshal(text, n); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
			case 6:
				w := Window{int(c&31) * 40, int(c&15)*60 + 1}
				if p, err := NewProfile(Agent, w, int(c&31)); err == nil {
					n.Change(p, now)
				}
			default:
				told = append(told, n.Pass(now)...)
			}
			nights[DateOf(now)] = true
		}
		if len(nights) < maxNights-2 { // more than that are forgotten
			check(t, told)
		}
	})
}
