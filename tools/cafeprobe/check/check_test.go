package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"cafeprobe/board"
	"cafeprobe/firmware/health"
	"cafeprobe/tools/cafeprobe/diag"
	"cafeprobe/tools/lang"
	"cafeprobe/uplink"
)

const now = 26 * time.Hour

// today is what a technician's computer takes for UTC.
var today = time.Date(2026, 11, 28, 2, 30, 0, 0, time.UTC)

// sound are the inputs of a box on which all is well, in a café of 40 PCs.
func sound() health.Inputs {
	return health.Inputs{
		Beat: now, Supply: health.SupplyGood, Wear: &board.Wear{Used: 10}, Quality: uplink.QualitySync,
		Capture: health.LinkUp, Grade: "A", Word: "mirror", Uplink: health.LinkUp, Address: true, Connected: true, Reached: true,
		Seen: &health.Seen{PCs: 38, Unknown: 2, Both: 38, Loss: 12, Frames: 200_000, Group: 20_000},
	}
}

// answer is a box's, of a report that Evaluate made.
func answer(change func(*health.Inputs)) *diag.Answer {
	in := sound()
	change(&in)
	r := health.Evaluate(in, health.Report{}, now)
	a := &diag.Answer{Board: "nanopi-r2s", Release: "2026.11.0", Uptime: now.Milliseconds() + 4000, Uplink: "192.168.1.10/24", Health: &r}
	a.Data.Mode, a.Data.Size = "kept", 7<<30
	return a
}

