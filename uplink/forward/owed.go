package forward

import (
	"reflect"
	"time"

	"cafeprobe/uplink"
)

// owed measures for how long the province has owed its word while the box was connected. A broker acknowledges what its
// rules let nobody read, or what goes to a province that nobody runs: only the missing receipt tells.
type owed struct {
	high   uint64        // the last record that was ever sent
	open   bool          // something was sent that has no receipt yet
	since  time.Time     // since when, on this connection; zero without one
	before time.Duration // the same on earlier connections
}

// ask notes that a hello went out, or records up to seq.
func (o *owed) ask(now time.Time, seq uint64) {
	o.high = max(o.high, seq)
	if !o.open {
		o.open, o.before = true, 0
	}
	if o.since.IsZero() {
		o.since = now
	}
}

// answer notes the province's word that it holds all up to seq; news says that it did not before. An answer that says
// nothing new to a box that has sent more is no answer: hello came through, and records did not.
func (o *owed) answer(now time.Time, seq uint64, news bool) {
	switch {
	case seq >= o.high:
		*o = owed{high: o.high}
	case news:
		o.since, o.before = now, 0
	}
}

// down notes the end of a connection.
func (o *owed) down(now time.Time) {
	o.before = o.lag(now)
	o.since = time.Time{}
}

// lag returns for how long the province has owed its word, without the time between connections.
func (o *owed) lag(now time.Time) time.Duration {
	switch {
	case !o.open:
		return 0
	case o.since.IsZero():
		return o.before
	}
	return o.before + now.Sub(o.since)
}

// ask notes what went out: see owed.
func (f *Forwarder) ask(seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.owed.ask(time.Now(), seq)
}

func (f *Forwarder) answer(seq uint64, news bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.owed.answer(time.Now(), seq, news)
}

// late returns the lag if it is one to raise the alarm for, else 0.
func (f *Forwarder) late() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if lag := f.owed.lag(time.Now()); lag >= f.cfg.Alarm {
		return lag
	}
	return 0
}

// alarms are what a state says that may change while the box is connected.
type alarms struct {
	late bool
	card uplink.Card
}

// changed reports whether there is news for a state message.
func (f *Forwarder) changed() bool {
	return !reflect.DeepEqual(alarms{f.late() > 0, f.spool.Card()}, f.told)
}

// tell notes what goes out with a state, and writes to the log when receipts begin to be late and when they come again.
func (f *Forwarder) tell(lag time.Duration, card uplink.Card) {
	if late := lag > 0; late != f.told.late {
		f.alarm(lag)
	}
	f.told = alarms{lag > 0, card}
}

func (f *Forwarder) alarm(lag time.Duration) {
	sent, rcpt := f.highest(), f.spool.Receipted().Seq
	if lag == 0 {
		f.cfg.Log.Warn("the province gives receipts again", "sent", sent, "receipted", rcpt)
		return
	}
	f.cfg.Log.Error("connected, and no receipt: the broker takes what the province does not get. Check the broker's rules for this "+
		"box, the province's name, and that the province runs", "for", lag, "sent", sent, "receipted", rcpt, "province", f.id.Province)
}

func (f *Forwarder) highest() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.owed.high
}
