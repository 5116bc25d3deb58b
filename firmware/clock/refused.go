package clock

import "cafeprobe/uplink"

// Refused calls note for each answer that st counts and before does not, with one of uplink's Security words and where it
// came in. Vague answers are left out: a slow line makes them, nobody's intent.
func (st Stats) Refused(before Stats, note func(what, from string)) {
	for _, c := range []struct {
		what     string
		now, was uint64
	}{
		{uplink.SecurityUntrue, st.Early + st.Late, before.Early + before.Late},
		{uplink.SecurityDisputed, st.Disagree, before.Disagree},
		{uplink.SecurityStep, st.Held, before.Held},
	} {
		for range c.now - c.was {
			note(c.what, "clock")
		}
	}
}
