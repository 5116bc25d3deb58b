package sight

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/firmware/cafe"
	"cafeprobe/tools/sim"
)

// confusion counts what stations of a role are taken for.
type confusion map[sim.Role]map[string]int

func (c confusion) add(is sim.Role, taken string) {
	if c[is] == nil {
		c[is] = map[string]int{}
	}
	c[is][taken]++
}

// right returns which share of the stations of a role are taken for what they are.
func (c confusion) right(is sim.Role) float64 {
	n := 0
	for _, k := range c[is] {
		n += k
	}
	return float64(c[is][string(is)]) / float64(n)
}

func (c confusion) String() string {
	var roles []sim.Role
	var taken []string
	for is, row := range c {
		roles = append(roles, is)
		for word := range row {
			if !slices.Contains(taken, word) {
				taken = append(taken, word)
			}
		}
	}
	slices.Sort(roles)
	slices.Sort(taken)
	var b strings.Builder
	fmt.Fprintf(&b, "\n%10s", "is")
	for _, word := range taken {
		fmt.Fprintf(&b, "%10s", word)
	}
	for _, is := range roles {
		fmt.Fprintf(&b, "\n%10s", is)
		for _, word := range taken {
			fmt.Fprintf(&b, "%10d", c[is][word])
		}
		fmt.Fprintf(&b, "   %.4f", c.right(is))
	}
	return b.String()
}

// TestRoles: what stations of 36 rooms are taken for, diskless ones and others, at mirrors and at plain ports. A cashier whose
// computer is called as any other, and wakes nobody, is a PC by all that it shows, and a server without disks likewise.
func TestRoles(t *testing.T) {
	mirror, plain := confusion{}, confusion{}
	for seed := range uint64(36) {
		vantage, table := []string{sim.VantageA, sim.VantageAPlus, sim.VantageC}[seed%3], mirror
		if vantage == sim.VantageC {
			table = plain
		}
		r := room(t, 300+seed, sim.Options{Stations: 16, For: 3 * time.Hour, Vantage: vantage, Diskless: sim.Choice(1 + seed/3%2)})
		c := cafe.New(cafe.Config{})
		Play(r, nil, func(o *capture.Observation) { c.Observe(o) })
		c.Finish()
		for i, s := range r.Stations {
			known, ok := c.Known(s.MAC)
			on := slices.ContainsFunc(r.Truth.Stations[i].Spans, func(s sim.Span) bool { return s.State != sim.Off })
			if !ok || !known.Confirmed || !on {
				continue // it is told of to nobody, or its card alone answers for it
			}
			table.add(s.Role, known.Role.String())
			if known.Reported() == (s.Role == sim.Phone) {
				t.Errorf("seed %d: %s %s is reported: %v", r.Seed, s.Role, s.Name, known.Reported())
			}
		}
	}
	f := func(name string, c confusion, least map[sim.Role]float64) {
		t.Helper()
		t.Logf("%s%v", name, c)
		for is, share := range least {
			if got := c.right(is); got < share {
				t.Errorf("%s: %.4f of %s are taken for one, want %.4f", name, got, is, share)
			}
		}
		if c[sim.PC]["router"]+c[sim.PC]["server"]+c[sim.PC]["cashier"]+c[sim.PC]["phone"] > 0 {
			t.Errorf("%s: PCs are taken for others: %v", name, c[sim.PC])
		}
	}
	f("at mirrors", mirror, map[sim.Role]float64{
		sim.PC: 0.995, sim.Router: 1, sim.Printer: 1, sim.Phone: 1, sim.Server: 0.75, sim.Cashier: 0.6,
	})
	f("at plain ports", plain, map[sim.Role]float64{
		sim.PC: 0.99, sim.Router: 1, sim.Printer: 1, sim.Phone: 1, sim.Server: 0.75, sim.Cashier: 0.4,
	})
}
