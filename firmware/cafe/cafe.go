// Package cafe holds what is known of one internet café: its stations, when each was on, and how well all this can be
// seen from where the box listens.
//
// It is pure: it has no clock, no input or output and no goroutine. Time is the time of the observations, and a tick is
// an observation, so a capture that is replayed gives the same events as the wire did, in the same order.
package cafe

import (
	"cmp"
	"slices"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/title"
	"cafeprobe/firmware/state"
)

// Config configures a Cafe. The zero Config is valid.
type Config struct {
	History     int           // ended sessions and presence intervals remembered of each station, and blind times; 0 means 8
	MaxStations int           // stations remembered at once; 0 means 1024. At the limit one is forgotten: see crowd.
	Silence     time.Duration // silence after which a station is off, before its own gaps are known; 0 means 5 minutes
	Blind       time.Duration // silence of the whole wire after which nothing is known; 0 means 5 minutes (rule R11)
	Summary     time.Duration // period of occupancy events; 0 means 5 minutes
	Vantage     Grade         // given by the technician; empty means that it is judged from the frames
	Mirror      Mirror        // what the run before has learned, the last EventMirror's; where GradeC was given it is not believed
	Keys        *Keys         // what computers are kept by for the next run; nil, as in a replay: they are not
	Computers   []Computer    // what the run before has learned, the last EventComputers'
	Titles      *title.Table  // what names belong to; nil means the built-in table
	Own         []capture.MAC // the box's own, where its traffic can be heard: it is no station, and proves no mirror
}

const (
	defaultMaxStations = 1024
	defaultHistory     = 8 // the box tells of each as it ends; at 256, a month of 100 stations took 5 MB
	defaultSilence     = 5 * time.Minute
	defaultBlind       = 5 * time.Minute
	defaultSummary     = 5 * time.Minute

	// maxSilence bounds what a station's own beacon gaps can raise its silence limit to. Idle Windows PCs were never seen
	// quiet for longer on a mirror; on a plain port, DHCP renewal and browser announcements come every 12 minutes.
	maxSilence = 20 * time.Minute

	// step is the jump backwards of the observations' time that is taken for a clock that was set, not for reordering.
	step = time.Minute
)

// Cafe is the state of one café. Use New. It is not safe for concurrent use.
type Cafe struct {
	cfg       Config
	stations  map[capture.MAC]*Station
	crowd     crowd                    // the same stations
	machines  map[string]*machine      // by UUID or its key, at most MaxStations
	keys      *Keys                    // nil: computers are not kept
	cards     map[string]*machine      // by keys of cards
	learned   bool                     // what is to be kept has changed
	kept      int64                    // when that was looked at last
	computers []Computer               // as they were told last
	former    map[capture.MAC]*Station // cards that were changed
	vantage   vantage

	started   bool
	now       int64   // the latest time observed
	first     int64   // the first time observed
	traffic   int64   // the latest time at which the wire showed something
	expired   int64   // the last time silence was looked for
	minute    int64   // the last in which minutes were closed
	emptied   int64   // the last that was looked at for nobody to be there
	sees      Vantage // as of the last minute that was closed: it looks at all stations
	settled   []settled
	params    *state.Params
	summary   int64 // when the next occupancy event is due
	blind     bool  // the wire is silent
	woken     int64 // when it was heard again, the last time
	lost      bool  // the mirror is gone
	lostBy    int   // minutes that say so
	lostSince int64
	blinds    []Interval // when nobody could be heard, bounded

	events []Event // what Observe returns; reused
}

// New returns a Cafe in which nothing was seen yet.
func New(cfg Config) *Cafe {
	cfg.History = max(cmp.Or(cfg.History, defaultHistory), 2)
	cfg.MaxStations = cmp.Or(cfg.MaxStations, defaultMaxStations)
	cfg.Silence = cmp.Or(cfg.Silence, defaultSilence)
	cfg.Blind = cmp.Or(cfg.Blind, defaultBlind)
	cfg.Summary = cmp.Or(cfg.Summary, defaultSummary)
	if cfg.Titles == nil {
		cfg.Titles = title.Builtin()
	}
	c := &Cafe{
		cfg: cfg, stations: map[capture.MAC]*Station{}, machines: map[string]*machine{},
		former: map[capture.MAC]*Station{}, vantage: vantage{forced: cfg.Vantage, own: cfg.Own, kept: cfg.Mirror},
	}
	c.params = state.Builtin()
	if c.keys = cfg.Keys; c.keys != nil {
		c.cards = map[string]*machine{}
		c.recall(cfg.Computers)
	}
	c.vantage.settled, c.vantage.few = cfg.Mirror.Settled && cfg.Vantage != GradeC, cfg.Mirror.Few && cfg.Vantage != GradeC
	return c
}

