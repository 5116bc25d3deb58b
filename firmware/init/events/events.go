// Package events keeps what happened to the box before its daemon could tell, as a firmware that was rolled back or a crash, until the
// daemon has made records of it: an event is there until it is acknowledged, through restarts and power cuts.
package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cafeprobe/uplink/durable"
)

// Bounds: of an event in octets, and of how many are kept. Beyond that the oldest go, and the next says how many (Event.Lost).
const (
	MaxEvent = 4 << 10
	MaxKept  = 64
)

// Event is one thing that happened.
type Event struct {
	ID     string          `json:"id"` // unique on this box: a number that rises, and the boot that it was in
	Kind   string          `json:"kind"`
	Uptime int64           `json:"up"`             // milliseconds since that boot
	Lost   int             `json:"lost,omitempty"` // older events that found no room
	Detail json.RawMessage `json:"detail,omitempty"`
}

// Store is a folder of events. Its methods are safe for concurrent use.
type Store struct {
	dir, boot string

	mu   sync.Mutex
	next int
	lost int
	kept []Event // oldest first
	disk bool    // dir can be written to; else events are in memory alone
}

// Open returns the events in dir, which it makes. boot is a name of this boot, of letters and digits. A Store is returned with every
// error: one that keeps in memory what the folder does not take. A file that is torn or none of ours is removed.
func Open(dir, boot string) (*Store, error) {
	s := &Store{dir: dir, boot: boot, next: 1}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return s, fmt.Errorf("open events: %w", err)
	}
	list, err := os.ReadDir(dir) // sorted by name, and so by number
	if err != nil {
		return s, fmt.Errorf("open events: %w", err)
	}
	s.disk = true
	var errs []error
	for _, f := range list {
		e, n, err := read(dir, f.Name())
		if err != nil {
			errs = append(errs, err, os.RemoveAll(filepath.Join(dir, f.Name())))
			continue
		}
		s.kept = append(s.kept, e)
		s.next = n + 1
	}
	return s, errors.Join(errs...)
}

const suffix = ".json"

func read(dir, name string) (e Event, number int, err error) {
	fail := func(err error) (Event, int, error) { return Event{}, 0, fmt.Errorf("event %.80q: %w", name, err) }
	id, ok := strings.CutSuffix(name, suffix)
	digits, _, found := strings.Cut(id, "-")
	number, err = strconv.Atoi(digits)
	if !ok || !found || err != nil || number < 1 || number > 1<<30 {
		return fail(errors.New("no event's name"))
	}
	info, err := os.Lstat(filepath.Join(dir, name))
	if err != nil {
		return fail(err)
	}
	if !info.Mode().IsRegular() || info.Size() > MaxEvent {
		return fail(errors.New("no event's file"))
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return fail(err)
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return fail(err)
	}
	if e.ID != id || e.Kind == "" {
		return fail(errors.New("another event's content"))
	}
	return e, number, nil
}

// ErrSize is returned by Add for a detail that is too long.
var ErrSize = errors.New("events: detail too long")

// Add keeps an event. detail is made JSON of. The event is pending also if an error says that it could not be written.
func (s *Store) Add(kind string, uptime int64, detail any) (Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, err := json.Marshal(detail)
	if err != nil {
		return Event{}, fmt.Errorf("event %s: %w", kind, err)
	}
	e := Event{ID: fmt.Sprintf("%08d-%s", s.next, s.boot), Kind: kind, Uptime: uptime, Lost: s.lost, Detail: raw}
	b, err := json.Marshal(e)
	if err != nil {
		return Event{}, fmt.Errorf("event %s: %w", kind, err)
	}
	if len(b) > MaxEvent-32 {
		return Event{}, fmt.Errorf("%w: %s: %d octets", ErrSize, kind, len(b))
	}
	s.next++
	var errs []error
	for len(s.kept) >= MaxKept {
		errs = append(errs, s.remove(0))
		s.lost++
		e.Lost = s.lost
	}
	s.kept = append(s.kept, e)
	if s.disk {
		if b, err = json.Marshal(e); err == nil {
			err = durable.WriteFile(s.path(e.ID), b)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return e, fmt.Errorf("keep event %s: %w", kind, err)
	}
	s.lost = 0
	return e, nil
}

func (s *Store) path(id string) string { return filepath.Join(s.dir, id+suffix) }

// remove forgets the i-th event.
func (s *Store) remove(i int) error {
	id := s.kept[i].ID
	s.kept = slices.Delete(s.kept, i, i+1)
	if err := os.Remove(s.path(id)); err != nil && s.disk && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Pending returns what nobody has acknowledged, oldest first.
func (s *Store) Pending() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.kept)
}

// Acknowledge forgets an event. One that is not known is none: it was acknowledged before.
func (s *Store) Acknowledge(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.kept, func(e Event) bool { return e.ID == id })
	if i < 0 {
		return nil
	}
	if err := s.remove(i); err != nil {
		return fmt.Errorf("forget event %s: %w", id, err)
	}
	return nil
}
