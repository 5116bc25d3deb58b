package main

import (
	"net"
	"slices"
	"strings"
	"testing"
)

// TestEvening finds in the table what would otherwise come out after minutes of recording.
func TestEvening(t *testing.T) {
	who := map[string]*station{}
	for i := range stations {
		s := &stations[i]
		who[s.name] = s
		if m, err := net.ParseMAC(s.mac); err != nil || m[0]&1 != 0 || m.String() != s.mac {
			t.Errorf("%s: MAC %s is none of a station, in lower case", s.name, s.mac)
		}
		for _, code := range s.params {
			if optionNames[code] == "" {
				t.Errorf("%s asks for DHCP option %d, for which dhclient has no word here", s.name, code)
			}
		}
	}
	resolved := func(asked string) bool {
		return slices.ContainsFunc(names, func(n name) bool { return n.name == asked })
	}
	for i, e := range evening {
		if who[e.who] == nil {
			t.Errorf("%s %q at %s: nobody of that name is there", e.do, e.who, short(e.at))
		}
		if i > 0 && e.at < evening[i-1].at {
			t.Errorf("%s %s at %s comes after %s", e.who, e.do, short(e.at), short(evening[i-1].at))
		}
		switch name, _, _ := strings.Cut(e.what, "/"); e.do {
		case https, http, quic, ntp:
			if !resolved(name) {
				t.Errorf("%s at %s: the router does not resolve %s", e.who, short(e.at), name)
			}
		case plays:
			if gameOf[e.what] == "" || e.until <= e.at {
				t.Errorf("%s at %s: plays on %q until %s", e.who, short(e.at), e.what, short(e.until))
			}
		case wake:
			if who[e.what] == nil {
				t.Errorf("%s at %s: wakes %q, who is not there", e.who, short(e.at), e.what)
			}
		}
	}
}

// TestScript: a repetition keeps its place in time, and ends at its until.
func TestScript(t *testing.T) {
	var got []string
	for _, e := range script([]event{
		{at: m(0, 1), who: "a", every: m(0, 2), until: m(0, 5)},
		{at: m(0, 2), who: "b"},
	}) {
		got = append(got, e.who+short(e.at))
	}
	if want := []string{"a0:01", "b0:02", "a0:03", "a0:05"}; !slices.Equal(got, want) {
		t.Errorf("script %q, want %q", got, want)
	}
}

func TestEUI64(t *testing.T) {
	// RFC 4291 appendix A: the universal/local bit is turned, ff:fe put in the middle.
	if got, want := eui64("fe80::", "34:56:78:9a:bc:de"), "fe80::3656:78ff:fe9a:bcde"; got != want {
		t.Errorf("address %s, want %s", got, want)
	}
}