// TestJudge: of what is wrong the right point says so, with what to do; what follows from it names it, and the rest is well.
func TestJudge(t *testing.T) {
	f := func(name string, change func(*health.Inputs), sum health.State, want ...string) {
		t.Helper()
		ps := Judge(answer(change), 40, today)
		var got []string
		for _, p := range ps {
			if p.State == health.OK || p.Never {
				continue
			}
			s := fmt.Sprintf("%s %s %s", p.Name, p.State, p.Why)
			if p.By != "" {
				s += " by " + string(p.By)
			} else if p.State != health.Unknown {
				s += ": " + p.Do.EN
				if p.Do.EN == "" || p.Do.VI == "" || p.Do.VI == p.Do.EN {
					t.Errorf("%s: %s has no remedy in both languages: %q", name, p.Name, p.Do)
				}
			}
			got = append(got, s)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: got %q, want %q", name, got, want)
		}
		for i := range want {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("%s: got %q, want %q in it", name, got[i], want[i])
			}
		}
		if s := Sum(ps); s != sum {
			t.Errorf("%s: in all %s, want %s", name, s, sum)
		}
	}
	away := func(why string) func(*health.Inputs) {
		return func(in *health.Inputs) { in.Connected, in.Reached, in.Tried, in.Refusal = false, false, true, why }
	}
	f("all is well", func(*health.Inputs) {}, health.OK)
	f("a board that cannot measure its supply", func(in *health.Inputs) { in.Supply = health.SupplyUnknown }, health.OK)
	f("a weak supply", func(in *health.Inputs) { in.Supply = health.SupplyLow }, health.Bad,
		"power bad low: replace the power supply")
	f("a slow card", func(in *health.Inputs) { in.Commit = 3 * time.Second }, health.Warn,
		"card warn slow: replace it by a good one")
	f("a worn card", func(in *health.Inputs) { in.Wear.Used = 90 }, health.Warn, "card warn worn: have a new card")
	f("a card that takes no writes", func(in *health.Inputs) { in.Card.Fault = uplink.CardReadOnly }, health.Bad,
		"card bad read-only: restart")
	f("a wrong clock", func(in *health.Inputs) { in.Quality = uplink.QualityFloor }, health.Bad, "clock bad floor: let NTP")
	f("no link", func(in *health.Inputs) {
		away(health.RefusalName)(in)
		in.Uplink, in.Backlog = health.LinkNoCarrier, 12
	}, health.Bad, "uplink bad no-carrier: plug the cable", "dns bad name by uplink", "broker unknown name by uplink", "receipt warn kept by uplink")
	f("no address", func(in *health.Inputs) { away(health.RefusalName)(in); in.Address = false }, health.Bad,
		"uplink bad no-address: check the router's DHCP", "dns bad name by uplink", "broker unknown name by uplink", "receipt unknown first by uplink")
	f("no DNS", away(health.RefusalName), health.Bad,
		"dns bad name: check the router's DNS", "broker unknown name by dns", "receipt unknown first by dns")
	f("no DNS, hence no time server", func(in *health.Inputs) { away(health.RefusalName)(in); in.Quality = uplink.QualityFloor }, health.Bad,
		"clock bad floor by dns", "dns bad name: check the router's DNS", "broker unknown name by dns", "receipt unknown first by dns")
	f("no time server, and a broker that is blocked", func(in *health.Inputs) { away(health.RefusalTimeout)(in); in.Quality = uplink.QualityFloor }, health.Bad,
		"clock bad floor: let NTP", "broker bad timeout: check the internet; let TCP 8883", "receipt unknown first by broker")
	at := func(by time.Duration) func(*health.Inputs) {
		return func(in *health.Inputs) { in.UTC = today.Add(by).UnixMilli() }
	}
	f("the technician's time, and a report of 4 s ago", at(-4*time.Second), health.OK)
	f("a time that may be his error", at(-4*time.Minute), health.OK)
	f("servers that agree on a time that is over", at(-200*24*time.Hour), health.Bad, "clock bad off: check this computer's time")
	f("servers that agree on one to come", func(in *health.Inputs) { away(health.RefusalDates)(in); at(6 * time.Minute)(in) }, health.Bad,
		"clock bad off: check this computer's time", "broker bad dates by clock", "receipt unknown first by clock")
	f("a wrong time, and a firewall", func(in *health.Inputs) { away(health.RefusalTimeout)(in); at(72 * time.Hour)(in) }, health.Bad,
		"clock bad off", "broker bad timeout: check the internet", "receipt unknown first by broker")
	f("a clock that makes a certificate too new", func(in *health.Inputs) { away(health.RefusalDates)(in); in.Quality = uplink.QualityFloor }, health.Bad,
		"clock bad floor: let NTP", "broker bad dates by clock", "receipt unknown first by clock")
	f("a broker that is blocked", away(health.RefusalTimeout), health.Bad,
		"broker bad timeout: check the internet; let TCP 8883", "receipt unknown first by broker")
	f("another CA", away(health.RefusalAuthority), health.Bad,
		"broker bad authority: check that ca.pem", "receipt unknown first by broker")
	f("a login page", away(health.RefusalPlain), health.Bad,
		"broker bad plain: check the port", "receipt unknown first by broker")
	f("a used claim code", away(health.RefusalClaim), health.Bad,
		"broker bad claim: ask for a new claim code", "receipt unknown first by broker")
	f("a reason that nobody knows", away("melted"), health.Bad,
		"dns unknown other", "broker bad other: check the internet", "receipt unknown first by broker")
	f("no receipt yet", func(in *health.Inputs) { in.Reached = false }, health.Unknown, "receipt unknown first")
	f("receipts that do not come", func(in *health.Inputs) { in.Late, in.Lag = true, 20*time.Minute }, health.Bad,
		"receipt bad late: tell the province")
	f("the capture port's cable is out", func(in *health.Inputs) { in.Capture, in.Grade, in.Seen = health.LinkNoCarrier, "BLIND", &health.Seen{} }, health.Bad,
		"capture bad no-carrier: plug the cable", "vantage bad blind by capture", "stations warn few by capture")
	f("a plain port", func(in *health.Inputs) { in.Grade, in.Word = "C", "broadcasts" }, health.Warn,
		"vantage warn plain: On the switch, mirror the port to the router")
	f("a mirror that was taken away", func(in *health.Inputs) { in.Grade, in.Word = "BLIND", "broadcasts" }, health.Bad,
		"vantage bad gone: On the switch, mirror the port to the router")
	f("half a mirror", func(in *health.Inputs) { in.Grade, in.Word = "C", "one-way" }, health.Warn,
		"vantage warn one-way: The mirror shows one direction")
	f("half a mirror, which shows no PC", func(in *health.Inputs) { in.Grade, in.Word, in.Seen.PCs = "C", "one-way", 0 }, health.Warn,
		"vantage warn one-way", "stations warn few by vantage")
	f("a computer's port", func(in *health.Inputs) { in.Grade, in.Word = "C", "one-port" }, health.Warn,
		"vantage warn one-port: The port of one computer")
	f("a second switch", func(in *health.Inputs) { in.Seen.Hidden = 4 }, health.Warn,
		"vantage warn second-switch: Some stations do not pass")
	f("a mirror that drops", func(in *health.Inputs) { in.Seen.Loss = 300 }, health.Warn, "vantage warn loss: give this port")
	f("a mirror the wrong way round", func(in *health.Inputs) { in.Grade, in.Word, in.Seen = "BLIND", "no-frames", &health.Seen{} }, health.Bad,
		"vantage bad no-frames: The link is up and nothing comes", "stations warn few by vantage")
	f("nine tenths of the stations", func(in *health.Inputs) { in.Seen.PCs = 36 }, health.OK)
	f("less", func(in *health.Inputs) { in.Seen.PCs = 35 }, health.Warn, "stations warn few: switch on those that are off")
	f("counted yet", func(in *health.Inputs) { in.Grade, in.Word, in.Seen.PCs, in.Up = "", "", 3, now-time.Minute }, health.Unknown,
		"vantage unknown waiting", "stations unknown waiting")
	f("not counted yet", func(in *health.Inputs) { in.Seen = nil }, health.Unknown, "stations unknown waiting")
}

