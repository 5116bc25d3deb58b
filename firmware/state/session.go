package state

import (
	"math"
	"time"
)

// Cause says why a session began or ended.
type Cause uint8

// The causes.
const (
	CauseNone   Cause = iota
	CauseBoot         // began: the station had just come up
	CauseUse          // began: somebody came to a station that was on
	CauseOff          // ended: it was switched off
	CauseIdle         // ended: it stayed on, and nobody used it any more
	CauseReboot       // ended: it started anew
	CauseBlind        // began or ended: it could not be seen before, or any more
)

var causeNames = [...]string{"", "boot", "use", "off", "idle", "reboot", "blind"}

// String returns the cause's word in inspect's document.
func (c Cause) String() string {
	if int(c) < len(causeNames) {
		return causeNames[c]
	}
	return ""
}

// Session is a maximal run of use of one station, in which somebody showed. A stretch that nobody saw is in it where what
// came before and after leaves use the most probable.
type Session struct {
	Start, End       int64         // on the minutes' scale: first and last evidence of a person; last frame if it went off then
	StartErr, EndErr time.Duration // how far they may be off
	Began, Ended     Cause         // Ended is CauseNone while the session is open
	Confidence       float64       // how probable it is that it was one, of one person, with both ends within their errors
	Minutes          int           // minutes of the run that were seen

	facts [maxFacts]Fact
	n     int
}

// Facts returns how the session began, what was seen of it, and how it ended. They borrow s.
func (s *Session) Facts() []Fact { return s.facts[:s.n] }

func (s *Session) add(f Fact) {
	if s.n < maxFacts {
		s.facts[s.n] = f
		s.n++
	}
}

const (
	// within is how exactly a minute's first and last evidence tell when somebody came or left.
	within = 15 * time.Second
	// arriving is how long somebody may sit there before the wire shows it: he logs on and starts something.
	arriving = time.Minute
	// leaving is how long somebody may still sit there when the wire shows no more of it: he reads, or looks at a result. Of 20
	// that left a made-up room's PC on, one did for longer than this and what the beliefs leave open.
	leaving = time.Minute
	// withinProof is that of a plain port, where proof comes when Steam calls.
	withinProof = 5 * time.Minute
	// unseenErr bounds the error of an end in a stretch that nobody saw.
	unseenErr = time.Hour
	// comingUp is how long after its start a station's first use still belongs to it.
	comingUp = int64(5 * time.Minute)
	// So many minutes of use that are so sure are a session, also where none of them says when somebody did something: a lobby
	// that is sat in, a game that hardly speaks.
	sureMinutes, sureOf = 5, 0.9
	// longPause is, in minutes, from where on every minute of a pause makes it more likely that two persons were told as one.
	longPause = 6
	// fade is the weight of a minute's doubt that is one minute farther from the session's end.
	fade = 0.8
)

// Sessions makes sessions of the settled minutes of one station. The zero Sessions is ready. Its work does not allocate.
type Sessions struct {
	open  bool
	s     Session // the open one
	run   int64   // where its run began
	sum   float64 // of beliefs in use
	doubt float64 // minutes by which the beliefs leave the latest turn open
	count evidenceCount

	used     bool   // the open session has evidence of a person
	lastUse  int64  // its last one
	lastSent int64  // its last frame
	pause    int64  // its longest stretch without evidence of a person, but for the time in which nothing was answered
	mute     int64  // that time, since lastUse
	unseen   int64  // when its last minutes became unseen, 0 if they were not
	missed   uint32 // how many they are

	before struct { // the minute before
		any             bool // it is the one before
		end             int64
		state           State
		view            View
		firstUse, toUse int64
		hasUse          bool
	}
	by     *Params // that judged the minutes
	seen   int64   // the end of the last minute that was seen
	up     int64   // when the station last came up
	hasUp  bool
	booted bool // and a boot was seen
}

// Take takes the next settled minute, and returns the session that it ended; ok is false if it ended none.
func (t *Sessions) Take(m *Settled) (ended Session, ok bool) {
	broken := m.Missing != 0
	if broken {
		t.before.any, t.before.hasUse = false, false
	}
	bridge := t.open && !broken && m.View == Blind && m.Belief.Likely() == Use
	use := m.State == Use || bridge
	if t.open && (broken || !use) {
		ended, ok = t.close(m, broken)
	}
	t.watch(m)
	if use && !bridge && !t.open {
		t.begin(m)
	}
	if t.open {
		t.extend(m)
	} else {
		t.doubt = t.doubt*fade + m.Belief[Use]
	}
	t.remember(m)
	return ended, ok
}

// Current returns the open session as it is known so far.
func (t *Sessions) Current() (s Session, open bool) {
	if !t.open || !t.used {
		return s, false
	}
	c := *t
	c.conclude()
	return c.s, true
}

