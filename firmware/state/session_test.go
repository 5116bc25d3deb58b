package state

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// sessionsOf returns the sessions of settled minutes.
func sessionsOf(all []Settled) (list []Session) {
	var t Sessions
	for i := range all {
		if s, ok := t.Take(&all[i]); ok {
			list = append(list, s)
		}
	}
	if s, ok := t.End(); ok {
		list = append(list, s)
	}
	return list
}

// checkSession looks for what must hold of every session.
func checkSession(t *testing.T, s *Session) {
	t.Helper()
	switch {
	case s.Start > s.End:
		t.Fatalf("starts %d and ends %d", s.Start, s.End)
	case s.StartErr < time.Second || s.EndErr < time.Second || s.StartErr%time.Second != 0 || s.EndErr%time.Second != 0:
		t.Fatalf("errors %v and %v", s.StartErr, s.EndErr)
	case !(s.Confidence > 0 && s.Confidence <= 1):
		t.Fatalf("confidence %v", s.Confidence)
	case s.Began == CauseNone || s.Ended == CauseNone:
		t.Fatalf("began by %q, ended by %q", s.Began, s.Ended)
	}
	english, vietnamese := new(Teller).Why(s), (&Teller{Language: Vietnamese}).Why(s)
	if len(english) != len(s.Facts()) || len(vietnamese) != len(english) || len(english) == 0 {
		t.Fatalf("%d facts, told in %d and %d sentences", len(s.Facts()), len(english), len(vietnamese))
	}
	for _, line := range append(english, vietnamese...) {
		if !utf8.ValidString(line) || len(line) > 160 {
			t.Fatalf("sentence %q", line)
		}
	}
}

func abs(n int) int { return max(n, -n) }

func clockTime(at int64) string { return time.Unix(0, at).UTC().Format("15:04:05") }

