package spool

import (
	"testing"

	"cafeprobe/uplink"
)

// TestKept: a box that keeps 35 days has, behind 38 days of 100 stations whose records are receipted at once, those of the last 35 days
// and no more, in less than a quarter of what the spool may take.
func TestKept(t *testing.T) {
	const (
		days, keep = 38, 35
		stations   = 100
	)
	comings := images(1, 4) // of a station a day, each with four records: on, in use, not in use, off
	s := mustOpen(t, t.TempDir(), identity(t), Config{KeepDays: keep})
	defer s.Close()
	begins := make([]uint64, days) // number of each day's first record
	for d := range days {
		begins[d] = s.Head().Seq + 1
		for i := range stations * comings {
			at := uplink.Stamp{Mono: uplink.Int(i), Time: uplink.Time(20500*day + d*day + i*(day/(stations*comings+1))), Quality: uplink.QualitySync}
			st := uplink.NewStationID([32]byte{1}, [6]byte{byte(i % stations)})
			ended := uplink.Close{
				Station: st, Stamp: at, Cause: uplink.CauseIdleTimeout, Confidence: 86, Began: at.Time - 3_600_000, Duration: 3600,
			}
			used := ended
			used.Of = uplink.OfUse
			mustAppend(t, s, encode(t, &uplink.Open{Station: st, Stamp: at, Confidence: 86}),
				encode(t, &uplink.Open{Station: st, Stamp: at, Confidence: 86, Of: uplink.OfUse}), encode(t, &used), encode(t, &ended))
			if i%100 == 99 {
				check(t, s.Commit())
			}
		}
		check(t, s.Commit())
		check(t, s.SetReceipt(s.Head()))
	}
	mustAppend(t, s, opened(t, days, 1))
	check(t, s.Commit())
	if want := begins[days-keep]; s.First() != want {
		t.Errorf("first %d, want %d: that of the day 35 days before the newest", s.First(), want)
	}
	st := s.Stats()
	if st.Bytes > 64<<20 || st.Full {
		t.Errorf("%d octets on the card, want 64 MiB at most", st.Bytes)
	}
	t.Logf("%d days of %d records: %d octets in %d files", keep, stations*comings*4, st.Bytes, st.Files)
}
