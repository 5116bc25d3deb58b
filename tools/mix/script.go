package mix

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"cafeprobe/capture"
)

// IP protocol numbers (IANA).
const (
	protoIGMP = 2
	protoTCP  = 6
	protoUDP  = 17
)

// EtherTypes (IANA).
const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherIPv6 = 0x86dd
)

// script is one flow as it is played: between one end inside the café, the station, and another.
type script struct {
	class   int
	ether   uint16
	proto   uint8
	group   bool // the other end is a group
	in, out end
	boot    *boot // a DHCP exchange
	lines   []line
	pace    float64 // frames a second when nothing holds it up
	weight  int
}

// end is one end of a flow as it was captured.
type end struct {
	mac  capture.MAC
	addr netip.Addr
	port uint16
}

// line is one frame of a script.
type line struct {
	gap    int64  // nanoseconds since the line before
	up     bool   // from the station
	packet []byte // from the IP header, or the ARP message, to its end: no padding
}

const (
	maxFrame = 1514 // octets of Ethernet without its check sequence
	minFrame = 60   // what is shorter is padded on the wire
	headEth  = 14

	// longest is the longest that a flow is silent: of the computers of a busy café few have flows that wait.
	longest = int64(time.Second)
	// flowRate is the most that one flow takes of the wire, bit/s: a hundred stations share it.
	flowRate = 1e6
	// heavy bounds how much more often a long flow is drawn than a short one, octets.
	heavy = 1 << 19
)

// settle bounds the gaps of sc and says its pace. Flows are drawn by how many octets they have: most traffic of a café is of
// long flows, and captures of many short ones must not make it a café of handshakes.
func (sc *script) settle() {
	total, octets := int64(0), 0
	for i := range sc.lines {
		l := &sc.lines[i]
		size := max(minFrame, headEth+len(l.packet))
		l.gap = min(max(l.gap, int64(float64(8*size)/flowRate*1e9)), longest)
		if i == 0 {
			l.gap = 0
		}
		total += l.gap
		octets += size
	}
	sc.pace = float64(len(sc.lines)) / (float64(max(total, leave)) / 1e9)
	sc.weight = min(octets, heavy)
}

// library is all scripts, by class.
type library struct {
	scripts [][]*script
	sums    [][]int // of weights up to and with each script
}

func newLibrary(list []*script) *library {
	lib := &library{scripts: make([][]*script, len(classes)), sums: make([][]int, len(classes))}
	for _, sc := range list {
		sc.settle()
		sums := lib.sums[sc.class]
		last := 0
		if len(sums) > 0 {
			last = sums[len(sums)-1]
		}
		lib.scripts[sc.class] = append(lib.scripts[sc.class], sc)
		lib.sums[sc.class] = append(sums, last+sc.weight)
	}
	return lib
}

// draw returns a script of class, the heavier the likelier.
func (lib *library) draw(class int, rng *rand.Rand) *script {
	sums := lib.sums[class]
	i, _ := slices.BinarySearch(sums, 1+rng.IntN(sums[len(sums)-1]))
	return lib.scripts[class][i]
}
