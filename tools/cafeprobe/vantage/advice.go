package vantage

import (
	"fmt"
	"io"
	"strings"

	"cafeprobe/firmware/cafe"
	"cafeprobe/tools/cafeprobe/mirror"
)

// meanings are what the grades mean for what the box may say.
var meanings = map[cafe.Grade]string{
	cafe.GradeAPlus: "all traffic with the internet and the boot server's disks: on, in use and titles can be told",
	cafe.GradeA:     "all traffic with the internet: on, in use and titles can be told",
	cafe.GradeC:     "broadcasts only: on can be told, minutes late; whether somebody uses a computer cannot",
	cafe.GradeBlind: "nothing to rely on: neither open nor closed can be told",
}

// lossMuch is from what share on something should be done about frames that the mirror drops.
const lossMuch = 0.01

// advice returns what to change.
func advice(v *Verdict) []string {
	list := []string{}
	switch word := cafe.Word(v.Word); {
	case v.Link != "" && v.Link != "up":
		list = append(list, "The port has no link ("+v.Link+"): look at the cable, and whether the port is switched on at both ends.")
	case word == cafe.WordBroadcasts && cafe.Grade(v.Grade) == cafe.GradeBlind:
		list = append(list, "A mirror was here and is gone: somebody changed the switch or the cable, or the router is off.")
		list = append(list, remedy(word)...)
	default:
		list = append(list, remedy(word)...)
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

// remedy returns what to change for a word.
func remedy(w cafe.Word) []string {
	if r, ok := mirror.Remedy(w); ok {
		return []string{r.EN}
	}
	return nil
}

// makers says where that is to be set on the makers' switches.
func (v *Verdict) makers(b *strings.Builder) {
	if _, ok := mirror.Remedy(cafe.Word(v.Word)); !ok || v.Link != "" && v.Link != "up" {
		return
	}
	fmt.Fprintf(b, "  where (%s):\n", mirror.Legend.EN)
	for _, m := range mirror.Makers {
		fmt.Fprintf(b, "    %s: %s\n", m.Maker, m.Do.EN)
	}
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
	v.makers(&b)
	_, err := io.WriteString(w, b.String())
	return err
}
