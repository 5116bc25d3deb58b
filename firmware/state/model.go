package state

import "math"

// Lag is by how many minutes a minute is settled later than it is given. What follows in that time has its say; of four
// minutes that are worked out at once, the last has heard three minutes less.
const Lag = 14

const atOnce = 4

// Model judges one station. Use New. It is not safe for concurrent use, and its work on a minute does not allocate.
type Model struct {
	p *Params

	before [phases]float64 // the belief of the minute before the oldest pending one, from what came until then
	now    [phases]float64 // that of the newest minute, from what came until then
	last   int64           // the newest minute's Start
	view   View            // and view
	begun  bool

	run      int  // minutes of silence up to now
	farewell bool // the last minute that was heard had one
	habits   [2]habit

	clock int32 // the newest minute's number; unseen minutes count
	proof int32 // that of the last one with a broadcast that proves use
	full  int32 // that of the last one with a full view

	pending [Lag + 1]evidence
	first   int // of pending
	n       int
	known   int                         // of how many of the oldest pending minutes this is known, in the last ones of later
	later   [atOnce - 1][phases]float32 // how well each phase explains what follows
}

// evidence is a pending minute, and how well each phase explains it.
type evidence struct {
	minute  Minute
	clock   int32
	missing int32
	mix     float32        // the part of the belief that starts anew with this minute
	show    [phases]uint16 // in parts of whole, the best one's
}

const whole = 1<<16 - 1

const longAgo = -4 * Lag

// New returns a Model of a station of which nothing is known.
func New(p *Params) *Model {
	return &Model{p: p, proof: longAgo, full: longAgo}
}

// Step takes the next minute, and returns the one before it by Lag, settled; ok is false while there is none. Every minute
// is to be given, those in which nothing was sent or seen too. If some are not, or the clock goes back, what follows is
// judged for itself, the more the longer it was (Settled.Missing).
func (m *Model) Step(minute Minute) (s Settled, ok bool) {
	m.push(&minute)
	if m.n <= Lag {
		return s, false
	}
	m.settle(&s)
	return s, true
}

// Flush settles what is pending, as nothing will follow, and yields it. The model may go on behind it.
func (m *Model) Flush(yield func(*Settled)) {
	for m.n > 0 {
		var s Settled
		m.settle(&s)
		yield(&s)
	}
}

// Now returns the belief of the newest minute, from what came until then. It is less sure than that of a settled one.
func (m *Model) Now() Belief {
	if !m.begun {
		return m.say(&m.p.start, Blind, m.clock)
	}
	return m.say(&m.now, m.view, m.clock)
}

// push puts a minute behind the pending ones.
func (m *Model) push(minute *Minute) {
	e := &m.pending[(m.first+m.n)%len(m.pending)]
	m.n++
	*e = evidence{minute: *minute}
	if e.minute.View > Full {
		e.minute.View = Blind
	}
	m.follow(e)
	m.explain(e)
	before := m.now
	forward(m.p, &m.now, e)
	m.learn(e, &before)
	m.last, m.view, m.begun = minute.Start, e.minute.View, true
	switch {
	case e.minute.View == Full:
		m.full = m.clock
	case e.minute.View == Broadcasts && minute.Signs&GameRunning != 0:
		m.proof = m.clock
	}
}

// follow says how e comes behind the minute before it.
func (m *Model) follow(e *evidence) {
	const minute = 60e9
	switch start := e.minute.Start; {
	case !m.begun:
		e.mix = 1
	case start <= m.last:
		e.mix, e.missing = 1, -1
		m.proof, m.full = longAgo, longAgo
	default:
		apart := (uint64(start) - uint64(m.last) + minute/2) / minute
		e.missing = int32(min(max(apart, 1)-1, math.MaxInt32))
		m.clock += min(e.missing, 2*Lag)
	}
	m.clock++
	e.clock = m.clock
	if e.mix == 1 {
		return
	}
	unseen := float64(e.missing)
	if e.minute.View == Blind {
		unseen++
	}
	switch unseen {
	case 0:
	case 1:
		e.mix = float32(m.p.forget)
	default:
		e.mix = float32(1 - math.Pow(1-m.p.forget, unseen))
	}
}

