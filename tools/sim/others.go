package sim

import (
	"net/netip"

	"cafeprobe/tools/sim/shape"
)

// routes is the router: it asks for stations, and tells of itself.
func (a *actor) routes() {
	h := &a.room.habits
	a.every(5, 60*h.rhythm, 300*h.rhythm, func(at int64) {
		i := a.g.IntN(len(a.room.Stations))
		if i == int(a.who) {
			return
		}
		a.ask(at, ARPWho, a.room.Stations[i].Addr, "")
		if s, _ := a.room.Truth.StateAt(i, at); s != Off || h.asleep && a.room.Stations[i].Role == PC {
			a.put(Act{At: at + seconds(0.002), Say: ARPAnswer, Who: int32(i), To: a.who, Addr: a.st.Addr})
		}
	})
	a.every(20, 300, 900, func(at int64) { a.say(at, SSDPNotify, ToAll) })
	if h.querier {
		a.every(1, 125, 125.1, func(at int64) { a.say(at, IGMPQuery, ToAll) })
	}
	if h.mdns {
		a.every(3, 200, 600, func(at int64) { a.say(at, RouterAdvert, ToAll) })
	}
}

// prints is the printer.
func (a *actor) prints() {
	if a.run.boots {
		a.asks(a.run.booted-seconds(3), DHCPDiscover, DHCPRequest)
		a.ask(a.run.booted-seconds(1), ARPAnnounce, a.st.Addr, "")
	}
	a.every(2, 400, 1500, func(at int64) { a.say(at, MDNSAnnounce, ToAll) })
	a.every(30, 500, 2500, func(at int64) { a.ask(at, ARPWho, a.room.Stations[a.room.router].Addr, "") })
	a.renews()
}

// carried is a phone or a laptop that a guest brought.
func (a *actor) carried() {
	a.run.booted = a.run.From + seconds(2)
	a.run.boots = true
	a.asks(a.run.From+seconds(0.3), DHCPDiscover, DHCPRequest)
	a.ask(a.run.From+seconds(1.5), ARPProbe, a.st.Addr, "")
	a.ask(a.run.From+seconds(1.8), ARPWho, a.room.Stations[a.room.router].Addr, "")
	a.say(a.run.From+seconds(1.6), DAD, ToAll)
	a.say(a.run.From+seconds(1.9), MDNSAnnounce, ToAll)
	a.fetch(a.run.booted, "connectivitycheck.gstatic.com", shape.HTTP, shape.Check, 0.3, 0.4)
	a.every(1, 250, 1500, func(at int64) { a.ask(at, MDNSQuery, netip.Addr{}, "_googlecast._tcp.local") })
	a.beat(shape.Beat{
		Name: "mtalk.google.com", Hello: shape.TLS, Class: shape.Check, Keep: true,
		Every: shape.Range{From: 60, To: 900}, Up: shape.Range{From: 0.1, To: 0.3}, Down: shape.Range{From: 0.1, To: 4},
	}, a.run.booted+seconds(3), a.run.To)
	a.neighbours()
}
