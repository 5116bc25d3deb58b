package vantage

import (
	"fmt"
	"io"
	"strings"

	"cafeprobe/firmware/cafe"
)

// meanings are what the grades mean for what the box may say.
var meanings = map[cafe.Grade]string{
	cafe.GradeAPlus: "all traffic with the internet and the boot server's disks: on, in use and titles can be told",
	cafe.GradeA:     "all traffic with the internet: on, in use and titles can be told",
	cafe.GradeC:     "broadcasts only: on can be told, minutes late; whether somebody uses a computer cannot",
	cafe.GradeBlind: "nothing to rely on: neither open nor closed can be told",
}

// remedies are what to change, by the word of the reason.
var remedies = map[cafe.Word]string{
	cafe.WordBroadcasts: "On the switch, mirror the port to the router (source: the router's port; both directions, often called " +
		"\"ingress and egress\" or \"RX and TX\"; destination: this port). An unmanaged switch cannot: put a managed one between " +
		"router and switch, or let the router itself mirror (MikroTik: /tool sniffer, TZSP).",
	cafe.WordOneWay: "The mirror shows one direction. Set it to both directions (\"both\", \"RX and TX\", \"ingress and egress\"); " +
		"where the switch can mirror one only, it is not fit for this.",
	cafe.WordOnePort: "The port of one computer, or of a part of the room, is mirrored. Mirror the port to the router, not a computer's: " +
		"all that goes to the internet passes there.",
	cafe.WordSecondSwitch: "Some stations do not pass the mirrored port. Look for a second switch that goes to the router by a port of its " +
		"own, or for a second line with a router of its own: mirror that port as well, or connect the second switch behind the first.",
}

// lossMuch is from what share on something should be done about frames that the mirror drops.
const lossMuch = 0.01

// advice returns what to change.
func advice(v *Verdict) []string {
	list := []string{}
	switch word := cafe.Word(v.Word); {
	case v.Link != "" && v.Link != "up":
		list = append(list, "The port has no link ("+v.Link+"): look at the cable, and whether the port is switched on at both ends.")
	case word == cafe.WordNoFrames:
		list = append(list, "The link is up and nothing comes: the mirror has this port as its source instead of its destination, "+
			"or the port is in a VLAN or an isolated group of its own.")
	case word == cafe.WordBroadcasts && cafe.Grade(v.Grade) == cafe.GradeBlind:
		list = append(list, "A mirror was here and is gone: somebody changed the switch or the cable, or the router is off.", remedies[word])
	default:
		if r, ok := remedies[word]; ok {
			list = append(list, r)
		}
	}
	own := float64(v.Dropped) / float64(max(v.Frames+v.Dropped, 1))
	if v.Loss != nil && v.Loss.Share-2*own >= lossMuch {
		list = append(list, fmt.Sprintf("%.1f %% of the traffic does not come by here. The mirror carries both directions of the router's port: "+
			"give this port at least the same speed, mirror fewer ports, and look whether flow control is off.", 100*v.Loss.Share))
	}
	if v.Dropped > 0 {
		list = append(list, fmt.Sprintf("%d frames came and this computer was too slow for them: they count as lost, and the mirror is not to blame.", v.Dropped))
	}
	return list
}

// Status is the exit status that says the grade: 0 for A and A+, 3 for C, 4 for BLIND.
func (v *Verdict) Status() int {
	switch cafe.Grade(v.Grade) {
	case cafe.GradeAPlus, cafe.GradeA:
		return 0
	case cafe.GradeC:
		return 3
	}
	return 4
}

// Print writes v for a person.
func (v *Verdict) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "vantage %s (%.0f %% sure): %s\n", v.Grade, 100*v.Confidence, meanings[cafe.Grade(v.Grade)])
	for _, why := range v.Why {
		fmt.Fprintf(&b, "  because: %s\n", why)
	}
	fmt.Fprintf(&b, "  seen: %d frames in %.0f s, unicast %s\n", v.Frames, v.Seconds, percent(v.Frames-v.Group, v.Frames))
	if v.Loss != nil {
		fmt.Fprintf(&b, "  lost: %.2f %% of %.1f MB that stations acknowledged never came by\n", 100*v.Loss.Share, float64(v.Loss.Octets)/1e6)
	}
	for _, m := range v.Hidden {
		fmt.Fprintf(&b, "  by broadcasts only: %s\n", m)
	}
	for _, a := range v.Advice {
		fmt.Fprintf(&b, "  to change: %s\n", a)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