// explain works out how well each phase explains e: the best wholly, and none less than robust.
func (m *Model) explain(e *evidence) {
	if e.minute.View == Blind {
		for s := range e.show {
			e.show[s] = whole
		}
		return
	}
	v := e.minute.View - Broadcasts
	silent := &m.p.silent[v]
	more := m.more(e)
	var like [phases]float64
	if e.minute.heard() {
		like = m.p.heard(v, &e.minute)
		more = 1 - more
	} else {
		like = m.p.show[v][sent][0]
		for s := range phases {
			if silent.of.has(s) {
				like[s] = 1
			}
		}
	}
	for s := range phases {
		if silent.of.has(s) {
			like[s] *= more
		}
	}
	for s, x := range best(&like) {
		e.show[s] = uint16(whole*(m.p.robust+(1-m.p.robust)*float64(x)) + 0.5)
	}
}

// heard returns how probable what minute shows is in each phase. Of phases with rows of silence it is given that they are
// heard.
func (t *table) heard(v View, minute *Minute) [phases]float64 {
	bucket := minute.bucketsOf()
	like := t.show[v][sent][bucket[sent]]
	end := features
	if minute.Signs&Unanswered != 0 {
		// Who sits there cannot do what he would, so that nothing but that it runs is told.
		end = playTime
		alike(&like, allIdle|allUse)
	}
	for f := sent + 1; f < end; f++ {
		if !t.seen[v][f] {
			continue
		}
		show := &t.show[v][f][bucket[f]]
		for s := range like {
			like[s] *= show[s]
		}
	}
	if boot := &t.show[v][bootSign]; minute.Signs&Boot != 0 && t.seen[v][bootSign] {
		like[booting] = t.turned(&like, boot)
	}
	return like
}

// alike makes the phases of a set as probable as the best of them.
func alike(like *[phases]float64, of set) {
	top := 0.0
	for s, x := range like {
		if of.has(phase(s)) {
			top = max(top, x)
		}
	}
	for s := range like {
		if of.has(phase(s)) {
			like[s] = top
		}
	}
}

// turned returns how probable in a minute with the sign of a boot is that it booted: alone, or, as likely, behind or before
// what it did otherwise in that minute. like is how probable the minute is in each phase for the whole of it.
func (t *table) turned(like *[phases]float64, boot *[maxBuckets][phases]float64) float64 {
	other := 0.0
	for s, x := range like {
		other = max(other, x/boot[1][s])
	}
	return (like[booting] + other*boot[1][booting]) / 2
}

// more returns how probable silence was in e's minute, if the station is on.
func (m *Model) more(e *evidence) float64 {
	v := e.minute.View - Broadcasts
	if e.missing != 0 || e.minute.View != m.view {
		return m.habits[v].more(&m.p.silent[v], 0)
	}
	p := m.habits[v].more(&m.p.silent[v], m.run)
	if m.farewell {
		p = min(p, m.p.silent[v].farewell)
	}
	return p
}

// learn takes from e what the station's silences are like. before is the belief before it, of a station that was silent
// for run minutes if it was.
func (m *Model) learn(e *evidence, before *[phases]float64) {
	if e.missing != 0 || e.minute.View != m.view || !m.begun {
		m.run, m.farewell = 0, false
	}
	if e.minute.View == Blind {
		return
	}
	if !e.minute.heard() {
		m.run = min(m.run+1, maxSilence+1)
		return
	}
	v := e.minute.View - Broadcasts
	w := 0.0
	for s := range phases {
		if m.p.silent[v].of.has(s) {
			w += m.now[s]
		}
	}
	if m.run > 0 {
		w = (1 - m.now[off]) * m.wasOn(e, before)
	}
	m.habits[v].learn(m.run, w)
	m.run, m.farewell = 0, e.minute.Signs&Farewell != 0
}

// wasOn returns how probable it is that a silence which e ended was of a station that was on.
func (m *Model) wasOn(e *evidence, before *[phases]float64) float64 {
	if e.minute.Signs&Boot != 0 {
		return 0
	}
	v := e.minute.View - Broadcasts
	woke := before[off] * (1 - m.p.step[off][off] - m.p.step[off][booting])
	stayed := (1 - before[off]) * (1 - m.habits[v].more(&m.p.silent[v], m.run))
	return stayed / (stayed + woke)
}

// forward carries a belief over to the next minute.
func forward(p *Params, belief *[phases]float64, e *evidence) {
	var next [phases]float64
	sum := 0.0
	keep, anew := 1-float64(e.mix), float64(e.mix)
	for to := range next {
		next[to] = (keep*dot(&p.into[to], belief) + anew*p.start[to]) * float64(e.show[to])
		sum += next[to]
	}
	scale := 1 / sum
	for to := range next {
		belief[to] = next[to] * scale
	}
}