// End ends the open session, since no minute follows.
func (t *Sessions) End() (s Session, ok bool) {
	if !t.open {
		return s, false
	}
	return t.close(&Settled{Minute: Minute{Start: t.before.end}}, true)
}

// watch notes when the station comes up.
func (t *Sessions) watch(m *Settled) {
	switch {
	case m.State == Off || m.State == Unknown && m.View != Broadcasts:
		t.hasUp = false
	case m.State == Booting || m.Signs&Boot != 0 || t.before.any && t.before.state == Off:
		if !t.hasUp || m.Start-t.up > comingUp {
			t.up, t.hasUp, t.booted = m.Start, true, false
			if t.before.any && t.before.state == Off {
				t.up = first(m) // before, it sent nothing, so this is when it began
			}
		}
		t.booted = t.booted || m.Signs&Boot != 0
	}
}

// begin opens a session with minute m.
func (t *Sessions) begin(m *Settled) {
	t.open, t.run, t.sum, t.used, t.unseen, t.missed = true, m.Start, 0, false, 0, 0
	t.pause, t.mute = 0, 0
	t.count = evidenceCount{}
	t.s = Session{Start: first(m)}
	t.lastSent = t.s.Start
	switch {
	case t.hasUp && t.s.Start-t.up <= comingUp:
		t.s.Began = CauseBoot
	case !t.before.any || t.before.view == Blind:
		t.s.Began = CauseBlind
		t.s.StartErr = unseenErr
		if t.seen != 0 && m.Start >= t.seen {
			t.s.StartErr = min(time.Duration(m.Start-t.seen), unseenErr)
		}
	default:
		t.s.Began = CauseUse
	}
	t.s.StartErr += margin(m.View) + arriving
	if from, _, ok := m.usage(); ok && t.before.hasUse && joined(t.before.toUse, from) {
		t.use(t.before.firstUse) // it ran on over the turn of the minute
	}
}

// joined reports whether evidence up to one moment and from another on are of one stretch of use.
func joined(to, from int64) bool { return from-to <= int64(30*time.Second) }

// use notes the first evidence of a person.
func (t *Sessions) use(at int64) {
	t.s.Start, t.lastUse, t.used = at, at, true
	before := max(t.run-at, at-t.run)
	if t.s.Began == CauseBoot { // he may have sat there since it came up
		before = max(before, at-t.up)
	}
	t.s.StartErr += time.Duration(before)
}

// extend adds minute m to the open session.
func (t *Sessions) extend(m *Settled) {
	if m.View == Blind {
		if t.unseen == 0 {
			t.unseen = m.Start
		}
		t.missed++
		return
	}
	t.count.unseen += t.missed
	t.unseen, t.missed = 0, 0
	t.s.Minutes++
	t.sum += m.Belief[Use]
	if t.s.Minutes <= 5 {
		t.doubt += 1 - m.Belief[Use]
		t.s.StartErr += time.Duration(t.doubt * float64(time.Minute))
		t.doubt = 0
	} else {
		t.doubt = t.doubt*fade + 1 - m.Belief[Use]
	}
	from, to, ok := m.usage()
	if !t.used {
		if from, _, any := m.signs(); any {
			t.use(from)
		}
	}
	if m.Signs&Unanswered != 0 {
		t.mute += int64(time.Minute)
	}
	if ok {
		t.count.pause(t.lastUse, from)
		t.pause = max(t.pause, from-t.lastUse-t.mute)
		t.lastUse, t.mute = max(t.lastUse, to), 0
	}
	if m.Sent > 0 {
		t.lastSent = max(t.lastSent, m.clamp(m.Last, m.Start))
	}
	t.count.add(m, from, to)
}

// close ends the open session, since minute m is not of it or is not joined to it. ok is false for a short or doubtful run in
// which nobody showed: that is doubt about a lobby, and no session.
func (t *Sessions) close(m *Settled, broken bool) (s Session, ok bool) {
	after := 0.0
	switch {
	case t.unseen != 0:
		t.s.Ended = CauseBlind
		t.s.EndErr = min(time.Duration(t.before.end-t.unseen), unseenErr)
	case broken || m.State == Unknown:
		t.s.Ended = CauseBlind
	case m.State == Off:
		t.s.Ended = CauseOff
		if m.Sent > 0 {
			t.lastSent = max(t.lastSent, m.clamp(m.Last, m.Start))
		}
	case m.State == Booting:
		t.s.Ended = CauseReboot
	default:
		t.s.Ended = CauseIdle
	}
	if !broken {
		after = m.Belief[Use] / (1 - fade)
		if from, to, ok := m.usage(); ok && t.used && joined(t.lastUse, from) {
			t.lastUse = to // it ran on over the turn of the minute
		}
	}
	t.doubt += after
	t.conclude()
	t.open = false
	s = t.s
	switch s.Ended {
	case CauseOff:
		s.add(Fact{Kind: FactOff, From: s.End, To: s.End})
	case CauseReboot:
		s.add(Fact{Kind: FactReboot, From: m.Start, To: m.Start})
	case CauseIdle:
		s.add(Fact{Kind: FactIdle, From: s.End, To: s.End})
	case CauseBlind:
		at := t.before.end
		if t.unseen != 0 {
			at = t.unseen
		}
		s.add(Fact{Kind: FactBlind, From: at, To: at})
	}
	t.doubt = m.Belief[Use] * fade
	return s, t.used || s.Minutes >= sureMinutes && t.mean() >= sureOf
}

