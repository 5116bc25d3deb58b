package sim

import (
	"net/netip"
	"time"

	"cafeprobe/tools/sim/shape"
)

// What Windows says on the LAN by itself. Periods: MS-BRWS §3.2.6 (an announcement every 12 minutes), RFC 4861 §6.3.2 and
// §10 (30 s until a neighbour is asked for again, Windows likewise for ARP), RFC 2131 §4.4.5 (renewal at half of the
// lease), RFC 3376 §8.2 (a query every 125 s); app-netflix--ndpi.pcap has a search by SSDP 16 times in 79 s, from a
// browser that looks for televisions. The others are assumed and differ by the room's rhythm.

// every starts a program that does something again and again, from a first time on, after pauses of from to to seconds.
func (a *actor) every(first, from, to float64, do func(at int64)) {
	begin := a.run.booted + seconds(first)
	if !a.run.boots { // it has been going on for long
		begin = a.run.From + between(a.g, 0, to)
	}
	a.start(begin, a.run.To, func(at int64) int64 {
		do(at)
		return at + between(a.g, from, to)
	})
}

// computes is a PC, the cashier's or the server.
func (a *actor) computes() {
	if a.run.boots {
		a.boot()
	}
	a.neighbours()
	a.announces()
	a.searches()
	a.renews()
	for _, b := range shape.Windows {
		a.beatOf(b)
	}
	if a.st.Role != Server {
		for _, b := range shape.Programs {
			a.beatOf(b)
		}
		if a.room.habits.steamLAN {
			a.steamLAN()
		}
	}
	if a.room.Options.Vantage == VantageAPlus {
		a.disk()
	}
	a.farewell()
}

// neighbours keeps the gateway's address fresh: while there is much to send more often.
func (a *actor) neighbours() {
	h := &a.room.habits
	gateway := a.room.Stations[a.room.router].Addr
	rhythm := a.scale()
	step := func(at int64) int64 {
		to := a.room.router
		if a.g.Float64() < 0.2 {
			to = a.room.server
		}
		if to == int(a.who) {
			to = a.room.cashier
		}
		addr := a.room.Stations[to].Addr
		if a.g.Float64() < h.aloud {
			a.ask(at, ARPWho, addr, "")
		} else {
			a.act(Act{At: at, Say: ARPAsk, Who: a.who, To: int32(to), Addr: addr})
		}
		a.answered(at, to)
		if s, _ := a.room.Truth.StateAt(int(a.who), at); s == InUse {
			return at + between(a.g, 20, 60)
		}
		return at + between(a.g, 40*rhythm, 260*rhythm)
	}
	if a.run.boots {
		a.ask(a.run.booted-seconds(6), ARPWho, gateway, "")
		a.answered(a.run.booted-seconds(6), a.room.router)
	}
	a.start(a.run.booted+between(a.g, 1, 40), a.run.To, step)
}

// answered is the answer of another station that runs.
func (a *actor) answered(at int64, to int) {
	if s, _ := a.room.Truth.StateAt(to, at); s != Off {
		a.put(Act{At: at + int64(time.Millisecond), Say: ARPAnswer, Who: int32(to), To: a.who, Addr: a.st.Addr})
	}
}

// scale is the room's rhythm, a little different on each run.
func (a *actor) scale() float64 { return a.room.habits.rhythm * (0.8 + 0.4*a.g.Float64()) }

// announces says its name every twelve minutes, at first more often.
func (a *actor) announces() {
	if a.st.Role != Server && !a.room.habits.smb1 {
		return
	}
	pause := 60.
	if !a.run.boots {
		pause = 720
	}
	a.start(a.run.booted+between(a.g, 2, 60), a.run.To, func(at int64) int64 {
		a.say(at, BrowserHost, ToAll)
		next := at + seconds(pause)
		pause = min(2*pause, 720)
		return next
	})
}