// backward carries how well each phase explains what follows over to the minute before e. Over Lag minutes it cannot
// become so small that it would have to be scaled: each takes a factor of robust at most.
func backward(p *Params, later *[phases]float64, e *evidence) {
	var x [phases]float64
	for s := range x {
		x[s] = later[s] * float64(e.show[s]) * (1.0 / whole)
	}
	for from := range later {
		later[from] = dot(&p.step[from], &x)
	}
	if e.mix == 0 {
		return
	}
	anew := float64(e.mix) * dot(&p.start, &x)
	for from := range later {
		later[from] = (1-float64(e.mix))*later[from] + anew
	}
}

// dot is the scalar product. It is written out in pairs, so that no sum waits for the one before it: the loop takes
// three times as long.
func dot(a, b *[phases]float64) float64 {
	return ((a[0]*b[0] + a[1]*b[1]) + (a[2]*b[2] + a[3]*b[3])) +
		((a[4]*b[4] + a[5]*b[5]) + (a[6]*b[6] + a[7]*b[7])) + (a[8]*b[8] + a[9]*b[9])
}

// settle takes the oldest pending minute out and judges it by all that is there.
func (m *Model) settle(s *Settled) {
	e := &m.pending[m.first]
	forward(m.p, &m.before, e)
	var later [phases]float32
	if m.known > 0 {
		later = m.later[len(m.later)-m.known]
		m.known--
	} else {
		later = m.lookBack()
	}
	of := m.before
	sum := 0.0
	for i, x := range later {
		of[i] *= float64(x)
		sum += of[i]
	}
	for i := range of {
		of[i] /= sum
	}
	s.Minute, s.Missing, s.by, s.Active = e.minute, e.missing, m.p, of[play]+of[browse]+of[chat]
	s.Belief = m.say(&of, e.minute.View, e.clock)
	s.Proved = m.proved(e.minute.View, e.clock)
	s.State = s.said()
	m.first = (m.first + 1) % len(m.pending)
	m.n--
}

// lookBack works out how well each phase explains what follows, and returns that of the oldest pending minute. That of the
// next ones it keeps.
func (m *Model) lookBack() (oldest [phases]float32) {
	m.known = min(m.n, atOnce) - 1
	var later [phases]float64
	for i := range later {
		later[i] = 1
	}
	for i := m.n - 1; i > 0; i-- {
		if i <= m.known {
			m.later[len(m.later)-m.known+i-1] = best(&later)
		}
		backward(m.p, &later, &m.pending[(m.first+i)%len(m.pending)])
	}
	return best(&later)
}

// best scales x so that its largest is 1.
func best(x *[phases]float64) (scaled [phases]float32) {
	top := 0.0
	for _, v := range x {
		top = max(top, v)
	}
	scale := 1 / top
	for s, v := range x {
		scaled[s] = float32(v * scale)
	}
	return scaled
}

// said returns the state that s is said to be in.
func (s *Settled) said() State {
	switch b := &s.Belief; {
	case s.View == Blind:
		return Unknown
	case s.View == Broadcasts && !s.Proved && b[Idle]+b[Use] > max(b[Off], b[Booting]):
		return Unknown
	default:
		return b.Likely()
	}
}

// proved reports whether a minute's use can be told from its idleness.
func (m *Model) proved(v View, clock int32) bool {
	return v == Full || v == Broadcasts && near(m.proof, clock)
}

func near(a, b int32) bool { return a-b <= Lag && b-a <= Lag }

// say makes of the belief over phases the one over states: calibrated, and without proof of no more use than may be said.
func (m *Model) say(of *[phases]float64, v View, clock int32) (b Belief) {
	for s, x := range of {
		b[stateOf[s]] += x
	}
	b.temper(m.p.temperature[v])
	known := v == Full || near(m.proof, clock) || v == Blind && near(m.full, clock)
	if over := b[Use] - m.p.ceiling; over > 0 && !known {
		b[Use] -= over
		b[Idle] += over
	}
	return b
}

// temper raises the belief to the power of 1/t.
func (b *Belief) temper(t float64) {
	if t == 1 {
		return
	}
	sum := 0.0
	for s := Off; s <= Use; s++ {
		b[s] = math.Pow(b[s], 1/t)
		sum += b[s]
	}
	for s := Off; s <= Use; s++ {
		b[s] /= sum
	}
}
