package e2e

import (
	"path/filepath"
	"testing"

	"cafeprobe/tools/soak/plot"
	"cafeprobe/uplink/spool"
)

// course is how memory and spool went over a long test, noted every six of its hours.
type course struct {
	days                   []float64
	heap, resident, spools []uint64 // octets
	anonymous              []uint64
}

// note adds how things are when hours have passed.
func (c *course) note(t *testing.T, s *spool.Spool, hours int) {
	t.Helper()
	c.heap = append(c.heap, heap())
	m := memoryOf(t, "self")
	c.days = append(c.days, float64(hours)/24)
	c.resident, c.anonymous = append(c.resident, uint64(m.Resident)), append(c.anonymous, uint64(m.Anonymous))
	c.spools = append(c.spools, uint64(s.Stats().Bytes))
}

// daily returns every fourth value, in KiB.
func (c *course) daily(values []uint64) (out []uint64) {
	for i := 3; i < len(values); i += 4 {
		out = append(out, values[i]>>10)
	}
	return out
}

// soakDir is where pictures of `make soak` go. It is not committed.
var soakDir = filepath.Join("..", "..", "out", "soak")

// draw writes name.png, .svg and .csv, in the long version of a test.
func (c *course) draw(t *testing.T, name, title string) {
	t.Helper()
	if !long() {
		return
	}
	mib := func(values []uint64) (out []float64) {
		for _, v := range values {
			out = append(out, float64(v)/(1<<20))
		}
		return out
	}
	p := plot.Plot{Title: title, Axis: "days", Times: c.days, Rows: []plot.Panel{
		{Name: "live heap", Unit: "MiB", Values: mib(c.heap)},
		{Name: "resident, anonymous (RssAnon)", Unit: "MiB", Values: mib(c.anonymous)},
		{Name: "resident, mapped spool files included (VmRSS)", Unit: "MiB", Values: mib(c.resident)},
		{Name: "spool on the card", Unit: "MiB", Values: mib(c.spools), Limit: 256},
	}}
	if err := p.Write(t.Context(), soakDir, name); err != nil {
		t.Error(err)
	}
}
