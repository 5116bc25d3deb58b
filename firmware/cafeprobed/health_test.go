package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"cafeprobe/board"
	"cafeprobe/firmware/config"
	"cafeprobe/firmware/health"
	"cafeprobe/uplink"
	"cafeprobe/uplink/forward"
	"cafeprobe/uplink/spool"
)

// TestHealthTellsOfTheCard: what the spool knows of its card is in the hourly record.
func TestHealthTellsOfTheCard(t *testing.T) {
	dir := t.TempDir()
	id, err := spool.NewIdentity(uplink.Address{Province: "demo", Box: "b-00000001"}, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	tell := func() (*uplink.Health, uplink.Card) {
		t.Helper()
		sp, err := spool.Open(dir, id, spool.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer sp.Close()
		o := newOrders(config.Config{Dir: dir}, slog.New(slog.DiscardHandler))
		o.sp, o.fw = sp, forward.New(sp, forward.Config{})
		o.told = func() uplink.Stamp { return uplink.Stamp{Quality: uplink.QualityNone} }
		o.count = func() counters { return counters{Frames: 7, Sent: 1} }
		in := health.Inputs{Sent: 1, Celsius: 61.7, Wear: &board.Wear{Used: 30}, Uplink: health.LinkUp, Address: true, Connected: true}
		in.Quality, in.Grade = uplink.QualitySync, "A"
		o.health = func() health.Report { return health.Evaluate(in, health.Report{}, time.Hour) }
		if err := o.healthRecord(); err != nil {
			t.Fatal(err)
		}
		if err := sp.Commit(); err != nil {
			t.Fatal(err)
		}
		rs, err := sp.Read(sp.Head().Seq, 1, 1<<20)
		if err != nil || len(rs) != 1 {
			t.Fatalf("%d records, %v, want one", len(rs), err)
		}
		body, err := rs[0].Body()
		if err != nil {
			t.Fatal(err)
		}
		return body.(*uplink.Health), sp.Card()
	}
	if h, _ := tell(); !slices.Equal(h.Wrong, []string{"capture"}) || h.Celsius != 61 || h.Worn != 30 {
		t.Errorf("%+v, want a capture port that sent, 61 degrees, a card a third used", h)
	}
	if h, card := tell(); h.Frames != 7 || h.Sent != 1 || h.Memory < 1<<20 || h.Ill() || !reflect.DeepEqual(h.Card, card) {
		t.Errorf("%+v, want 7 frames, one sent, some memory, and a card that is %+v", h, card)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.db"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v, want one file", files, err)
	}
	if err := os.WriteFile(files[0], make([]byte, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	if h, card := tell(); h.Corrupt != 1 || !h.Ill() || !reflect.DeepEqual(h.Card, card) {
		t.Errorf("%+v, want one broken file, as the spool says: %+v", h, card)
	}
}

// TestHealthTellsWhatWasMissed: a frame that comes late is taken back from what was missed, and no record says less than none.
func TestHealthTellsWhatWasMissed(t *testing.T) {
	dir := t.TempDir()
	id, err := spool.NewIdentity(uplink.Address{Province: "demo", Box: "b-00000001"}, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	sp, err := spool.Open(dir, id, spool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	o := newOrders(config.Config{Dir: dir}, slog.New(slog.DiscardHandler))
	o.sp, o.fw = sp, forward.New(sp, forward.Config{})
	o.told = func() uplink.Stamp { return uplink.Stamp{Quality: uplink.QualityNone} }
	missed := uint64(4)
	o.count = func() counters { return counters{Missed: missed} }
	if err := o.open(); err != nil {
		t.Fatal(err)
	}
	for i, f := range []struct {
		missed uint64
		want   uplink.Int
	}{{9, 5}, {7, 0}, {10, 1}, {10, 0}} {
		missed = f.missed
		if err := errors.Join(o.healthRecord(), sp.Commit()); err != nil {
			t.Fatal(err)
		}
		rs, err := sp.Read(sp.Head().Seq, 1, 1<<20)
		if err != nil || len(rs) != 1 {
			t.Fatalf("%d records, %v, want one", len(rs), err)
		}
		if body, err := rs[0].Body(); err != nil || body.(*uplink.Health).Missed != f.want {
			t.Errorf("record %d: %+v, %v, want %d missed", i+1, body, err, f.want)
		}
	}
}
