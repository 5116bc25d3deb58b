// Package update brings a new firmware to the box. This package is PID 1's part of it and what all parts say to each other; it
// reads no octet of anybody else's but the child's reports. The child (firmware/update/fetch) verifies and writes; PID 1 compares
// what is on the card, lets it be tried, and says what became of it.
package update

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"cafeprobe/firmware/bootstate"
	"cafeprobe/firmware/slot"
)

// Slots are the box's slots: slot.Raw or slot.ESP.
type Slots interface {
	State() (slot.State, error)
	Clear() error
	Try() error
	Confirm() error
	Forget() error
}

// Config configures an Updater. All but Image, Now, Ready, Hung and Log are required.
type Config struct {
	Slots Slots
	// Open opens the slot that does not run, after Clear, and says how many octets it has; 0 for a file, which grows.
	Open func() (place slot.Place, room int64, err error)
	// Child has a child do a job, and passes on what it says: see Process.
	Child func(ctx context.Context, job Job, place slot.Place, report func(Report)) error

	Release Release // that runs
	Root    string  // path of the image's root.json
	Dir     string  // where the child keeps metadata
	File    string  // where PID 1 keeps how far it is

	// Image opens the slot that runs, where the boot loader boots it without comparing a hash: Intact does then. nil where it compares.
	Image func() (slot.Place, error)

	Event func(Step)       // is told each step, and keeps it until it is recorded
	Now   func() time.Time // the latest time that is known without servers: build, or last saved
	Ready func()           // a firmware waits for the box to start anew
	Hung  bool             // the box started because its watchdog had reset it
	Log   *slog.Logger
}

// How often an offer is tried whose way is not free: after a minute, then twice as long each time up to an hour; about a week.
const (
	firstPause = time.Minute
	maxPause   = time.Hour
	maxTries   = 170
)

// lookTime and writeTime bound what the child may take. At 64 kbit/s the largest slot is fetched in 70 minutes.
const (
	lookTime  = 30 * time.Minute
	writeTime = 24 * time.Hour
)

// Updater brings new firmware. Use New. Its methods are safe for concurrent use.
type Updater struct {
	cfg    Config
	offers chan Offer
	sticks chan stick

	mu   sync.Mutex
	memo memo
}

// New returns an Updater, which knows what the one before the box's start has noted.
func New(cfg Config) *Updater {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return time.Time{} }
	}
	if cfg.Ready == nil {
		cfg.Ready = func() {}
	}
	u := &Updater{cfg: cfg, offers: make(chan Offer, 1), sticks: make(chan stick)}
	u.memo = loadMemo(cfg.File)
	return u
}

// note changes the memo. A card that does not take it costs what a power cut then forgets, not the update.
func (u *Updater) note(change func(*memo)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	change(&u.memo)
	if err := u.memo.save(u.cfg.File); err != nil {
		u.cfg.Log.Warn("update", "error", err)
	}
}

// known returns the memo.
func (u *Updater) known() memo {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.memo
}

// Begin says what became of a firmware that was tried, once the box has started; it is called before Run.
func (u *Updater) Begin() error {
	st, err := u.cfg.Slots.State()
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	m := u.known()
	tried := m.Trial
	switch {
	case st.OnTrial():
		u.note((*memo).tried)
		u.step(u.cfg.Release.Version, "trial", st.Running, "")
		return nil
	case st.Active != st.Running: // the boot loader found that what had proved itself is damaged; what it was nobody knows
		u.step("unknown", "rolled-back", st.Active, whyDamaged)
		if err := u.cfg.Slots.Clear(); err != nil {
			return fmt.Errorf("update: %w", err)
		}
		st.Failed = st.Active // which Clear has written
		u.note(func(m *memo) { m.tried(); m.Trial, m.Why = nil, "" })
	case tried != nil && tried.Slot == st.Running.String():
		u.step(tried.Version, "confirmed", st.Running, "") // and the power was cut before that was said
		u.note((*memo).stays)
	case tried != nil && st.Trial != bootstate.None:
		return nil // it waits
	case tried != nil && m.Offer != nil && st.Failed == bootstate.None:
		return nil // the power was cut before it could be tried, and the offer goes on
	case tried != nil:
		u.step(tried.Version, "rolled-back", st.Running.Other(), u.why(&m))
		u.note((*memo).failed)
	case st.Failed != bootstate.None:
		u.step("unknown", "rolled-back", st.Failed, u.why(&m)) // and what it was is lost with the data
		u.note((*memo).failed)
	}
	if st.Failed != bootstate.None {
		return u.cfg.Slots.Forget()
	}
	return nil
}

