// Package evidence sums up what each station shows, minute by minute: what firmware/state judges it by.
//
// A minute is closed 130 s after its end, when the last flow that ran in it has been told of: capture/flow tells of each at
// least every 60 s, and takes up to 64 s to go through its table. Time is the observations' own.
//
// The package is pure, and the memory of a station is fixed.
package evidence

import (
	"math/bits"
	"time"

	"cafeprobe/capture"
	"cafeprobe/firmware/state"
)

// Late is how long after its end a minute is closed.
const Late = 130 * time.Second

const (
	minute = int64(time.Minute)
	second = int64(time.Second)

	// span is how many minutes are open at once: the one that runs, the two that are awaited, and one to spare.
	span = 4

	// enough is how many minutes without anything are given in a row where time jumps: a station is off long before.
	enough = 60

	// personal is how much personal traffic a minute has to have, octets, for its moments to count as use, and part how much
	// of it one flow. Of idle PCs with chat programs and launchers the sockets that are held open carry 1 to 8 KB a minute;
	// the thinnest game in the shared captures carries 38.
	personal, part = 16 << 10, 2 << 10

	// writes is how much a station has to send in a minute over one flow of a messenger, octets, for its moments to count as use.
	writes = 2 << 10
)

// disk is from how many octets on a flow with a server of the LAN, as it is told of, is that of a PC's disk. It runs whoever
// sits there, and is seen at a mirror of that server's port alone, so it is left out: a PC then looks the same from both places.
// Names, shares and management carry less.
const disk = 256 << 10

// Traffic is what a flow is to its station.
type Traffic uint8

// The kinds of traffic.
const (
	Personal   Traffic = iota // with the internet, and of nothing that is known to run by itself
	Background                // of a launcher, updates, telemetry and the like
	Local                     // with the LAN's servers
	Messenger                 // of a messenger: background, but for what the station writes
)

// Station collects the evidence of one station. The zero Station has seen nothing.
type Station struct {
	open  [span]sheet // by the minute's number
	next  int64       // the first minute that was not taken, 0 before there was one
	heard int64       // the last minute in which something of the internet answered
	sites *sites      // 2 KB, from the first name on
}

// sheet is one minute.
type sheet struct {
	number int64 // minutes since the Unix epoch; 0: unused
	m      state.Minute
	play   uint64 // seconds with a real-time flow, a bit each
	octets [Local + 1]uint64
	wrote  [messengers]wrote
	disk   uint64  // frames that were sent to its disk
	asked  float64 // frames that were sent to the internet
	got    float64 // and that came from there
	game   uint32  // frames of m.Title's flow
	names  uint8   // that were asked for and not seen to be connected to
	weak   stretch // when personal traffic ran that is no use by itself
	chat   stretch // when a messenger's flow ran in which the station sent more than heartbeats
}

// messengers is how many messengers are told apart in a minute; further ones are left out.
const messengers = 6

// wrote is what was sent to one messenger, octets. Each has heartbeats of its own, so that those of several are never added up.
type wrote struct {
	title  uint16
	octets uint32
}

// note adds octets that were sent to a messenger.
func (p *sheet) note(title uint16, octets uint64) {
	for i := range p.wrote {
		if w := &p.wrote[i]; w.octets == 0 || w.title == title {
			w.title, w.octets = title, uint32(min(uint64(w.octets)+octets, 1<<31))
			return
		}
	}
}

// stretch is a stretch of time, zero for none.
type stretch struct{ from, to int64 }

func (s *stretch) extend(from, to int64) {
	if s.from == 0 || from < s.from {
		s.from = from
	}
	s.to = max(s.to, to)
}

// Sent notes frames that the station sent from first to last.
func (s *Station) Sent(first, last int64, frames uint64) {
	s.each(first, last, func(p *sheet, from, to int64, share float64) {
		p.m.Sent += uint32(min(float64(frames)*share+0.5, 1<<24))
		if p.m.First == 0 || from < p.m.First {
			p.m.First = from
		}
		p.m.Last = max(p.m.Last, to)
	})
}

// Sign notes something that the station did at t.
func (s *Station) Sign(t int64, sign state.Signs) {
	if p := s.sheet(t / minute); p != nil {
		p.m.Signs |= sign
	}
}