// TestDays gives whole days to the model: which sessions there are, how each began and ended, and how many minutes of how
// many may be said wrong.
func TestDays(t *testing.T) {
	f := func(name string, d *day, wrong int, want ...string) {
		t.Helper()
		all := d.settle()
		if n := d.wrong(all, 0, len(all)); n > wrong {
			t.Errorf("%s: %d minutes of %d wrong, at most %d%s", name, n, len(all), wrong, d.show(all))
		}
		var got []string
		for _, s := range sessionsOf(all) {
			checkSession(t, &s)
			got = append(got, s.Began.String()+" "+clockTime(s.Start)+"–"+clockTime(s.End)+" "+s.Ended.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: sessions %q, want %q%s", name, got, want, d.show(all))
		}
	}
	day := func() *day { return newDay(Full).off(20) }

	f("a game between two nights", day().boot().play(60).off(60), 0, "boot 00:22:01–01:21:59 off")
	f("idle for a while, then used", day().boot().idle(40).browse(30).off(30), 1, "use 01:02:05–01:31:57 off")
	f("left on an idle desktop", day().boot().browse(40).idle(60), 1, "boot 00:22:05–01:01:50 idle")
	f("left with launcher and chat open", day().boot().play(40).left(120), 1, "boot 00:22:01–01:01:59 idle")
	f("left in the lobby", day().boot().play(40).lobby(120, Idle), 1, "boot 00:22:01–01:01:59 idle")
	f("launcher and chat open all night", day().boot().left(400).off(30), 1)
	f("an update", day().boot().idle(20).update(45).idle(30), 1)
	f("night maintenance: up, images, off", day().boot().update(50).off(60).boot().update(10).off(60), 2)
	f("lobbies and loading screens",
		day().boot().play(20).lobby(5, Use).play(15).lobby(8, Use).play(20).off(30), 0, "boot 00:22:01–01:29:59 off")
	f("pages of four and six minutes",
		day().boot().browse(10).read(4).browse(10).read(6).browse(10).off(30), 0, "boot 00:22:05–01:01:57 off")
	f("nobody there for nine minutes", day().boot().browse(30).idle(9).browse(30).off(30), 1,
		"boot 00:22:05–00:51:50 idle", "use 01:01:05–01:30:57 off")
	f("forty minutes of chat between two games",
		day().boot().play(20).chat(40).play(20).off(30), 0, "boot 00:22:01–01:41:59 off")
	f("chats, then leaves it open", day().boot().browse(10).chat(20).left(60), 2, "boot 00:22:05–00:51:55 idle")
	f("idle for twenty minutes and more", day().boot().browse(30).idle(25).browse(30).off(30), 2,
		"boot 00:22:05–00:51:50 idle", "use 01:17:05–01:46:57 off")
	f("one odd minute in an idle night", day().boot().idle(60).browse(1).idle(60), 1)
	f("one silent minute in a game",
		day().boot().play(30).add(1, Use, func(*Minute) {}).play(30).off(30), 0, "boot 00:22:01–01:22:59 off")
	f("a reboot between two customers", day().boot().play(30).boot().browse(30).off(30), 1,
		"boot 00:22:01–00:51:59 reboot", "boot 00:54:05–01:23:57 off")
	f("a game and an outage of twenty minutes",
		day().boot().play(30).outage(20, Use).play(30).off(30), 0, "boot 00:22:01–01:41:59 off")
	f("left, and then an outage", day().boot().browse(30).idle(20).outage(20, Idle).idle(20), 1, "boot 00:22:05–00:51:50 idle")
	f("a reboot within a minute of use", day().boot().play(30).startsAnew().idle(5).browse(30).off(30), 2,
		"boot 00:22:01–00:51:59 reboot", "use 00:57:05–01:26:57 off")
	f("off while idle", day().boot().idle(30).off(60).boot().idle(30), 2)
	f("a sleeping card that answers", day().boot().idle(40).add(200, Off, func(m *Minute) {
		if m.Start/minute%3 == 0 {
			m.Sent = 2
		}
	}), 4)
}

// TestSilence: a station is off when it has been silent for longer than it ever was.
func TestSilence(t *testing.T) {
	beacons := func(d *day, n, every int) *day {
		for range n / every {
			d.add(1, Idle, func(m *Minute) { m.Sent, m.Signs = 1, CPU })
			d.add(every-1, Idle, func(*Minute) {})
		}
		return d
	}
	f := func(name string, v View, every, off, late int) {
		t.Helper()
		d := beacons(newDay(v).off(30).boot(), 240, every).off(off)
		all := d.settle()
		from := len(all) - off
		said := 0
		for i := 40; i <= from-every; i++ {
			if all[i].Belief.On() < 0.5 {
				t.Fatalf("%s: off is said at minute %d, between two beacons%s", name, i, d.show(all))
			}
		}
		for said = from; said < len(all) && all[said].State != Off; said++ {
		}
		if said-from > late {
			t.Errorf("%s: off is said %d minutes late, at most %d%s", name, said-from, late, d.show(all))
		}
		for ; said < len(all); said++ {
			if all[said].State != Off {
				t.Errorf("%s: %v is said in minute %d of silence", name, all[said].State, said-from)
			}
		}
	}
	f("mirror, a frame every minute", Full, 1, 30, 1)
	f("mirror, a frame every other minute", Full, 2, 30, 3)
	f("mirror, a frame every four minutes", Full, 4, 30, 5)
	f("plain port, a frame every minute", Broadcasts, 1, 30, 2)
	f("plain port, a frame every three minutes", Broadcasts, 3, 30, 5)
	f("plain port, a frame every 12 minutes", Broadcasts, 12, 60, 15)
}

// TestFarewell: who takes leave and falls silent is off, whatever its silences were.
func TestFarewell(t *testing.T) {
	f := func(name string, signs Signs, off bool) {
		t.Helper()
		d := newDay(Full).off(30).boot()
		for range 60 {
			d.add(1, Idle, func(m *Minute) { m.Sent, m.Signs = 3, CPU })
			d.add(3, Idle, func(*Minute) {})
		}
		d.minutes[len(d.minutes)-4].Signs |= signs
		m := New(Builtin())
		for _, x := range d.minutes {
			m.Step(x)
		}
		if b := m.Now(); (b[Off] > 0.5) != off {
			t.Errorf("%s: off is believed %.3f after three silent minutes", name, b[Off])
		}
	}
	f("its usual silence", 0, false)
	f("with a farewell before", Farewell, true)
}

// TestPlainPort: on and off are told, use is not, unless Steam proves it.
func TestPlainPort(t *testing.T) {
	d := newDay(Broadcasts).off(60).boot().idle(30).play(90).browse(60).idle(30).off(60)
	all := d.settle()
	for i := range all {
		on := all[i].Belief.On() > 0.5
		turn := min(abs(i-60), abs(i-272)) // minutes to the next time it is switched
		if on != (d.truth[i] != Off) && turn > 5 {
			t.Errorf("minute %d: on is %v, want %v%s", i, on, !on, d.show(all))
			break
		}
	}
	if got := sessionsOf(all); len(got) != 0 {
		t.Errorf("%d sessions at a plain port without proof, want none", len(got))
	}
	proof := newDay(Broadcasts).off(60).boot().idle(30)
	for range 30 {
		proof.play(1).gameOn()
	}
	all = proof.idle(60).settle()
	for i := 95; i < 120; i++ {
		if all[i].State != Use || all[i].Belief[Use] < 0.9 {
			t.Fatalf("minute %d: %v (%.2f) though Steam says that a game runs%s", i, all[i].State, all[i].Belief[Use], proof.show(all))
		}
	}
	list := sessionsOf(all)
	if len(list) != 1 {
		t.Fatalf("%d sessions, want the one that Steam proved", len(list))
	}
	if s := &list[0]; s.StartErr < 5*time.Minute || s.EndErr < 5*time.Minute {
		t.Errorf("errors %v and %v at a plain port, want 5 min at least", s.StartErr, s.EndErr)
	}
}

// TestBlind: nothing is said of what nobody saw, and little is believed behind it.
func TestBlind(t *testing.T) {
	d := newDay(Full).off(10).boot().play(30).unseen(60, Use).unseen(30, Off)
	all := d.settle()
	b := all[len(all)-1].Belief
	for s := Off; s <= Use; s++ {
		if b[s] > 0.6 {
			t.Errorf("%v is believed %.2f after 90 minutes that nobody saw", s, b[s])
		}
	}
	list := sessionsOf(all)
	if len(list) != 1 || list[0].Ended != CauseBlind || clockTime(list[0].End) != "00:41:59" {
		t.Errorf("sessions %+v, want one that ended blind at 00:41:59", list)
	}
	d = newDay(Full).off(10).boot().play(30).unseen(3, Use).play(30).off(20)
	list = sessionsOf(d.settle())
	if len(list) != 1 || list[0].Minutes != 60 {
		t.Errorf("sessions %+v, want one of 60 minutes seen around 3 that were not", list)
	}
	why := strings.Join(new(Teller).Why(&list[0]), "\n")
	if !strings.Contains(why, "could not be seen for 3 min") {
		t.Errorf("why does not tell of the unseen minutes:\n%s", why)
	}
	d = newDay(Full).unseen(30, Use).play(30).off(20)
	list = sessionsOf(d.settle())
	if len(list) != 1 || list[0].Began != CauseBlind || list[0].StartErr < 30*time.Minute {
		t.Errorf("sessions %+v, want one that began unseen, within 30 minutes", list)
	}
}

// TestClock: a clock that jumps ends what was open, and nothing is carried over.
func TestClock(t *testing.T) {
	f := func(name string, jump int64, want ...string) {
		t.Helper()
		d := newDay(Full).off(10).boot().play(30).play(30).off(30)
		for i := 42; i < len(d.minutes); i++ {
			x := &d.minutes[i]
			for _, at := range []*int64{&x.Start, &x.First, &x.Last, &x.FirstUse, &x.LastUse} {
				if *at != 0 {
					*at += jump
				}
			}
		}
		var got []string
		for _, s := range sessionsOf(d.settle()) {
			checkSession(t, &s)
			got = append(got, clockTime(s.Start)+"–"+clockTime(s.End)+" "+s.Ended.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: sessions %q, want %q", name, got, want)
		}
	}
	f("set back by half an hour", -30*minute, "00:12:01–00:41:59 blind", "00:12:01–00:41:59 off")
	f("set ahead by two hours", 120*minute, "00:12:01–00:41:59 blind", "02:42:01–03:11:59 off")
	f("one minute not given", minute, "00:12:01–00:41:59 blind", "00:43:01–01:12:59 off")
}

// TestWhy holds the sentences to the minutes, in both languages, on the clock that people read.
func TestWhy(t *testing.T) {
	d := newDay(Full).off(20).boot().browse(30)
	for range 60 {
		d.play(1)
	}
	d.gameOn().read(8).play(20).unseen(2, Use).play(10).boot().idle(30)
	list := sessionsOf(d.settle())
	if len(list) != 1 {
		t.Fatalf("%d sessions, want 1", len(list))
	}
	sites, volume := 0, uint32(0)
	for _, m := range d.minutes {
		sites += int(m.Names)
		volume += m.User
	}
	hanoi := func(at int64) time.Time { return time.Unix(0, at).UTC().Add(7 * time.Hour) }
	f := func(l Language, want ...string) {
		t.Helper()
		teller := Teller{Language: l, At: hanoi, Title: func(title uint16) string { return map[uint16]string{7: "riot-games"}[title] }}
		got := teller.Why(&list[0])
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Fatalf("sentence %d of\n%s\nwant\n%s", i, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
	n, mb := strconv.Itoa(sites), strconv.Itoa(int(volume+512)>>10)
	f(English,
		"started up 07:20:12",
		"real-time game traffic 07:52–09:31 (riot-games), 82 min",
		"asked for "+n+" new sites 07:22–07:51",
		"exchanged "+mb+" MB with the internet 07:22–09:31, updates left out",
		"Steam said that a game was running 08:51",
		"longest pause: 8 min, 08:51–09:00",
		"could not be seen for 2 min of it",
		"started anew 09:32",
	)
	f(Vietnamese,
		"máy khởi động lúc 07:20:12",
		"lưu lượng trò chơi thời gian thực 07:52–09:31 (riot-games), 82 phút",
		"truy vấn "+n+" trang mới 07:22–07:51",
		"trao đổi "+mb+" MB với Internet 07:22–09:31, không kể cập nhật",
		"Steam báo có trò chơi đang chạy 08:51",
		"khoảng nghỉ dài nhất: 8 phút, 08:51–09:00",
		"có 2 phút không quan sát được",
		"máy khởi động lại lúc 09:32",
	)
}

// TestConfidence: the longer a pause and the less exact the end, the less sure a session is; params.tsv says by how much.
func TestConfidence(t *testing.T) {
	of := func(d *day) float64 {
		t.Helper()
		list := sessionsOf(d.settle())
		if len(list) != 1 {
			t.Fatalf("%d sessions, want 1%s", len(list), d.show(d.settle()))
		}
		return list[0].Confidence
	}
	day := func() *day { return newDay(Full).off(20).boot() }
	sure := of(day().play(60).off(60))
	paused := of(day().play(30).lobby(9, Use).play(30).off(60))
	left := of(day().play(60).idle(60))
	if sure < 0.95 || paused > sure-0.2 || left > sure-0.005 {
		t.Errorf("confidence %.3f, with a pause of nine minutes %.3f, left on %.3f", sure, paused, left)
	}
}
