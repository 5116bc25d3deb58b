package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

// TestRooms: who is behind another switch is there, and each room's evening is in the script's order.
func TestRooms(t *testing.T) {
	for _, r := range rooms {
		for _, name := range r.behind {
			if !slices.ContainsFunc(stations, func(s station) bool { return s.name == name }) {
				t.Errorf("room %s: nobody is called %s", r.name, name)
			}
		}
		if last := script(r.evening()); last[len(last)-1].do != finished {
			t.Errorf("room %s ends with %s, want %s", r.name, last[len(last)-1].do, finished)
		}
	}
}

// TestVerdict: what is as the truth has it passes; each thing that is not is named.
func TestVerdict(t *testing.T) {
	began := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	id := spool.Identity{Secret: [32]byte{1}}
	evening := func() (*news, map[string]uplink.StationID) {
		l := &lab{room: rooms[0]}
		n := newNews(l, nil, id)
		ids := map[string]uplink.StationID{}
		for id, s := range n.names {
			ids[s.name] = id
			if s.role == "phone" {
				continue
			}
			l.power = append(l.power, powered{who: s, from: began})
			n.take(&uplink.Roster{Stations: []uplink.Member{{Station: id, Role: s.role}}})
			n.take(&uplink.Open{Station: id, Stamp: uplink.Stamp{Time: uplink.TimeOf(began.Add(20 * time.Second))}})
		}
		n.take(&uplink.Vantage{Class: "C"})
		n.take(&uplink.Vantage{Class: "A"})
		return n, ids
	}
	f := func(name string, change func(*news, map[string]uplink.StationID, *counters), want string) {
		t.Helper()
		n, ids := evening()
		c := counters{out: 100, seen: 100}
		change(n, ids, &c)
		var out strings.Builder
		err := n.judge(&out, c, nil)
		if got := ""; err != nil {
			if got = err.Error(); want == "" || !strings.HasSuffix(got, ": "+want) {
				t.Errorf("%s: %s, want %q", name, got, want)
			}
		} else if want != "" {
			t.Errorf("%s: passes, want %q", name, want)
		}
	}
	f("as it is", func(*news, map[string]uplink.StationID, *counters) {}, "")
	f("one not found", func(n *news, ids map[string]uplink.StationID, _ *counters) { delete(n.roles, ids["may-03"]) }, "may-03")
	f("a role wrong", func(n *news, ids map[string]uplink.StationID, _ *counters) { n.roles[ids["mayin"]] = "pc" }, "mayin")
	f("the phone told", func(n *news, ids map[string]uplink.StationID, _ *counters) { n.roles[ids["phone"]] = "phone" }, "phone")
	f("on twice", func(n *news, ids map[string]uplink.StationID, _ *counters) {
		n.take(&uplink.Open{Station: ids["may-01"]})
	}, "may-01")
	f("on a minute late", func(n *news, ids map[string]uplink.StationID, _ *counters) {
		n.opens[ids["may-01"]][0] = began.Add(time.Minute)
	}, "may-01 on since")
	f("somebody else", func(n *news, _ map[string]uplink.StationID, _ *counters) { n.roles["AAAAAAAAAAA"] = "pc" }, "strangers")
	f("mirror not seen", func(n *news, _ map[string]uplink.StationID, _ *counters) { n.take(&uplink.Vantage{Class: "C"}) }, "vantage")
	f("a frame missing", func(_ *news, _ map[string]uplink.StationID, c *counters) { c.out++ },
		"frames seen and dropped, and that the switch sent")
	f("a frame sent", func(_ *news, _ map[string]uplink.StationID, c *counters) { c.in++ },
		"frames sent by the box, counted by the switch")
}
