package keeper_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cafeprobe/firmware/clock"
	"cafeprobe/firmware/clock/keeper"
	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

var (
	built = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	start = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC) // true UTC when a drill begins
)

// world is what is around the box: the truth, and what time servers make of it.
type world struct {
	began  time.Time
	boot   time.Duration // steady time when the drill begins
	fast   float64       // how much too fast the box's crystal is, 50e-6 for 50 ppm
	mu     sync.Mutex
	silent bool
	lie    time.Duration // all servers are off by it
	lone   bool          // only one of four answers
}

func (w *world) set(f func(*world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w)
}

func (w *world) utc() time.Time { return start.Add(time.Since(w.began)) }

func (w *world) steady() time.Duration {
	d := time.Since(w.began)
	return w.boot + d + time.Duration(w.fast*float64(d))
}

// ask answers as four servers do: each is off by some milliseconds, and the way takes 40.
func (w *world) ask(context.Context) clock.Round {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := clock.Round{Servers: 4}
	for i := range 4 {
		if w.silent || (w.lone && i > 0) {
			break
		}
		r.Answers = append(r.Answers, clock.Answer{
			Server: fmt.Sprint(i), At: w.steady(), Error: 30 * time.Millisecond,
			UTC: w.utc().Add(w.lie + time.Duration(i)*3*time.Millisecond),
		})
	}
	return r
}

// box is a box in a drill: it writes a record each minute, and the anchors that are due, into a real spool.
type box struct {
	t       *testing.T
	w       *world
	c       *clock.Clock
	sp      *spool.Spool
	mu      sync.Mutex
	written [][]byte
	anchors []*uplink.Anchor
	truth   []time.Time // when each record was written
	floor   time.Time
	refused map[string]int
}

func newBox(t *testing.T, w *world, cfg clock.Config) *box {
	t.Helper()
	id, err := spool.NewIdentity(uplink.Address{Province: "ha-giang", Box: "b-7f3a91c2"}, make(ed25519.PublicKey, 32))
	if err != nil {
		t.Fatal(err)
	}
	sp, err := spool.Open(t.TempDir(), id, spool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return &box{t: t, w: w, c: clock.New(cfg, w.steady()), sp: sp, refused: map[string]int{}}
}

func (b *box) append(body uplink.Body) error {
	r, err := uplink.Encode(body)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.sp.Append(r); err != nil {
		return err
	}
	b.written = append(b.written, bytes.Clone(r.Raw))
	b.truth = append(b.truth, b.w.utc())
	if a, ok := body.(*uplink.Anchor); ok {
		b.anchors = append(b.anchors, a)
	}
	return nil
}

// live lets the box run for d.
func (b *box) live(d time.Duration) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.t.Context(), d)
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		keeper.Run(ctx, keeper.Config{
			Clock: b.c, Steady: b.w.steady, Ask: b.w.ask,
			Anchor:  func(a *uplink.Anchor) error { return b.append(a) },
			Refused: func(what, from string) { b.refused[what+" "+from]++ },
			Save: func() error {
				f := b.c.Floor(b.w.steady())
				if f.Before(b.floor) {
					b.t.Errorf("floor goes back from %v to %v", b.floor, f)
				}
				b.floor = f
				return nil
			},
		})
	}()
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			<-done
			return
		case <-minute.C:
		}
		if err := b.append(&uplink.Health{Stamp: b.c.Stamp(int64(b.w.steady()))}); err != nil {
			b.t.Fatal(err)
		}
		if i%60 == 0 {
			if err := b.sp.Commit(); err != nil {
				b.t.Fatal(err)
			}
		}
	}
}

// check reads the spool back: every record is what was written, in the order in which it was written and of m; and each says
// of its time no more than is so. It returns how many records there are of each quality.
func (b *box) check() map[uplink.Quality]int {
	b.t.Helper()
	if err := b.sp.Commit(); err != nil {
		b.t.Fatal(err)
	}
	var rs []uplink.Stored
	for from := uint64(1); from <= b.sp.Head().Seq; from = rs[len(rs)-1].Seq + 1 {
		some, err := b.sp.Read(from, 1024, 1<<20)
		if err != nil || len(some) == 0 {
			b.t.Fatalf("read from %d: %d records, %v", from, len(some), err)
		}
		rs = append(rs, some...)
	}
	if err := b.sp.Close(); err != nil {
		b.t.Fatal(err)
	}
	id := b.sp.Identity()
	if _, err := uplink.VerifyStored(uplink.Head{Hash: id.Genesis()}, rs); err != nil || len(rs) != len(b.written) {
		b.t.Fatalf("%d of %d records, %v", len(rs), len(b.written), err)
	}
	qualities := map[uplink.Quality]int{}
	for i, r := range rs {
		if !bytes.Equal(r.Raw, b.written[i]) {
			b.t.Errorf("record %d is %s, was written as %s", r.Seq, r.Raw, b.written[i])
		}
		if i > 0 && r.Stamp.Mono < rs[i-1].Stamp.Mono {
			b.t.Errorf("record %d: m %d after %d", r.Seq, r.Stamp.Mono, rs[i-1].Stamp.Mono)
		}
		qualities[r.Stamp.Quality]++
		off := r.Stamp.Time.Time().Sub(b.truth[i])
		switch {
		case r.Stamp.Quality == uplink.QualityFloor && off > 0:
			b.t.Errorf("record %d: floor %v, but it was %v", r.Seq, r.Stamp.Time.Time(), b.truth[i])
		case r.Stamp.Quality == uplink.QualitySync && off.Abs() > 5*time.Second:
			b.t.Errorf("record %d: sync, off by %v", r.Seq, off)
		}
	}
	b.t.Logf("%d records %v, %d anchors, refused %+v", len(rs), qualities, len(b.anchors), b.c.Stats())
	return qualities
}

