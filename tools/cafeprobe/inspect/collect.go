package inspect

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/title"
)

// maxNotes bounds each list that inspect keeps of one run; a hostile capture ends in a full list, not in a full memory.
const maxNotes = 1 << 20

// collector keeps what the observations say of names and addresses, which the café's state does not.
type collector struct {
	titles  *title.Table
	asked   map[askedKey]int
	agents  map[agentKey]int
	serves  map[serviceKey]int
	hosts   map[hostKey]int
	leases  map[capture.MAC]*Lease
	flows   map[flowKey]flowSpan
	wakes   []Wake
	octets  Octets
	dropped int
}

type askedKey struct {
	client netip.Addr
	kind   capture.Origin
	name   string
}

type agentKey struct {
	client netip.Addr
	name   string
}

type serviceKey struct {
	mac  capture.MAC
	addr netip.Addr
	what capture.Origin
	port uint16
	name string
}

type hostKey struct {
	mac  capture.MAC
	addr netip.Addr
	from capture.Origin
	name string
}

type flowKey struct {
	mac          capture.MAC
	client, peer netip.AddrPort
	proto        uint8
	title        title.ID
}

type flowSpan struct {
	first, last int64
	play        bool // the game's own flow
}

func newCollector(titles *title.Table) *collector {
	return &collector{
		titles: titles,
		asked:  map[askedKey]int{},
		agents: map[agentKey]int{},
		serves: map[serviceKey]int{},
		hosts:  map[hostKey]int{},
		leases: map[capture.MAC]*Lease{},
		flows:  map[flowKey]flowSpan{},
	}
}

// observe is the pipeline's tap.
func (c *collector) observe(o *capture.Observation) {
	switch o.Kind {
	case capture.KindQuery:
		count(c, c.asked, askedKey{o.Addr, o.Origin, o.Name})
	case capture.KindAgent:
		count(c, c.agents, agentKey{o.Addr, o.Name})
	case capture.KindService:
		count(c, c.serves, serviceKey{o.MAC, o.Addr, o.Origin, o.PeerPort, o.Name})
	case capture.KindName:
		count(c, c.hosts, hostKey{o.MAC, o.Addr, o.Origin, o.Name})
	case capture.KindDHCP:
		c.lease(o.DHCP)
	case capture.KindFlow:
		c.flow(o)
	case capture.KindWake:
		if len(c.wakes) < maxNotes {
			c.wakes = append(c.wakes, Wake{macText(o.MAC), o.Target.String(), Time(o.Time)})
		}
	}
}

func count[K comparable](c *collector, m map[K]int, k K) {
	if _, ok := m[k]; !ok && len(m) >= maxNotes {
		c.dropped++
		return
	}
	m[k]++
}

func (c *collector) flow(o *capture.Observation) {
	octets := o.Up.Octets + o.Down.Octets
	c.octets.All += octets
	if o.Title == 0 {
		return
	}
	c.octets.Known += octets
	k := flowKey{o.MAC, netip.AddrPortFrom(o.Addr, o.Port), netip.AddrPortFrom(o.Peer, o.PeerPort), o.Proto, title.ID(o.Title)}
	s, ok := c.flows[k]
	if !ok && len(c.flows) >= maxNotes {
		c.dropped++
		return
	}
	if !ok {
		s.first = o.First
	}
	c.flows[k] = flowSpan{first: min(s.first, o.First), last: max(s.last, o.Time)}
}

func (c *collector) lease(d *capture.DHCP) {
	if d == nil || d.V6 {
		return
	}
	l, ok := c.leases[d.Client]
	if !ok {
		if len(c.leases) >= maxNotes {
			c.dropped++
			return
		}
		l = newLease()
		c.leases[d.Client] = l
	}
	if len(l.Messages) < maxNotes {
		l.Messages = append(l.Messages, messageWord(d))
	}
	if d.FromServer {
		l.server(d)
	} else {
		l.client(d)
	}
}

// messageWord returns the message's type as protocol analysers print it; BOOTP, which has no type, by its op field.
func messageWord(d *capture.DHCP) string {
	switch {
	case d.Message != "BOOTP":
		return d.Message
	case d.FromServer:
		return "bootp2"
	}
	return "bootp1"
}

func newLease() *Lease {
	return &Lease{
		Messages: []string{}, Params: []int{}, Hostnames: []string{}, VendorClasses: []string{}, ParamLists: [][]int{},
		Requests: []string{}, Offered: []string{}, Acked: []string{}, Ciaddrs: []string{}, ServerIDs: []string{},
		Bootfiles: []string{}, Orders: [][]int{},
	}
}

func (l *Lease) client(d *capture.DHCP) {
	first(&l.Hostname, d.Hostname)
	first(&l.FQDN, d.FQDN)
	first(&l.VendorClass, d.VendorClass)
	first(&l.UserClass, d.UserClass)
	first(&l.ClientID, d.ClientID)
	first(&l.ClientUUID, d.ClientUUID)
	first(&l.Requested, addr(d.Requested))
	if len(l.Params) == 0 {
		l.Params = codes(d.Params)
	}
	if d.HasArch && l.ClientArch == nil {
		arch := int(d.Arch)
		l.ClientArch = &arch
	}
	more(&l.Hostnames, d.Hostname)
	more(&l.VendorClasses, d.VendorClass)
	more(&l.Requests, addr(d.Requested))
	more(&l.ServerIDs, addr(d.ServerID))
	more(&l.Ciaddrs, addr(d.ClientAddr))
	more(&l.Bootfiles, d.Bootfile)
	moreCodes(&l.ParamLists, d.Params)
	moreCodes(&l.Orders, d.Order)
}

