package timeline

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"cafeprobe/firmware/state"
	"cafeprobe/tools/sim"
)

// ErrFile is wrapped by errors for a file that holds no timelines.
var ErrFile = errors.New("timeline: no timelines")

// Bounds on a file, which may come from elsewhere: a line is a station.
const (
	maxLine    = 64 << 20
	maxMinutes = 1 << 18 // half a year
)

// line is one station in a file.
type line struct {
	V        int            `json:"v"`
	Room     string         `json:"room"`
	Station  string         `json:"station"`
	Sessions []sim.Interval `json:"sessions"`
	Minutes  []entry        `json:"minutes"`
}

// entry is one minute in a file.
type entry struct {
	At       int64    `json:"at"`
	View     string   `json:"view"`
	State    string   `json:"state"`
	Sent     uint32   `json:"sent,omitempty"`
	Signs    []string `json:"signs,omitempty"`
	Play     uint8    `json:"play,omitempty"`
	Names    uint8    `json:"names,omitempty"`
	Title    uint16   `json:"title,omitempty"`
	User     uint32   `json:"user,omitempty"`
	Back     uint32   `json:"back,omitempty"`
	Chat     uint32   `json:"chat,omitempty"`
	First    int64    `json:"first,omitempty"`
	Last     int64    `json:"last,omitempty"`
	FirstUse int64    `json:"first_use,omitempty"`
	LastUse  int64    `json:"last_use,omitempty"`
}

type named struct {
	word string
	sign state.Signs
}

var signs = []named{
	{"boot", state.Boot},
	{"cpu", state.CPU},
	{"farewell", state.Farewell},
	{"game", state.GameRunning},
	{"locked", state.ScreenLocked},
	{"unanswered", state.Unanswered},
}

// Write writes timelines.
func Write(w io.Writer, list []Timeline) error {
	enc := json.NewEncoder(w)
	for i := range list {
		t := &list[i]
		l := line{V: 1, Room: t.Room, Station: t.Station, Sessions: t.Sessions, Minutes: make([]entry, len(t.Minutes))}
		for k := range t.Minutes {
			l.Minutes[k] = entryOf(&t.Minutes[k], t.States[k])
		}
		if err := enc.Encode(&l); err != nil {
			return err
		}
	}
	return nil
}

func entryOf(m *state.Minute, truth state.State) entry {
	e := entry{
		At: m.Start, View: m.View.String(), State: truth.String(), Sent: m.Sent, Play: m.Play, Names: m.Names, Title: m.Title,
		User: m.User, Back: m.Back, Chat: m.Chat, First: m.First, Last: m.Last, FirstUse: m.FirstUse, LastUse: m.LastUse,
	}
	for _, s := range signs {
		if m.Signs&s.sign != 0 {
			e.Signs = append(e.Signs, s.word)
		}
	}
	return e
}

// Read reads what Write writes. It returns an error that wraps ErrFile, and says in which line, for anything else.
func Read(r io.Reader) (list []Timeline, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		t, err := parse(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrFile, n, err)
		}
		list = append(list, t)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	return list, nil
}

func parse(b []byte) (t Timeline, err error) {
	var l line
	if err := json.Unmarshal(b, &l); err != nil {
		return t, err
	}
	if l.V != 1 || len(l.Minutes) > maxMinutes {
		return t, fmt.Errorf("version %d, %d minutes: want version 1, at most %d minutes", l.V, len(l.Minutes), maxMinutes)
	}
	t = Timeline{Room: l.Room, Station: l.Station, Sessions: l.Sessions}
	for i := range l.Minutes {
		m, truth, err := l.Minutes[i].minute()
		if err != nil {
			return t, fmt.Errorf("minute %d: %w", i, err)
		}
		t.Minutes, t.States = append(t.Minutes, m), append(t.States, truth)
	}
	return t, nil
}

// minute returns what e says.
func (e *entry) minute() (m state.Minute, truth state.State, err error) {
	m = state.Minute{
		Start: e.At, Sent: e.Sent, Play: e.Play, Names: e.Names, Title: e.Title, User: e.User, Back: e.Back, Chat: e.Chat,
		First: e.First, Last: e.Last, FirstUse: e.FirstUse, LastUse: e.LastUse,
	}
	for m.View = state.Blind; m.View.String() != e.View; m.View++ {
		if m.View == state.Full {
			return m, 0, fmt.Errorf("view %.20q: want Blind, Broadcasts or Full", e.View)
		}
	}
	for truth = state.Unknown; truth.String() != e.State; truth++ {
		if truth == state.Use {
			return m, 0, fmt.Errorf("state %.20q: want OFF, BOOTING, ON_IDLE, IN_USE or UNKNOWN", e.State)
		}
	}
	for _, word := range e.Signs {
		i := slices.IndexFunc(signs, func(s named) bool { return s.word == word })
		if i < 0 {
			return m, 0, fmt.Errorf("sign %.20q", word)
		}
		m.Signs |= signs[i].sign
	}
	if m.Start <= 0 || m.Start%minute != 0 {
		return m, 0, fmt.Errorf("at %d: want nanoseconds of a whole minute", m.Start)
	}
	return m, truth, nil
}

// Save writes timelines to a file.
func Save(path string, list []Timeline) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	buf := bufio.NewWriter(file)
	if !strings.HasSuffix(path, ".gz") {
		return errors.Join(Write(buf, list), buf.Flush())
	}
	z := gzip.NewWriter(buf)
	return errors.Join(Write(z, list), z.Close(), buf.Flush())
}

// Load reads timelines from a file.
func Load(path string) (list []Timeline, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in := io.Reader(file)
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(file); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if list, err = Read(in); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, nil
}
