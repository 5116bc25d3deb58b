package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"cafeprobe/capture"
	"cafeprobe/tools/sim/shape"
)

// Role is what a station is for, in the words of inspect's document.
type Role string

// The roles.
const (
	PC      Role = "pc"
	Cashier Role = "cashier"
	Router  Role = "router"
	Server  Role = "server"
	Phone   Role = "phone"
	Printer Role = "printer"
)

// Station is one computer of the room.
type Station struct {
	Role   Role
	MAC    capture.MAC
	Addr   netip.Addr
	Addr6  netip.Addr // link-local
	Name   string     // its host name
	UUID   [16]byte   // SMBIOS, as it is on the wire
	Hidden bool       // behind the second switch: heard by broadcasts only
	index  int
}

// System is what a station runs.
type System uint8

// The systems.
const (
	Linux System = iota
	Windows
	Android
	Apple
)

// Runs returns what s runs.
func (s *Station) Runs() System {
	switch {
	case s.Role == PC, s.Role == Cashier, s.Role == Server, strings.HasPrefix(s.Name, "DESKTOP-"):
		return Windows
	case s.Role != Phone:
		return Linux
	case strings.HasPrefix(s.Name, "iPhone"):
		return Apple
	}
	return Android
}

// Room is a café with its people, all made of one seed. It is read-only once made.
type Room struct {
	Seed     uint64
	Options  Options // as settled
	Stations []Station
	Truth    *Truth

	from, to int64 // nanoseconds since the Unix epoch, UTC
	habits   habits
	router   int // indexes in Stations
	server   int
	cashier  int
}

// habits are what differs from room to room.
type habits struct {
	diskless, reboot, clones, nightUpdates, staff, secondSwitch, tunnels, asleep bool

	boot      shape.Range // seconds from power to desktop
	busy      float64     // share of the stations in use at the busiest hour
	stay      float64     // minutes: median of how long guests stay
	staySigma float64
	gamers    float64 // share of guests who come to play
	tunnelled float64 // share of guests in a tunnel
	voice     float64 // share of players who talk beside
	screen    float64 // share of players who watch something beside
	offAtOnce float64 // share of PCs that are switched off when a guest leaves
	offSoon   float64 // that are so some minutes later
	overnight float64 // of the others: that stay on when the room closes
	offAfter  shape.Range
	lease     time.Duration
	resolver  netip.Addr
	querier   bool // somebody asks for IGMP reports
	mbit      float64
	scale     map[*shape.Stream][4]float64 // this room's rates and sizes
	mix       []float64                    // weights of the titles
	beats     []shape.Beat                 // what its image does alone
	tabs      []shape.Beat
	rhythm    float64 // how much longer or shorter all that does itself takes
	read      float64 // how slowly people read
	phones    float64 // phones for each guest
	mdns      bool
	steamLAN  bool
	locks     bool    // its management program locks the screens of stations that nobody has paid for
	smb1      bool    // the image announces its name to the network neighbourhood
	release   bool    // Windows gives its lease back when it is shut down
	asksAgain bool    // Windows asks DHCP itself where its boot loader has an address already
	informs   bool    // Windows asks DHCP for options with INFORM
	counter   bool    // PCs are switched on from the counter, by magic packets
	aloud     float64 // share of ARP questions that go to all
	leftOpen  float64 // share of guests who leave a game or a page open
	tunnel    tunnel
}

// tunnel is where a VPN's client goes to.
type tunnel struct {
	addr netip.Addr
	port uint16
}

// New makes the room of a seed.
func New(seed uint64, o Options) (*Room, error) {
	o, err := o.settle()
	if err != nil {
		return nil, err
	}
	r := &Room{Seed: seed, Options: o, from: o.From.UnixNano()}
	r.to = r.from + int64(o.For)
	g := r.rand("room")
	r.habits = draw(g, &o)
	r.furnish(g)
	r.Truth = r.plan()
	return r, nil
}

// From and To bound what is made up, nanoseconds since the Unix epoch.
func (r *Room) From() int64 { return r.from }

// To is the end of what is made up, not included.
func (r *Room) To() int64 { return r.to }

// Router returns the index of the router in Stations.
func (r *Room) Router() int { return r.router }

// rand returns the numbers that the room draws for a purpose: what one purpose draws changes nothing for another.
func (r *Room) rand(purpose string) *rand.Rand {
	h := uint64(14695981039346656037) // FNV-1a
	for _, c := range []byte(purpose) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return rand.New(rand.NewPCG(r.Seed, h))
}