// Confirm makes what runs the box's firmware: it is well. The error wraps ErrDamaged where it is not what was written.
func (u *Updater) Confirm() error {
	st, err := u.cfg.Slots.State()
	if err == nil && st.OnTrial() {
		err = u.Intact()
	}
	if err == nil {
		err = u.cfg.Slots.Confirm()
	}
	if err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	u.step(u.cfg.Release.Version, "confirmed", st.Running, "")
	u.note((*memo).stays)
	return nil
}

// Failing notes in a word why the box starts anew though what runs was not confirmed: should that be its last try, it is what is
// recorded.
func (u *Updater) Failing(why string) { u.note(func(m *memo) { m.Why = why }) }

// step tells a step.
func (u *Updater) step(version, step string, of bootstate.Slot, why string) {
	s := Step{Version: version, Step: step, Why: why}
	if of != bootstate.None {
		s.Slot = of.String()
	}
	u.cfg.Log.Info("update", "fw", version, "step", step, "slot", s.Slot, "why", why)
	u.cfg.Event(s)
}

// Offer takes an offer. Of several that wait the last counts.
func (u *Updater) Offer(o Offer) {
	for {
		select {
		case u.offers <- o:
			return
		default:
		}
		select {
		case <-u.offers:
		default:
		}
	}
}

// Run takes offers until ctx ends: first the one that the box was at before it started.
func (u *Updater) Run(ctx context.Context) {
	u.forgetStick()
	offer := u.known().Offer
	for ctx.Err() == nil {
		if offer == nil {
			select {
			case <-ctx.Done():
				return
			case s := <-u.sticks:
				u.stick(ctx, s)
				continue
			case o := <-u.offers:
				offer = &o
				u.announce(offer)
			}
		}
		offer = u.take(ctx, *offer)
	}
}

// announce notes an offer, and says that it came.
func (u *Updater) announce(o *Offer) {
	u.note(func(m *memo) { m.Offer = o })
	u.step(version(o.Version), "announced", bootstate.None, "")
}

func version(v string) string {
	if v == "" {
		return "newest"
	}
	return v
}

// take tries an offer until it is done with, or another comes, which it returns. A stick that is put in meanwhile comes first: somebody
// stands before the box.
func (u *Updater) take(ctx context.Context, o Offer) (next *Offer) {
	pause := firstPause
	for try := 1; ; try++ {
		fw, stick, err := u.tryUntilStick(ctx, o)
		if stick != nil {
			if u.stick(ctx, *stick) {
				return nil // and what was offered before is for the firmware that runs then
			}
			try--
			continue
		}
		why := Refused(err)
		if err != nil {
			u.cfg.Log.Warn("update", "fw", fw, "try", try, "error", err)
		}
		if ctx.Err() != nil {
			return nil // and the memo has it
		}
		if err != nil && why == "" && try == maxTries {
			why = Network
		}
		if why != "" {
			u.step(fw, "refused", bootstate.None, string(why))
		}
		if err == nil || why != "" {
			u.note(func(m *memo) { m.Offer, m.Found, m.Synced = nil, nil, 0 })
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case s := <-u.sticks:
			if u.stick(ctx, s) {
				return nil
			}
			continue
		case o := <-u.offers:
			u.announce(&o)
			return &o
		case <-time.After(pause):
		}
		pause = min(2*pause, maxPause)
	}
}

