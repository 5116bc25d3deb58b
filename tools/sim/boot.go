package sim

import (
	"net/netip"

	"cafeprobe/tools/sim/shape"
)

// boot is what the wire shows of a PC that starts: its ROM's DHCP and TFTP and iPXE's DHCP where the room is diskless,
// then Windows'. (RFC 2131, RFC 5970's and the PXE specification's order; of pxe-dhcp4_dhcp--netboot.pcap.)
func (a *actor) boot() {
	from, system := a.run.From, a.run.booted-between(a.g, 5, 10)
	if a.st.Role == PC && a.room.habits.counter {
		a.woken(from)
	}
	if a.room.habits.diskless && a.st.Role == PC {
		a.bootFromNet(from + between(a.g, 2, 7))
		if a.room.habits.asksAgain { // else Windows keeps the address of iPXE's table (iBFT)
			a.asks(system, DHCPDiscover, DHCPRequest)
		}
	} else if a.g.Float64() < 0.7 {
		a.say(system, DHCPReboot, ToAll)
		a.put(Act{At: system + seconds(0.02), Say: DHCPAck, Who: int32(a.room.router), To: a.who})
	} else {
		a.asks(system, DHCPDiscover, DHCPRequest)
	}
	a.comesUp(system + seconds(0.5))
}

// woken is the magic packet from the counter, where somebody is.
func (a *actor) woken(at int64) {
	if s, _ := a.room.Truth.StateAt(a.room.cashier, at); s == Idle || s == InUse {
		a.put(Act{At: at, Say: Wake, Who: int32(a.room.cashier), To: a.who})
	}
}

// bootFromNet is PXE, then iPXE.
func (a *actor) bootFromNet(at int64) {
	server := int32(a.room.server)
	a.asks(at, PXEDiscover, PXERequest)
	a.put(Act{At: at + seconds(0.3), Say: ProxyOffer, Who: server, To: a.who})
	at += seconds(2.5)
	a.ask(at, ARPWho, a.room.Stations[a.room.server].Addr, "")
	a.act(Act{At: at + seconds(0.1), Say: TFTPRead, Who: a.who, To: server, Port: a.nextPort()})
	a.put(Act{At: at + seconds(0.11), Say: TFTPData, Who: server, To: a.who, Port: a.port})
	at += between(a.g, 2, 5)
	a.asks(at, IPXEDiscover, IPXERequest)
}

// asks is an exchange with the DHCP server: the four messages.
func (a *actor) asks(at int64, discover, request Say) {
	router := int32(a.room.router)
	a.say(at, discover, ToAll)
	a.put(Act{At: at + seconds(0.4), Say: DHCPOffer, Who: router, To: a.who})
	a.say(at+seconds(0.8), request, ToAll)
	a.put(Act{At: at + seconds(0.82), Say: DHCPAck, Who: router, To: a.who})
}

// comesUp is Windows' own beginning.
func (a *actor) comesUp(at int64) {
	for i := range 3 {
		a.ask(at+int64(i)*seconds(1), ARPProbe, a.st.Addr, "")
	}
	a.ask(at+seconds(3), ARPAnnounce, a.st.Addr, "")
	a.say(at+seconds(0.1), DAD, ToAll)
	a.say(at+seconds(0.2), RouterSolicit, ToAll)
	a.say(at+seconds(0.2), MLD, ToAll)
	a.ask(at+seconds(0.3), IGMP, netip.AddrFrom4([4]byte{239, 255, 255, 250}), "")
	for i := range 3 {
		a.say(at+seconds(3.1)+int64(i)*seconds(0.75), NBNSRegister, ToAll)
	}
	a.ask(at+seconds(3.5), LLMNRQuery, netip.Addr{}, a.st.Name)
	if a.room.habits.mdns {
		a.say(at+seconds(3.6), MDNSAnnounce, ToAll)
	}
	if a.room.habits.informs {
		a.say(at+seconds(4), DHCPInform, ToAll)
	}
}

// beatOf lets a program that this room's image has run by itself, for as long as the station is on.
func (a *actor) beatOf(b shape.Beat) {
	for i := range a.room.habits.beats {
		if a.room.habits.beats[i].ID == b.ID {
			first := a.run.booted + seconds(b.First.Draw(a.g))
			if !a.run.boots {
				first = a.run.From + between(a.g, 0, min(b.Every.To*a.scale(), 7200))
			}
			a.beat(b, first, a.run.To)
		}
	}
}

// beat lets a program run from first until a time.
func (a *actor) beat(b shape.Beat, first, until int64) {
	var c *conn
	r := a.scale()
	if b.Keep && b.Every.To-b.Every.From < 15 { // a period that its protocol fixes
		r = 1
	}
	ends := until == a.run.To && a.run.end == Shutdown
	a.start(first, until, func(at int64) int64 {
		up, down := b.Up.Draw(a.g), b.Down.DrawLog(a.g)
		next := at + seconds(b.Every.Draw(a.g)*r)
		switch {
		case !b.Keep:
			a.fetch(at, b.Name, b.Hello, b.Class, up, down)
		case c == nil || !c.open || a.g.Float64() < 0.003: // it is new, or was broken and is made anew
			c = a.reach(b.Name, b.Hello, b.Class)
			a.carry(a.resolve(at, b.Name), c, 1+up, 3+down, false)
		case ends && next >= until && at < until-seconds(1.2):
			a.carry(at, c, up, down, false)
			return until - seconds(0.4+0.7*a.g.Float64())
		default:
			a.carry(at, c, up, down, ends && next >= until)
		}
		return next
	})
}
