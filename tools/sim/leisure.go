package sim

import (
	"fmt"
	"math"
	"time"

	"cafeprobe/tools/sim/shape"
)

// tunnelStays is how long a VPN is up after its guest has done something: it is gone when he logs off.
const tunnelStays = 90 * time.Second

// do begins an activity.
func (a *actor) do(d *Activity) {
	switch {
	case !d.Tunnel:
		a.tunnel = 0
	case d.From >= a.tunnel:
		a.vpn = a.nextPort()
		clear(a.known)
		fallthrough
	default:
		a.tunnel = d.To + int64(tunnelStays)
	}
	a.leaves(d)
	switch {
	case d.What == shape.Game:
		a.doing = d
		a.games(d)
	case d.What == shape.Voice:
		a.talks(d)
	case d.What == shape.Video:
		a.doing = d
		a.watches(d)
	case d.What == shape.Update:
		a.updates(d)
	case d.Title == "":
		a.doing = d
		a.browses(d)
	default:
		a.doing = d
		a.scrolls(d)
	}
}

// leaves lets some guests go without closing what they had: a game in its lobby, a page. It stays open until the next
// guest comes, or the station is switched off or boots.
func (a *actor) leaves(d *Activity) {
	until := a.run.To
	for i := range a.todo {
		if a.todo[i].From >= d.To {
			until = min(until, a.todo[i].From)
			break
		}
	}
	if until-d.To < minutes(3) || a.g.Float64() > a.room.habits.leftOpen {
		return
	}
	from := d.To + between(a.g, 1, 20)
	switch d.What {
	case shape.Game:
		a.beat(shape.Beat{
			Name: d.title.Lobby, Hello: shape.TLS, Class: shape.Game, Keep: true,
			Every: shape.Range{From: 15, To: 90}, Up: shape.Range{From: 0.06, To: 0.3}, Down: shape.Range{From: 0.06, To: 3},
		}, from, until)
	case shape.Site, shape.Social:
		for _, b := range a.room.habits.tabs {
			a.beat(b, from, until)
		}
	}
}

// browses looks at pages, and reads them.
func (a *actor) browses(d *Activity) {
	site := pick(a.g, shape.Sites)
	a.start(d.From, d.To, func(at int64) int64 {
		if a.g.Float64() < 0.35 {
			site = pick(a.g, shape.Sites)
		}
		return a.page(at, site) + a.reads()
	})
}

// page fetches a page and what belongs to it.
func (a *actor) page(at int64, site string) int64 {
	p := &shape.Pages
	n := int(p.Names.Draw(a.g))
	kb := p.KB.DrawLog(a.g)
	at = a.fetch(at, site, a.browserHello(site), shape.Site, 2, 0.3*kb)
	done := at
	for range n {
		name := pick(a.g, shape.Parts)
		begin := at + between(a.g, 0, 1.5)
		done = max(done, a.fetch(begin, name, a.browserHello(name), shape.Site, 1, 0.7*kb/float64(n)*a.g.ExpFloat64()+1))
	}
	return done
}

// reads returns how long a page is read.
func (a *actor) reads() int64 {
	p := &shape.Pages
	s := p.Read * a.room.habits.read * math.Pow(a.g.ExpFloat64(), 1/0.75)
	return seconds(min(max(s, 1), p.ReadTo))
}

// scrolls goes down a feed, or writes in a chat.
func (a *actor) scrolls(d *Activity) {
	hello := a.browserHello(d.Title)
	c := a.reach(d.Title, hello, shape.Social)
	pictures := "scontent-sgn" + fmt.Sprint(1+a.g.IntN(40)) + "-1.xx.fbcdn.net"
	chat := d.Title == shape.Chats[0] || d.Title == shape.Chats[2]
	a.start(d.From, d.To, func(at int64) int64 {
		at = a.resolve(at, d.Title)
		if chat {
			a.carry(at, c, 0.3+a.g.ExpFloat64(), 0.5+3*a.g.ExpFloat64(), false)
			return at + between(a.g, 3, 45)
		}
		a.carry(at, c, 1+2*a.g.Float64(), 3+20*a.g.Float64(), false)
		a.fetch(at+seconds(0.1), pictures, a.browserHello(pictures), shape.Social, 1, shape.Feed.KB.DrawLog(a.g))
		next := at + seconds(shape.Feed.Every.Draw(a.g)*a.room.habits.read)
		if a.g.Float64() < 0.015 { // looks away
			next += between(a.g, 40, 200)
		}
		return next
	})
}

// watches films: a page, then segments from a server of the film.
func (a *actor) watches(d *Activity) {
	var c *conn
	var film, every int64
	kb := 0.
	a.start(d.From, d.To, func(at int64) int64 {
		if at >= film {
			film = at + minutes(shape.Film.Film.DrawLog(a.g))
			segment := shape.Film.Segment.Draw(a.g)
			if d.Title == shape.Films[1] { // clips, one after the other
				film, segment = at+minutes(4), 6+20*a.g.Float64()
			}
			every = seconds(segment)
			kb = shape.Film.Mbit.DrawLog(a.g) * segment * 1000 / 8
			at = a.fetch(at, d.Title, a.browserHello(d.Title), shape.Video, 3, 400)
			name := a.filmServer(d.Title)
			at = a.resolve(at, name)
			c = a.reach(name, a.browserHello(name), shape.Video)
			a.carry(at, c, 3, 2*kb, false)
			return at + every
		}
		a.carry(at, c, 1.5, kb*(0.7+0.6*a.g.Float64()), false)
		return at + every + between(a.g, -0.5, 0.5)
	})
}

// filmServer makes the name of a server of films.
func (a *actor) filmServer(site string) string {
	n := a.g.IntN(400)
	switch site {
	case shape.Films[0]:
		return fmt.Sprintf("rr%d---sn-8qj-i5o%c%d.googlevideo.com", 1+n%8, 'a'+rune(n%20), n/40)
	case shape.Films[1]:
		return fmt.Sprintf("v%d-webapp-prime.tiktok.com", 16+n%60)
	case shape.Films[5]:
		return fmt.Sprintf("ipv4-c%03d-sgn001-ix.1.oca.nflxvideo.net", n)
	}
	return fmt.Sprintf("vod%d.%s", n%30, site[max(0, len(site)-12):])
}

// updates fetches an update: from servers of updates in rounds, or in a diskless room, where the server has fetched it
// before, often from there.
func (a *actor) updates(d *Activity) {
	name := pick(a.g, shape.Updates)
	left := shape.Range{From: 5_000, To: 250_000}.DrawLog(a.g) // KB
	var c *conn
	if a.room.habits.diskless && a.st.Role == PC && a.g.Float64() < 0.6 {
		c = a.served(445)
	}
	a.start(d.From, d.To, func(at int64) int64 {
		if left <= 0 {
			return d.To
		}
		kb := min(left, shape.Range{From: 800, To: 9000}.DrawLog(a.g))
		left -= kb
		if c != nil {
			return a.carry(at, c, 4, kb, false) + between(a.g, 0.2, 8)
		}
		hello := shape.TLS
		if name == shape.Updates[2] {
			hello = shape.HTTP
		}
		return a.fetch(at, name, hello, shape.Update, 2, kb) + between(a.g, 0.2, 8)
	})
}
