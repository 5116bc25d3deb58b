package cafe

import (
	"slices"
	"time"

	"cafeprobe/capture"
)

const (
	// askers is how many systems ask for an address in one boot at most: the PXE ROM, iPXE, an installer, Windows.
	askers = 4

	// leastBoot is the shortest time between two boots that are told apart: within, a system that asks again had no answer that
	// it liked, or its card was reset by its driver.
	leastBoot = 45 * time.Second

	// pause is the least for which a station is silent that is switched off and on: a client that asks anew without having been
	// silent was told to, and runs on.
	pause = 8 * time.Second

	// comingUp is for how long a station may send before its system asks for an address: EAPOL, DAD, Router Solicitations; up to
	// mostComing where it was silent for twice as long before.
	comingUp   = 5 * time.Second
	mostComing = time.Minute

	// selecting is for how long behind its DISCOVER a client's REQUEST is the answer to an offer (RFC 2131 §4.4.1); later it
	// is the first message of a client that remembers its address (INIT-REBOOT).
	selecting = 30 * time.Second
)

// asks is who asked DHCP for an address in the boot that goes on, or was the last.
type asks struct {
	systems  [askers]asker
	n        int
	discover int64 // the last DISCOVER
}

// asker is what asks: each calls itself something else.
type asker struct {
	vendor, user string
	through      bool // it took an address
}

// again notes a message with which a client begins to ask, or takes an offer, and reports whether it begins another boot: the
// same system has been through before. A boot loader, what it loads and Windows ask one after the other, each in its own name.
func (a *asks) again(d *capture.DHCP, t, boot int64) bool {
	i := slices.IndexFunc(a.systems[:a.n], func(s asker) bool { return s.vendor == d.VendorClass && s.user == d.UserClass })
	taking := d.Message == "REQUEST" && a.discover != 0 && t-a.discover < int64(selecting)
	if d.Message == "DISCOVER" {
		a.discover = t
	}
	if i < 0 {
		if a.n == askers {
			return false
		}
		i = a.n
		a.systems[i] = asker{vendor: d.VendorClass, user: d.UserClass}
		a.n++
	}
	s := &a.systems[i]
	if taking {
		s.through = true
		return false
	}
	again := s.through && boot != 0 && t-boot > int64(leastBoot)
	if again {
		a.systems[0], a.n = *s, 1
		s = &a.systems[0]
		s.through = false
	}
	if d.Message == "REQUEST" {
		s.through = true
	}
	return again
}

// refused notes that the server refused: who asked asks anew.
func (a *asks) refused() {
	for i := range a.systems[:a.n] {
		a.systems[i].through = false
	}
}

// starts takes a message with which a system on s begins to ask for an address, or takes an offer.
func (c *Cafe) starts(s *Station, d *capture.DHCP, t int64) {
	again := s.asks.again(d, t, s.boot)
	if again {
		s.boot = 0
	}
	s.booted(t, "DHCP "+d.Message)
	if again && s.on {
		c.restart(s, t)
	}
}

// restart ends the session of a station that began to boot at t or, if it sent something before, when it was heard again.
func (c *Cafe) restart(s *Station, t int64) {
	s.wakes(t)
	coming := min(max(int64(comingUp), (s.woke-s.slept)/2), int64(mostComing))
	if s.woke <= s.session.Start || t-s.woke > coming {
		return
	}
	own := s.own
	s.own = s.slept
	c.close(s, CauseReboot)
	if s.own = own; s.woke > own {
		return // it opens with the frame that says this
	}
	s.open(c, s.woke)
	if s.Confirmed {
		c.judge(s, t)
	}
}

// wakes notes that s sent something at t that is no mere answer. Of pauses within a minute the longest counts.
func (s *Station) wakes(t int64) {
	if silent := t - s.own; silent >= int64(pause) && (silent >= s.woke-s.slept || t-s.woke > int64(mostComing)) {
		s.slept, s.woke = s.own, t
	}
}
