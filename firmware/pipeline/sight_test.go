package pipeline

import (
	"testing"

	"cafeprobe/capture/capturetest"
	"cafeprobe/capture/pcapfile"
	"cafeprobe/firmware/cafe"
)

// TestSight: what is seen of a café is told in numbers while it runs, and nothing of a replay, which nobody looks at.
func TestSight(t *testing.T) {
	f := func(looks bool) *Pipeline {
		t.Helper()
		path, _ := capturetest.Cafe(t)
		src, err := pcapfile.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		p := New(Config{})
		p.slow.looks = looks
		if err := p.Run(t.Context(), src); err != nil {
			t.Fatal(err)
		}
		return p
	}
	if s := f(false).Sight(); s != nil {
		t.Errorf("of a replay: %+v, want nothing", s)
	}
	p := f(true)
	pcs := 0
	for _, s := range p.Cafe().Stations() {
		if s.Role == cafe.RolePC && s.Reported() {
			pcs++
		}
	}
	s := p.Sight()
	if s == nil || pcs == 0 || s.PCs != pcs || s.Vantage.Both == 0 {
		t.Errorf("%+v, want %d PCs, and some in both directions", s, pcs)
	}
}
