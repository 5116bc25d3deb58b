package health

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"cafeprobe/board"
	"cafeprobe/uplink"
)

// sound are the inputs of a box on which all is well.
func sound(now time.Duration) Inputs {
	return Inputs{
		Beat: now - time.Second, Supply: SupplyGood, Celsius: 48, Wear: &board.Wear{Used: 10}, Quality: uplink.QualitySync,
		Capture: LinkUp, Grade: "A", Uplink: LinkUp, Address: true, Connected: true, Reached: true,
	}
}

// TestGraph: what is wrong is named once, where it is to be mended; what follows from it says so.
func TestGraph(t *testing.T) {
	const now = 2 * time.Hour
	f := func(name string, change func(*Inputs), want ...string) {
		t.Helper()
		in := sound(now)
		change(&in)
		r := Evaluate(in, Report{}, now)
		var got []string
		for _, c := range r.Checks {
			if c.State == OK {
				continue
			}
			s := string(c.Name) + " " + string(c.State) + " " + c.Why
			if c.By != "" {
				s += " by " + string(c.By)
			}
			got = append(got, s)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
		if err := r.Valid(now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("all is well", func(*Inputs) {})
	f("the uplink's cable is out", func(in *Inputs) {
		in.Connected, in.Uplink, in.Tried, in.Refusal = false, LinkNoCarrier, true, RefusalName
		in.Backlog, in.Quality = 12, uplink.QualityFloor
	}, "clock bad floor by uplink", "uplink bad no-carrier", "broker bad name by uplink", "receipts warn kept by uplink")
	f("no time, so no certificate is valid", func(in *Inputs) {
		in.Connected, in.Tried, in.Refusal, in.Quality = false, true, RefusalCertificate, uplink.QualityNone
	}, "clock bad unset", "broker bad certificate by clock")
	f("the broker takes what the province does not get", func(in *Inputs) { in.Late, in.Lag, in.Backlog = true, 20*time.Minute, 3 },
		"receipts bad late")
	f("records wait while connected", func(in *Inputs) { in.Backlog = 3 })
	f("the capture port's cable is out", func(in *Inputs) { in.Capture, in.Grade = LinkNoCarrier, "BLIND" },
		"capture bad no-carrier", "vantage bad blind by capture")
	f("the mirror is gone", func(in *Inputs) { in.Grade, in.Word = "BLIND", "broadcasts" }, "vantage bad gone")
	f("nothing is seen, and why is not said", func(in *Inputs) { in.Grade = "BLIND" }, "vantage bad blind")
	f("the daemon has just begun", func(in *Inputs) {
		in.Up, in.Capture, in.Grade, in.Connected, in.Reached, in.Backlog = now-time.Second, LinkNoCarrier, "", false, false, 1
	}, "capture unknown waiting", "vantage unknown waiting", "broker unknown waiting", "receipts unknown waiting")
	f("no DNS, hence no time server", func(in *Inputs) {
		in.Connected, in.Tried, in.Refusal, in.Quality = false, true, RefusalName, uplink.QualityFloor
	}, "clock bad floor by broker", "broker bad name")
	f("no time server, and a broker that is blocked", func(in *Inputs) {
		in.Connected, in.Tried, in.Refusal, in.Quality = false, true, RefusalTimeout, uplink.QualityFloor
	}, "clock bad floor", "broker bad timeout")
	f("a plain port", func(in *Inputs) { in.Grade = "C" }, "vantage warn plain")
	f("half a mirror", func(in *Inputs) { in.Grade, in.Word = "C", "one-way" }, "vantage warn one-way")
	f("a computer's port", func(in *Inputs) { in.Grade, in.Word = "C", "one-port" }, "vantage warn one-port")
	f("a plain port by its word", func(in *Inputs) { in.Grade, in.Word = "C", "broadcasts" }, "vantage warn plain")
	f("nothing comes", func(in *Inputs) { in.Grade, in.Word = "BLIND", "no-frames" }, "vantage bad no-frames")
	f("a second switch", func(in *Inputs) { in.Seen = &Seen{PCs: 20, Both: 18, Hidden: 2} }, "vantage warn second-switch")
	f("a mirror that drops", func(in *Inputs) { in.Seen = &Seen{PCs: 20, Both: 20, Loss: 250} }, "vantage warn loss")
	f("one that drops next to nothing", func(in *Inputs) { in.Seen = &Seen{PCs: 20, Both: 20, Loss: 99} })
	f("a slow card", func(in *Inputs) { in.Commit = 1800 * time.Millisecond }, "storage warn slow")
	f("another's CA", func(in *Inputs) { in.Connected, in.Tried, in.Refusal = false, true, RefusalAuthority }, "broker bad authority")
	f("a claim code that is used up", func(in *Inputs) { in.Connected, in.Tried, in.Refusal = false, true, RefusalClaim }, "broker bad claim")
	f("the port has sent", func(in *Inputs) { in.Sent = 1 }, "capture bad sent")
	f("mirrors are sent to the box", func(in *Inputs) { in.Capture = LinkNone })
	f("a weak supply breaks the card", func(in *Inputs) { in.Supply, in.Card.Fault = SupplyLow, uplink.CardFailing },
		"power bad low", "storage bad io by power")
	f("a fault of a later version", func(in *Inputs) { in.Card.Fault = "melted" }, "storage bad unknown")
	f("data in memory", func(in *Inputs) { in.Card.Warn = []string{uplink.CardNoJournal, uplink.CardVolatile} },
		"storage bad volatile")
	f("worn", func(in *Inputs) { in.Wear = &board.Wear{Used: 80} }, "storage warn worn")
	f("its spare blocks are used up", func(in *Inputs) { in.Wear = &board.Wear{Used: -1, Reserve: board.ReserveUrgent} },
		"storage bad worn-out")
	f("hot, without a sensor of the supply", func(in *Inputs) { in.Celsius, in.Supply = 91, SupplyUnknown }, "power warn hot")
	f("no sensor at all", func(in *Inputs) { in.Celsius, in.Supply = 0, SupplyUnknown }, "power unknown no-sensor")
	f("a power cut two hours ago", func(in *Inputs) { in.Cut = true })
	f("it reads its card yet", func(in *Inputs) { *in = Inputs{Starting: true, Supply: SupplyGood, Uplink: LinkUp, Address: true} },
		"storage unknown waiting", "clock unknown waiting", "capture unknown waiting", "vantage unknown waiting",
		"broker unknown waiting", "receipts unknown waiting")
	f("the port's state is not known", func(in *Inputs) { in.Capture = LinkUnknown }, "capture unknown waiting")
	f("nothing is known", func(in *Inputs) { *in = Inputs{} },
		"power unknown no-sensor", "clock bad unset by uplink", "vantage bad blind", "uplink bad gone", "broker bad other by uplink")
}

// TestJustStarted: what takes its time is unknown before, and bad behind it.
func TestJustStarted(t *testing.T) {
	const began = time.Hour
	f := func(after time.Duration, vantage, broker State) {
		t.Helper()
		in := sound(began + after)
		in.Up, in.Grade, in.Connected, in.Cut = began, "", false, true
		r := Evaluate(in, Report{}, began+after)
		if v, b := r.Check(Vantage).State, r.Check(Broker).State; v != vantage || b != broker {
			t.Errorf("after %v: vantage %s, broker %s, want %s, %s", after, v, b, vantage, broker)
		}
	}
	f(time.Second, Unknown, Unknown)
	f(tryTime, Unknown, Bad)
	f(seeTime, Bad, Bad)
}

// TestSince: a check keeps since when it is so until its state or its reason is another.
func TestSince(t *testing.T) {
	in := sound(time.Hour)
	r := Evaluate(in, Report{}, time.Hour)
	in.Grade = "BLIND"
	r = Evaluate(in, r, time.Hour+time.Minute)
	in.Beat = time.Hour + 2*time.Minute
	r = Evaluate(in, r, time.Hour+2*time.Minute)
	v, p := r.Check(Vantage), r.Check(Power)
	if v.Since != (time.Hour+time.Minute).Milliseconds() || p.Since != time.Hour.Milliseconds() || r.Seq != 3 {
		t.Errorf("vantage since %d, power since %d, report %d; want 61 min, 60 min, 3", v.Since, p.Since, r.Seq)
	}
	if r.Worst() != Bad || len(r.Ill(Bad)) != 1 {
		t.Errorf("worst %s, %v, want bad, the vantage", r.Worst(), r.Ill(Bad))
	}
}

// TestWords: each word has both languages, each fault a remedy, and each is said by Evaluate or belongs to what is given to it.
func TestWords(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range words {
		key := string(w.check) + " " + w.why
		if seen[key] || !slices.Contains(Names(), w.check) {
			t.Errorf("%s: twice, or of no check", key)
		}
		seen[key] = true
		c := Check{Name: w.check, State: w.state, Why: w.why, N: 7}
		for _, l := range []Lang{Vietnamese, English} {
			s, m := c.Sentence(l), c.Remedy(l)
			if s == "" || s == w.why || strings.ContainsAny(s+m, "{}") || strings.HasSuffix(s, ".") {
				t.Errorf("%s in %s: %q, %q", key, l, s, m)
			}
			if needs := w.state == Warn || w.state == Bad; needs != (m != "") {
				t.Errorf("%s in %s: remedy %q of what is %s", key, l, m, w.state)
			}
			if len([]rune(s)) > 70 || len([]rune(m)) > 90 {
				t.Errorf("%s in %s: too long for a line: %q, %q", key, l, s, m)
			}
		}
		vi := c.Sentence(Vietnamese)
		if !strings.ContainsFunc(vi, func(r rune) bool { return r > unicode.MaxLatin1 }) {
			t.Errorf("%s: %q is not Vietnamese", key, vi)
		}
	}
	for _, n := range Names() {
		if n.Title(Vietnamese) == string(n) || n.Title(English) == "" {
			t.Errorf("%s has no title", n)
		}
	}
}

// TestFeed: hangs reset the box in the end; what no restart mends does not.
func TestFeed(t *testing.T) {
	const since = time.Minute
	at := func(at, beat time.Duration) Report {
		return Report{Seq: 1, At: at.Milliseconds(), Beat: beat.Milliseconds()}
	}
	f := func(name string, r Report, now time.Duration, feed, hung bool) {
		t.Helper()
		got, why := Feed(r, since, now)
		if got != feed || (why == "") != feed {
			t.Errorf("%s: feed is %v, %q, want %v", name, got, why, feed)
		}
		is, why := Hung(r, since, now)
		if is != hung || (why != "") != hung {
			t.Errorf("%s: hung is %v, %q, want %v", name, is, why, hung)
		}
	}
	f("just started", Report{}, since+time.Second, true, false)
	f("never heard, and a restart is due", Report{}, since+Silence, true, true)
	f("never heard, and no restart helped", Report{}, since+Patience, false, true)
	f("well", at(time.Hour, time.Hour), time.Hour+10*time.Second, true, false)
	f("silent", at(time.Hour, time.Hour), time.Hour+Silence, true, true)
	f("silent for too long", at(time.Hour, time.Hour), time.Hour+Patience, false, true)
	f("it talks and stands still", at(2*time.Hour, 2*time.Hour-Silence), 2*time.Hour, true, true)
	f("it talks and stands still for too long", at(2*time.Hour, 2*time.Hour-Patience), 2*time.Hour, false, true)
	in := sound(time.Hour)
	in.Card.Fault, in.Capture, in.Grade, in.Connected, in.Uplink = uplink.CardReadOnly, LinkGone, "BLIND", false, LinkGone
	f("all is broken but the daemon", Evaluate(in, Report{}, time.Hour), time.Hour, true, false)
}

// TestTrial: a firmware stays if it is well for a minute and has reached the province, and else the box goes back.
func TestTrial(t *testing.T) {
	const since = 5 * time.Second
	well := sound(2 * time.Minute)
	first := Evaluate(well, Report{}, 2*time.Minute)
	f := func(name string, in Inputs, last Report, now time.Duration, want Decision) {
		t.Helper()
		in.Beat = now - time.Second
		r := Evaluate(in, last, now)
		if got, why := Trial(r, since, now); got != want || why == "" {
			t.Errorf("%s: %v, %q, want %v", name, got, why, want)
		}
	}
	f("just well", well, Report{}, 2*time.Minute, Wait)
	f("well for a minute", well, first, 3*time.Minute, Confirm)
	f("well for less", well, first, 3*time.Minute-time.Second, Wait)
	away := well
	away.Connected, away.Reached = false, false
	f("the province is away", away, first, 9*time.Minute, Wait)
	f("it stays away", away, first, since+TrialTime, RollBack)
	sick := well
	sick.Card.Fault = uplink.CardReadOnly
	f("the card takes no writes", sick, first, 3*time.Minute, Wait)
	f("nor later", sick, first, 11*time.Minute, RollBack)
	blind := well
	blind.Capture = LinkGone
	f("it does not know its port", blind, first, 11*time.Minute, RollBack)
	blind.Capture, blind.Grade = LinkNoCarrier, "BLIND"
	f("the café's cable is out", blind, first, 3*time.Minute, Confirm)
	f("well at the last moment", well, first, since+TrialTime, Confirm)
	if d, why := Trial(Report{}, since, since+TrialTime); d != RollBack || why == "" {
		t.Errorf("never heard: %v, %q, want it rolled back", d, why)
	}
	if d, _ := Trial(first, since, 2*time.Minute+BeatTime); d != Wait {
		t.Errorf("heard of once, half a minute ago: %v, want it to wait", d)
	}
	hung := Evaluate(Inputs{Beat: time.Second, Reached: true, Capture: LinkUp}, Report{}, 3*time.Minute)
	if d, _ := Trial(hung, since, 3*time.Minute); d != Wait || hung.Well != 0 {
		t.Errorf("it talks and stands still: %v, well since %d, want it to wait", d, hung.Well)
	}
}

func TestLight(t *testing.T) {
	const now = 2 * time.Hour
	f := func(name string, change func(*Inputs), want board.Light) {
		t.Helper()
		in := sound(now)
		change(&in)
		if got := Light(Evaluate(in, Report{}, now), now+10*time.Second); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	f("well", func(*Inputs) {}, board.Working)
	f("worn card", func(in *Inputs) { in.Wear = &board.Wear{Used: 90} }, board.Working)
	f("no province", func(in *Inputs) { in.Connected, in.Tried = false, true }, board.UplinkLost)
	f("blind and no province", func(in *Inputs) { in.Grade, in.Connected, in.Tried = "BLIND", false, true }, board.Blind)
	f("blind, on a broken card", func(in *Inputs) { in.Grade, in.Card.Fault = "BLIND", uplink.CardFull }, board.StorageFault)
	if got := Light(Report{}, now); got != board.Booting {
		t.Errorf("nothing heard: %v, want booting", got)
	}
	if got := Light(Evaluate(sound(now), Report{}, now), now+Silence); got != board.Booting {
		t.Errorf("nothing heard any more: %v, want booting", got)
	}
}

// TestSeen: numbers that no café has are refused.
func TestSeen(t *testing.T) {
	f := func(s Seen, ok bool) {
		t.Helper()
		r := Evaluate(sound(time.Hour), Report{}, time.Hour)
		r.Seen = &s
		if err := r.Valid(time.Hour); ok != (err == nil) {
			t.Errorf("%+v: %v, want valid %v", s, err, ok)
		}
	}
	f(Seen{}, true)
	f(Seen{PCs: 40, Unknown: 3, Both: 38, Hidden: 2, Loss: 10_000, Frames: 10, Group: 10}, true)
	f(Seen{PCs: -1}, false)
	f(Seen{Hidden: maxSeen + 1}, false)
	f(Seen{Frames: 1, Group: 2}, false)
	f(Seen{Frames: 1 << 60}, false)
}

// TestSize: the longest report fits into a line of the console beside what else is in that.
func TestSize(t *testing.T) {
	const now = 400 * 24 * time.Hour
	var in Inputs
	in.Beat, in.Celsius, in.Sent, in.Wear = now, 123.456, 1<<53-1, &board.Wear{Used: 110}
	in.Seen = &Seen{PCs: maxSeen, Unknown: maxSeen, Both: maxSeen, Hidden: maxSeen, Loss: maxSeen, Frames: 1<<53 - 1, Group: 1<<53 - 1}
	r := Evaluate(in, Report{Seq: 1 << 40}, now)
	b, err := json.Marshal(r)
	if err != nil || len(b) > 1024 {
		t.Errorf("%d octets, %v, want 1024 or less", len(b), err)
	}
}

// FuzzReport: of any report that is valid, whatever it says, each check has its words, a firmware on trial is confirmed only if
// it said that it is well and that the province was reached, and a check has no cause in itself.
func FuzzReport(f *testing.F) {
	b, err := json.Marshal(Evaluate(sound(time.Hour), Report{}, time.Hour))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, int64(time.Hour))
	f.Add([]byte(`{"seq":1,"checks":[{"c":"broker","s":"bad","why":"name","by":"uplink"}]}`), int64(0))
	f.Fuzz(func(t *testing.T, b []byte, at int64) {
		now := time.Duration(at)
		var r Report
		if json.Unmarshal(b, &r) != nil || r.Valid(now) != nil {
			return
		}
		for _, c := range r.Checks {
			if c.Sentence(English) == "" || c.Sentence(Vietnamese) == "" {
				t.Errorf("%+v has no words", c)
			}
		}
		if d, _ := Trial(r, 0, now); d == Confirm && (r.Well == 0 || !r.Reached) {
			t.Errorf("%s: confirmed", b)
		}
		if Light(r, now).String() == "unknown" {
			t.Errorf("%s: no light", b)
		}
	})
}
