package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/health"
	"cafeprobe/firmware/image"
	"cafeprobe/firmware/vm"
	"cafeprobe/tools/cafeprobe/diag"
	"cafeprobe/tools/port"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/provincetest"
	"cafeprobe/uplink"
)

// emulated is a box of one card, from boot to boot, and its province.
type emulated struct {
	*testing.T
	p     *province.Province
	image string
	card  string
	began time.Time

	m *vm.Machine
}

// newEmulated builds an image, and gives a card with it to a box that the province knows.
func newEmulated(t *testing.T) *emulated {
	t.Helper()
	long(t, "many minutes")
	e := &emulated{T: t, image: build(t, image.Config{Board: "qemu-arm64", Out: t.TempDir()}), began: time.Now()}
	e.p, _ = provincetest.Run(t, provinceIn(t.TempDir(), ""))
	var err error
	if e.card, err = card(t.Context(), Config{Dir: t.TempDir(), Image: e.image}, e.p); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if e.m != nil {
			e.m.Close()
		}
	})
	return e
}

// note says what happened, and when.
func (e *emulated) note(format string, args ...any) {
	e.Helper()
	e.Logf("%6s  %s", time.Since(e.began).Round(time.Second), fmt.Sprintf(format, args...))
}

// boot starts the box with what change says, and returns how its data came up.
func (e *emulated) boot(change func(*vm.Config)) (mode string) {
	e.Helper()
	e.start(change)
	return e.expect(`runs after [0-9.]+ s; slot a, trial false, data (\w+)\s`, bootTime)[1] // and what is behind it: a serial line comes in pieces
}

// start starts the box with what change says.
func (e *emulated) start(change func(*vm.Config)) {
	e.Helper()
	cfg, err := machine(filepath.Dir(e.card), e.image, e.card)
	if err != nil {
		e.Fatal(err)
	}
	if change != nil {
		change(&cfg)
	}
	if e.m, err = vm.Start(e.Context(), cfg); err != nil {
		e.Fatal(err)
	}
}

func (e *emulated) expect(pattern string, within time.Duration) []string {
	e.Helper()
	ctx, stop := context.WithTimeout(e.Context(), within)
	defer stop()
	said, err := e.m.Serial.Expect(ctx, pattern)
	if err != nil {
		e.Fatal(err)
	}
	return said
}

// off presses the power button until the box ends, and fails if it does not. QEMU holds the button for 100 ms, which a busy machine may
// not give the guest time to see.
func (e *emulated) off() {
	e.Helper()
	defer e.m.Close()
	var err error
	for range 4 {
		if err = e.m.PowerButton(); err != nil {
			break
		}
		ctx, stop := context.WithTimeout(e.Context(), 45*time.Second)
		err = e.m.Wait(ctx)
		stop()
		if err == nil {
			return
		}
	}
	e.Error(err)
}

// ask asks the console for diag, as a technician's program does.
func (e *emulated) ask() *diag.Answer {
	e.Helper()
	said, err := port.Ask(e.Context(), e.m.Serial.Port(), "diag", struct{}{}, 20*time.Second)
	if err != nil {
		e.Fatal("the console does not answer: ", err)
	}
	a, err := diag.Parse(said)
	if err != nil {
		e.Fatal(err)
	}
	return a
}

// until asks until ok, or fails.
func (e *emulated) until(what string, within time.Duration, ok func(*diag.Answer) bool) *diag.Answer {
	e.Helper()
	for end := time.Now().Add(within); ; time.Sleep(2 * time.Second) {
		a := e.ask()
		if ok(a) {
			return a
		}
		if time.Now().After(end) {
			e.Fatalf("not within %v: %s: %+v\n%s", within, what, a, e.m.Serial.Tail())
		}
	}
}

// verified returns how many records the province holds.
func (e *emulated) verified() uint64 {
	e.Helper()
	t, err := e.p.Totals(e.Context())
	if err != nil {
		e.Fatal(err)
	}
	return t.Verified
}

// tells waits until the province holds more records than before.
func (e *emulated) tells(before uint64) {
	e.Helper()
	ctx, stop := context.WithTimeout(e.Context(), bootTime)
	defer stop()
	if err := records(ctx, e.p, before+1); err != nil {
		e.Fatalf("%v: the box tells nothing: %+v\n%s", err, e.ask(), e.m.Serial.Tail())
	}
}

