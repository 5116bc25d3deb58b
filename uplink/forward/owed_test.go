package forward

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cafeprobe/uplink"
	"cafeprobe/uplink/mqtt"
)

// TestReceiptsAreLate: 15 minutes of connection without the receipt that is owed are an alarm, in the state and in the log;
// time without a connection does not count, nor an answer to hello while records are missing.
func TestReceiptsAreLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ses, key, _, _ := offline(t)
		f, s := ses.f, ses.f.spool
		var log bytes.Buffer
		f.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
		fill(t, s, 10)
		receipt := func(seq uint64) {
			t.Helper()
			h, _ := s.At(seq)
			b, err := uplink.Marshal(uplink.Receipt{Chain: f.id.Chain, Seq: uplink.Int(seq), Hash: h.Hash, Time: 1}.Sign(key, f.id.Address))
			if err != nil {
				t.Fatal(err)
			}
			ses.take(mqtt.Message{Topic: f.id.Topic(uplink.DownReceipt), Payload: b})
		}
		want := func(what string, lag time.Duration, late bool) {
			t.Helper()
			st := f.Stats()
			m, err := f.state(uplink.StateOnline)
			if err != nil {
				t.Fatal(err)
			}
			said, err := uplink.Parse[uplink.State](m.Payload)
			if err != nil || st.Lag != lag || st.Late != late || (said.Lag > 0) != late || late && said.Lag != uplink.Int(lag.Seconds()) {
				t.Errorf("%s: lag %v, late %v, state %s, %v; want %v, %v", what, st.Lag, st.Late, m.Payload, err, lag, late)
			}
		}

		want("before the first hello", 0, false)
		f.ask(0)
		time.Sleep(time.Minute)
		want("no answer to hello", time.Minute, false)
		receipt(0)
		time.Sleep(time.Hour)
		want("an answer, and nothing sent", 0, false)

		f.ask(10)
		time.Sleep(5 * time.Minute)
		receipt(4)
		want("some of it", 0, false)
		time.Sleep(15*time.Minute - 1)
		want("nearly", 15*time.Minute-1, false)
		if f.changed() || log.Len() != 0 {
			t.Errorf("an alarm too early: %s", log.String())
		}
		time.Sleep(time.Nanosecond)
		if !f.changed() {
			t.Error("after 15 min there is nothing new to say, want the alarm")
		}
		want("late", 15*time.Minute, true)
		if f.changed() || strings.Count(log.String(), "level=ERROR") != 1 {
			t.Errorf("the log says %q, want one error, and nothing new behind the state", log.String())
		}
		receipt(4)
		want("an answer to hello that says nothing new", 15*time.Minute, true)
		f.owed.down(time.Now())
		time.Sleep(24 * time.Hour)
		want("a day without a connection", 15*time.Minute, true)
		f.ask(0)
		time.Sleep(time.Minute)
		want("connected again", 16*time.Minute, true)
		receipt(10)
		want("all of it", 0, false)
		if strings.Count(log.String(), "receipts again") != 1 {
			t.Errorf("the log says %q, want that receipts come again", log.String())
		}
	})
}
