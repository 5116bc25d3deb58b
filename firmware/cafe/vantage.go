package cafe

import (
	"net/netip"
	"time"

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

// Word is why a grade is given, in a word.
type Word string

// The words.
const (
	WordMirror       Word = "mirror"        // A: stations are heard in both directions
	WordDisks        Word = "mirror-disks"  // A+: and their disk traffic
	WordSecondSwitch Word = "second-switch" // A, A+: some stations are only heard by broadcasts, while others are heard in both directions
	WordBroadcasts   Word = "broadcasts"    // C: a plain port; BLIND: a mirror that shows nothing else any more
	WordOneWay       Word = "one-way"       // C: a mirror of one direction
	WordOnePort      Word = "one-port"      // C: a mirror of another port than the router's: most stations are only heard by broadcasts
	WordNoFrames     Word = "no-frames"     // BLIND
	WordGiven        Word = "given"         // the technician has said so, and the frames say otherwise
)

// Vantage is a grade with its reasons.
type Vantage struct {
	Grade      Grade
	Word       Word
	Why        []string      // for a person
	Confidence float64       // probability that the grade is right, 0 to 1
	Both       int           // stations that were heard in both directions, the router left out
	Hidden     []capture.MAC // stations that should be heard so and are only heard by broadcasts, in order
	Loss       Loss
}

// Mirror is what was learned of the mirror that outlives a run: a box that starts anew behind one that is gone must not take
// the port for a plain one. The zero Mirror says that nothing is known.
type Mirror struct {
	Settled bool // it was shown to be one: see settledBoth
	Few     bool // it was shown to be one by fewer stations, and may be one of another port: see fewFlows
	Lost    bool // it is gone
}

// Loss is what the mirror is thought to have dropped, of the TCP payload that stations acknowledged.
type Loss struct {
	Came, Lost uint64 // octets
}

// Share returns the share that was lost, 0 to 1; ok is false where too little was acknowledged to say.
func (l Loss) Share() (share float64, ok bool) {
	if l.Came+l.Lost < lossLeast {
		return 0, false
	}
	return float64(l.Lost) / float64(l.Came+l.Lost), true
}

const (
	// lossLeast is how many octets must be acknowledged: some dozens of full segments.
	lossLeast = 100_000

	// goneAfter is for how long a mirror shows no unicast in both directions before it can be found gone.
	goneAfter = 10 * time.Minute

	// exported is how long ago a frame must be for its flow to have been told of: the time-outs of capture/flow and the
	// minute in which its table is gone through.
	exported = 3 * time.Minute

	// goneSpan is the least time from the first to the last sign that stations talk unheard: booting takes less.
	goneSpan = 5 * time.Minute

	// So many minutes in which stations called, and were not heard in unicast, mean that the mirror is gone: of two
	// stations or more, or of a single one, which may just be idle.
	goneCalls, goneCallsOfOne = 3, 6

	// A mirror of which more than onePort times as many stations are only heard by broadcasts as in both directions is one
	// of some other port than the router's, unless it was settled before that it is not: at least settledBoth stations
	// heard in both directions, goneAfter the start.
	onePort, settledBoth = 2, 3

	// So many frames of one-sided TCP, of so many stations, and next to no others, are a mirror of one direction. A switch
	// that floods what it has not learned shows single stations, and few frames of them.
	oneWayFrames, oneWayEnds = 30, 3

	// So many flows with the internet that were heard in both directions, of stations that are not ours, over goneAfter, prove
	// the mirror in a café of fewer stations than settledBoth: a switch that is no mirror never shows both. That it is one of
	// the router's port they do not prove, so that stations which are heard by broadcasts alone take it back: see onePort. A
	// PC that is idle has as many in a quarter of an hour.
	fewFlows = 20

	portISCSI = 3260
	protoTCP  = 6
)

// vantage collects what the grade is judged by.
type vantage struct {
	forced Grade
	own    []capture.MAC

	frames  bool                    // there was one
	both    int64                   // when unicast was last heard in both directions, 0 never
	proof   int64                   // the same, first in this run
	settled bool                    // in this run or one before it
	few     bool                    // likewise, by few stations
	far     int                     // flows with the internet that were heard so
	kept    Mirror                  // at the last EventMirror
	flows   int                     // that were heard so
	disk    int64                   // when disk traffic was last heard so
	ends    int                     // stations that were heard so, the router among them
	addrs   map[netip.Addr]struct{} // clients of links without MAC addresses that were heard so, bounded
	oneWay  []capture.MAC           // ends of one-sided TCP, at most oneWayEnds
	recent  recent
	routers map[netip.Addr]struct{}      // addresses of routers, asked for by ARP
	asked   map[netip.Addr][]capture.MAC // addresses that were asked for, and by whom, bounded
	booters map[netip.Addr][]capture.MAC // those that boot loaders asked for first, likewise

	looked   int64   // when it was last looked whether the mirror is gone
	told     Vantage // at the last EventVantage
	saidOnce bool
	said     int64 // when
}

const (
	maxAddrsBoth = 1024
	maxAsked     = 256
	gatewayAsked = 3 // an address that so many stations ask for is the gateway's
)