// try takes an offer, stays one of a stick that was in when the box started, and returns the version that it is of, as far as is known.
func (u *Updater) try(ctx context.Context, o Offer, stays bool) (fw string, err error) {
	fw = version(o.Version)
	st, err := u.cfg.Slots.State()
	if err != nil {
		return fw, err
	}
	if st.OnTrial() {
		return fw, slot.ErrOnTrial // which passes
	}
	job := Job{
		Offer: o, Root: u.cfg.Root, Dir: u.cfg.Dir, Board: u.cfg.Release.Board, Number: u.cfg.Release.Number,
		Slot: st.Running.Other().String(), Now: Reference(u.cfg.Now(), time.UnixMilli(o.Now)).UnixMilli(),
	}
	look, done := context.WithTimeout(ctx, lookTime)
	defer done()
	r, err := u.ask(look, job, nil)
	if err != nil {
		return fw, err
	}
	if r.Found == nil {
		return fw, errors.New("update: the child found nothing, and did not say why")
	}
	fw = r.Found.Version
	if !isVersion(fw) || r.Found.Board != job.Board || r.Found.Number <= job.Number {
		return version(o.Version), fmt.Errorf("update: the child found %+v", r.Found)
	}
	if t := u.known().Trial; st.Trial == st.Running.Other() && t != nil && t.SHA256 == r.Found.SHA256 {
		u.cfg.Ready() // it is there already
		return fw, nil
	}
	if o.Folder != "" {
		if err := u.wanted(o, r.Found, stays); err != nil {
			return fw, err
		}
	}
	return fw, u.write(ctx, job, r.Found, st.Running.Other())
}

// write has a firmware written, and lets it be tried.
func (u *Updater) write(ctx context.Context, job Job, found *Found, to bootstate.Slot) error {
	if err := u.cfg.Slots.Clear(); err != nil {
		return err
	}
	place, room, err := u.cfg.Open()
	if err != nil {
		return err
	}
	if c, ok := place.(io.Closer); ok {
		defer c.Close()
	}
	job.Found, job.Room = found, room
	if m := u.known(); room > 0 && m.Found != nil && m.Found.SHA256 == found.SHA256 {
		job.Resume = m.Synced
	}
	u.note(func(m *memo) { m.Found, m.Synced, m.Trial, m.Why = found, job.Resume, nil, "" })
	ctx, done := context.WithTimeout(ctx, writeTime)
	defer done()
	r, err := u.ask(ctx, job, place)
	if err != nil {
		return err
	}
	if !r.Written {
		return errors.New("update: the child wrote nothing, and did not say why")
	}
	if err := slot.Verify(place, found.Length, found.SHA256); err != nil {
		return Refuse(Card, "%w", err)
	}
	u.step(found.Version, "written", to, "")
	u.note(func(m *memo) { m.Trial = &trial{found.Version, to.String(), found.SHA256, found.Length} })
	if err := u.cfg.Slots.Try(); err != nil {
		return err
	}
	u.note((*memo).tried)
	u.cfg.Ready()
	return nil
}

// ask has the child do a job, and returns what it said last. What it refused, and how it failed, is the error.
func (u *Updater) ask(ctx context.Context, job Job, place slot.Place) (last Report, err error) {
	err = u.cfg.Child(ctx, job, place, func(r Report) {
		if r.Synced > 0 {
			u.note(func(m *memo) { m.Synced = r.Synced })
			return
		}
		last = r
	})
	switch {
	case last.Why != "" && !isWhy(last.Why):
		return last, fmt.Errorf("update: the child refuses for %.40q", last.Why)
	case last.Why != "":
		return last, Refuse(last.Why, "%s", last.Text)
	case last.Text != "":
		return last, errors.New(last.Text)
	}
	return last, err
}
