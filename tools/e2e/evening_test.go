package e2e

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

// evening writes a capture of n computers that come and go for hours: each is on for 4 to 15 minutes and off for 25, longer than any silence is forgiven.
func evening(t *testing.T, n byte, hours time.Duration) string {
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
		on := time.Duration(4+i%12) * time.Minute
		for start := time.Duration(i) * 37 * time.Second; start < hours*time.Hour; start += on + 25*time.Minute {
			send(start, who)
			for at := start; at < start+on; at += 10 * time.Second {
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