// draw draws the habits of a room.
func draw(g *rand.Rand, o *Options) habits {
	choose := func(c Choice, p float64) bool { return c == Yes || c == Drawn && g.Float64() < p }
	within := func(from, to float64) float64 { return from + g.Float64()*(to-from) }
	h := habits{
		diskless:     choose(o.Diskless, 0.75),
		reboot:       choose(o.Reboot, 0.45),
		clones:       choose(o.Clones, 0.3),
		nightUpdates: choose(o.NightUpdates, 0.35),
		staff:        choose(o.Staff, 0.3),
		secondSwitch: choose(o.SecondSwitch, 0.07),
		tunnels:      choose(o.Tunnels, 0.35),
		busy:         within(0.4, 0.97),
		stay:         within(55, 150),
		staySigma:    within(0.45, 0.9),
		gamers:       within(0.55, 0.92),
		voice:        within(0.05, 0.4),
		screen:       within(0.05, 0.3),
		offAtOnce:    within(0, 0.7),
		offSoon:      within(0.1, 0.9),
		overnight:    within(0, 0.5) * within(0, 1),
		lease:        time.Duration(within(2, 25)) * time.Hour,
		querier:      g.Float64() < 0.3,
		mbit:         within(5, 40),
		rhythm:       math.Exp(0.35 * g.NormFloat64()),
		read:         math.Exp(0.25 * g.NormFloat64()),
		phones:       within(0.1, 0.9),
		smb1:         g.Float64() < 0.6,
		locks:        g.Float64() < 0.4,
		asleep:       choose(o.Asleep, 0.12),
		release:      g.Float64() < 0.25,
		asksAgain:    g.Float64() < 0.5,
		informs:      g.Float64() < 0.4,
		counter:      g.Float64() < 0.35,
		aloud:        within(0.3, 1),
		leftOpen:     within(0, 0.6),
		mdns:         g.Float64() < 0.6,
		steamLAN:     g.Float64() < 0.5,
		scale:        map[*shape.Stream][4]float64{},
	}
	if h.tunnels {
		h.tunnelled = within(0.02, 0.2)
	}
	h.boot = bootTime(g, h.diskless)
	first := within(3, 15)
	h.offAfter = shape.Range{From: first, To: first + within(1, 40)}
	h.resolver = netip.AddrFrom4([4]byte{8, 8, 8, 8})
	h.tunnel = tunnel{netip.AddrFrom4([4]byte{162, 159, 192, byte(1 + g.IntN(250))}), []uint16{2408, 443, 51820}[g.IntN(3)]}
	h.drawShapes(g)
	return h
}

func bootTime(g *rand.Rand, diskless bool) shape.Range {
	from := 25 + 20*g.Float64()
	if diskless {
		from = 35 + 35*g.Float64()
	}
	return shape.Range{From: from, To: from * 1.6}
}

// drawShapes draws this room's variants of the tables.
func (h *habits) drawShapes(g *rand.Rand) {
	for i := range shape.Streams {
		s := &shape.Streams[i]
		var f [4]float64
		for j := range f {
			f[j] = math.Exp(s.Vary * g.NormFloat64())
		}
		h.scale[s] = f
	}
	for _, t := range shape.Titles {
		h.mix = append(h.mix, t.Weight*math.Exp(0.7*g.NormFloat64()))
	}
	for _, list := range [][]shape.Beat{shape.Windows, shape.Programs} {
		for _, b := range list {
			if g.Float64() < b.With {
				h.beats = append(h.beats, b)
			}
		}
	}
	for _, b := range shape.Tabs {
		if g.Float64() < b.With {
			h.tabs = append(h.tabs, b)
		}
	}
}

// vendors are the first half of MAC addresses of boards that cafés buy.
var vendors = [][3]byte{{0x2c, 0xf0, 0x5d}, {0x00, 0xe0, 0x4c}, {0xd8, 0xbb, 0xc1}, {0x18, 0xc0, 0x4d}, {
	0xb4, 0x2e,
	0x99,
}, {0x04, 0xd4, 0xc4}}

// furnish places the stations: router, server, cashier, printer, PCs, and phones that come and go.
func (r *Room) furnish(g *rand.Rand) {
	net := byte(g.IntN(250))
	board := vendors[g.IntN(len(vendors))]
	mac := func(v [3]byte, n int) capture.MAC {
		return capture.MAC{v[0], v[1], v[2], byte(r.Seed>>8) ^ byte(r.Seed), byte(n >> 8), byte(n)}
	}
	add := func(role Role, m capture.MAC, host byte, name string) *Station {
		s := Station{
			Role: role, MAC: m, Addr: netip.AddrFrom4([4]byte{192, 168, net, host}), Addr6: linkLocal(m),
			Name: name, index: len(r.Stations),
		}
		r.Stations = append(r.Stations, s)
		return &r.Stations[s.index]
	}
	r.router = add(Router, mac([3]byte{0x4c, 0x5e, 0x0c}, 1), 1, "").index
	r.server = add(Server, mac([3]byte{0xd8, 0xcb, 0x8a}, 2), 2, "MAYCHU").index
	r.cashier = add(Cashier, mac([3]byte{0xb8, 0xac, 0x6f}, 3), 3, "THUNGAN").index
	m := mac([3]byte{0x00, 0x80, 0x77}, 4)
	add(Printer, m, 4, fmt.Sprintf("BRW%X", m[:]))
	prefix := []string{"MAY", "PC", "GAME", "VIP", "CLIENT"}[g.IntN(5)]
	for i := range r.Options.Stations {
		v := board
		if g.Float64() < 0.15 {
			v = vendors[g.IntN(len(vendors))]
		}
		s := add(PC, mac(v, 0x100+i), byte(10+i), fmt.Sprintf("%s-%02d", prefix, i+1))
		for j := range s.UUID {
			s.UUID[j] = byte(g.Uint32())
		}
	}
	r.clone(g)
	r.christen(prefix)
	for i := range r.phoneCount() {
		m := mac([3]byte{byte(g.Uint32())&^1 | 2, byte(g.Uint32()), byte(g.Uint32())}, 0x1000+g.IntN(0xe000))
		add(Phone, m, byte(211+i), phones[g.IntN(len(phones))])
	}
	if g.Float64() < 0.5 {
		r.habits.resolver = r.Stations[r.router].Addr
	}
	if r.habits.secondSwitch {
		r.hide(g)
	}
}