// searches looks for devices and names.
func (a *actor) searches() {
	r := a.scale()
	a.every(4+20*a.g.Float64(), 110*r, 130*r, func(at int64) {
		for i := range 4 {
			a.say(at+int64(i)*seconds(1), SSDPSearch, ToAll)
		}
	})
	a.every(10+60*a.g.Float64(), 600*r, 2400*r, func(at int64) {
		a.ask(at, LLMNRQuery, netip.Addr{}, "wpad")
		a.ask(at+seconds(0.4), NBNSQuery, netip.Addr{}, "WPAD")
	})
	if a.room.habits.mdns {
		a.every(6+30*a.g.Float64(), 120*r, 900*r, func(at int64) { a.ask(at, MDNSQuery, netip.Addr{}, "_googlecast._tcp.local") })
	}
	if a.room.habits.querier {
		a.every(1+120*a.g.Float64(), 120, 130, func(at int64) {
			a.ask(at, IGMP, netip.AddrFrom4([4]byte{
				239, 255, 255,
				250,
			}), "")
		})
	}
	a.every(9+30*a.g.Float64(), 3600*r, 33000*r, func(at int64) {
		at = a.resolve(at, "time.windows.com")
		x := Act{
			At: at, For: seconds(0.04), Say: NTP, Who: a.who, To: int32(a.room.router),
			Addr: host("time.windows.com"), Port: 123, PeerPort: 123,
		}
		x.Up.Frames, x.Up.Octets, x.Down.Frames, x.Down.Octets = 1, 90, 1, 90
		a.hide(&x)
		a.act(x)
	})
}

// renews its address at half of the lease.
func (a *actor) renews() {
	half := a.room.habits.lease.Seconds() / 2
	a.every(half, half, half+2, func(at int64) { a.renew(at) })
}

func (a *actor) renew(at int64) {
	a.act(Act{At: at, Say: DHCPRenew, Who: a.who, To: int32(a.room.router)})
	a.put(Act{At: at + seconds(0.01), Say: DHCPAck, Who: int32(a.room.router), To: a.who})
}

// steamLAN tells the LAN of a Steam client: what it plays, and whether the screen is locked.
func (a *actor) steamLAN() {
	a.every(40+30*a.g.Float64(), 45*a.scale(), 75*a.scale(), func(at int64) {
		what := SteamStatus
		if d := a.doing; d != nil && d.has(at) && d.title != nil && d.title.Launcher == "steam" && at > d.From+minutes(3) {
			what = SteamPlaying
		} else if s, _ := a.room.Truth.StateAt(int(a.who), at); s == Idle && a.room.habits.locks {
			what = SteamLocked
		}
		a.say(at, what, ToAll)
	})
}

// disk is what a diskless PC, and any PC with the server's shares, has to do with the server; only a mirror of the
// server's port shows it.
func (a *actor) disk() {
	if a.st.Role == Server {
		return
	}
	port := uint16(445)
	if a.room.habits.diskless && a.st.Role == PC {
		port = 3260
	}
	c := a.served(port)
	first := a.run.booted
	if a.run.boots {
		first -= between(a.g, 8, 15)
	}
	a.start(first, a.run.To, func(at int64) int64 {
		kb := shape.Range{From: 2, To: 400}.DrawLog(a.g)
		if at < a.run.booted {
			kb = 3000
		}
		a.carry(at, c, kb*0.2, kb, false)
		return at + between(a.g, 1.5, 12)
	})
}

// served is a connection to a port of the boot server.
func (a *actor) served(port uint16) *conn {
	addr := a.room.Stations[a.room.server].Addr
	return &conn{tcp: true, to: int32(a.room.server), addr: addr, port: a.nextPort(), peerPort: port, class: shape.Update}
}

// farewell is what Windows says when it is shut down in order: it gives its names back, and in some rooms its lease.
func (a *actor) farewell() {
	if a.run.end != Shutdown || a.run.To >= a.room.to {
		return
	}
	a.start(a.run.To-between(a.g, 0.6, 2.5), a.run.To, func(at int64) int64 {
		a.say(at, NBNSRelease, ToAll)
		if a.room.habits.steamLAN && a.st.Role == PC {
			a.say(at+seconds(0.1), SteamOffline, ToAll)
		}
		if a.room.habits.mdns {
			a.say(at+seconds(0.2), MDNSGoodbye, ToAll)
		}
		if a.room.habits.release {
			a.act(Act{At: at + seconds(0.5), Say: DHCPRelease, Who: a.who, To: int32(a.room.router)})
		}
		return a.run.To
	})
}