func (l *Lease) server(d *capture.DHCP) {
	more(&l.ServerIDs, addr(d.ServerID))
	more(&l.Bootfiles, d.Bootfile)
	more(&l.Ciaddrs, addr(d.ClientAddr))
	switch d.Message {
	case "OFFER":
		more(&l.Offered, addr(d.YourAddr))
	case "ACK":
		more(&l.Acked, addr(d.YourAddr))
	}
}

func addr(a netip.Addr) string {
	if !a.IsValid() || a.IsUnspecified() {
		return ""
	}
	return a.String()
}

func first(have *string, said string) {
	if *have == "" {
		*have = said
	}
}

func more(list *[]string, s string) {
	if s != "" && !slices.Contains(*list, s) && len(*list) < 256 {
		*list = append(*list, s)
	}
}

func moreCodes(list *[][]int, s string) {
	c := codes(s)
	if s != "" && len(*list) < 256 && !slices.ContainsFunc(*list, func(have []int) bool { return slices.Equal(have, c) }) {
		*list = append(*list, c)
	}
}

func codes(s string) []int {
	list := make([]int, len(s))
	for i := range len(s) {
		list[i] = int(s[i])
	}
	return list
}

// names returns what clients asked for. Questions of LAN protocols are left out: they ask for neighbours.
func (c *collector) names() []Asked {
	list := []Asked{}
	for k, n := range c.asked {
		switch k.kind {
		case capture.OriginDNS, capture.OriginSNI, capture.OriginQUIC, capture.OriginDTLS, capture.OriginHTTP:
			list = append(list, Asked{addr(k.client), k.kind.String(), k.name, n})
		}
	}
	slices.SortFunc(list, func(a, b Asked) int {
		return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// used sums the flows of every title by whatever key keeps them apart; one of a broader title as well is summed there too.
// Its seconds are those in which at least one of the flows was there: a game has several at once.
func used[K comparable](c *collector, by func(flowKey) K) map[K][]Used {
	type sum struct {
		k     K
		title string
	}
	spans := map[sum][]flowSpan{}
	for k, s := range c.flows {
		have := c.titles.Title(k.title)
		s.play = have.Use == title.Play
		for _, name := range []string{have.Name, have.Of} {
			if name != "" {
				at := sum{by(k), name}
				spans[at] = append(spans[at], s)
			}
		}
	}
	lists := map[K][]Used{}
	for at, list := range spans {
		u := Used{
			Title: at.title, Class: string(c.titles.Class(at.title)), Flows: len(list), Seconds: together(list).Seconds(),
		}
		if own := slices.DeleteFunc(list, func(s flowSpan) bool { return !s.play }); len(own) > 0 {
			u.Played = together(own).Seconds()
		}
		lists[at.k] = append(lists[at.k], u)
	}
	for _, list := range lists {
		slices.SortFunc(list, func(a, b Used) int { return cmp.Or(cmp.Compare(b.Flows, a.Flows), cmp.Compare(a.Title, b.Title)) })
	}
	return lists
}

// together returns how long at least one of the spans lasted.
func together(spans []flowSpan) (d time.Duration) {
	slices.SortFunc(spans, func(a, b flowSpan) int { return cmp.Compare(a.first, b.first) })
	end := spans[0].first
	for _, s := range spans {
		if s.last > end {
			d += time.Duration(s.last - max(s.first, end))
			end = s.last
		}
	}
	return d
}

func (c *collector) services() []Service {
	list := []Service{}
	for k, n := range c.serves {
		list = append(list, Service{macText(k.mac), addr(k.addr), k.what.String(), k.port, k.name, n})
	}
	slices.SortFunc(list, func(a, b Service) int {
		return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.MAC, b.MAC), cmp.Compare(a.Addr, b.Addr),
			cmp.Compare(a.Port, b.Port), cmp.Compare(a.Name, b.Name))
	})
	return list
}

func (c *collector) named() []Host {
	list := []Host{}
	for k, n := range c.hosts {
		list = append(list, Host{macText(k.mac), addr(k.addr), k.name, k.from.String(), n})
	}
	slices.SortFunc(list, func(a, b Host) int {
		return cmp.Or(cmp.Compare(a.MAC, b.MAC), cmp.Compare(a.Addr, b.Addr), cmp.Compare(a.From, b.From), cmp.Compare(a.Name, b.Name))
	})
	return list
}

func (c *collector) userAgents() []Agent {
	list := []Agent{}
	for k, n := range c.agents {
		list = append(list, Agent{addr(k.client), k.name, n})
	}
	slices.SortFunc(list, func(a, b Agent) int {
		return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Name, b.Name))
	})
	return list
}

func macText(m capture.MAC) string {
	if m.IsZero() {
		return ""
	}
	return m.String()
}
