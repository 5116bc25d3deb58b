package hours

import (
	"errors"
	"slices"
	"time"
)

// maxSchedule is how many profiles are remembered: minutes that come late are judged by the one of their night.
const maxSchedule = 4

// schedule says which profile holds from which night on. The first holds for all nights before the second.
type schedule []since

type since struct {
	From    Date    `json:"from"`
	Profile Profile `json:"profile"`
}

// of returns the profile of the night of d.
func (s schedule) of(d Date) Profile {
	for i := len(s) - 1; i > 0; i-- {
		if s[i].From <= d {
			return s[i].Profile
		}
	}
	if len(s) == 0 {
		return Profile{}
	}
	return s[0].Profile
}

// change puts p into force with the first night that has not begun at now, by what holds or by p (rule R4: a change is never
// retroactive). Without anything that holds, p does at once.
func (s schedule) change(p Profile, now time.Time) schedule {
	if len(s) == 0 {
		return schedule{{DateOf(now), p}}
	}
	if s[len(s)-1].Profile == p {
		return s
	}
	begun := func(p Profile, d Date) bool {
		t, ok := p.begins(d)
		return ok && !t.After(now)
	}
	d := DateOf(now)
	for begun(s.of(d), d) || begun(p, d) {
		d++
	}
	for len(s) > 1 && s[len(s)-1].From >= d {
		s = s[:len(s)-1] // it never came into force
	}
	if s[len(s)-1].Profile == p {
		return s
	}
	s = append(slices.Clone(s), since{d, p})
	if len(s) == 2 && s[0].From >= d { // the clock was set back; the first holds for all before
		s[0].From = d - 1
	}
	return s[max(0, len(s)-maxSchedule):]
}

func (s schedule) valid() error {
	if len(s) > maxSchedule {
		return errors.New("hours: too many profiles")
	}
	for i := range s {
		if err := s[i].Profile.valid(); err != nil {
			return err
		}
		if i > 0 && s[i].From <= s[i-1].From {
			return errors.New("hours: profiles out of order")
		}
	}
	return nil
}
