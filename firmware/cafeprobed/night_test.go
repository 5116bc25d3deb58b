package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/account"
	"cafeprobe/firmware/command"
	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

var (
	silent   = slog.New(slog.DiscardHandler)
	midnight = time.Date(2026, 11, 24, 0, 0, 0, 0, hours.Zone)
)

// toldAlert is what the chain has of an alert at 23:20.
func toldAlert(t *testing.T) uplink.Record {
	t.Helper()
	r, err := uplink.Encode(&uplink.AfterHours{
		Stamp: uplink.Stamp{Mono: 1, Time: uplink.TimeOf(midnight.Add(23*time.Hour + 20*time.Minute)), Quality: uplink.QualitySync},
		Night: "2026-11-24", Stage: uplink.StageAlert, Category: "game", Hours: "22:00-08:00",
		First: uplink.TimeOf(midnight.Add(23 * time.Hour)), Last: uplink.TimeOf(midnight.Add(23*time.Hour + 20*time.Minute)),
		Peak: 3, Minutes: 50, Blind: 7, Confidence: 90,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// night gives n the minutes from hour on as an account does, and returns what it tells.
func (b *box) night(n *nights, from time.Duration, minutes int) (stages string) {
	b.t.Helper()
	p, err := hours.NewProfile(hours.Game, hours.Window{}, hours.Grace)
	if err != nil {
		b.t.Fatal(err)
	}
	n.known.Change(p, midnight.Add(12*time.Hour))
	for i := range minutes {
		m := &hours.Minute[uplink.StationID]{
			Start: midnight.Add(from + time.Duration(i)*time.Minute), Certain: true,
			Maintained: n.Maintained(midnight.Add(from + time.Duration(i)*time.Minute)), // as account does
			Use:        []hours.Use[uplink.StationID]{{Station: "u3mJq0yZcRE", P: 0.9}, {Station: "AAECAwQFBgc", P: 0.9}},
		}
		for _, told := range n.known.Take(m) {
			stages += string(told.Stage) + " "
		}
	}
	state, err := json.Marshal(n.known)
	if err != nil {
		b.t.Fatal(err)
	}
	n.Keep(state, true, true)
	n.end()
	return stages
}

// spooled opens the box's spool with rs in it.
func (b *box) spooled(rs ...uplink.Record) *spool.Spool {
	b.t.Helper()
	sp, err := spool.Open(b.dir, b.id, spool.Config{})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { sp.Close() })
	for _, r := range rs {
		if _, err := sp.Append(r); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := sp.Commit(); err != nil {
		b.t.Fatal(err)
	}
	return sp
}

func (b *box) nights(sp *spool.Spool) *nights {
	b.t.Helper()
	n, err := openNights(b.dir, sp, silent)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// TestNightsGoOn: what was kept and what the chain says are known to the next run, either alone as well; a spoilt file, or one
// of another box, is none.
func TestNightsGoOn(t *testing.T) {
	f := func(name string, chain bool, change func(path string) error, want string) {
		t.Helper()
		b := newBox(t)
		var rs []uplink.Record
		if chain {
			rs = append(rs, toldAlert(t))
		}
		sp := b.spooled(rs...)
		first := b.nights(sp)
		if got := b.night(first, 23*time.Hour, 5); got != "" {
			t.Errorf("%s: five minutes tell %q, want nothing", name, got)
		}
		if err := change(filepath.Join(b.dir, nightFile)); err != nil {
			t.Fatal(err)
		}
		n := b.nights(sp)
		if got := b.night(n, 23*time.Hour+5*time.Minute, 5) + b.night(n, 32*time.Hour, 1); got != want {
			t.Errorf("%s: told %q, want %q", name, got, want)
		}
	}
	keep := func(string) error { return nil }
	write := func(text string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(text), 0o600) }
	}
	f("kept", false, keep, "alert end ")
	f("lost", false, os.Remove, "")
	f("kept, and told", true, keep, "end ")
	f("lost, and told", true, os.Remove, "end ")
	f("spoilt", false, write(`{"chain":`), "")
	f("spoilt, and told", true, write(`{"chain":"x","nights":{"profiles":7}}`), "end ")
	f("too large", false, write(strings.Repeat(" ", maxNightFile+1)), "")
	f("of another chain", false, func(path string) error {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		i := strings.Index(string(b), `"chain":"`) + len(`"chain":"`)
		b[i] ^= 3
		return os.WriteFile(path, b, 0o600)
	}, "")
}

// TestKeepIsRare: while a station is late every five minutes, else every half an hour, and at once where something was told.
func TestKeepIsRare(t *testing.T) {
	b := newBox(t)
	n := b.nights(b.spooled())
	now := time.Unix(1795000000, 0)
	n.clock = func() time.Time { return now }
	written := func(minutes int, late bool) (times int) {
		for range minutes {
			now = now.Add(time.Minute)
			n.Keep([]byte(`{"profiles":null}`), late, false)
			select {
			case <-n.rouse:
				times++
				n.end()
			default:
			}
		}
		return times
	}
	written(1, false)
	if got := written(60, true); got != 12 {
		t.Errorf("%d times in an hour in which somebody is late, want 12", got)
	}
	if got := written(60, false); got != 2 {
		t.Errorf("%d times in an hour in which nobody is, want 2", got)
	}
	n.Keep([]byte(`{"profiles":null}`), false, true)
	select {
	case <-n.rouse:
	default:
		t.Error("not written at once when something was told")
	}
}

// TestMaintain: the province's command lowers what is told, outlives the run, and is refused the fifth time in a month.
func TestMaintain(t *testing.T) {
	b := newBox(t)
	sp := b.spooled()
	stamp := uplink.Stamp{Mono: 2, Time: uplink.TimeOf(midnight), Quality: uplink.QualitySync}
	o := &orders{nights: b.nights(sp), sp: sp, told: func() uplink.Stamp { return stamp }}
	do := func(from, to time.Duration) error {
		args, err := json.Marshal(map[string]int64{"from": midnight.Add(from).UnixMilli(), "to": midnight.Add(to).UnixMilli()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = o.maintain(&uplink.Command{Args: args})
		return err
	}
	for range 2 { // as a command that comes again
		if err := do(23*time.Hour, 25*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if err := sp.Commit(); err != nil {
		t.Fatal(err)
	}
	if rs, err := sp.Read(1, 10, 1<<20); err != nil || len(rs) != 1 || rs[0].Kind != uplink.KindMaintenance {
		t.Errorf("the chain has %d records, %v, want one of the maintenance", len(rs), err)
	}
	if err := os.Remove(filepath.Join(b.dir, nightFile)); err != nil { // as a power cut before it was written
		t.Fatal(err)
	}
	var keeper account.NightKeeper = b.nights(sp) // another run
	for at, want := range map[time.Duration]bool{
		23*time.Hour - 1: false, 23 * time.Hour: true, 25*time.Hour - 1: true, 25 * time.Hour: false,
	} {
		if got := keeper.Maintained(midnight.Add(at)); got != want {
			t.Errorf("%v behind midnight: maintained %v, want %v", at, got, want)
		}
	}
	for i := range 3 {
		if err := do(time.Duration(i)*time.Hour, time.Duration(i+1)*time.Hour); err != nil {
			t.Errorf("maintenance %d: %v", i+2, err)
		}
	}
	if err := do(5*time.Hour, 6*time.Hour); !errors.Is(err, command.Refusal("too-many")) {
		t.Errorf("the fifth: %v, want too-many", err)
	}
	if err := do(6*time.Hour, 5*time.Hour); !errors.Is(err, command.BadArgs) {
		t.Errorf("backwards: %v, want %v", err, command.BadArgs)
	}
}
