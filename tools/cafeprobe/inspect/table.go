package inspect

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Print writes doc for a person: the stations as a table, then what was seen of each. What the wire said is shown with
// control characters escaped, so that no name can drive a terminal.
func (doc *Document) Print(w io.Writer) error {
	p := &printer{w: w}
	c := doc.Capture
	p.f("%d frames, %s in %d file(s), %s", c.Frames, octets(c.Octets), c.Files, c.Link)
	if c.First != 0 {
		p.f("%s to %s, %s", clock(c.First), clock(c.Last), round(time.Duration(c.Last-c.First)))
	}
	if c.Malformed+c.Damaged > 0 {
		p.f("%d frames malformed, %d records damaged: nothing was concluded from them", c.Malformed, c.Damaged)
	}
	p.f("vantage %s: %s", doc.Vantage.Grade, strings.Join(doc.Vantage.Why, "; "))
	if l := doc.Vantage.Loss; l != nil && l.Octets > 0 {
		p.f("of the TCP payload that was acknowledged (%s), %.2f %% was not captured", octets(l.Octets), 100*l.Share)
	}
	p.f("")
	p.stations(doc.Stations)
	for i := range doc.Stations {
		p.station(&doc.Stations[i])
	}
	p.names(doc)
	return p.err
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) f(format string, args ...any) {
	if p.err != nil {
		return
	}
	_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
}

func (p *printer) table(rows [][]string) {
	tw := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		if _, err := fmt.Fprintln(tw, strings.Join(r, "\t")); err != nil && p.err == nil {
			p.err = err
		}
	}
	if err := tw.Flush(); err != nil && p.err == nil {
		p.err = err
	}
}

func (p *printer) stations(list []Station) {
	if len(list) == 0 {
		p.f("no stations: none of the frames has a MAC address of its own")
		return
	}
	rows := [][]string{{"STATION", "ROLE", "NAME", "ADDRESS", "VENDOR", "OS", "FIRST", "LAST", "FRAMES"}}
	for i := range list {
		s := &list[i]
		rows = append(rows, []string{
			s.MAC, s.Role, s.label(), s.address(), cut(s.Vendor, 18), s.OS, clock(s.First), clock(s.Last), fmt.Sprint(s.Frames),
		})
	}
	p.table(rows)
}

// label is the name to show: what DHCP said, else the first that it gave itself.
func (s *Station) label() string {
	if s.DHCP != nil && s.DHCP.Hostname != "" {
		return s.DHCP.Hostname
	}
	if len(s.Names) > 0 {
		return s.Names[0].Name
	}
	return "-"
}

// address is the address to show: IPv4 before IPv6.
func (s *Station) address() string {
	for _, a := range s.Addrs {
		if strings.Contains(a, ".") {
			return a
		}
	}
	if len(s.Addrs) > 0 {
		return s.Addrs[0]
	}
	return "-"
}

func (p *printer) station(s *Station) {
	if len(s.Power)+len(s.Titles)+len(s.Names) == 0 && s.DHCP == nil {
		return
	}
	p.f("\n%s  %s", s.MAC, s.label())
	if len(s.Addrs) > 1 {
		p.f("  addresses  %s", strings.Join(s.Addrs, ", "))
	}
	for _, n := range s.Names {
		p.f("  name       %s (%s)", n.Name, n.From)
	}
	if l := s.DHCP; l != nil {
		p.f("  dhcp       %s", cut(strings.Join(l.Messages, " "), 90))
		for _, kv := range [][2]string{{"class", l.VendorClass}, {"uuid", l.ClientUUID}, {"user", l.UserClass}} {
			if kv[1] != "" {
				p.f("             %s %s", kv[0], kv[1])
			}
		}
	}
	p.times("on    ", s.Power)
	if !slices.EqualFunc(s.Sessions, s.Power, func(a, b Session) bool { return a.Start == b.Start && a.End == b.End }) {
		p.times("in use", s.Sessions)
	}
	for _, u := range s.Titles {
		p.f("  title      %s (%s)  %d flows, %.0f s%s", u.Title, u.Class, u.Flows, u.Seconds, played(u))
	}
}

// played says for how long the flows of u were the game's own, nothing where none was.
func played(u Used) string {
	if u.Played == 0 {
		return ""
	}
	return fmt.Sprintf(", its own %.0f s", u.Played)
}

func (p *printer) times(what string, list []Session) {
	for _, e := range list {
		p.f("  %s     %s – %s  (±%.0f s, ±%.0f s)  %s → %s  confidence %.2f", what, clock(e.Start), clock(e.End),
			e.StartErr, e.EndErr, e.Opened, e.Cause, e.Confidence)
		p.f("             why: %s", strings.Join(e.Why, "; "))
	}
}

func (p *printer) names(doc *Document) {
	if len(doc.Names) == 0 {
		return
	}
	p.f("\n%d names asked for", len(doc.Names))
	rows := [][]string{{"CLIENT", "KIND", "NAME", "N"}}
	for _, n := range doc.Names {
		rows = append(rows, []string{n.Client, n.Kind, n.Name, fmt.Sprint(n.N)})
	}
	p.table(rows)
}

func clock(t Time) string { return time.Unix(0, int64(t)).UTC().Format("2006-01-02 15:04:05") }

func octets(n uint64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f kB", float64(n)/1e3)
}

// cut shortens s to n characters.
func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
