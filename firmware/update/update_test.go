package update

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cafeprobe/firmware/bootstate"
	"cafeprobe/firmware/slot"
	"cafeprobe/uplink"
)

// TestRing: as many percent of the boxes take a firmware, and who took it at few takes it at more.
func TestRing(t *testing.T) {
	const boxes = 10_000
	took := map[int]int{}
	other := 0
	for i := range boxes {
		box := fmt.Sprintf("b-%08x", i*7919)
		r := Ring(box, "2026.12.0")
		if r < 0 || r > 99 {
			t.Fatalf("ring %d", r)
		}
		for _, percent := range []int{1, 10, 50, 100} {
			if r < percent {
				took[percent]++
			}
		}
		if r < 10 && Ring(box, "2026.12.1") >= 10 {
			other++
		}
	}
	for percent, n := range took {
		if want := boxes * percent / 100; n < want*8/10 || n > want*12/10 {
			t.Errorf("%d %%: %d boxes of %d", percent, n, boxes)
		}
	}
	if other < boxes/20 {
		t.Errorf("of the first tenth only %d are not of the first tenth of another version", other)
	}
}

func TestAnnouncement(t *testing.T) {
	f := func(text string, ok bool) {
		t.Helper()
		if _, err := ParseAnnouncement([]byte(text)); (err == nil) != ok || err != nil && !errors.Is(err, ErrAnnouncement) {
			t.Errorf("%s: %v, want %t", text, err, ok)
		}
	}
	f(`{"fw":"2026.12.0","url":"https://10.0.2.2:8443/release/","percent":10}`, true)
	f(`{"fw":"2026.12.0","url":"https://province.example/release/"}`, true)
	for _, bad := range []string{
		``, `[]`, `{"fw":"2026.12.0"}`, `{"fw":"","url":"https://h/r/"}`, `{"fw":"../x","url":"https://h/r/"}`, `{"fw":"a/b","url":"https://h/r/"}`,
		`{"fw":"1","url":"http://h/r/"}`, `{"fw":"1","url":"https://h/r"}`, `{"fw":"1","url":"https://u:p@h/r/"}`, `{"fw":"1","url":"https://h/r/?a=b"}`,
		`{"fw":"1","url":"https:///r/"}`, `{"fw":"1","url":"https://h/r/","percent":0}`, `{"fw":"1","url":"https://h/r/","percent":101}`,
		`{"fw":"` + strings.Repeat("1", 65) + `","url":"https://h/r/"}`,
	} {
		f(bad, false)
	}
	if _, err := ParseOffer([]byte(`{"fw":"1","url":"https://h/r/","dir":"/data"}`)); !errors.Is(err, ErrOffer) {
		t.Errorf("a folder over the network: %v, want ErrOffer", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"fw":"2026.12.0","url":"https://10.0.2.2:8443/release/","percent":10,"dir":"/"}`))
	f.Add([]byte(`{"found":{"version":"1","number":2,"board":"b","path":"b/x","length":5,"sha256":"00"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := ParseAnnouncement(b); err == nil && (a.Percent < 1 || a.Percent > 100 || !strings.HasPrefix(a.URL, "https://")) {
			t.Errorf("announcement %+v", a)
		}
		if o, err := ParseOffer(b); err == nil && o.Folder != "" {
			t.Errorf("offer %+v", o)
		}
		_, _ = ParseReport(b)
	})
}

// fake is slots in memory.
type fake struct{ st slot.State }

func (f *fake) State() (slot.State, error) { return f.st, nil }
func (f *fake) Clear() error {
	f.st.Trial, f.st.Tries = bootstate.None, 0
	if f.st.Active != f.st.Running {
		f.st.Active, f.st.Failed = f.st.Running, f.st.Active
	}
	return nil
}

func (f *fake) Try() error { f.st.Trial, f.st.Tries = f.st.Running.Other(), 3; return nil }

func (f *fake) Confirm() error { f.st.Active, f.st.Trial = f.st.Running, bootstate.None; return nil }
func (f *fake) Forget() error  { f.st.Failed = bootstate.None; return nil }

func newFake() *fake {
	return &fake{slot.State{Running: bootstate.A, Active: bootstate.A, Trial: bootstate.None, Failed: bootstate.None}}
}

// TestPatience: an offer whose way is not free is tried for about a week and given up; another takes its place at once.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		var mu sync.Mutex
		var steps []string
		told := func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(steps)
		}
		u := New(Config{
			Slots: newFake(), File: filepath.Join(t.TempDir(), "update.json"), Release: Release{Version: "1", Number: 1, Board: "b"},
			Child: func(_ context.Context, _ Job, _ slot.Place, report func(Report)) error {
				asked++
				report(Report{Text: "no way"})
				return nil
			},
			Event: func(s Step) {
				mu.Lock()
				defer mu.Unlock()
				steps = append(steps, s.Step+" "+s.Version+" "+s.Why)
			},
		})
		ctx, stop := context.WithCancel(t.Context())
		go u.Run(ctx)
		u.Offer(Offer{Version: "2", URL: "https://h/r/"})
		time.Sleep(10 * time.Minute)
		u.Offer(Offer{Version: "3", URL: "https://h/r/"})
		began := time.Now()
		for len(told()) < 3 && time.Since(began) < 30*24*time.Hour {
			time.Sleep(time.Hour)
		}
		if days := time.Since(began).Hours() / 24; days < 6 || days > 8 {
			t.Errorf("given up after %.1f days", days)
		}
		stop()
		synctest.Wait()
		if want := []string{"announced 2 ", "announced 3 ", "refused 3 network"}; !slices.Equal(told(), want) {
			t.Errorf("steps %q, want %q", told(), want)
		}
	})
}

