package day

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Step is one thing that happens. Those with For go on in real time for so long; the others are done within some seconds.
type Step struct {
	At  time.Duration // since midnight
	Who string
	Do  Deed
	To  string // a client, name or game
	For time.Duration
}

// Deed is what a step does.
type Deed string

// The deeds beside Boot, Off, Cut, Reboot and Wake, which are the table's verbs.
const (
	Page     Deed = "page"     // a browser opens a site's page, with all that is on it
	Segment  Deed = "segment"  // the player in a page gets some seconds of video
	Say      Deed = "say"      // a message over a connection that stays, and its answer
	Play     Deed = "play"     // a game's datagrams, both ways
	Talk     Deed = "talk"     // voice, both ways
	Download Deed = "download" // at the speed that the server allows
	Beat     Deed = "beat"     // a program's heartbeat over a connection that stays
	Get      Deed = "get"      // a program's own question over a new connection
	Time     Deed = "time"     // NTP
	Search   Deed = "search"   // who on the LAN can do what (SSDP)
	Quit     Deed = "quit"     // the person leaves: the browser is closed
)

// Program is what a computer's system or a launcher does by itself, whether somebody is there or not.
type Program struct {
	Name        string
	Every, Upto time.Duration // between two times, evenly
	Keeps       bool          // over one connection that stays
}

// Programs that run on cafés' computers. The periods are those of tools/sim/shape, which has the sources: heartbeats of
// launchers are Steam's (SteamKit2's client says one every 30 to 60 s) and Riot's chat (XMPP), the rest is Windows'.
var (
	Windows = []Program{
		{"v10.events.data.microsoft.com", 4 * time.Minute, 15 * time.Minute, false},
		{"client.wns.windows.com", 230 * time.Second, 400 * time.Second, true},
	}
	Steam  = Program{"cmp1-sgp1.steamserver.net", 40 * time.Second, 60 * time.Second, true}
	Riot   = Program{"vn2.chat.si.riotgames.com", 60 * time.Second, 150 * time.Second, true}
	Garena = Program{"sso.garena.com", 90 * time.Second, 180 * time.Second, true}
)

// launchers are the names that a game's launcher asks for when somebody starts the game.
var launchers = map[string][]string{
	"league-of-legends": {"auth.riotgames.com", "lol.garena.vn"},
	"valorant":          {"auth.riotgames.com", "playvalorant.com"},
	"fc-online":         {"fconline.garena.vn"},
}

// script is a table that is being written out.
type script struct {
	t     *Table
	g     *rand.Rand
	steps []Step
}

// Script writes the table out, in order of time. programs are those that run on a client. The same seed gives the same steps.
func (t *Table) Script(seed uint64, programs func(who string) []Program) []Step {
	s := &script{t: t, g: rand.New(rand.NewPCG(seed, seed))}
	for _, who := range t.Who() {
		for _, on := range t.On(who) {
			s.alone(who, on, programs(who))
		}
		for _, x := range t.Sessions(who) {
			s.add(x.To, who, Quit, "")
		}
	}
	for _, r := range t.Rows {
		s.row(r)
	}
	slices.SortStableFunc(s.steps, func(a, b Step) int { return int(a.At - b.At) })
	return s.steps
}

func (s *script) add(at time.Duration, who string, do Deed, to string) {
	s.steps = append(s.steps, Step{At: at, Who: who, Do: do, To: to})
}

// between draws a time, evenly.
func (s *script) between(from, to time.Duration) time.Duration {
	return from + time.Duration(s.g.Float64()*float64(to-from))
}

// margin is for how long before it ends a client starts nothing new.
const margin = 5 * time.Second

// alone is what a client's programs do while it is on.
func (s *script) alone(who string, on Stretch, programs []Program) {
	for _, p := range programs {
		do := Get
		if p.Keeps {
			do = Beat
		}
		for at := on.From + Ready + s.between(0, p.Every/2); at < on.To-margin; at += s.between(p.Every, p.Upto) {
			s.add(at, who, do, p.Name)
		}
	}
	if len(programs) == 0 {
		return
	}
	if on.From+Ready+margin < on.To {
		s.add(on.From+Ready, who, Time, "time.windows.com")
	}
	// Windows and browsers look for devices every two minutes, four times a second apart (app-netflix--ndpi.pcap of the shared
	// captures has 16 in 79 s).
	for at := on.From + Ready + s.between(0, time.Minute); at < on.To-margin; at += s.between(110*time.Second, 130*time.Second) {
		for i := range 4 {
			s.add(at+time.Duration(i)*time.Second, who, Search, "")
		}
	}
}

// row writes one row out.
func (s *script) row(r Row) {
	switch r.Does {
	case Boot, Off, Cut, Reboot:
		s.add(r.From, r.Who, Deed(r.Does), "")
	case Wake:
		s.add(r.From, r.Who, Deed(r.Does), r.What[0])
	case Update:
		s.lasting(r, Download)
	case Browse: // a page is read for 20 to 60 s
		for i, at := 0, r.From; at < r.To-margin; i, at = i+1, at+s.between(20*time.Second, 60*time.Second) {
			s.add(at, r.Who, Page, r.What[i%len(r.What)])
		}
	case Video: // 6 to 12 s of video at a time, as players get it ahead
		s.add(r.From, r.Who, Page, r.What[0])
		for at := r.From + 3*time.Second; at < r.To-margin; at += s.between(6*time.Second, 12*time.Second) {
			s.add(at, r.Who, Segment, r.What[0])
		}
	case Chat: // somebody writes, or is written to
		for at := r.From; at < r.To-margin; at += s.between(4*time.Second, 30*time.Second) {
			s.add(at, r.Who, Say, r.What[0])
		}
	case Game:
		for i, name := range launchers[r.What[0]] {
			s.add(r.From+time.Duration(i)*time.Second, r.Who, Get, name)
		}
		s.lasting(r, Play)
	case Voice:
		s.lasting(r, Talk)
	}
}

func (s *script) lasting(r Row, do Deed) {
	s.steps = append(s.steps, Step{At: r.From, Who: r.Who, Do: do, To: r.What[0], For: r.To - r.From})
}
