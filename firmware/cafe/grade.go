package cafe

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"cafeprobe/capture"
)

// Vantage returns what can be seen from here now.
func (c *Cafe) Vantage() Vantage {
	if c.blind || !c.started {
		return Vantage{Grade: GradeBlind, Word: WordNoFrames, Why: []string{"no frames"}, Confidence: confidence(math.MaxInt)}
	}
	v := c.grade()
	v.Loss = c.vantage.recent.sum(c.now).loss
	return v
}

// Judged returns the vantage of all that was seen, also when the wire has fallen silent since.
func (c *Cafe) Judged() Vantage {
	v := c.grade()
	v.Loss = c.vantage.recent.total
	return v
}

// grade grades. The box itself sends nothing, so whatever unicast it hears in both directions is between others; a switch
// port that is no mirror shows single frames to addresses that the switch has not learned, and never the answers: for
// them it has just learned. So a mirror proves itself, and then stays one until it is gone (see gone): that nobody is
// heard at night proves nothing.
func (c *Cafe) grade() Vantage {
	v := &c.vantage
	g := Vantage{Both: v.stations()}
	hushed := c.hushed()
	recent := v.recent.sum(c.now)
	say := func(grade Grade, word Word, evidence int, format string, args ...any) {
		g.Grade, g.Word, g.Confidence = grade, word, confidence(evidence)
		g.Why = append(g.Why, fmt.Sprintf(format, args...))
	}
	switch {
	case c.lost:
		say(GradeBlind, WordBroadcasts, c.lostBy,
			"the mirror is gone: no unicast of others in both directions since %s, and stations broadcast (or the router is off)", clock(c.lostSince))
	case !v.frames:
		say(GradeBlind, WordNoFrames, math.MaxInt, "no frames")
	case v.half(recent):
		say(GradeC, WordOneWay, int(recent.oneWay/oneWayFrames),
			"unicast in one direction only: %d frames of TCP without answers, half a mirror", recent.oneWay)
	case g.Both == 0 && v.forced != GradeA && !v.settled && !v.few:
		say(GradeC, WordBroadcasts, c.groupSenders(), "broadcasts only: no unicast of others in both directions")
	case !v.settled && hushed > onePort*g.Both && v.forced != GradeA:
		say(GradeC, WordOnePort, hushed,
			"unicast of %s only, and %d others are heard by broadcasts: not the router's port", stations(g.Both), hushed)
	case g.Both == 0:
		say(GradeA, WordMirror, v.flows,
			"a mirror by the technician's word, or by what was heard before the start; nobody is heard in both directions yet")
	case c.disks():
		say(GradeAPlus, WordDisks, v.flows, "unicast in both directions: %s, and disk traffic", stations(g.Both))
	default:
		say(GradeA, WordMirror, v.flows, "unicast in both directions: %s", stations(g.Both))
	}
	if g.Grade == GradeA || g.Grade == GradeAPlus {
		if g.Hidden = c.hidden(); len(g.Hidden) > 0 {
			g.Word = WordSecondSwitch
			g.Why = append(g.Why, fmt.Sprintf("%s heard by broadcasts only: a second switch or a second line", stations(len(g.Hidden))))
		}
	}
	v.give(&g)
	return g
}

// give puts the grade that the technician gave in the place of the one that is judged. That the mirror is gone, or nothing
// heard, no word of his changes.
func (v *vantage) give(g *Vantage) {
	if v.forced == "" || g.Grade == GradeBlind || g.Grade == v.forced {
		return
	}
	g.Why = append([]string{"grade " + string(v.forced) + " was given, " + string(g.Grade) + " would be judged"}, g.Why...)
	g.Grade, g.Word = v.forced, WordGiven
}

// stations returns how many stations were heard in both directions. On a LAN one of the ends is the router.
func (v *vantage) stations() int {
	n := v.ends
	if n > 1 {
		n--
	}
	return n + len(v.addrs)
}

// proved reports whether it was shown, or said, that this is a mirror.
func (v *vantage) proved() bool {
	return v.forced == GradeA || v.forced != GradeC && (v.both != 0 || v.settled || v.few)
}

// half reports whether only one direction of the mirror is there now.
func (v *vantage) half(recent bucket) bool {
	return recent.oneWay >= oneWayFrames && len(v.oneWay) >= oneWayEnds && recent.twoWay*9 < recent.oneWay
}

// disks reports whether disk traffic is heard: it was, and no station that had it goes on without.
func (c *Cafe) disks() bool {
	v := &c.vantage
	if v.disk == 0 {
		return false
	}
	for _, s := range c.stations {
		if s.sight.disk != 0 && s.Role != RoleServer && s.sight.both-v.disk > int64(goneAfter) {
			return false
		}
	}
	return true
}

// hushed returns how many stations were heard by broadcasts within the last hour and never in both directions. A printer
// is no sign of anything: it talks to its neighbours.
func (c *Cafe) hushed() (n int) {
	for _, s := range c.stations {
		if s.sight.group && s.sight.both == 0 && s.Role != RolePrinter && c.now-s.Last < int64(time.Hour) {
			n++
		}
	}
	return n
}

// groupSenders returns how many stations sent to groups.
func (c *Cafe) groupSenders() (n int) {
	for _, s := range c.stations {
		if s.sight.group {
			n++
		}
	}
	return n
}

