package cafe

import (
	"math"
	"time"

	"cafeprobe/firmware/state"
)

const (
	// presenceGap ends a presence interval: a fact about frames, not a judgement about the computer.
	presenceGap = 5 * time.Minute

	// bootSpan is how long one boot may take from the PXE ROM's first DISCOVER to the operating system's last: the ROM, iPXE
	// and Windows each ask, within three minutes on the slowest disks.
	bootSpan = 3 * time.Minute

	// goodbye is how long after its DHCP RELEASE the last frames of a station may still be told of.
	goodbye = 5 * time.Second

	// bootLead is how long before its first counted frame a boot may have been noticed and still belong to this session.
	bootLead = 10 * time.Second
)

// alive notes that s sent frames from first to last.
func (c *Cafe) alive(s *Station, first, last int64) {
	silent := time.Duration(first - s.own)
	fresh := !s.on
	s.present(first, last, c.cfg.History)
	s.wakes(first)
	s.First, s.Last, s.own = min(s.First, first), max(s.Last, last), max(s.own, last)
	if c.lost {
		return // neither open nor closed
	}
	if fresh && (c.blind && last <= c.traffic || last < c.woken) {
		return // of before the wire fell silent, which ended its session
	}
	if fresh && s.released != 0 && last-s.released < int64(goodbye) {
		return
	}
	if fresh {
		s.learnGap(silent, first)
		s.open(c, first)
	} else {
		s.gap = max(s.gap, silent)
	}
	s.countMinute(last)
	if !s.Confirmed && s.Presence[0].Start/int64(time.Minute) != last/int64(time.Minute) {
		s.Confirmed = true
		c.judge(s, last)
		return
	}
	if fresh && s.Confirmed {
		c.judge(s, last)
	}
}

// answered notes frames from first to last that are nothing but answers to who asks for an address: the card gives them while
// the computer sleeps, or is off with power on its board. They are heard, and say of the computer nothing.
func (s *Station) answered(first, last int64, keep int) {
	s.present(first, last, keep)
	s.First, s.Last = min(s.First, first), max(s.Last, last)
}

// present extends the presence intervals of s, of which at most keep are remembered.
func (s *Station) present(first, last int64, keep int) {
	if n := len(s.Presence); n > 0 {
		p := &s.Presence[n-1]
		if first-p.End <= int64(presenceGap) && last >= p.Start-int64(presenceGap) {
			p.Start, p.End = min(p.Start, first), max(p.End, last)
			return
		}
	}
	if len(s.Presence) >= keep {
		s.Presence = append(s.Presence[:1], s.Presence[2:]...) // the first says since when it is known
	}
	s.Presence = append(s.Presence, Interval{first, last})
}

// learnGap takes a station that comes back without booting: it was on all the while, so its silences are longer than
// was thought.
func (s *Station) learnGap(silent time.Duration, at int64) {
	bootedNow := s.boot != 0 && at-s.boot < int64(bootSpan)
	if silent > s.silence && silent < maxSilence && !bootedNow && len(s.Sessions) > 0 && s.Sessions[len(s.Sessions)-1].Closed == CauseOff {
		s.silence = min(maxSilence, silent*3/2)
	}
}

// open begins a session at the frame at t.
func (s *Station) open(c *Cafe, t int64) {
	s.on, s.cpu, s.minute, s.gap, s.opened = true, 0, 0, 0, false
	s.session = Session{Start: t, Opened: CauseSeen}
	if s.boot != 0 && s.boot >= t-int64(bootLead) {
		s.session.Opened = CauseBoot
		s.session.Start = min(t, s.boot)
		s.session.StartErr = bootLead
		s.session.Why = append(s.session.Why, Reason{What: s.bootWhat, From: s.boot})
	} else {
		// Its first frame is the latest that it can have come on; before that the silence limit was not exceeded, or, at the
		// start of the capture, nothing at all is known.
		s.session.StartErr = s.silence
	}
}

