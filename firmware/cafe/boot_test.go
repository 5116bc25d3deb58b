package cafe

import (
	"testing"
	"time"

	"cafeprobe/capture"
)

// dhcpOf has a station ask for an address, and take it.
func (r *room) dhcpOf(at time.Duration, message, vendor, user string) {
	d := capture.DHCP{Message: message, Client: pc1, VendorClass: vendor, UserClass: user}
	r.see(at, capture.Observation{Kind: capture.KindDHCP, Origin: capture.OriginDHCP, MAC: pc1, DHCP: &d})
	r.frames(pc1, at, at, time.Second)
}

// chain has the PXE ROM, iPXE and Windows ask one after the other.
func (r *room) chain(at time.Duration) {
	const rom = "PXEClient:Arch:00000:UNDI:002001"
	for i, s := range [][2]string{{rom, ""}, {rom, "iPXE"}, {"MSFT 5.0", ""}} {
		from := at + time.Duration(i)*20*time.Second
		r.dhcpOf(from, "DISCOVER", s[0], s[1])
		r.dhcpOf(from+time.Second, "REQUEST", s[0], s[1])
	}
}

// TestReboot: a station that asks for an address again, and had one, was switched off and on if it was silent before.
func TestReboot(t *testing.T) {
	const min = time.Minute
	f := func(name string, want []Session, do func(r *room)) {
		t.Helper()
		r := newRoom(Config{})
		r.chain(0)
		r.frames(pc1, min, 10*min, 5*time.Second)
		do(r)
		r.log = append(r.log, r.Finish()...)
		got := r.closed(pc1)
		if len(got) != len(want) {
			t.Fatalf("%s: %d sessions, want %d: %+v", name, len(got), len(want), got)
		}
		for i, g := range got {
			if w := want[i]; g.Start != w.Start || g.End != w.End || g.Closed != w.Closed || g.EndErr < w.EndErr {
				t.Errorf("%s: session %d is %+v, want %+v", name, i, g, w)
			}
			if i > 0 && g.Opened != CauseBoot {
				t.Errorf("%s: session %d was opened by %s, want boot", name, i, g.Opened)
			}
		}
	}
	one := func(end time.Duration) []Session { return []Session{{Start: at(0), End: at(end), Closed: CauseEnd}} }
	two := func(off, on, end time.Duration) []Session {
		return []Session{
			{Start: at(0), End: at(off), Closed: CauseReboot, EndErr: on - off},
			{Start: at(on), End: at(end), Closed: CauseEnd},
		}
	}
	f("none", one(10*min), func(*room) {})
	f("one", two(10*min, 10*min+30*time.Second, 20*min), func(r *room) {
		r.chain(10*min + 30*time.Second)
		r.frames(pc1, 12*min, 20*min, 5*time.Second)
	})
	f("frames before it asks", two(10*min, 10*min+30*time.Second, 20*min), func(r *room) {
		r.frames(pc1, 10*min+30*time.Second, 10*min+33*time.Second, time.Second)
		r.chain(10*min + 34*time.Second)
		r.frames(pc1, 12*min, 20*min, 5*time.Second)
	})
	f("a client that asks anew while it runs", one(20*min), func(r *room) {
		r.frames(pc1, 10*min, 11*min, 5*time.Second)
		r.dhcpOf(11*min+time.Second, "DISCOVER", "MSFT 5.0", "")
		r.dhcpOf(11*min+2*time.Second, "REQUEST", "MSFT 5.0", "")
		r.frames(pc1, 12*min, 20*min, 5*time.Second)
	})
	f("a client that had no address yet", one(20*min), func(r *room) {
		r.dhcpOf(10*min+30*time.Second, "DISCOVER", "udhcp 1.15.3", "")
		r.frames(pc1, 11*min, 20*min, 5*time.Second)
	})
	f("remembers its address", two(10*min, 12*min, 20*min), func(r *room) {
		r.dhcpOf(12*min, "REQUEST", "MSFT 5.0", "")
		r.frames(pc1, 12*min, 20*min, 5*time.Second)
	})
}