// TestResumes: what was fetched before the power was cut is not fetched again, unless another firmware is offered.
func TestResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "update.json")
		found := &Found{Release: Release{Version: "2", Number: 2, Board: "b"}, Path: "b/2", Length: 100 << 20, SHA256: Sum{1}}
		var resumed []int64
		run := func() {
			ctx, cut := context.WithCancel(t.Context())
			u := New(Config{
				Slots: newFake(), File: file, Release: Release{Version: "1", Number: 1, Board: "b"},
				Open: func() (slot.Place, int64, error) { return nil, 200 << 20, nil },
				Child: func(ctx context.Context, j Job, _ slot.Place, report func(Report)) error {
					if j.Found == nil {
						report(Report{Found: found})
						return nil
					}
					resumed = append(resumed, j.Resume)
					report(Report{Synced: j.Resume + 8<<20})
					cut()
					return ctx.Err()
				},
				Event: func(Step) {},
			})
			if len(resumed) == 0 {
				u.Offer(Offer{Version: "2", URL: "https://h/r/"})
			}
			u.Run(ctx)
		}
		run()
		run()
		found.SHA256 = Sum{2}
		run()
		if want := []int64{0, 8 << 20, 0}; !slices.Equal(resumed, want) {
			t.Errorf("resumed from %d, want %d", resumed, want)
		}
	})
}

// TestNotOnTrial: a box whose firmware is on trial writes over no way back.
func TestNotOnTrial(t *testing.T) {
	f := newFake()
	f.st = slot.State{Running: bootstate.B, Active: bootstate.A, Trial: bootstate.B, Tries: 2, Failed: bootstate.None}
	u := New(Config{Slots: f, Event: func(Step) {}})
	if _, err := u.try(t.Context(), Offer{Version: "2"}, false); !errors.Is(err, slot.ErrOnTrial) || Refused(err) != "" {
		t.Errorf("%v, want ErrOnTrial, which passes", err)
	}
}