// TestUndeclared: where the owner was not asked one PC is enough, and none is not.
func TestUndeclared(t *testing.T) {
	f := func(pcs int, want health.State) {
		t.Helper()
		ps := Judge(answer(func(in *health.Inputs) { in.Seen.PCs = pcs }), 0, today)
		if p := ps[len(ps)-1]; p.Name != Stations || p.State != want {
			t.Errorf("%d: %+v, want %s", pcs, p, want)
		}
	}
	f(1, health.OK)
	f(0, health.Warn)
}

// TestDumb: of a box whose program says nothing it is said so, and nothing else.
func TestDumb(t *testing.T) {
	f := func(name string, a *diag.Answer, why string) {
		t.Helper()
		ps := Judge(a, 40, today)
		if ps[0].Name != Program || ps[0].Why != why || Sum(ps) != health.Bad || len(ps) != 11 {
			t.Errorf("%s: %+v", name, ps)
		}
		for _, p := range ps[1:] {
			if p.State != health.Unknown || p.By != Program {
				t.Errorf("%s: %+v, want it unknown", name, p)
			}
		}
	}
	f("it was never provisioned", &diag.Answer{Uptime: startTime}, "silent")
	if ps := Judge(&diag.Answer{Uptime: startTime - 1}, 40, today); Sum(ps) != health.Unknown || ps[0].Why != "starting" {
		t.Errorf("it starts: %+v, want it unknown", ps[0])
	}
	late := answer(func(*health.Inputs) {})
	late.Uptime += health.Silence.Milliseconds()
	f("it hangs", late, "stale")
}

// recorded are results of all kinds, as of 40 PCs.
func recorded() map[string]*Result {
	of := func(change func(*health.Inputs)) *Result {
		w := &watcher{Config: Config{Stations: 40}}
		w.hello.Box, w.hello.Key, w.hello.Fingerprint = "b-7f3a91c2", bytes.Repeat([]byte{7}, 32), "đam rung thân vân xông kâm"
		a := answer(change)
		r := w.result(a, nil)
		return r
	}
	return map[string]*Result{
		"well": of(func(*health.Inputs) {}),
		"plain": of(func(in *health.Inputs) {
			in.Grade, in.Word, in.Seen = "C", "broadcasts", &health.Seen{PCs: 31, Unknown: 4, Frames: 9000, Group: 8800}
		}),
		"worst": of(func(in *health.Inputs) {
			*in = health.Inputs{
				Beat: now, Supply: health.SupplyLow, Card: uplink.Card{Fault: uplink.CardBroken}, Capture: health.LinkUp, Grade: "C", Word: "one-way",
				Uplink: health.LinkUp, Address: true, Tried: true, Refusal: health.RefusalAuthority, Backlog: 1234, Quality: uplink.QualityCoarse,
				Seen: &health.Seen{PCs: 12, Unknown: 30, Hidden: 9, Loss: 400, Frames: 9000, Group: 8800},
			}
		}),
	}
}

// TestPage: each report is of one page, the same each time, with each verdict in it, each letter's diacritics, and nothing below the edge.
func TestPage(t *testing.T) {
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("no pdftotext, and this is CI: apt-get install poppler-utils")
		}
		t.Skip("no pdftotext: apt-get install poppler-utils")
	}
	at := time.Date(2026, 11, 28, 9, 30, 0, 0, time.FixedZone("", 7*3600))
	for name, r := range recorded() {
		var first, again bytes.Buffer
		for _, b := range []*bytes.Buffer{&first, &again} {
			if err := WritePage(b, r, "Quán Hoa Sữa", at); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(first.Bytes(), again.Bytes()) {
			t.Errorf("%s: two reports of the same differ", name)
		}
		path := filepath.Join(t.TempDir(), name+".pdf")
		if dir := os.Getenv("CHECK_PAGES"); dir != "" {
			path = filepath.Join(dir, name+".pdf")
		}
		if err := os.WriteFile(path, first.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), tool, "-layout", path, "-").Output()
		if err != nil {
			t.Fatal(err)
		}
		got := flat(string(out))
		want := []string{"Quán Hoa Sữa", r.Box, r.Fingerprint, r.Board, r.Release, "09:30, 28/11/2026 (+07:00)"}
		want = append(want, "chủ quán cho biết 40", "Chủ quán (ký", summaries[r.State].VI)
		for _, p := range r.Points {
			want = append(want, p.Text.VI)
			if p.By == "" && p.Do.VI != "" {
				want = append(want, p.Do.VI)
			}
		}
		for _, w := range want {
			for _, one := range strings.Fields(w) {
				if !strings.Contains(strings.ToLower(got), strings.ToLower(one)) {
					t.Errorf("%s: %q of %q is not on the page:\n%s", name, one, w, out)
				}
			}
		}
		if strings.Count(string(out), "\f") != 1 {
			t.Errorf("%s: %d pages, want one", name, strings.Count(string(out), "\f"))
		}
	}
}

