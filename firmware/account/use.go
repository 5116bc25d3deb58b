package account

import (
	"time"

	"cafeprobe/firmware/cafe"
	"cafeprobe/firmware/state"
	"cafeprobe/uplink"
)

// useCauses translates why a session of use ended into the terms of RFC 2866 §5.10.
var useCauses = map[state.Cause]uplink.Cause{
	state.CauseOff:    uplink.CauseUserRequest,
	state.CauseIdle:   uplink.CauseIdleTimeout,
	state.CauseReboot: uplink.CauseHostRequest,
	state.CauseBlind:  uplink.CauseLostService,
}

// use books the begin or the end of a session of use.
func (a *Account) use(e *cafe.Event) error {
	u := &e.Use
	if u.Ended == state.CauseNone {
		return a.record(&uplink.Open{
			Station: a.pseudonym(e.Station), Stamp: a.stamp(u.Start), Confidence: percent(u.Confidence), Uncertain: seconds(u.StartErr),
			Of: uplink.OfUse,
		})
	}
	return a.record(&uplink.Close{
		Station: a.pseudonym(e.Station), Stamp: a.stamp(u.End), Cause: useCauses[u.Ended], Confidence: percent(u.Confidence),
		Uncertain: seconds(u.EndErr), Duration: seconds(time.Duration(u.End - u.Start)), Began: a.began(u.Start), Of: uplink.OfUse,
	})
}