// Observe takes one observation and returns what follows from it, in a fixed order. The slice, and the stations it
// points to, are valid until the next call.
func (c *Cafe) Observe(o *capture.Observation) []Event {
	c.events = c.events[:0]
	switch o.Kind {
	case capture.KindTick:
		c.advance(o.Time)
		return c.events
	case capture.KindActivity, capture.KindFlow, capture.KindLoss: // sums of the past: time does not move by them
		if !c.started {
			c.advance(o.Time)
		}
	default:
		c.advance(max(o.Time, c.now))
	}
	c.hear(min(o.Time, c.now))
	c.look(o)
	switch o.Kind {
	case capture.KindDHCP:
		c.dhcp(o)
	case capture.KindService:
		if s := c.station(o); s != nil {
			s.serve(o)
		}
	case capture.KindActivity:
		if s := c.station(o); s != nil {
			s.Sent.Frames += o.Up.Frames
			s.Sent.Octets += o.Up.Octets
			if s.answers > 0 && s.answers >= o.Up.Frames {
				s.answered(o.First, o.Time, c.cfg.History)
			} else {
				c.alive(s, o.First, o.Time)
			}
			s.answers = 0
			c.crowd.heard(s)
		}
	case capture.KindEvidence:
		if s := c.subject(o); s != nil {
			s.evidence(o)
		}
	case capture.KindWake:
		if s := c.station(o); s != nil && o.Target != s.MAC {
			s.Clues.Wakes = true
		}
	case capture.KindSystem:
		if s := c.station(o); s != nil {
			s.Clues.SYNs.add(systemOf(o.Name))
		}
	case capture.KindAgent:
		if s := c.stations[o.MAC]; s != nil && o.Origin == capture.OriginBrowser {
			s.Clues.announced(o.Name)
		}
	case capture.KindQuery:
		if s := c.stations[o.MAC]; s != nil && o.Origin == capture.OriginNBNS {
			s.Clues.PCName = true
		}
	case capture.KindAddr:
		if s := c.subject(o); s != nil {
			s.address(o)
		}
	case capture.KindName:
		if s := c.subject(o); s != nil {
			s.name(o)
		}
	}
	c.note(o)
	return c.events
}

// Finish says that there will be no more observations: sessions that are open end at their stations' last frames.
func (c *Cafe) Finish() []Event {
	c.events = c.events[:0]
	if c.started {
		c.summarise()
	}
	c.sees = c.Vantage()
	for _, s := range c.Stations() {
		c.endMinutes(s)
		c.close(s, CauseEnd)
	}
	c.tellMinutes()
	c.kept = 0
	c.keepComputers(c.now)
	return c.events
}

// Stations returns the stations in the order of their MAC addresses. They may be read until the next Observe.
func (c *Cafe) Stations() []*Station {
	list := make([]*Station, 0, len(c.stations))
	for _, s := range c.stations {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *Station) int { return slices.Compare(a.MAC[:], b.MAC[:]) })
	return list
}

// BlindTimes returns the stretches, ended ones, in which nobody could be heard.
func (c *Cafe) BlindTimes() []Interval { return c.blinds }

// Known reports how m is judged: its role, and whether the province may be told of it. ok is false for a MAC that is
// not a station.
func (c *Cafe) Known(m capture.MAC) (s *Station, ok bool) {
	s, ok = c.stations[m]
	return s, ok
}

// advance moves time to t and draws the conclusions from what did not happen until then.
func (c *Cafe) advance(t int64) {
	if !c.started {
		c.started = true
		c.first, c.now, c.traffic, c.expired = t, t, t, t
		c.summary = c.nextSummary(t)
		c.resume()
	}
	if t < c.now-int64(step) {
		c.stepBack(t)
	}
	if t-c.traffic >= int64(c.cfg.Blind) && !c.blind && !c.lost {
		c.goBlind()
	}
	c.now = max(c.now, t)
	if !c.blind && c.now-c.expired >= int64(time.Second) {
		c.expire(c.now)
	}
	c.watch()
	c.keepComputers(c.now)
	c.settle()
	if c.now >= c.summary {
		c.summarise()
		c.summary = c.nextSummary(c.now)
	}
}

// hear notes that the wire showed something at t; if nobody could be heard until then, that is over. Sums of what was before
// the silence may come behind the tick that found it: they end nothing, it only began a little later.
func (c *Cafe) hear(t int64) {
	if t <= c.traffic {
		return
	}
	if c.blind && c.now-t >= int64(c.cfg.Blind) {
		c.traffic = t
		return
	}
	if c.blind {
		c.blind, c.woken = false, t
		c.saw(c.traffic, t, WordNoFrames)
	}
	c.traffic = t
}