// conclude works out the session's end, confidence and facts from what was counted.
func (t *Sessions) conclude() {
	s := &t.s
	s.End = max(t.lastUse, s.Start)
	if s.Ended == CauseOff || s.Ended == CauseReboot || !t.used {
		s.End = max(s.End, t.lastSent)
	}
	s.EndErr += margin(t.before.view) + time.Duration(min(t.doubt, 60)*float64(time.Minute))
	// Between the last evidence of a person and the end of the run nobody knows.
	to := t.before.end
	if t.unseen != 0 {
		to = t.unseen
	}
	switch s.Ended {
	case CauseIdle:
		s.EndErr += leaving + time.Duration(max(0, to-s.End))
	case CauseBlind:
		s.EndErr += time.Duration(max(0, to-s.End))
	case CauseOff, CauseReboot:
		s.EndErr += time.Duration(max(0, s.End-t.lastUse))
	}
	s.StartErr, s.EndErr = seconds(s.StartErr), seconds(s.EndErr)
	s.Confidence = t.confidence()
	t.tell()
}

// mean returns the mean of the beliefs in use.
func (t *Sessions) mean() float64 { return min(1, t.sum/float64(max(1, t.s.Minutes))) }

// confidence returns how probable it is that the session is as it is told: a logistic function of how sure its minutes are,
// of its longest pause, in which one may have gone and another come, and of how exact its end is.
func (t *Sessions) confidence() float64 {
	belief := min(max(t.mean(), 0.01), 0.999)
	if t.by == nil {
		return belief
	}
	w := &t.by.confident
	pause := 0.0 // a short one is nothing
	if t.pause >= leastPause {
		pause = time.Duration(t.pause).Minutes()
	}
	odds := w[evenRow] + w[beliefRow]*math.Log(belief/(1-belief)) + w[pauseRow]*pause + w[longRow]*max(0, pause-longPause) +
		w[endRow]*math.Log(max(t.s.EndErr.Minutes(), 0.25))
	return 1 / (1 + math.Exp(-odds))
}

// tell writes down the facts.
func (t *Sessions) tell() {
	t.s.n = 0
	if t.s.Began == CauseBoot {
		kind := FactUp
		if t.booted {
			kind = FactBoot
		}
		t.s.add(Fact{Kind: kind, From: t.up, To: t.up})
	}
	t.count.tell(&t.s)
}

// remember keeps what the next minute's work needs of m.
func (t *Sessions) remember(m *Settled) {
	t.by = m.by
	b := &t.before
	b.any, b.state, b.view, b.end = true, m.State, m.View, m.Start+int64(time.Minute)
	b.firstUse, b.toUse, b.hasUse = m.usage()
	if m.View != Blind {
		t.seen = b.end
	}
}

// usage returns the first and last evidence of a person in m. A name or a burst in a minute that the model takes for one
// without somebody, or for a lobby, is none: a chat that was left open gets messages too.
func (m *Settled) usage() (from, to int64, ok bool) {
	if m.Active < 0.5 && m.Title == 0 && m.Play == 0 && !m.proof() {
		return 0, 0, false
	}
	return m.signs()
}

func (m *Minute) proof() bool { return m.View == Broadcasts && m.Signs&GameRunning != 0 }

// signs returns the first and last sign of a person in m, whatever m is taken for.
func (m *Minute) signs() (from, to int64, ok bool) {
	switch {
	case m.FirstUse != 0 && m.LastUse >= m.FirstUse:
		return m.clamp(m.FirstUse, 0), m.clamp(m.LastUse, 0), true
	case m.Play > 0 || m.Names > 0 || m.proof():
		return m.clamp(m.First, m.Start), m.clamp(m.Last, m.Start), true
	}
	return 0, 0, false
}

// clamp returns at, which is to be within the minute, or otherwise where it is 0.
func (m *Minute) clamp(at, otherwise int64) int64 {
	if at == 0 {
		at = otherwise
	}
	return min(max(at, m.Start), m.Start+int64(time.Minute))
}

// first returns when the station was first heard in m.
func first(m *Settled) int64 { return m.clamp(m.First, m.Start) }

func margin(v View) time.Duration {
	if v == Broadcasts {
		return withinProof
	}
	return within
}

// seconds returns d in whole seconds, none too few.
func seconds(d time.Duration) time.Duration {
	return (min(max(d, 0), 24*time.Hour) + time.Second - 1).Truncate(time.Second)
}
