package cafe

import (
	"fmt"

	"cafeprobe/capture"
)

// Grade says what can be seen from where the box listens.
type Grade string

// The grades.
const (
	GradeAPlus Grade = "A+"    // all traffic with the internet, and the boot server's disks
	GradeA     Grade = "A"     // all traffic with the internet
	GradeC     Grade = "C"     // broadcasts only: use cannot be judged
	GradeBlind Grade = "BLIND" // nothing
)

// Vantage is a grade with its reasons.
type Vantage struct {
	Grade Grade
	Why   []string
}

// vantage collects what the grade is judged by.
type vantage struct {
	forced  Grade
	told    Grade
	flows   uint64               // unicast flows heard
	bothWay map[flowEnd]struct{} // who was heard in both directions, bounded
	disks   uint64               // flows to a disk server
	frames  bool
}

type flowEnd struct {
	mac  capture.MAC
	addr string
}

const (
	maxBothWay = 1024
	portISCSI  = 3260
)

func (v *vantage) observe(o *capture.Observation) {
	v.frames = true
	if o.Kind != capture.KindFlow || o.Target.IsGroup() || o.Peer.IsMulticast() {
		return
	}
	v.flows++
	if o.Up.Frames == 0 || o.Down.Frames == 0 {
		return
	}
	if o.PeerPort == portISCSI {
		v.disks++
	}
	end := flowEnd{mac: o.MAC}
	if o.MAC.IsZero() {
		end.addr = o.Addr.String()
	}
	if v.bothWay == nil {
		v.bothWay = map[flowEnd]struct{}{}
	}
	if len(v.bothWay) < maxBothWay {
		v.bothWay[end] = struct{}{}
	}
}

// judge grades. The box itself sends nothing, so whatever unicast it hears in both directions is between others.
func (v *vantage) judge() Vantage {
	n := len(v.bothWay)
	grade := GradeC
	why := []string{"broadcasts only: no unicast of others in both directions"}
	switch {
	case n > 0 && v.disks > 0:
		grade = GradeAPlus
		why = []string{bothDirections(n), fmt.Sprintf("disk traffic: %d flows", v.disks)}
	case n > 0:
		grade, why = GradeA, []string{bothDirections(n)}
	case v.flows > 0:
		why = []string{fmt.Sprintf("unicast in one direction only: %d flows, flooded or half a mirror", v.flows)}
	case !v.frames:
		grade, why = GradeBlind, []string{"no frames"}
	}
	if v.forced != "" && v.forced != grade {
		why = append([]string{"grade " + string(v.forced) + " was given, " + string(grade) + " would be judged"}, why...)
		grade = v.forced
	}
	return Vantage{Grade: grade, Why: why}
}

func bothDirections(n int) string {
	return fmt.Sprintf("unicast of third parties in both directions: %d stations", n)
}
