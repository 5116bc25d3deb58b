package evidence

import (
	"fmt"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/firmware/state"
)

// start is a whole minute.
var start = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC).UnixNano()

func at(s float64) int64 { return start + int64(s*float64(second)) }

func full(int64) state.View { return state.Full }

// taken returns the minutes that are closed at the second now.
func taken(s *Station, now float64) (list []state.Minute) {
	s.Take(at(now), full, func(m *state.Minute) { list = append(list, *m) })
	return list
}

func TestMinutesCloseLateInOrderAndOnce(t *testing.T) {
	var s Station
	s.Sent(at(10), at(10), 1)
	s.Sent(at(130), at(130), 2)
	f := func(now float64, want string) {
		t.Helper()
		got := ""
		for _, m := range taken(&s, now) {
			got += fmt.Sprintf("%d:%d ", (m.Start-start)/minute, m.Sent)
		}
		if got != want {
			t.Errorf("at %.0f s: %q, want %q", now, got, want)
		}
	}
	f(60+129, "")
	f(60+130, "0:1 ")
	f(60+130, "")
	f(240+130, "1:0 2:2 3:0 ")
	s.Sent(at(70), at(70), 5) // of a minute that is closed
	f(300+130, "4:0 ")
}

func TestSentIsSharedByTime(t *testing.T) {
	var s Station
	s.Sent(at(50), at(70), 20)
	got := taken(&s, 120+130)
	if len(got) != 2 || got[0].Sent != 10 || got[1].Sent != 10 {
		t.Fatalf("got %+v, want 10 frames in each of two minutes", got)
	}
	if got[0].First != at(50) || got[1].Last != at(70) {
		t.Errorf("first %d, last %d, want %d and %d", got[0].First, got[1].Last, at(50), at(70))
	}
}

// TestDiskIsNotSent: frames to a disk are not counted as sent; that some were sent still is.
func TestDiskIsNotSent(t *testing.T) {
	f := func(name string, traffic Traffic, up, down capture.Count, want uint32) {
		t.Helper()
		var s Station
		s.Sent(at(1), at(59), 500)
		s.Flow(at(1), at(59), 6, up, down, traffic, 0)
		if m := taken(&s, 60+130)[0]; m.Sent != want {
			t.Errorf("%s: %d frames sent, want %d", name, m.Sent, want)
		}
	}
	f("a disk", Local, count(480, 48<<10), count(900, 1200<<10), 20)
	f("a disk alone", Local, count(500, 48<<10), count(900, 1200<<10), 1)
	f("a share", Local, count(480, 48<<10), count(900, 100<<10), 500)
	f("a site", Personal, count(480, 48<<10), count(900, 1200<<10), 500)
}

func count(frames, octets uint64) capture.Count { return capture.Count{Frames: frames, Octets: octets} }