// TestBegin: what the box says of a trial that is over, also where the data or the last word is lost.
func TestBegin(t *testing.T) {
	const a, b, none = bootstate.A, bootstate.B, bootstate.None
	written := bytes.Repeat([]byte("firmware"), 600)
	card := filepath.Join(t.TempDir(), "slot")
	if err := os.WriteFile(card, written, 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(name string, st slot.State, m memo, want ...string) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "update.json")
		if err := m.save(file); err != nil {
			t.Fatal(err)
		}
		var steps []string
		slots := &fake{st}
		for range 2 { // said once
			u := New(Config{
				Slots: slots, File: file, Release: Release{Version: "2"}, Hung: strings.Contains(name, "watchdog"),
				Open: func() (slot.Place, int64, error) {
					p, err := os.Open(card)
					return p, 8192, err
				},
				Event: func(s Step) { steps = append(steps, fmt.Sprint(s.Step, " ", s.Version, " ", s.Slot, " ", s.Why)) },
			})
			if err := u.Begin(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if st.OnTrial() {
				break
			}
		}
		if !slices.Equal(steps, want) {
			t.Errorf("%s: steps %q, want %q", name, steps, want)
		}
	}
	tried := &trial{Version: "2", Slot: "b"}
	f("nothing", slot.State{Running: a, Active: a, Trial: none, Failed: none}, memo{})
	f("on trial", slot.State{Running: b, Active: a, Trial: b, Tries: 1, Failed: none}, memo{Trial: tried}, "trial 2 b ")
	f("waits", slot.State{Running: a, Active: a, Trial: b, Tries: 3, Failed: none}, memo{Trial: tried})
	f("hung", slot.State{Running: a, Active: a, Trial: none, Failed: b}, memo{Trial: tried}, "rolled-back 2 b reset")
	f("not well", slot.State{Running: a, Active: a, Trial: none, Failed: b}, memo{Trial: tried, Why: "well"}, "rolled-back 2 b well")
	f("memo lost", slot.State{Running: a, Active: a, Trial: none, Failed: b}, memo{}, "rolled-back unknown b reset")
	f("state lost", slot.State{Running: a, Active: a, Trial: none, Failed: none}, memo{Trial: tried}, "rolled-back 2 b reset")
	f("by the watchdog", slot.State{Running: a, Active: a, Trial: none, Failed: b}, memo{Trial: tried}, "rolled-back 2 b watchdog")
	whole := &trial{Version: "2", Slot: "b", Length: int64(len(written)), SHA256: sha256.Sum256(written)}
	f("whole", slot.State{Running: a, Active: a, Trial: none, Failed: b}, memo{Trial: whole}, "rolled-back 2 b reset")
	other := *whole
	other.SHA256[0] ^= 1
	f("damaged, not by the watchdog", slot.State{Running: a, Active: a, Trial: none, Failed: b}, memo{Trial: &other}, "rolled-back 2 b damaged")
	f("the active one damaged", slot.State{Running: b, Active: a, Trial: none, Failed: none}, memo{}, "rolled-back unknown a damaged")
	f("both, and what was tried is what is left", slot.State{Running: b, Active: a, Trial: none, Failed: b}, memo{Trial: tried, Why: "well"},
		"rolled-back unknown a damaged")
	offer := &Offer{Version: "2"}
	f("cut before it was tried", slot.State{Running: a, Active: a, Trial: none, Failed: none}, memo{Trial: tried, Offer: offer})
	f("failed, and the offer is there", slot.State{Running: a, Active: a, Trial: none, Failed: b}, memo{Trial: tried, Offer: offer},
		"rolled-back 2 b reset")
	f("cut after confirming", slot.State{Running: b, Active: b, Trial: none, Failed: none}, memo{Trial: tried}, "confirmed 2 b ")
}

// TestOfferEnds: once a firmware is on trial, or was, its offer is not taken again; another is.
func TestOfferEnds(t *testing.T) {
	const a, b, none = bootstate.A, bootstate.B, bootstate.None
	trial := &trial{Version: "2", Slot: "b"}
	for name, st := range map[string]slot.State{
		"on trial": {Running: b, Active: a, Trial: b, Tries: 1, Failed: none}, "failed": {Running: a, Active: a, Trial: none, Failed: b},
	} {
		for version, kept := range map[string]bool{"2": false, "": false, "3": true} {
			file := filepath.Join(t.TempDir(), "update.json")
			if err := (&memo{Trial: trial, Offer: &Offer{Version: version}}).save(file); err != nil {
				t.Fatal(err)
			}
			u := New(Config{Slots: &fake{st}, File: file, Event: func(Step) {}})
			if err := u.Begin(); err != nil {
				t.Error(err)
			}
			if m := loadMemo(file); (m.Offer != nil) != kept {
				t.Errorf("%s: the offer of %q is kept: %t, want %t", name, version, m.Offer != nil, kept)
			}
		}
	}
}