// saw says that from from to to nobody could be heard.
func (c *Cafe) saw(from, to int64, why Word) {
	if len(c.blinds) >= c.cfg.History {
		c.blinds = append(c.blinds[:0], c.blinds[1:]...)
	}
	c.blinds = append(c.blinds, Interval{from, to})
	c.events = append(c.events, Event{Kind: EventBlind, Time: to, From: from, To: to, Why: why})
}

// summarise judges anew what grows slowly, and counts.
func (c *Cafe) summarise() {
	for _, s := range c.Stations() {
		c.judge(s, c.now)
	}
	c.judgeVantage()
	c.events = append(c.events, c.occupancy())
}

// nextSummary returns the end of the summary period that t lies in: periods start at whole multiples, so that two boxes,
// or a box before and after a restart, cut the day at the same places.
func (c *Cafe) nextSummary(t int64) int64 {
	p := int64(c.cfg.Summary)
	return t - t%p + p
}

// stepBack takes a clock that was set back, or a capture glued from unrelated times: what was open ends where it was
// last seen, and time goes on from t.
func (c *Cafe) stepBack(t int64) {
	for _, s := range c.Stations() {
		c.forgetMinutes(s)
		c.close(s, CauseClock)
	}
	c.tellMinutes()
	c.first, c.now, c.traffic, c.expired, c.woken = t, t, t, t, 0
	c.emptied = minuteOf(t)
	c.summary = c.nextSummary(t)
	c.forgetSights(t)
}

// goBlind takes a wire on which nobody was heard: stations silent for their limit before that are off, of the others
// nothing is known any more.
func (c *Cafe) goBlind() {
	c.expire(c.traffic)
	for _, s := range c.Stations() {
		c.close(s, CauseBlind)
	}
	c.blind = true
	c.events = append(c.events, Event{Kind: EventBlind, Time: c.traffic, From: c.traffic, Why: WordNoFrames})
}

// expire ends the sessions of stations that have been silent for longer than they ever were.
func (c *Cafe) expire(now int64) {
	c.expired = now
	var due []*Station
	for _, s := range c.stations {
		if s.on && now-s.own > int64(s.silence) {
			due = append(due, s)
		}
	}
	slices.SortFunc(due, func(a, b *Station) int {
		return cmp.Or(cmp.Compare(a.own, b.own), slices.Compare(a.MAC[:], b.MAC[:]))
	})
	for _, s := range due {
		c.close(s, CauseOff)
	}
}

// occupancy says what each reported station is doing.
func (c *Cafe) occupancy() Event {
	e := Event{Kind: EventOccupancy, Time: c.now, Vantage: c.Vantage()}
	for _, s := range c.Stations() {
		if s.Reported() {
			e.Occupancy = append(e.Occupancy, s.doing(c.now, c.blind || c.lost))
		}
	}
	return e
}

// station returns the station whose frame o is of, and makes it if it is new. Observations of links without MAC
// addresses have none, and neither have those of the box.
func (c *Cafe) station(o *capture.Observation) *Station {
	if o.MAC.IsZero() || o.MAC.IsGroup() || slices.Contains(c.cfg.Own, o.MAC) {
		return nil
	}
	s := c.find(o.MAC, o.Time)
	if s == nil {
		s = c.part(o.MAC, o.Time)
	}
	if s == nil {
		s = c.make(o.MAC, o.Time)
	} else {
		c.crowd.heard(s)
	}
	if o.VLAN != 0 {
		s.vlan(o.VLAN)
	}
	return s
}

// subject returns the station that o is about. What DHCP and a boot loader in it say is about the client that a message
// names, which need not be the sender of the frame, so it makes no station.
func (c *Cafe) subject(o *capture.Observation) *Station {
	switch o.Origin {
	case capture.OriginDHCP, capture.OriginDHCP6, capture.OriginPXE:
		return c.stations[o.MAC]
	}
	return c.station(o)
}

// make makes a station of m, heard at t first.
func (c *Cafe) make(m capture.MAC, t int64) *Station {
	s := c.makeRoom()
	*s = Station{MAC: m, First: t, Last: t, own: t, silence: c.cfg.Silence, Presence: s.Presence[:0], Addrs: s.Addrs[:0]}
	c.stations[m] = s
	c.crowd.join(s)
	c.meet(s)
	return s
}

// makeRoom returns memory for a station. At the limit the one that is worth least is forgotten, so that a flood of made-up
// addresses pushes out itself. Nobody was told of one that was not confirmed: its memory is used again.
func (c *Cafe) makeRoom() *Station {
	if len(c.stations) < c.cfg.MaxStations {
		return &Station{}
	}
	s := c.crowd.least(c.cfg.MaxStations)
	delete(c.stations, s.MAC)
	if !s.Confirmed {
		c.forgetMachine(s)
		return s
	}
	c.forgetMinutes(s)
	c.close(s, CauseForgotten)
	c.forgetMachine(s)
	return &Station{}
}