// steps returns the steps above 500 ms that the anchors tell, in seconds.
func (b *box) steps() (s []int64) {
	for _, a := range b.anchors {
		if a.Step > 500 || a.Step < -500 {
			s = append(s, (time.Duration(a.Step)*time.Millisecond).Round(time.Second).Milliseconds()/1000)
		}
	}
	return s
}

func drill(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, &world{began: time.Now(), boot: 20 * time.Second}) })
}

const day = 86400

// TestStartIn1970: the kernel says 1970, which is refused; the box tells of a floor until servers answer.
func TestStartIn1970(t *testing.T) {
	drill(t, func(t *testing.T, w *world) {
		w.silent = true
		b := newBox(t, w, clock.Config{Build: built})
		b.c.TakeRTC(w.steady(), time.Unix(20, 0))
		b.live(time.Hour)
		w.set(func(w *world) { w.silent = false })
		b.live(2 * time.Hour)
		q := b.check()
		if floor := q[uplink.QualityFloor]; floor < 59 || floor > 61 || q[uplink.QualityCoarse] != 0 || q[uplink.QualitySync] < 118 {
			t.Errorf("records %v, want an hour of floor and the rest sync", q)
		}
		if s := b.steps(); len(s) != 0 || len(b.anchors) < 2 || b.anchors[0].Step != 0 || b.anchors[0].Source != "ntp" {
			t.Errorf("steps %v, %d anchors, the first %+v, want none, 2 or more, ntp", s, len(b.anchors), b.anchors[0])
		}
		if got := b.c.Stats().Early; got != 1 {
			t.Errorf("%d answers refused as too early, want 1: the kernel's", got)
		}
	})
}

// TestStartIn2040: the machine's clock says 2040, which may be; servers say otherwise, and the floor was not moved by it.
func TestStartIn2040(t *testing.T) {
	drill(t, func(t *testing.T, w *world) {
		w.silent = true
		b := newBox(t, w, clock.Config{Build: built})
		far := time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
		b.c.TakeRTC(w.steady(), far)
		b.live(time.Hour)
		w.set(func(w *world) { w.silent = false })
		b.live(2 * time.Hour)
		q := b.check()
		if coarse := q[uplink.QualityCoarse]; coarse < 60 || coarse > 63 || q[uplink.QualitySync] < 118 { // with anchors
			t.Errorf("records %v, want an hour of coarse and the rest sync", q)
		}
		want := int64(start.Sub(far).Seconds())
		if s := b.steps(); len(s) != 1 || s[0] != want {
			t.Errorf("steps %v s, want %d", s, want)
		}
	})
}

// TestStepOfADay: all servers agree on another day. Forward it is believed when they insist; back it is before the floor.
func TestStepOfADay(t *testing.T) {
	f := func(name string, lie time.Duration, want []int64, quality uplink.Quality, told string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			drill(t, func(t *testing.T, w *world) {
				b := newBox(t, w, clock.Config{Build: built})
				b.live(3 * time.Hour)
				before := len(b.written)
				w.set(func(w *world) { w.lie = lie })
				b.live(30 * time.Hour)
				last := b.c.At(w.steady())
				if last.Quality != quality {
					t.Errorf("at the end %v, want %v", last.Quality, quality)
				}
				if s := b.steps(); fmt.Sprint(s) != fmt.Sprint(want) {
					t.Errorf("steps %v s, want %v", s, want)
				}
				b.only(before)
				if st := b.c.Stats(); len(b.refused) != 1 || b.refused[told+" clock"] != int(st.Early+st.Held) {
					t.Errorf("told of refusals %v, want %s for each of %+v", b.refused, told, st)
				}
			})
		})
	}
	f("forward", 24*time.Hour, []int64{day}, uplink.QualitySync, uplink.SecurityStep)
	f("back", -24*time.Hour, nil, uplink.QualityCoarse, uplink.SecurityUntrue)
}

