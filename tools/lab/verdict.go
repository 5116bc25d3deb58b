package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"text/tabwriter"
	"time"

	"cafeprobe/tools/province"
	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

// news is what the province has been told of the evening.
type news struct {
	l     *lab
	p     *province.Province
	names map[uplink.StationID]*station // by what the box calls each
	read  int                           // records

	roles    map[uplink.StationID]string
	opens    map[uplink.StationID][]time.Time
	closes   map[uplink.StationID]int
	vantage  []string // one after the other
	security int
}

// newNews knows each station by the pseudonym that the box of id gives it.
func newNews(l *lab, p *province.Province, id spool.Identity) *news {
	n := &news{
		l: l, p: p, names: map[uplink.StationID]*station{}, roles: map[uplink.StationID]string{},
		opens: map[uplink.StationID][]time.Time{}, closes: map[uplink.StationID]int{},
	}
	for i := range stations {
		m, err := net.ParseMAC(stations[i].mac)
		if err != nil {
			panic("BUG: evening.go: " + err.Error())
		}
		n.names[uplink.NewStationID(id.Secret, [6]byte(m))] = &stations[i]
	}
	return n
}

// follow says what the province is told, as it comes, until ctx is done.
func (n *news) follow(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
		if err := n.more(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
}

// more takes the records that have come since.
func (n *news) more(ctx context.Context) error {
	if totals, err := n.p.Totals(ctx); err != nil || totals.Stored == 0 {
		return err
	}
	i := 0
	return n.p.EachRecord(ctx, address.Box, func(r uplink.Record) error {
		if i++; i <= n.read {
			return nil
		}
		n.read = i
		body, err := r.Body()
		if err == nil {
			n.take(body)
		}
		return err
	})
}

func (n *news) take(body uplink.Body) {
	say := func(what string, args ...any) { fmt.Printf("         the province: "+what+"\n", args...) }
	switch b := body.(type) {
	case *uplink.Roster:
		for _, m := range b.Stations {
			n.roles[m.Station] = m.Role
		}
	case *uplink.Open:
		if b.Of != uplink.OfPower {
			say("%s is in use, since %s", n.name(b.Station), clock(b.Time.Time()))
			return
		}
		n.opens[b.Station] = append(n.opens[b.Station], b.Time.Time())
		say("%s is on, since %s", n.name(b.Station), clock(b.Time.Time()))
	case *uplink.Close:
		if b.Of != uplink.OfPower {
			say("%s is not in use any more, since %s", n.name(b.Station), clock(b.Time.Time()))
			return
		}
		n.closes[b.Station]++
		say("%s is off, since %s, by %s", n.name(b.Station), clock(b.Time.Time()), b.Cause)
	case *uplink.Vantage:
		n.vantage = append(n.vantage, b.Class)
		say("vantage %s", b.Class)
	case *uplink.Blind:
		say("blind %v", b.Blind)
	case *uplink.Link:
		say("link of the %s port up: %v", b.Port, b.Up)
	case *uplink.Security:
		n.security++
		say("security: %s, %d", b.What, b.Count)
	}
}

func clock(t time.Time) string { return t.Local().Format(time.TimeOnly) }

func (n *news) name(id uplink.StationID) string {
	if s := n.names[id]; s != nil {
		return s.name
	}
	return "stranger " + string(id)
}

// startSlack is how far a session's start may be from when the station was switched on.
const startSlack = 30 * time.Second

// judge writes to out what was found beside what is true, and returns an error that names what differs. heard says in how many
// minutes each MAC was to be heard.
func (n *news) judge(out io.Writer, c counters, heard map[string]int) error {
	v := &verdict{w: tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	fmt.Fprintf(v.w, "\n\tfound\ttruth\t\n")
	for i := range stations {
		n.judgeStation(v, &stations[i], heard[stations[i].mac])
	}
	strangers := 0
	for id := range n.roles {
		if n.names[id] == nil {
			strangers++
		}
	}
	v.row("strangers", strangers, 0)
	grade := "none"
	if len(n.vantage) > 0 {
		grade = n.vantage[len(n.vantage)-1]
	}
	want := n.l.room.judge.vantage
	if want == "" {
		want = grade
	}
	v.row("vantage", grade, want)
	if len(n.vantage) > 1 {
		fmt.Fprintf(v.w, "\t(%s)\n", strings.Join(n.vantage, " "))
	}
	v.row("frames seen and dropped, and that the switch sent", c.seen+c.dropped, c.out)
	v.row("frames dropped", c.dropped, 0)
	v.row("frames sent by the box, counted by the switch", c.in, 0)
	v.row("security records", n.security, 0)
	if err := v.w.Flush(); err != nil {
		return err
	}
	if len(v.wrong) > 0 {
		return errors.New("not as the truth is: " + strings.Join(v.wrong, ", "))
	}
	return nil
}

// judgeStation compares one station. A phone is its owner's and never told.
func (n *news) judgeStation(v *verdict, s *station, minutes int) {
	var id uplink.StationID
	for i, o := range n.names {
		if o == s {
			id = i
		}
	}
	role, told := n.roles[id]
	if s.role == "phone" {
		v.row(s.name, orNobody(role), "nobody")
		return
	}
	if !n.l.room.judge.sessions { // role and times cannot be seen from here
		v.row(s.name, toldOrNot[told], toldOrNot[minutes >= confirming])
		fmt.Fprintf(v.w, "\t(%s, %d times on, %d times off; heard in %d minutes)\n", orNobody(role), len(n.opens[id]), n.closes[id], minutes)
		return
	}
	times := n.l.onTimes(s)
	v.row(s.name, fmt.Sprintf("%s, %d times on", orNobody(role), len(n.opens[id])), fmt.Sprintf("%s, %d times on", s.role, len(times)))
	for i := range min(len(times), len(n.opens[id])) {
		if got := n.opens[id][i]; got.Sub(times[i]).Abs() > startSlack {
			v.row(s.name+" on since", clock(got), clock(times[i]))
		}
	}
}

// confirming is in how many minutes a station is to be heard before the province is told of it: one frame may be forged.
const confirming = 2

var toldOrNot = map[bool]string{true: "told", false: "not told"}

func orNobody(role string) string {
	if role == "" {
		return "nobody"
	}
	return role
}

// onTimes returns when s was switched on.
func (l *lab) onTimes(s *station) (list []time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.power {
		if p.who == s {
			list = append(list, p.from)
		}
	}
	return list
}

// verdict is a table of what was found and what is true.
type verdict struct {
	w     *tabwriter.Writer
	wrong []string
}

func (v *verdict) row(what string, found, truth any) {
	mark := ""
	if fmt.Sprint(found) != fmt.Sprint(truth) {
		mark = "WRONG"
		v.wrong = append(v.wrong, what)
	}
	fmt.Fprintf(v.w, "%s\t%v\t%v\t%s\n", what, found, truth, mark)
}