func TestFlow(t *testing.T) {
	var title uint16
	f := func(name string, proto uint8, up, down capture.Count, traffic Traffic, want string) {
		t.Helper()
		var s Station
		s.Flow(at(10), at(49.9), proto, up, down, traffic, title)
		m := taken(&s, 60+130)[0]
		use := "-"
		if m.LastUse != 0 {
			use = fmt.Sprintf("%d..%d", (m.FirstUse-start)/second, (m.LastUse-start)/second)
		}
		got := fmt.Sprintf("play %d user %d back %d use %s", m.Play, m.User, m.Back, use)
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	f("game", 17, count(1200, 120<<10), count(1200, 240<<10), Personal, "play 40 user 360 back 0 use 10..49")
	f("voice of a launcher", 17, count(1200, 120<<10), count(1200, 240<<10), Background, "play 0 user 0 back 360 use -")
	f("video", 17, count(2000, 120<<10), count(20000, 25000<<10), Personal, "play 0 user 25120 back 0 use 10..49")
	f("a socket held open", 6, count(10, 1<<10), count(10, 1<<10), Personal, "play 0 user 2 back 0 use -")
	f("a thin game over TCP", 6, count(100, 8<<10), count(120, 20<<10), Personal, "play 40 user 28 back 0 use 10..49")
	f("a share", 6, count(100, 8<<10), count(120, 20<<10), Local, "play 0 user 0 back 28 use -")
	f("a disk", 6, count(600, 600<<10), count(1200, 1200<<10), Local, "play 0 user 0 back 0 use -")
	title = 7 // the game's own flow
	f("a game of turns", 6, count(22, 2<<10), count(30, 9<<10), Personal, "play 40 user 11 back 0 use 10..49")
	f("the game's page", 6, count(5, 2<<10), count(9, 9<<10), Personal, "play 0 user 11 back 0 use -")
	f("one way", 17, count(4000, 400<<10), count(0, 0), Personal, "play 0 user 400 back 0 use 10..49")
}

// TestMessenger: what a station sends to a messenger is counted, and is use from some KB a minute on; the flow is background.
func TestMessenger(t *testing.T) {
	f := func(name string, up, down uint64, want string) {
		t.Helper()
		var s Station
		for title := range uint16(messengers) { // all are held open
			s.Flow(at(1), at(59), 6, count(9, 900), count(9, 0), Messenger, 10+title)
		}
		s.Flow(at(10), at(29.9), 6, count(20, up/2), count(20, down), Messenger, 10)
		s.Flow(at(30), at(49.9), 6, count(20, up/2), count(20, 0), Messenger, 10)
		m := taken(&s, 60+130)[0]
		if got := fmt.Sprintf("chat %d user %d back %d used %v", m.Chat-900, m.User, m.Back-5, m.LastUse != 0); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	f("heartbeats", 1200, 1200, "chat 1200 user 0 back 2 used false")
	f("a group that writes a lot", 1500, 30<<10, "chat 1500 user 0 back 31 used false")
	f("somebody writes", 5000, 9<<10, "chat 5000 user 0 back 14 used true")
}

// TestUnanswered: a minute in which what is asked of the internet gets no answer is marked, where answers came within the hour.
func TestUnanswered(t *testing.T) {
	f := func(name string, before uint64, later float64, frames uint64, traffic Traffic, want bool) {
		t.Helper()
		var s Station
		s.Flow(at(1), at(50), 6, count(20, 2000), count(before, 100*before), Personal, 0)
		taken(&s, later)
		s.Sent(at(later+1), at(later+50), 20)
		s.Flow(at(later+1), at(later+50), 6, count(frames, 70*frames), count(0, 0), traffic, 0)
		list := taken(&s, later+60+130)
		if got := list[len(list)-1].Signs&state.Unanswered != 0; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	f("the line is down", 20, 300, 20, Personal, true)
	f("so are programs", 20, 300, 20, Background, true)
	f("one frame", 20, 300, 1, Personal, false)
	f("in the LAN", 20, 300, 20, Local, false)
	f("answers were never seen", 0, 300, 20, Personal, false)
	f("nor for two hours", 20, 7200, 20, Personal, false)
}

func TestNames(t *testing.T) {
	var s Station
	s.Name(at(1), "www.a.com.vn", true)
	s.Name(at(2), "cdn.a.com.vn", true) // the same site
	s.Name(at(3), "b.com.vn", false)    // a question, and no traffic
	s.Name(at(61), "c.example", false)
	s.Flow(at(62), at(80), 6, count(50, 5<<10), count(80, 90<<10), Personal, 0)
	list := taken(&s, 3659)
	s.Name(at(3659), "www.a.com.vn", true)
	s.Name(at(3659), "c.example", true)
	got := map[int64]uint8{}
	for _, m := range append(list, taken(&s, 3720+130)...) {
		if m.Names > 0 {
			got[(m.Start-start)/minute] = m.Names
		}
	}
	if fmt.Sprint(got) != "map[0:1 1:1 60:1]" {
		t.Errorf("names by minute %v, want one in 0, one in 1 and, an hour after the first, one in 60", got)
	}
}

func TestSiteOf(t *testing.T) {
	for name, want := range map[string]string{
		"vnexpress.net": "vnexpress.net", "i1-vne.cdn.vnexpress.net.": "vnexpress.net", "a.b.COM.VN": "b.com.vn", "com.vn": "com.vn",
		"x.co.uk": "x.co.uk", "host": "host", "": "", "a.gov.vn": "a.gov.vn", "b.a.gov.vn": "a.gov.vn", "t.co": "t.co",
	} {
		if got := siteOf(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestTimeJumps: a day without anything is not stepped through, a minute that is open before it is told.
func TestTimeJumps(t *testing.T) {
	var s Station
	s.Sent(at(10), at(10), 3)
	got := taken(&s, 86400)
	if len(got) > 2*enough || got[0].Sent != 3 {
		t.Errorf("%d minutes, the first %+v", len(got), got[0])
	}
	s.Sent(at(86400), at(86400), 9)
	got = taken(&s, 86460+130)
	if last := got[len(got)-1]; last.Sent != 9 {
		t.Errorf("after the jump %+v, want 9 frames", last)
	}
}

func FuzzStation(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 200, 9, 30, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Station
		now, last := start, int64(0)
		for len(b) >= 4 {
			from := now + int64(int8(b[1]))*second
			to := from + int64(b[2])*second
			switch b[0] % 6 {
			case 0:
				s.Sent(from, to, uint64(b[3]))
			case 1:
				s.Flow(from, to, b[3], count(uint64(b[3]), 99), count(uint64(b[2]), 1<<40), Traffic(b[3]%3), uint16(b[3]))
			case 2:
				s.Name(from, string(b[:3]), b[3]%2 == 0)
			case 3:
				s.Sign(from, state.Signs(b[3]))
			case 4:
				now += int64(b[1]) << (b[3] % 40)
			case 5:
				if b[3] == 77 {
					s.Reset()
					last = 0
				}
			}
			s.Take(now, full, func(m *state.Minute) {
				if m.Start <= last || m.Start%minute != 0 || m.Play > 60 || m.First > m.Last || m.FirstUse > m.LastUse {
					t.Fatalf("after minute %d: %+v", last, *m)
				}
				if m.LastUse != 0 && (m.FirstUse < m.Start || m.LastUse >= m.Start+minute) {
					t.Fatalf("use outside its minute: %+v", *m)
				}
				last = m.Start
			})
			b = b[4:]
		}
	})
}

func BenchmarkFlow(b *testing.B) {
	var s Station
	b.ReportAllocs()
	for i := range b.N {
		now := start + int64(i)*second
		s.Flow(now-60*second, now, 17, count(600, 60000), count(600, 120000), Personal, 0)
		s.Take(now, full, func(*state.Minute) {})
	}
}
