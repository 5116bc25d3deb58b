package demo

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cafeprobe/firmware/vm"
	"cafeprobe/tools/cafeprobe/cut"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/provincetest"
	"cafeprobe/tools/soak/hold"
	"cafeprobe/uplink"
)

// Kills of TestCutKills, by what the box is doing: it boots, it runs and is told of frames, it takes an update or tries one.
const (
	killsBooting  = 7
	killsRunning  = 6
	killsUpdating = 7
)

// TestCutKills: a box whose power is cut 20 times, while it boots for the first time and later, while it runs and while it takes an
// update, comes back each time on the same card. Its chain has no fork and no record is lost, the update comes to an end, and nothing
// leaves the capture port.
func TestCutKills(t *testing.T) {
	long(t, "twenty minutes")
	for _, board := range boards() {
		t.Run(board, func(t *testing.T) { killed(t, board) })
	}
}

// killing is a box whose power is cut again and again.
type killing struct {
	*testing.T
	dir, first, card string
	p                *province.Province
	rng              *rand.Rand
	began            time.Time
	sent             uint64 // frames that left the capture port
	kills            int
}

func killed(t *testing.T, board string) {
	dir := t.TempDir()
	first, second := releases(t, board, dir)
	p, stop := provincetest.Run(t, provinceIn(dir, filepath.Join(dir, "repo")))
	k := &killing{T: t, dir: dir, first: first, p: p, rng: rand.New(rand.NewPCG(20, 6)), began: time.Now()}
	var err error
	if k.card, err = card(t.Context(), Config{Dir: dir, Image: first}, p); err != nil {
		t.Fatal(err)
	}
	rec := &cut.Recording{Disk: k.card}
	if err := rec.Take(first, second); err != nil {
		t.Fatal(err)
	}
	for range killsBooting {
		k.live(false, 20*time.Second)
	}
	for range killsRunning {
		k.live(true, 15*time.Second)
	}
	k.live(true, 0) // until the province knows it
	offer(t, filepath.Join(dir, "province"), p, releaseOf(t, second).Version)
	for range killsUpdating {
		k.live(true, 45*time.Second)
	}
	end := k.last()
	stop()
	known, err := cut.Heads(filepath.Join(dir, "province"), string(address.Box))
	if err != nil {
		t.Fatal(err)
	}
	found, err := rec.Judge(t.Context(), inMemory(t), known)
	if err != nil {
		t.Errorf("at the end: %v", err)
	}
	t.Logf("%d records, all in the spool; the update is %s; %+v", len(known), end, found)
	hold.Equal(t, "kills of the guest from which it came back", k.kills, killsBooting+killsRunning+killsUpdating, "kills")
	hold.Equal(t, "frames that left the capture port", k.sent, 0, "frames")
	hold.Equal(t, "messages that the province refused", p.Stats().Refused, 0, "messages")
}

// live starts the box, waits until it runs if it is to, and cuts its power within a while; or, where that is 0, once it has told
// something.
func (k *killing) live(run bool, within time.Duration) {
	k.Helper()
	m := powered(k.T, k.first, k.card, "")
	defer m.Close()
	ctx, stop := context.WithTimeout(k.Context(), bootTime)
	defer stop()
	what := "booted"
	if run {
		what = k.up(ctx, m)
		go func() {
			_, _, _ = feed(ctx, Config{Dir: k.dir, Speed: 30, Out: io.Discard}, m.Capture, k.p) // ends with the box
		}()
	}
	if within == 0 {
		k.told(ctx, m)
	} else {
		k.kills++
	}
	after := time.Duration(k.rng.Int64N(int64(max(within, 1))))
	time.Sleep(after)
	if err := m.Kill(); err != nil {
		k.Fatal(err)
	}
	sent, _ := m.Capture.FromBox()
	k.sent += sent
	k.Logf("%6s %s, off %s later; the province holds %d records", time.Since(k.began).Round(time.Second), what,
		after.Round(time.Second/10), k.totals())
}

// up waits until the box runs, and returns what it says of itself.
func (k *killing) up(ctx context.Context, m *vm.Machine) string {
	k.Helper()
	said, err := m.Serial.Expect(ctx, `runs after [0-9.]+ s; ([^\r\n]*)[\r\n]`)
	if err != nil {
		k.Fatalf("it does not come back after %d kills: %v", k.kills, err)
	}
	return said[1]
}

func (k *killing) totals() uint64 {
	k.Helper()
	t, err := k.p.Totals(k.Context())
	if err != nil {
		k.Fatal(err)
	}
	return t.Verified
}

// told waits until the province holds one record more.
func (k *killing) told(ctx context.Context, m *vm.Machine) {
	k.Helper()
	if err := records(ctx, k.p, k.totals()+1); err != nil {
		k.Fatalf("it tells nothing after %d kills: %v; its console ends with:\n%s", k.kills, err, m.Serial.Tail())
	}
}

// last starts the box for the last time, waits until the update has come to an end and lets the box shut down in order. It returns what
// became of the update.
func (k *killing) last() string {
	k.Helper()
	m := powered(k.T, k.first, k.card, "")
	defer m.Close()
	ctx, stop := context.WithTimeout(k.Context(), 12*time.Minute)
	defer stop()
	k.Logf("%6s %s", time.Since(k.began).Round(time.Second), k.up(ctx, m))
	k.told(ctx, m)
	var list []uplink.Update
	over := func(u uplink.Update) bool { return u.Step == "confirmed" || u.Step == "rolled-back" }
	for ; !slices.ContainsFunc(list, over); time.Sleep(time.Second) {
		var err error
		if list, err = steps(ctx, k.p); err != nil {
			k.Fatalf("the update does not end: %v; told %v; its console ends with:\n%s", err, list, m.Serial.Tail())
		}
	}
	k.Logf("%6s told %v", time.Since(k.began).Round(time.Second), list)
	if err := shutdown(m); err != nil {
		k.Fatal(err)
	}
	sent, _ := m.Capture.FromBox()
	k.sent += sent
	end := list[len(list)-1]
	return fmt.Sprint(end.Step, " ", end.Slot, " ", end.Why)
}