// hears feeds the evening, sped up, and waits until the province is told of stations that are seen.
func (e *emulated) hears() {
	e.Helper()
	before := e.about()
	ctx, stop := context.WithTimeout(e.Context(), 6*time.Minute)
	defer stop()
	if _, _, err := feed(ctx, Config{Dir: e.TempDir(), Speed: 40, Out: io.Discard}, e.m.Capture, e.p); err != nil {
		e.Fatal(err)
	}
	for e.about() == before {
		select {
		case <-ctx.Done():
			e.Fatalf("no station reaches the province: %+v\n%s", e.ask(), e.m.Serial.Tail())
		case <-time.After(time.Second):
		}
	}
}

// about returns how many records say that stations are seen. (Each station's own come after ten minutes.)
func (e *emulated) about() (n int) {
	e.Helper()
	e.each(func(r uplink.Record) {
		body, err := r.Body()
		if v, ok := body.(*uplink.Vantage); ok && err == nil && v.Stations > 0 {
			n++
		}
	})
	return n
}

// each calls f with each record of the box.
func (e *emulated) each(f func(uplink.Record)) {
	e.Helper()
	if e.verified() == 0 {
		return // the province knows no such box yet
	}
	err := e.p.EachRecord(e.Context(), address.Box, func(r uplink.Record) error { f(r); return nil })
	if err != nil {
		e.Fatal(err)
	}
}

// told returns how often the chain tells what events, as "data memory".
func (e *emulated) told() map[string]int {
	e.Helper()
	times := map[string]int{}
	e.each(func(r uplink.Record) {
		body, err := r.Body()
		if ev, ok := body.(*uplink.Event); ok && err == nil {
			times[strings.TrimSpace(ev.What+" "+ev.Of)]++
		}
	})
	return times
}

// partition returns where a partition is on the card, in octets.
func (e *emulated) partition(name string) int64 {
	e.Helper()
	return partitionAt(e.T, e.card, name)
}

// debugfs runs commands of debugfs(8) on the card's data.
func (e *emulated) debugfs(commands ...string) {
	e.Helper()
	for _, c := range commands {
		device := fmt.Sprintf("%s?offset=%d", e.card, e.partition("data"))
		if out, err := exec.Command("/usr/sbin/debugfs", "-w", "-R", c, device).CombinedOutput(); err != nil {
			e.Fatalf("debugfs %s: %v: %s", c, err, out)
		}
	}
}

// read returns a file of the card's data.
func (e *emulated) read(path string) string {
	e.Helper()
	out, err := exec.Command("/usr/sbin/debugfs", "-R", "cat "+path, fmt.Sprintf("%s?offset=%d", e.card, e.partition("data"))).Output()
	if err != nil {
		e.Fatalf("debugfs cat %s: %v", path, err)
	}
	return string(out)
}

// write writes to the card.
func (e *emulated) write(at int64, b []byte) {
	e.Helper()
	e.harm(at, func(c []byte) { copy(c, b) }, len(b))
}

// harm changes octets of the card.
func (e *emulated) harm(at int64, f func(b []byte), n int) {
	e.Helper()
	c, err := os.OpenFile(e.card, os.O_RDWR, 0)
	if err != nil {
		e.Fatal(err)
	}
	defer c.Close()
	b := make([]byte, n)
	if _, err := c.ReadAt(b, at); err != nil {
		e.Fatal(err)
	}
	was := bytes.Clone(b)
	f(b)
	if bytes.Equal(b, was) {
		return
	}
	if _, err := c.WriteAt(b, at); err != nil {
		e.Fatal(err)
	}
}

func (e *emulated) storage() string {
	e.Helper()
	a := e.until("a report", 2*time.Minute, func(a *diag.Answer) bool {
		return a.Health != nil && a.Health.Check(health.Storage).Why != "waiting"
	})
	return a.Health.Check(health.Storage).Why
}

// spared waits until the box has a spare of what makes it what it is.
func (e *emulated) spared() {
	e.Helper()
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(time.Second) {
		found := false
		e.harm(e.partition("state"), func(b []byte) { found = bytes.Contains(b, []byte("CPSPAR1\n")) }, 1<<20)
		if found {
			return
		}
		if time.Now().After(end) {
			e.Fatal("the box keeps no spare of what makes it what it is")
		}
	}
}