// Name notes that the station asked for a name of which no program is known that asks by itself; connects says that it did
// so in connecting to its site, not to a name server. It counts where the site was not asked for within the hour; a question
// alone only in a minute of personal traffic, since idle computers keep asking for their own domain and for what is blocked.
func (s *Station) Name(t int64, name string, connects bool) {
	p := s.sheet(t / minute)
	if s.sites == nil {
		s.sites = &sites{}
	}
	switch {
	case p == nil || !s.sites.fresh(name, t):
	case connects:
		p.m.Names = uint8(min(255, int(p.m.Names)+1))
		p.used(t, t)
	default:
		p.names = uint8(min(255, int(p.names)+1))
		p.weak.extend(t, t)
	}
}

// Flow notes what a flow of the station carried from first to last: up what the station sent. title is the game whose own
// flow it is, or the messenger's, 0 for none.
func (s *Station) Flow(first, last int64, proto uint8, up, down capture.Count, traffic Traffic, title uint16) {
	play := traffic == Personal && (realTime(proto, last-first, up, down) || title != 0 && goesOn(last-first, up, down))
	octets := up.Octets + down.Octets
	internet := traffic != Local
	messenger, of := traffic == Messenger, title
	if messenger {
		title = 0
	}
	if messenger || traffic == Local && octets < disk {
		traffic = Background
	}
	s.each(first, last, func(p *sheet, from, to int64, share float64) {
		n := uint64(float64(octets)*share + 0.5)
		p.octets[traffic] += n
		if internet {
			p.asked, p.got = p.asked+float64(up.Frames)*share, p.got+float64(down.Frames)*share
		}
		if messenger {
			sent := uint64(float64(up.Octets)*share + 0.5)
			if p.note(of, sent); sent >= writes {
				p.chat.extend(from, to)
			}
		}
		switch {
		case traffic == Local:
			p.disk += uint64(float64(up.Frames)*share + 0.5)
		case play:
			p.play |= seconds(p.m.Start, from, to)
			p.used(from, to)
		case traffic == Personal && n >= part:
			p.weak.extend(from, to)
		}
		if n := uint32(float64(up.Frames+down.Frames) * share); title != 0 && n > p.game {
			p.m.Title, p.game = title, n
		}
	})
}

// Take closes the minutes that ended Late before now or earlier, in order, and gives them to do. A minute in which nothing
// was shown is given as well. view is what could be seen of the station in it.
func (s *Station) Take(now int64, view func(start int64) state.View, do func(*state.Minute)) {
	end := (now - int64(Late)) / minute // the first minute that is not closed
	if s.next == 0 || now < int64(Late) {
		return
	}
	for given := 0; s.next < end; s.next++ {
		if given++; given > enough && s.idle() {
			s.next = end - 1 // time has jumped: that minutes are missing shows by the next one's start
		}
		p := &s.open[s.next%span]
		if p.number != s.next {
			*p = sheet{number: s.next, m: state.Minute{Start: s.next * minute}}
		}
		p.close(view(p.m.Start))
		s.answered(p)
		do(&p.m)
		p.number = 0
	}
}

// Flush gives do all that is left, for an end of all observations.
func (s *Station) Flush(view func(start int64) state.View, do func(*state.Minute)) {
	last := int64(0)
	for i := range s.open {
		last = max(last, s.open[i].number)
	}
	if last > 0 {
		s.Take((last+1)*minute+int64(Late), view, do)
	}
}

// Reset forgets the open minutes: the clock was set.
func (s *Station) Reset() {
	s.open, s.next, s.heard = [span]sheet{}, 0, 0
	s.sites = nil
}

func (s *Station) idle() bool {
	for i := range s.open {
		if s.open[i].number != 0 {
			return false
		}
	}
	return true
}

// sheet returns the open minute of that number, nil for one that is closed already.
func (s *Station) sheet(n int64) *sheet {
	if n < s.next || n <= 0 {
		return nil
	}
	if s.next == 0 {
		s.next = n
	}
	p := &s.open[n%span]
	if p.number != n {
		if p.number > n || n-s.next >= span {
			return nil // time runs ahead of those who take the minutes: see Take
		}
		*p = sheet{number: n, m: state.Minute{Start: n * minute}}
	}
	return p
}

