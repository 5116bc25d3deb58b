package pipeline

import (
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/capture/handoff"
	"cafeprobe/capture/title"
	"cafeprobe/firmware/evidence"
)

// TestQuietLAN: also where little is heard, each flow is told of before the minutes are closed that it was in. At a port that is
// silent the hot side hears the time four times a second.
func TestQuietLAN(t *testing.T) {
	const flows, minutes = 8, 8
	for _, apart := range []time.Duration{10 * time.Millisecond, 250 * time.Millisecond, 700 * time.Millisecond, 950 * time.Millisecond} {
		out := handoff.New(1<<17, handoff.Replay)
		h := newHot(out, title.Builtin(), 1)
		for at := time.Duration(0); at < minutes*time.Minute; at += apart {
			for port := range uint16(flows) {
				f := capturetest.Frame(capturetest.UDP(t, capturetest.PC(1), capturetest.Server(), 50000+port, 5107, make([]byte, 60)))
				f.Time = capturetest.At.UnixNano() + int64(at)
				h.observe(&f)
			}
		}
		h.finish()
		out.Close()
		frames, late, pending := 0, time.Duration(0), int64(0)
		for buf := make([]capture.Observation, 256); ; {
			n, ok := out.Take(buf)
			for _, o := range buf[:n] {
				switch {
				case o.Kind == capture.KindFlow:
					frames += int(o.Up.Frames + o.Down.Frames)
					if pending == 0 || o.First < pending {
						pending = o.First
					}
				case o.Kind == capture.KindTick && pending != 0:
					late, pending = max(late, time.Duration(o.Time-pending)), 0
				}
			}
			if !ok {
				break
			}
		}
		if late > evidence.Late {
			t.Errorf("a frame every %v: a flow was told of %v after it began, want %v at most", apart, late, evidence.Late)
		}
		if want := flows * int((minutes*time.Minute+apart-1)/apart); frames != want {
			t.Errorf("a frame every %v: %d frames told of, want %d", apart, frames, want)
		}
	}
}