// only checks order and octets, and the times up to record n: behind it the servers lie.
func (b *box) only(n int) {
	b.t.Helper()
	for i := n; i < len(b.truth); i++ {
		r, err := uplink.ParseRecord(b.written[i])
		if err != nil {
			b.t.Fatal(err)
		}
		b.truth[i] = r.Stamp.Time.Time()
	}
	b.check()
}

// TestWeekWithoutServers: sync is coarse after a day, the error grows with the crystal and holds, and coming back is no step
// when the crystal is good and one when it is as bad as it may be.
func TestWeekWithoutServers(t *testing.T) {
	f := func(name string, ppm float64, want []int64) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			drill(t, func(t *testing.T, w *world) {
				w.fast = ppm * 1e-6
				b := newBox(t, w, clock.Config{Build: built})
				b.live(time.Hour)
				w.set(func(w *world) { w.silent = true })
				b.live(7 * 24 * time.Hour)
				r := b.c.At(w.steady())
				off := r.UTC.Sub(w.utc()).Abs()
				if r.Quality != uplink.QualityCoarse || off > r.Error || r.Error > 31*time.Second {
					t.Errorf("after a week %v, off by %v, said %v; want coarse, within what it says, at most 31 s", r.Quality, off, r.Error)
				}
				t.Logf("after a week off by %v, said %v", off, r.Error)
				w.set(func(w *world) { w.silent = false })
				b.live(3 * time.Hour)
				if s := b.steps(); fmt.Sprint(s) != fmt.Sprint(want) {
					t.Errorf("steps %v s, want %v", s, want)
				}
				q := b.check()
				if coarse := q[uplink.QualityCoarse]; coarse < 6*24*60-120 || coarse > 6*24*60+240 {
					t.Errorf("records %v, want about 6 days of minutes coarse", q)
				}
			})
		})
	}
	f("perfect crystal", 0, nil)
	f("48 ppm fast", 48, []int64{-29})
}

// TestMidnight: 24 November ends at 17:00 UTC in Vietnam; nothing happens to the records then, nor at UTC's midnight.
func TestMidnight(t *testing.T) {
	drill(t, func(t *testing.T, w *world) {
		b := newBox(t, w, clock.Config{Build: built})
		b.live(24 * time.Hour)
		zone := time.FixedZone("UTC+7", 7*3600)
		days := map[string]int{} // minutes: anchors come in between
		for i, raw := range b.written {
			r, err := uplink.ParseRecord(raw)
			if err != nil {
				t.Fatal(err)
			}
			if i > 0 && r.Kind == uplink.KindHealth {
				days[r.Stamp.Time.Time().In(zone).Format(time.DateOnly)]++
			}
		}
		q := b.check()
		before, behind := days["2026-11-24"], days["2026-11-25"] // it began at 10:00 in Vietnam
		if len(days) != 2 || before < 14*60-1 || before > 14*60 || before+behind < 24*60-1 || q[uplink.QualitySync] < 24*60-2 ||
			len(b.steps()) != 0 {
			t.Errorf("days %v, records %v, steps %v, want 14 and 10 hours of minutes, all sync, no step", days, q, b.steps())
		}
	})
}

// TestOneServer: what a single one of four says is coarse, however often it says it.
func TestOneServer(t *testing.T) {
	drill(t, func(t *testing.T, w *world) {
		w.lone = true
		b := newBox(t, w, clock.Config{Build: built})
		b.live(5 * time.Hour)
		w.set(func(w *world) { w.lie = 10 * time.Minute })
		b.live(5 * time.Hour)
		q := b.check()
		if n := b.c.Stats().Disagree; q[uplink.QualitySync] != 0 || len(b.steps()) != 0 || n == 0 || b.refused["disputed clock"] != int(n) {
			t.Errorf("records %v, steps %v, %+v, want no sync, no step, and its change of mind counted", q, b.steps(), b.c.Stats())
		}
		if off := b.c.At(w.steady()).UTC.Sub(w.utc()).Abs(); off > time.Second {
			t.Errorf("off by %v, want the first word of the server to stand", off)
		}
	})
}

// TestKeeperWithoutServers: a keeper without servers ends when it is told to, and saves.
func TestKeeperWithoutServers(t *testing.T) {
	drill(t, func(t *testing.T, w *world) {
		saves := 0
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		keeper.Run(ctx, keeper.Config{
			Clock: clock.New(clock.Config{Build: built}, w.steady()), Steady: w.steady,
			Anchor: func(*uplink.Anchor) error { t.Error("an anchor, though the clock was never set"); return nil },
			Save:   func() error { saves++; return nil },
		})
		if saves != 6 {
			t.Errorf("saved %d times in an hour, want 6", saves)
		}
	})
}
