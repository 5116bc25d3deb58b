package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cafeprobe/firmware/initctl"
	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
	"cafeprobe/uplink/spool"
)

// eventsFile says which events of PID 1's were about to become records, and behind which number of the chain. It is written
// before the record is, so that one that comes again, since nobody heard of its acknowledgement, is known.
const eventsFile = "events.json"

// maxEvents is how many are known: as many as PID 1 keeps, which are all that can come again.
const maxEvents = 64

// maxEventsFile bounds the file, in octets.
const maxEventsFile = maxEvents * 256

// pastEvent is an event that became a record, if it did, behind Head.
type pastEvent struct {
	ID   string `json:"id"`
	Head uint64 `json:"head"`
}

// events makes records of what PID 1 tells, each once. Its methods are for one goroutine at a time.
type events struct {
	dir   string
	sp    *spool.Spool
	stamp func() uplink.Stamp
	past  []pastEvent       // oldest first
	mine  map[string]uint64 // records that this life appended, by event
}

// openEvents reads what is known. A file that is torn is as none.
func openEvents(dir string, sp *spool.Spool, stamp func() uplink.Stamp, log *slog.Logger) *events {
	e := &events{dir: dir, sp: sp, stamp: stamp, mine: map[string]uint64{}}
	b, err := os.ReadFile(filepath.Join(dir, eventsFile))
	if err == nil {
		e.past, err = parseEvents(b)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("an event may be recorded twice", "error", err)
	}
	return e
}

func parseEvents(b []byte) (past []pastEvent, err error) {
	if len(b) > maxEventsFile {
		return nil, fmt.Errorf("%s: %d octets", eventsFile, len(b))
	}
	if err := json.Unmarshal(b, &past); err != nil {
		return nil, fmt.Errorf("%s: %w", eventsFile, err)
	}
	return past[max(0, len(past)-maxEvents):], nil
}

// take makes a record of ev, and returns nil when it is on the card.
func (e *events) take(ev initctl.Event) error {
	seq, ok := e.mine[ev.ID]
	if !ok {
		known, err := e.known(ev)
		if known || err != nil {
			return err
		}
		if seq, err = e.append(ev); err != nil {
			return err
		}
		e.mine[ev.ID] = seq
	}
	if err := e.sp.Commit(); err != nil {
		return err
	}
	if e.sp.Head().Seq < seq {
		return errors.New("the record waits in memory")
	}
	return nil
}

// known reports whether an earlier life made a record of ev.
func (e *events) known(ev initctl.Event) (bool, error) {
	i := slices.IndexFunc(e.past, func(p pastEvent) bool { return p.ID == ev.ID })
	if i < 0 {
		return false, nil
	}
	for from := max(e.past[i].Head+1, e.sp.First()); from <= e.sp.Head().Seq; {
		rs, err := e.sp.Read(from, 1024, 1<<20)
		if err != nil || len(rs) == 0 {
			return false, err
		}
		for _, r := range rs {
			if same, err := uplink.Encode(bodyOf(ev, r.Stamp)); err == nil && bytes.Equal(same.Raw, r.Raw) {
				return true, nil
			}
		}
		from = rs[len(rs)-1].Seq + 1
	}
	return false, nil
}

// append appends a record of ev, behind a note that it is about to.
func (e *events) append(ev initctl.Event) (seq uint64, err error) {
	r, err := uplink.Encode(bodyOf(ev, e.stamp()))
	if err != nil {
		return 0, err
	}
	if !slices.ContainsFunc(e.past, func(p pastEvent) bool { return p.ID == ev.ID }) {
		e.past = append(e.past, pastEvent{ev.ID, e.sp.Head().Seq})
		e.past = e.past[max(0, len(e.past)-maxEvents):]
	}
	b, err := json.Marshal(e.past)
	if err != nil {
		return 0, err
	}
	if err := durable.WriteFile(filepath.Join(e.dir, eventsFile), append(b, '\n')); err != nil {
		return 0, err
	}
	return e.sp.Append(r)
}

// detail is what PID 1 says of an event, of whatever kind.
type detail struct {
	Of, Mode, How, Why, Error string
	Version, Step, Slot       string
	What, From                string
}

// bodyOf returns the record that an event becomes. What PID 1 says in words of its own becomes words of a record: the rest is in
// its crash reports.
func bodyOf(ev initctl.Event, at uplink.Stamp) uplink.Body {
	var d detail
	_ = json.Unmarshal(ev.Detail, &d) // of what is no object nothing is told but that it happened
	update := func(step string) uplink.Body {
		version := cmp.Or(strings.ToValidUTF8(d.Version[:min(len(d.Version), 64)], ""), "unknown")
		return &uplink.Update{
			Stamp: at, Version: version, Step: asWord(step, 16), Slot: asWord(d.Slot, 8), Why: asWord(d.Why, 24),
		}
	}
	switch ev.Kind {
	case "rolled-back":
		return update("rolled-back")
	case "update":
		if d.Step != "" {
			return update(d.Step)
		}
	case "security":
		if what := asWord(d.What, 24); what != "" {
			return &uplink.Security{Stamp: at, What: what, Count: 1, Topic: asWord(d.From, 16)}
		}
	}
	return &uplink.Event{
		Stamp: at, What: cmp.Or(asWord(ev.Kind, 24), "unknown"), Of: asWord(cmp.Or(d.Of, d.Mode), 16),
		Why: asWord(cmp.Or(d.Why, d.How, d.Error), 48),
		Up:  uplink.Int(min(max(ev.Uptime, 0), uplink.MaxInt)), Lost: uplink.Int(max(ev.Lost, 0)),
	}
}

// asWord makes a word of at most n octets of what somebody says: letters a-z, digits and single inner hyphens. What begins with
// none of these letters begins with an x.
func asWord(s string, n int) string {
	b := make([]byte, 0, n)
	for _, c := range []byte(strings.ToLower(s)) {
		if len(b) == n {
			break
		}
		switch letter, digit := c >= 'a' && c <= 'z', c >= '0' && c <= '9'; {
		case letter, digit && len(b) > 0:
			b = append(b, c)
		case digit && n > 1:
			b = append(b, 'x', c)
		case len(b) > 0 && b[len(b)-1] != '-':
			b = append(b, '-')
		}
	}
	return strings.TrimRight(string(b), "-")
}