// countMinute counts the minutes with evidence.
func (s *Station) countMinute(t int64) {
	if m := t / int64(time.Minute); m != s.minute {
		s.minute = m
		s.cpu++
	}
}

// close ends the open session of s.
func (c *Cafe) close(s *Station, why Cause) {
	if !s.on {
		return
	}
	s.on = false
	e := &s.session
	if e.Opened == CauseSeen && s.boot >= e.Start && s.boot-e.Start < int64(bootLead) {
		e.Opened, e.StartErr = CauseBoot, bootLead
		e.Why = append(e.Why, Reason{What: s.bootWhat, From: s.boot})
	}
	e.End, e.Closed = s.own, why
	e.EndErr = endError(s, why)
	e.Confidence = confidence(s.cpu)
	e.Why = append(e.Why, Reason{What: "frames heard", From: e.Start, To: e.End})
	if len(e.Why) > maxReasons {
		e.Why = e.Why[:maxReasons]
	}
	if len(s.Sessions) >= c.cfg.History {
		s.Sessions = append(s.Sessions[:0], s.Sessions[1:]...)
	}
	s.Sessions = append(s.Sessions, *e)
	c.tellClose(s, *e)
}

// tellClose says that a session ended, if anybody may know.
func (c *Cafe) tellClose(s *Station, e Session) {
	if s.opened || s.Reported() {
		c.events = append(c.events, Event{Kind: EventClose, Time: max(c.now, s.own), Station: s, Session: e})
	}
	s.opened = false
}

// withdraw ends what was told of s, as of as: it turns out to be somebody's own, or is another than was thought.
func (c *Cafe) withdraw(s, as *Station) {
	if s.judged != nil && s.judged.told {
		if use, ok := s.judged.sessions.Current(); ok {
			use.Ended = state.CauseBlind
			c.events = append(c.events, Event{Kind: EventUse, Time: c.now, Station: as, Use: use})
		}
		s.judged.told = false
	}
	if !s.opened {
		return
	}
	e := s.session
	e.End, e.Closed, e.EndErr, e.Confidence = s.own, CauseForgotten, s.silence, confidence(s.cpu)
	s.opened = false
	c.events = append(c.events, Event{Kind: EventClose, Time: max(c.now, s.own), Station: as, Session: e})
}

// endError is how much later than its last frame a session may have ended. A station that gave its address back is off.
// One that fell silent may have stayed on for three times its longest silence, but not beyond the limit at which it was
// taken for off: in captures whose truth is known, stations were on for up to 2.1 times as long, since the last silence may
// well be the longest. Of a blind end nothing is known.
func endError(s *Station, why Cause) time.Duration {
	switch why {
	case CauseRelease:
		return time.Second
	case CauseReboot: // it was switched off between its last frame and the first message of the boot
		return max(time.Second, time.Duration(s.woke-s.slept))
	case CauseOff:
		return min(max(3*s.gap, time.Second), s.silence)
	}
	return s.silence
}

// confidence is the probability that a station was on which was heard in so many minutes. One minute may be a forged or
// stray frame; each further one halves the doubt, down to 1 %, which is left for what cannot be seen from the wire.
// (First version: the figure is a bound by construction, not yet calibrated against truth.)
func confidence(minutes int) float64 {
	return min(0.99, 1-math.Pow(0.5, float64(minutes)))
}

// judge looks at the role of s at t, and says so when it is new or has changed; and that s is on, as soon as that may be
// told.
func (c *Cafe) judge(s *Station, t int64) {
	c.neighbourly(s)
	s.Role = s.Clues.role(s)
	switch reported := s.Reported(); {
	case !reported && s.opened:
		c.withdraw(s, s)
	case !reported:
	default:
		if s.told != s.Role {
			s.told = s.Role
			c.events = append(c.events, Event{Kind: EventStation, Time: c.now, Station: s})
		}
		if s.on && !s.opened {
			s.opened = true
			c.events = append(c.events, Event{Kind: EventOpen, Time: t, Station: s, Session: s.session})
		}
	}
}
