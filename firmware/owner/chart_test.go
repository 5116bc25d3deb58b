package owner

import (
	"fmt"
	"testing"
	"time"

	"cafeprobe/firmware/ledger"
	"cafeprobe/uplink"
)

// TestChart: areas, bands and marks at their places; what lies ahead is not drawn.
func TestChart(t *testing.T) {
	minutes := make([]ledger.Minute, ledger.PerDay)
	for i := range 600 {
		minutes[i].State = ledger.Seen
	}
	for i := 480; i < 540; i++ {
		minutes[i].On, minutes[i].InUse = 4, 2
	}
	for i := 300; i < 360; i++ {
		minutes[i].State = ledger.Blind
	}
	minutes[700].InUse = 9 // ahead
	from := today.Start()
	c := chartOf(minutes, from, from.Add(660*time.Minute), []ledger.Span{{From: from.Add(-2 * time.Hour), To: from.Add(8 * time.Hour)}, {From: from.Add(22 * time.Hour), To: from.Add(32 * time.Hour)}})
	if c.Use != "M0 100H480V80H540V100H660V100Z" || c.On != "M0 100H480V60H540V100H660V100Z" {
		t.Errorf("in use %s, on %s", c.Use, c.On)
	}
	if got, want := fmt.Sprint(c.Bands), "[{0% 33.33% night} {91.67% 8.33% night} {20.83% 4.17% blind} {41.67% 4.17% unknown}]"; got != want {
		t.Errorf("bands %s, want %s", got, want)
	}
	if c.Now != "45.83%" || fmt.Sprint(c.Keys) != "[night blind unknown]" || len(c.Hours) != 9 || c.Hours[8].Label != "24:00" {
		t.Errorf("now %s, keys %v, hours %v", c.Now, c.Keys, c.Hours)
	}
	if empty := chartOf(make([]ledger.Minute, 600), from, from.Add(-time.Hour), nil); empty.Use != "" || empty.Now != "" || len(empty.Bands) != 0 {
		t.Errorf("a night to come: %+v", empty)
	}
	if none := chartOf(nil, from, from, nil); none.Use != "" || len(none.Bands) != 0 {
		t.Errorf("no minutes: %+v", none)
	}
}

func TestScale(t *testing.T) {
	f := func(n, top, step int) {
		t.Helper()
		if a, b := scale(n); a != top || b != step {
			t.Errorf("%d: up to %d by %d, want %d by %d", n, a, b, top, step)
		}
	}
	f(0, 1, 1)
	f(1, 1, 1)
	f(4, 4, 1)
	f(5, 6, 2)
	f(22, 30, 10)
	f(100, 100, 25)
	f(65535, 66000, 500)
}

// TestMidnight: a few minutes behind midnight the state is that of the evening, not "nothing".
func TestMidnight(t *testing.T) {
	r := newRoom(t)
	at := r.stamp(today.Start().Add(-time.Hour))
	r.put(&uplink.Boot{Stamp: at, Firmware: "1", Why: uplink.BootPower}, &uplink.Vantage{Stamp: at, Class: "A", Confidence: 90})
	r.now.set(today.Start().Add(5 * time.Minute))
	b := newBox(t, r)
	f := func(want string) {
		t.Helper()
		d := r.Day(today, r.now.now())
		if got, _ := vietnamese.present(b.moment(&d, r.now.now())); got[0] != want {
			t.Errorf("%v: %q, want %q", r.now.now(), got[0], want)
		}
	}
	f("Không thấy máy nào bật")
	r.put(&uplink.Blind{Stamp: r.stamp(today.Start().Add(-2 * time.Minute)), Blind: true, Why: "no-frames"})
	f("Lúc này không quan sát được")
}
