package virt_test

import (
	"testing"
	"time"

	"cafeprobe/board"
	"cafeprobe/board/boardtest"
	"cafeprobe/board/virt"
)

func TestConformance(t *testing.T) {
	var l virt.LED
	boardtest.LED(t, &l, func() bool { on, _ := l.On(); return on })
	boardtest.Watchdog(t, virt.NewWatchdog(time.Minute, time.Now))
	b := virt.NewButton()
	boardtest.Button(t, b, b.Hold)
	var s virt.Sensor
	s.Say(47.5, false, board.Wear{Used: 10, Reserve: board.ReserveNormal, Written: 1 << 20}, nil)
	boardtest.Temperature(t, &s)
	boardtest.Storage(t, &s)
	slots := virt.NewSlots()
	boardtest.Slots(t, slots, slots.Boot)
}

func TestBitten(t *testing.T) {
	now := time.Unix(0, 0)
	w := virt.NewWatchdog(time.Minute, func() time.Time { return now })
	f := func(later time.Duration, want bool) {
		t.Helper()
		now = now.Add(later)
		if got := w.Bitten(); got != want {
			t.Errorf("%v later: bitten is %v, want %v", later, got, want)
		}
	}
	f(time.Minute, false)
	f(1, true)
	if err := w.Feed(); err != nil {
		t.Fatal(err)
	}
	f(30*time.Second, false)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f(time.Hour, false)
}