var phones = []string{"Galaxy-A15", "iPhone", "OPPO-A58", "Redmi-12", "vivo-Y17s", "DESKTOP-7QK2M1L"}

// phoneCount is how many phones and laptops of guests there are places for: the address plan has 40.
func (r *Room) phoneCount() int {
	return min(40, int(math.Ceil(r.habits.phones*float64(r.Options.Stations)/2)))
}

// clone gives PCs names or UUIDs of others: images that were copied, boards that have none.
func (r *Room) clone(g *rand.Rand) {
	if !r.habits.clones {
		return
	}
	share := 0.1 + 0.9*g.Float64()
	name, same, none := "DESKTOP-"+fmt.Sprintf("%07X", g.Uint32()>>4), g.Float64() < 0.6, g.Float64() < 0.5
	for i := range r.Stations {
		s := &r.Stations[i]
		if s.Role != PC || g.Float64() > share {
			continue
		}
		if same {
			s.Name = name
		}
		if none {
			s.UUID = [16]byte{}
		} else {
			s.UUID = r.Stations[r.cashier+2].UUID
		}
	}
}

// christen gives the counter's computer and the server their names: those that management programs ask for, or one of a
// row, or what Windows' installer made up.
func (r *Room) christen(prefix string) {
	g := r.rand("names")
	made := func(form string) string { return fmt.Sprintf(form, g.Uint32()>>4) }
	r.Stations[r.cashier].Name = []string{"THUNGAN", "THUNGAN", "QUAY", prefix + "-00", made("DESKTOP-%07X")}[g.IntN(5)]
	r.Stations[r.server].Name = []string{"MAYCHU", "MAYCHU", "SERVER", prefix + "-SV", made("WIN-%07X")}[g.IntN(5)]
}

// hide puts a row of PCs behind a second switch.
func (r *Room) hide(g *rand.Rand) {
	n := max(1, int(float64(r.Options.Stations)*(0.15+0.3*g.Float64())))
	for i := len(r.Stations) - 1; i >= 0 && n > 0; i-- {
		if r.Stations[i].Role == PC {
			r.Stations[i].Hidden = true
			n--
		}
	}
}

// linkLocal is the address that a system makes of a MAC (RFC 4291 appendix A).
func linkLocal(m capture.MAC) netip.Addr {
	return netip.AddrFrom16([16]byte{
		0xfe, 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4],
		15: m[5],
	})
}

// host returns the made-up address of a name: of 198.18.0.0/15, which is for tests (RFC 2544), so nobody's.
func host(name string) netip.Addr {
	h := uint32(2166136261)
	for _, c := range []byte(name) {
		h = (h ^ uint32(c)) * 16777619
	}
	return netip.AddrFrom4([4]byte{198, 18 | byte(h>>16)&1, byte(h >> 8), byte(h) | 1})
}

// Lease is how long the room's router leases an address.
func (r *Room) Lease() time.Duration { return r.habits.lease }

// Traits says in words what the seed has made of the room.
func (r *Room) Traits() []string {
	h := &r.habits
	list := []string{"with disks"}
	if h.diskless {
		list[0] = "diskless"
	}
	for _, t := range []struct {
		has  bool
		word string
	}{
		{h.reboot, "boots anew at log-off"},
		{h.clones, "cloned images"},
		{h.nightUpdates, "updates at night"},
		{h.staff, "staff stays after closing"},
		{h.secondSwitch, "a second switch"},
		{h.tunnels, "VPNs"},
		{h.asleep, "cards that answer while their PCs are off"},
		{len(r.Truth.Outages) > 0, "an outage of the line"},
		{len(r.Truth.Cuts) > 0, "a power cut"},
		{len(r.Truth.Views) > 1, "a view that changes"},
	} {
		if t.has {
			list = append(list, t.word)
		}
	}
	return append(list, fmt.Sprintf("%.0f %% full at most", 100*h.busy))
}