// TestReports: a child that says nonsense, too much or too long a line is not believed, and not waited for.
func TestReports(t *testing.T) {
	f := func(name, text string, want int, ok bool) {
		t.Helper()
		n := 0
		err := reports(strings.NewReader(text), func(Report) { n++ })
		if n != want || (err == nil) != ok {
			t.Errorf("%s: %d reports, %v, want %d", name, n, err, want)
		}
	}
	line := `{"synced":1}` + "\n"
	f("one", line, 1, true)
	f("nonsense", line+"x\n"+line, 1, false)
	f("too long", line+strings.Repeat("x", 5000)+"\n"+line, 1, false)
	f("too many", strings.Repeat(line, maxReports+10), maxReports, false)
	f("negative", `{"synced":-1}`+"\n", 0, false)
	u := New(Config{Child: func(_ context.Context, _ Job, _ slot.Place, report func(Report)) error {
		report(Report{Why: "whatever it says"})
		return nil
	}})
	if _, err := u.ask(t.Context(), Job{}, nil); err == nil || Refused(err) != "" {
		t.Errorf("a reason that is none: %v", err)
	}
}

// TestWords: what is told of a refusal is a record that may be written.
func TestWords(t *testing.T) {
	for _, why := range []Why{
		Malformed, Unsigned, WrongKey, RevokedKey, Older, Frozen, OtherBoard, Truncated, Swapped, Endless, NoRoom, Current, Absent, Network,
		Card,
	} {
		u := &uplink.Update{Stamp: uplink.Stamp{Quality: uplink.QualityNone}, Version: "2026.12.0", Step: "refused", Why: string(why)}
		if _, err := uplink.Encode(u); err != nil || !isWhy(why) {
			t.Errorf("%s: %v", why, err)
		}
		if what := why.Security(); what != "" {
			r := &uplink.Security{Stamp: u.Stamp, What: what, Count: 1, Topic: "update"}
			if _, err := uplink.Encode(r); err != nil {
				t.Errorf("%s: %v", why, err)
			}
		}
	}
}