// each calls do for every open minute that [first, last] touches, with the part of it and its share of the whole.
func (s *Station) each(first, last int64, do func(p *sheet, from, to int64, share float64)) {
	if first <= 0 || last < first || last-first > span*minute {
		first = last
	}
	for n := first / minute; n <= last/minute; n++ {
		p := s.sheet(n)
		if p == nil {
			continue
		}
		from, to := max(first, n*minute), min(last, (n+1)*minute-1)
		share := 1.0
		if last > first {
			share = float64(to-from+1) / float64(last-first+1)
		}
		do(p, from, to, share)
	}
}

func (p *sheet) used(from, to int64) {
	s := stretch{p.m.FirstUse, p.m.LastUse}
	s.extend(from, to)
	p.m.FirstUse, p.m.LastUse = s.from, s.to
}

func (p *sheet) close(view state.View) {
	p.m.View = view
	if p.octets[Personal] >= personal {
		p.m.Names = uint8(min(255, int(p.m.Names)+int(p.names)))
		if p.weak.to != 0 {
			p.used(p.weak.from, p.weak.to)
		}
	}
	if p.chat.to != 0 {
		p.used(p.chat.from, p.chat.to)
	}
	if p.m.Sent > 0 {
		p.m.Sent -= uint32(min(p.disk, uint64(p.m.Sent-1)))
	}
	p.m.Play = uint8(bits.OnesCount64(p.play))
	p.m.User = uint32(min(p.octets[Personal]>>10, 1<<31))
	p.m.Back = uint32(min(p.octets[Background]>>10, 1<<31))
	for i := range p.wrote {
		p.m.Chat = max(p.m.Chat, p.wrote[i].octets)
	}
}

// asks is how many frames to the internet nothing answers in a minute before the line may be down, and down is how long, in minutes,
// that may take: behind it nobody knows if the box sees answers.
const asks, down = 3, 60

// answered notes if what the station sent to the internet in the minute p was answered.
func (s *Station) answered(p *sheet) {
	switch {
	case p.got > 0.5:
		s.heard = p.number
	case p.asked >= asks && p.m.Sent > 0 && s.heard != 0 && p.number-s.heard <= down:
		p.m.Signs |= state.Unanswered
	}
}

// seconds returns the seconds of the minute that begins at start which [from, to] touches.
func seconds(start, from, to int64) uint64 {
	a, b := (from-start)/second, (to-start)/second
	return (1<<(b-a+1) - 1) << a
}

// goesOn reports whether a flow goes both ways all the time, however slowly. The own flow of a game does, if it is played:
// turn-based and role-playing games send a frame or two a second.
func goesOn(length int64, up, down capture.Count) bool {
	return length >= 5*second && int64(min(up.Frames, down.Frames))*2*second >= length
}

// realTime reports whether a flow is one that a person plays or talks over: for five seconds or more frames go both ways
// all the time, and they are small. A video or a download is full frames one way and acknowledgements the other; a socket
// that is held open carries a frame now and then. Games over UDP send 5 to 64 frames a second down and 2 to 64 up, games
// over TCP and remote desktops 2 to 10; voice 20 to 50 each way; chats and launchers one in two seconds at most. (tshark -z
// conv over the game files of the shared captures.)
func realTime(proto uint8, length int64, up, down capture.Count) bool {
	const tcp, udp = 6, 17
	s := float64(length) / float64(second)
	if s < 5 || up.Frames == 0 || down.Frames == 0 {
		return false
	}
	least, both, most := 1.5, 5.0, 700.0
	switch proto {
	case udp:
	case tcp:
		least, both, most = 1, 3, 400
	default:
		return false
	}
	rate := func(n uint64) float64 { return float64(n) / s }
	size := func(c capture.Count) float64 { return float64(c.Octets) / float64(c.Frames) }
	return rate(min(up.Frames, down.Frames)) >= least && rate(up.Frames+down.Frames) >= both && size(up) <= most && size(down) <= most
}