// hidden returns the stations that show that they talk, and were not heard in unicast for an hour while others were.
func (c *Cafe) hidden() []capture.MAC {
	var list []capture.MAC
	to := min(c.now-int64(exported), c.vantage.both)
	for m, s := range c.stations {
		all := s.signs()
		if all == nil || c.now-s.sight.both < int64(time.Hour) {
			continue
		}
		signs := all.within(c.now-int64(time.Hour), to)
		if signs.count() >= goneCalls && signs.long() {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b capture.MAC) int { return slices.Compare(a[:], b[:]) })
	return list
}

// long reports whether the minutes of m reach over goneSpan.
func (m minutes) long() bool {
	first, last := m.ends()
	return last-first >= minuteOf(int64(goneSpan))
}

// gone looks whether a mirror that was there shows stations by their broadcasts only. It takes signs that stations talk to
// somebody: in more minutes than each of them ever showed without being heard in unicast soon, and for longer than it
// takes to boot. by is how many minutes say so.
func (c *Cafe) gone() (by int, gone bool) {
	v := &c.vantage
	since := max(v.both, c.first)
	if !v.proved() || c.now-since < int64(goneAfter) || v.half(v.recent.sum(c.now)) {
		return 0, false
	}
	var witnesses int
	var all minutes
	for _, s := range c.stations {
		list := s.signs()
		if list == nil {
			continue
		}
		signs := list.within(since, c.now-int64(exported))
		if n := signs.count() - s.sight.worst; n > 0 {
			witnesses++
			by += n
			all = all.or(signs)
		}
	}
	enough := by >= goneCallsOfOne || witnesses > 1 && by >= goneCalls
	return by, enough && all.long()
}

// watch looks once a minute whether the mirror is gone.
func (c *Cafe) watch() {
	v := &c.vantage
	if c.lost || c.blind || c.now-v.looked < int64(time.Minute) {
		return
	}
	v.looked = c.now
	v.routers = c.routers()
	c.settleMirror()
	if by, gone := c.gone(); gone {
		c.lose(by, max(v.both, c.first))
	}
	c.keep()
}

// settleMirror notes that this is a mirror, when that was shown for long enough.
func (c *Cafe) settleMirror() {
	v := &c.vantage
	n := v.stations()
	if v.settled || n == 0 || c.now-c.first < int64(goneAfter) {
		return
	}
	switch few := v.far >= fewFlows && v.both-v.proof >= int64(goneAfter); {
	case c.hushed() > onePort*n:
		v.few = false
	case n >= settledBoth:
		v.settled, v.few = true, false
	case few:
		v.few = true
	}
}

// lose takes a mirror that is gone since then, as by minutes say.
func (c *Cafe) lose(by int, since int64) {
	c.lost, c.lostBy, c.lostSince = true, by, since
	for _, s := range c.Stations() {
		c.close(s, CauseBlind)
	}
	c.events = append(c.events, Event{Kind: EventBlind, Time: c.now, From: c.lostSince, Why: WordBroadcasts})
	c.judgeVantage()
}

// regain takes a mirror that was gone and is there again since t.
func (c *Cafe) regain(t int64) {
	c.lost = false
	c.saw(c.lostSince, t, WordBroadcasts)
	c.judgeVantage()
	c.keep()
}

// resume begins where the run before ended: blind, if the mirror was gone then.
func (c *Cafe) resume() {
	if c.cfg.Mirror.Lost && c.vantage.forced != GradeC {
		c.lose(goneCallsOfOne, c.now)
	}
}

// keep says what is to be known of the mirror when the box starts anew. A plain port, by the technician's word, has none.
func (c *Cafe) keep() {
	m := Mirror{Settled: c.vantage.settled, Few: c.vantage.few, Lost: c.lost}
	if c.vantage.forced == GradeC {
		m = Mirror{}
	}
	if m != c.vantage.kept {
		c.vantage.kept = m
		c.events = append(c.events, Event{Kind: EventMirror, Time: c.now, Mirror: m})
	}
}

// routers returns the addresses that routers have on the LAN.
func (c *Cafe) routers() map[netip.Addr]struct{} {
	set := map[netip.Addr]struct{}{}
	for _, s := range c.stations {
		if s.Role != RoleRouter {
			continue
		}
		for _, a := range s.Addrs {
			if a.Origin == capture.OriginARP {
				set[a.Addr] = struct{}{}
			}
		}
	}
	return set
}

// sayAgain is after how long the vantage is told anew though it is the same, so that who has the records of a few days knows
// what could be seen in them.
const sayAgain = int64(24 * time.Hour)

// judgeVantage says what can be seen when that has changed: the grade, its reason, or how much the mirror drops. It says it again
// each day.
func (c *Cafe) judgeVantage() {
	now, was := c.Vantage(), &c.vantage.told
	again := c.now-c.vantage.said >= sayAgain
	if c.vantage.saidOnce && !again && now.Grade == was.Grade && now.Word == was.Word && !now.Loss.differs(was.Loss) {
		return
	}
	c.vantage.saidOnce, c.vantage.said = true, c.now
	*was = now
	c.events = append(c.events, Event{Kind: EventVantage, Time: c.now, Vantage: now})
}

// lossNoted is the least share of lost octets that is worth a word of its own.
const lossNoted = 0.01

// differs reports whether l is worth telling after was: more than twice as much, or less than half, and not little.
func (l Loss) differs(was Loss) bool {
	a, ok := l.Share()
	b, _ := was.Share()
	return ok && max(a, b) >= lossNoted && (a > 2*b || b > 2*a)
}

func stations(n int) string {
	if n == 1 {
		return "1 station"
	}
	return fmt.Sprintf("%d stations", n)
}

func clock(t int64) string { return time.Unix(0, t).UTC().Format("15:04:05") }