// TestIntact: a firmware that is not on the card as it was written is not confirmed, and is told of later too; one that came with the card
// is held against what it was at first.
func TestIntact(t *testing.T) {
	const a, b, none = bootstate.A, bootstate.B, bootstate.None
	dir := t.TempDir()
	card := filepath.Join(dir, "slot")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(card, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	slots := newFake()
	runs := Release{Version: "1"}
	begin := func() *Updater {
		u := New(Config{
			Slots: slots, File: filepath.Join(dir, "update.json"), Release: runs, Event: func(Step) {},
			Image: func() (slot.Place, error) { return os.Open(card) },
		})
		if err := u.Begin(); err != nil {
			t.Fatal(err)
		}
		return u
	}
	want := func(what string, err error, damaged bool) {
		t.Helper()
		if errors.Is(err, ErrDamaged) != damaged || !damaged && err != nil {
			t.Errorf("%s: %v, want it damaged: %t", what, err, damaged)
		}
	}
	write("of the factory")
	want("at first", begin().Intact(), false)
	want("as it was", begin().Intact(), false)
	write("of the factorz")
	want("a bit that flipped", begin().Intact(), true)

	u := begin()
	u.note(func(m *memo) { m.Trial = &trial{"2", "b", sha256.Sum256([]byte("new")), 3} })
	runs = Release{Version: "2"}
	slots.st = slot.State{Running: b, Active: a, Trial: b, Tries: 2, Failed: none}
	write("nex")
	want("on trial, flipped", begin().Confirm(), true)
	if !slots.st.OnTrial() {
		t.Error("it is confirmed")
	}
	write("new, and more")
	want("on trial, longer", begin().Confirm(), true)
	write("new")
	want("on trial, whole", begin().Confirm(), false)
	if slots.st.OnTrial() {
		t.Error("it is not confirmed")
	}
	want("confirmed", begin().Intact(), false)
	write("nex")
	want("confirmed, and flipped since", begin().Intact(), true)
}

// TestStick: a stick comes before what is fetched, which goes on behind it; it is told of only where there is something to tell; and one
// that stays in does not bring back what was rolled back.
func TestStick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var steps []string
		told := func() []string {
			mu.Lock()
			defer mu.Unlock()
			s := steps
			steps = nil
			return s
		}
		onStick := Report{Found: &Found{Release: Release{Version: "3", Number: 3, Board: "b"}, Path: "b/3", Length: 100 << 10, SHA256: Sum{3}}}
		fetching := false
		file := filepath.Join(t.TempDir(), "update.json")
		u := New(Config{
			Slots: newFake(), File: file, Release: Release{Version: "1", Number: 1, Board: "b"},
			Open: func() (slot.Place, int64, error) { return nil, 200 << 20, nil },
			Child: func(ctx context.Context, j Job, _ slot.Place, report func(Report)) error {
				switch {
				case j.Offer.Folder == "":
					fetching = true
					<-ctx.Done() // a slow line
					fetching = false
					return ctx.Err()
				case j.Found == nil:
					report(onStick)
				default:
					report(Report{Text: "read: input/output error"})
				}
				return nil
			},
			Event: func(s Step) {
				mu.Lock()
				defer mu.Unlock()
				steps = append(steps, s.Step+" "+s.Version+" "+s.Why)
			},
		})
		ctx, stop := context.WithCancel(t.Context())
		go u.Run(ctx)
		u.Offer(Offer{Version: "2", URL: "https://h/r/"})
		synctest.Wait()
		f := func(name string, stays bool, ok func(error) bool, want ...string) {
			t.Helper()
			told()
			if err := u.Stick(ctx, "/run/stick/release", stays); !ok(err) {
				t.Errorf("%s: %v", name, err)
			}
			synctest.Wait()
			if got := told(); !slices.Equal(got, want) {
				t.Errorf("%s: steps %q, want %q", name, got, want)
			}
			if o := loadMemo(file).Offer; !fetching || o == nil || o.Version != "2" {
				t.Errorf("%s: the offer before it does not go on: %+v, %t", name, o, fetching)
			}
		}
		f("pulled out", false, func(err error) bool { return err != nil && Refused(err) == "" }, "announced 3 ", "refused 3 network")
		u.note(func(m *memo) { m.Vain = &Sum{3} })
		f("in vain, and stays", true, func(err error) bool { return errors.Is(err, ErrVain) })
		f("in vain, and put in again", false, func(err error) bool { return err != nil }, "announced 3 ", "refused 3 network")
		onStick = Report{Why: Current}
		f("runs already", false, func(err error) bool { return Refused(err) == Current })
		onStick = Report{Why: Older}
		f("forgotten", true, func(err error) bool { return Refused(err) == Older })
		f("old", false, func(err error) bool { return Refused(err) == Older }, "refused newest older")
		onStick = Report{Why: Unsigned}
		f("forged", true, func(err error) bool { return Refused(err) == Unsigned }, "refused newest unsigned")
		u.cfg.Child = func(_ context.Context, j Job, p slot.Place, report func(Report)) error {
			report(Report{Found: &Found{Release: Release{Version: "4", Number: 4, Board: "b"}, Path: "b/4", Length: 3, SHA256: sha256.Sum256([]byte("new"))}})
			if j.Found != nil {
				_, err := p.WriteAt([]byte("new"), 0)
				report(Report{Written: true})
				return err
			}
			return nil
		}
		u.cfg.Open = func() (slot.Place, int64, error) {
			p, err := os.Create(filepath.Join(filepath.Dir(file), "slot"))
			return p, 200 << 20, err
		}
		told()
		if err := u.Stick(ctx, "/run/stick/release", false); err != nil {
			t.Errorf("a good stick: %v", err)
		}
		synctest.Wait()
		if m := loadMemo(file); m.Offer != nil || m.Trial == nil || m.Trial.Version != "4" || fetching {
			t.Errorf("behind a good stick: %+v, fetching %t", m, fetching)
		}
		if want := []string{"announced 4 ", "written 4 "}; !slices.Equal(told(), want) {
			t.Errorf("a good stick: not told as %q", want)
		}
		stop()
		synctest.Wait()
		if err := u.Stick(ctx, "/run/stick/release", false); !errors.Is(err, context.Canceled) {
			t.Errorf("a box that ends: %v", err)
		}
	})
}