func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

// TestRoom: the worst report leaves the place for two names free.
func TestRoom(t *testing.T) {
	for name, r := range recorded() {
		s, err := compose(r, strings.Repeat("Quán nét Hoa Sữa ", 20), time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		if s.Y > footAt {
			t.Errorf("%s: written down to %.0f mm, want %.0f at most", name, s.Y, footAt)
		}
	}
}

// TestFinal: what is to be done is said once, where it is to be done, with the makers' steps; a terminal is not steered by what a box says.
func TestFinal(t *testing.T) {
	f := func(l lang.Lang, want ...string) {
		t.Helper()
		var b bytes.Buffer
		s := &Screen{Out: &b, Lang: l}
		if err := s.Final(recorded()["plain"]); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if strings.Count(b.String(), w) != 1 {
				t.Errorf("%s: %q is in it %d times, want once:\n%s", l, w, strings.Count(b.String(), w), b.String())
			}
		}
	}
	f(lang.EN, "do: On the switch, mirror the port to the router", "on MikroTik:", "on DrayTek:", "on Ruijie Reyee:",
		"on TP-Link:", "The box works;", "31 of 40 PCs")
	f(lang.VI, "cần làm: Trên bộ chuyển mạch, sao chép cổng", "trên TP-Link:", "Thiết bị hoạt động; còn điểm cần xem.", "tìm thấy 31 trong 40 máy")
}

// TestScreen: a terminal's table is drawn in the place of the last; a file gets a line for each change, and none twice.
func TestScreen(t *testing.T) {
	r := recorded()
	tell := func(s *Screen) {
		s.Tell(Progress{Err: fmt.Errorf("no cable")})
		s.Tell(Progress{Err: fmt.Errorf("no cable")})
		s.Tell(Progress{Elapsed: 65 * time.Second, Left: time.Minute, Result: r["plain"]})
		s.Tell(Progress{Elapsed: 67 * time.Second, Result: r["plain"]})
		s.Tell(Progress{Elapsed: 69 * time.Second, Result: r["well"]})
	}
	var b bytes.Buffer
	tell(&Screen{Out: &b, Lang: lang.EN})
	n := strings.Count(b.String(), "\n")
	if n != 1+10+2 || strings.Contains(b.String(), "\x1b") || !strings.Contains(b.String(), "1:09  ok        vantage") {
		t.Errorf("%d lines, want 13:\n%s", n, b.String())
	}
	b.Reset()
	tell(&Screen{Out: &b, Lang: lang.EN, Live: true})
	if strings.Count(b.String(), "\x1b[2F") != 2 || strings.Count(b.String(), "\x1b[11F") != 2 {
		t.Errorf("it is not drawn in its place: %q", b.String())
	}
}

// TestTitles: each point has a title in both languages, and what it says in Vietnamese is Vietnamese.
func TestTitles(t *testing.T) {
	for name, r := range recorded() {
		for _, p := range r.Points {
			for _, s := range []string{p.Name.Title(lang.VI), p.Text.VI} {
				if !strings.ContainsFunc(s, func(c rune) bool { return c > unicode.MaxASCII }) || p.Name.Title(lang.EN) == "" || p.Text.EN == "" {
					t.Errorf("%s: %s says %q", name, p.Name, s)
				}
			}
		}
	}
}

// FuzzJudge: whatever a box answers, it is judged, and nothing that a terminal obeys is shown.
func FuzzJudge(f *testing.F) {
	f.Add([]byte(`{"health":{"seq":1,"checks":[{"c":"power","s":"bad","why":"\u001b[2J","by":"\b"}],"seen":{"pcs":-5,"frames":1,"group":9}}}`), 3)
	b, err := json.Marshal(answer(func(*health.Inputs) {}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, 40)
	f.Fuzz(func(t *testing.T, b []byte, declared int) {
		a, err := diag.Parse(b)
		if err != nil {
			return
		}
		w := &watcher{Config: Config{Stations: declared}}
		r := w.result(a, b)
		var out bytes.Buffer
		if err := (&Screen{Out: &out, Lang: lang.VI}).Final(r); err != nil {
			t.Fatal(err)
		}
		for _, c := range out.String() {
			if c < ' ' && c != '\n' || c >= 0x7f && c < 0xa0 {
				t.Fatalf("%q shows %q", b, c)
			}
		}
		if len(r.Points) < 10 {
			t.Errorf("%d points", len(r.Points))
		}
	})
}
