package simulate

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"cafeprobe/tools/sim"
)

// Print prints what a room is and what happens in it, for a person.
func Print(w io.Writer, r *sim.Room) error {
	t := r.Truth
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	local := time.FixedZone("ICT", 7*3600)
	at := func(ns int64) string { return time.Unix(0, ns).In(local).Format("2006-01-02 15:04") }
	fmt.Fprintf(tw, "room\tseed %d, %s to %s in Vietnam, vantage %s\n", r.Seed, at(t.From), at(t.To), t.Vantage)
	fmt.Fprintf(tw, "it is\t%s\n", strings.Join(r.Traits(), ", "))
	fmt.Fprintln(tw, "\nrole\tstations\ton\tin use\tsessions\tlate\tminutes past 22:00")
	for _, role := range []sim.Role{sim.PC, sim.Cashier, sim.Phone, sim.Printer, sim.Server, sim.Router} {
		n := tally(t, role)
		fmt.Fprintf(tw, "%s\t%d\t%v\t%v\t%d\t%d\t%d\n", role, n.stations, short(n.on), short(n.use), n.sessions, n.late,
			n.minutes)
	}
	what := map[string]time.Duration{}
	var order []string
	for i := range t.Stations {
		for _, a := range t.Stations[i].Activities {
			k := strings.TrimSpace(a.Word + " " + a.Title)
			if what[k] == 0 {
				order = append(order, k)
			}
			what[k] += time.Duration(a.To - a.From)
		}
	}
	fmt.Fprintln(tw)
	for _, k := range order {
		fmt.Fprintf(tw, "%s\t%v\n", k, short(what[k]))
	}
	for _, n := range t.Nights() {
		fmt.Fprintf(tw, "\nnight of %s\t%d stations late, %d minutes, %s to %s\n", n.Evening, n.Stations, n.Minutes,
			at(n.First), at(n.Last))
	}
	return tw.Flush()
}

// sums are what stations of one role come to.
type sums struct {
	stations, sessions, late, minutes int
	on, use                           time.Duration
}

func tally(t *sim.Truth, role sim.Role) (n sums) {
	for i := range t.Stations {
		f := &t.Stations[i]
		if f.Role != role {
			continue
		}
		n.stations++
		n.minutes += len(t.Late(i))
		for _, s := range f.Spans {
			d := time.Duration(s.To - s.From)
			if s.State != sim.Off {
				n.on += d
			}
			if s.State == sim.InUse {
				n.use += d
			}
		}
		for _, s := range f.Sessions {
			n.sessions++
			if s.Late {
				n.late++
			}
		}
	}
	return n
}

func short(d time.Duration) string { return fmt.Sprintf("%.1f h", d.Hours()) }
