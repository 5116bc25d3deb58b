package demo

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"cafeprobe/tools/soak/hold"
	"cafeprobe/uplink"
)

// TestEmulateNoise: ten times noise is written to places of the card that are in use. Each time the box boots, and is heard by the
// province as the box that it was.
func TestEmulateNoise(t *testing.T) {
	e := newEmulated(t)
	e.boot(nil)
	e.tells(0)
	e.spared()
	e.off()
	modes := map[string]int{}
	for seed := range uint64(10) {
		at, before := e.damage(seed), e.verified()
		mode := e.boot(nil)
		e.tells(before)
		modes[mode]++
		e.off()
		e.note("noise %d at %d places: %s, %d more records", seed, len(at), mode, e.verified()-before)
	}
	hold.Equal(t, "cards with noise whose box booted and told, on the card", modes["disk"]+modes["anew"], 10, "cards")
	boxes := 0
	e.each(func(r uplink.Record) {
		if r.Kind == uplink.KindBoot {
			boxes++
		}
	})
	hold.AtLeast(t, "boots that the chain of the one box tells", boxes, 5, "boots")
}

// damage writes noise to places of the data that are in use, and returns them.
func (e *emulated) damage(seed uint64) (at []int64) {
	e.Helper()
	r := rand.New(rand.NewPCG(6, seed))
	start := e.partition("data")
	info, err := os.Stat(e.card)
	if err != nil {
		e.Fatal(err)
	}
	var used []int64
	b := make([]byte, 4096)
	c, err := os.Open(e.card)
	if err != nil {
		e.Fatal(err)
	}
	defer c.Close()
	for o := start; o+4096 <= info.Size()-1<<20; o += 4096 {
		if _, err := c.ReadAt(b, o); err != nil {
			e.Fatal(err)
		}
		if slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) {
			used = append(used, o)
		}
	}
	for range 1 + r.IntN(40) {
		o := used[r.IntN(len(used))]
		if r.IntN(2) == 0 {
			o = used[r.IntN(min(64, len(used)))] // what the file system begins with is hit more often
		}
		at = append(at, o)
		e.harm(o+int64(r.IntN(4088)), func(b []byte) { binary.LittleEndian.PutUint64(b, r.Uint64()) }, 8)
	}
	return at
}
