package e2e

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

// habit is how computers come and go.
type habit struct {
	on    func(i int) time.Duration // for how long is the i-th on
	off   time.Duration             // and off: longer than any silence is forgiven
	heard time.Duration             // how often it is heard while it is on
}

// evening writes a capture of n computers that come and go for hours: each is on for 4 to 15 minutes and off for 25.
func evening(t *testing.T, n byte, hours time.Duration) string {
	t.Helper()
	on := func(i int) time.Duration { return time.Duration(4+i%12) * time.Minute }
	return coming(t, n, hours*time.Hour, habit{on, 25 * time.Minute, 10 * time.Second})
}

// coming writes a capture of n computers that come and go for d.
func coming(t *testing.T, n byte, d time.Duration, h habit) string {
	t.Helper()
	var frames []capture.Frame
	send := func(at time.Duration, data []byte) {
		f := capturetest.Frame(data)
		f.Time += int64(at)
		frames = append(frames, f)
	}
	for i := range n {
		pc := capturetest.PC(i + 1)
		up := capturetest.UDP(t, pc, capturetest.Server(), 50000+uint16(i), 5000, make([]byte, 60))
		down := capturetest.UDP(t, capturetest.Server(), pc, 5000, 50000+uint16(i), make([]byte, 120))
		who := capturetest.ARP(t, 1, pc, capturetest.Router())
		on := h.on(int(i))
		for start := time.Duration(i) * 37 * time.Second % (on + h.off); start < d; start += on + h.off {
			send(start, who)
			for at := start; at < start+on; at += h.heard {
				send(at, up)
				send(at+20*time.Millisecond, down)
			}
		}
	}
	slices.SortStableFunc(frames, func(a, b capture.Frame) int { return int(a.Time - b.Time) })
	path := filepath.Join(t.TempDir(), "evening.pcap")
	capturetest.WritePcap(t, path, frames)
	return path
}
