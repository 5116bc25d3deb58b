package sim

import (
	"bufio"
	"fmt"
	"io"
	"time"
)

// WriteTSV writes the truth in the columns of the shared captures' truth.tsv: file, kind, key, value, origin. Kinds beside
// theirs: schedule_state (STATE;from,to;how it ended), schedule_session (from,to, and late), schedule_view (what the box can
// see: full, broadcasts, blind), schedule_outage, schedule_power_cut, and after_hours, one a night: evening; stations;
// minutes; first,last; the longest run of each station. Times are seconds since the Unix epoch.
func (t *Truth) WriteTSV(w io.Writer, file string) error {
	b := bufio.NewWriter(w)
	row := func(kind, key, format string, args ...any) {
		fmt.Fprintf(b, "%s\t%s\t%s\t%s\tsimulated, seed %d\n", file, kind, key, fmt.Sprintf(format, args...), t.Seed)
	}
	fmt.Fprintln(b, "file\tkind\tkey\tvalue\torigin")
	row("assert", "sessions", "strict")
	row("assert", "roles", "lenient") // of a plain port, only some show themselves
	row("capture", "first_ts", "%s", epoch(t.From))
	row("capture", "last_ts", "%s", epoch(t.To))
	for i := range t.Stations {
		t.Stations[i].rows(row)
	}
	for _, v := range t.Views {
		row("schedule_view", "box", "%s;%s", v.Sight, v.Interval)
	}
	for _, o := range t.Outages {
		row("schedule_outage", "internet", "%s", o)
	}
	for _, c := range t.Cuts {
		row("schedule_power_cut", "room", "%s", c)
	}
	for _, n := range t.Nights() {
		row("after_hours", n.Evening, "stations=%d;minutes=%d;%s,%s;longest=%v", n.Stations, n.Minutes, epoch(n.First),
			epoch(n.Last), n.Longest)
	}
	return b.Flush()
}

// rows writes the rows of one station: of one that was never on there is nothing to be found.
func (f *Facts) rows(row func(kind, key, format string, args ...any)) {
	runs := runsOf(f.Spans)
	if len(runs) == 0 {
		return
	}
	row("station", f.MAC, "role=%s", f.Role)
	row("schedule_station_ip", f.MAC, "%s", f.Addr)
	if f.Name != "" {
		row("schedule_hostname", f.MAC, "%s", f.Name)
	}
	for _, r := range runs {
		row("schedule_power", f.MAC, "%s", r.Interval)
	}
	for _, s := range f.Spans {
		row("schedule_state", f.MAC, "%s;%s;%s", s.State, s.Interval, s.End)
	}
	for _, s := range f.Sessions {
		late := ""
		if s.Late {
			late = ";late"
		}
		row("schedule_session", f.MAC, "%s%s", s.Interval, late)
	}
	for _, a := range f.Activities {
		tunnel := ""
		if a.Tunnel {
			tunnel = ";tunnel"
		}
		row("schedule_activity", f.MAC, "%s;%s;%s%s", a.Word, a.Title, a.Interval, tunnel)
	}
}

// String returns the interval as the truth has it: seconds since the Unix epoch, with thousandths.
func (i Interval) String() string { return epoch(i.From) + "," + epoch(i.To) }

func epoch(t int64) string {
	return fmt.Sprintf("%d.%03d", t/int64(time.Second), t%int64(time.Second)/int64(time.Millisecond))
}
