package owner

import (
	"testing"
	"time"
)

func TestSessions(t *testing.T) {
	now := &clock{}
	now.set(noon())
	s := newSessions(now.now)
	if s.alive("") || s.alive("made up") {
		t.Error("a token that nobody gave is alive")
	}
	a := s.start()
	if len(a) != 43 || !s.alive(a) {
		t.Errorf("token %q: alive %v", a, s.alive(a))
	}
	now.advance(maxIdle - time.Second)
	if !s.alive(a) {
		t.Error("not alive before it was idle for too long")
	}
	now.advance(maxIdle)
	if s.alive(a) {
		t.Error("alive after it was idle for too long")
	}
	b := s.start()
	for range int(maxLife/maxIdle)*2 + 1 {
		now.advance(maxIdle / 2)
		s.alive(b)
	}
	if s.alive(b) {
		t.Error("alive after its longest life")
	}
	c, d := s.start(), s.start()
	s.end(c)
	if s.alive(c) || !s.alive(d) {
		t.Error("an end ends another session, or none")
	}
	s.endAll()
	if s.alive(d) {
		t.Error("alive after all were ended")
	}
	e := s.start()
	now.advance(-time.Hour)
	if s.alive(e) {
		t.Error("alive though it began in the future")
	}
}

// TestSessionsBounded: of more than maxSessions the one that was idle longest ends.
func TestSessionsBounded(t *testing.T) {
	now := &clock{}
	now.set(noon())
	s := newSessions(now.now)
	first, second := s.start(), s.start()
	for range maxSessions - 2 {
		now.advance(time.Second)
		s.start()
	}
	now.advance(time.Second)
	if !s.alive(first) {
		t.Fatal("ended before there were too many")
	}
	now.advance(time.Second)
	s.start()
	if len(s.open) != maxSessions || !s.alive(first) || s.alive(second) {
		t.Errorf("%d sessions, the one in use alive %v, the idle one %v", len(s.open), s.alive(first), s.alive(second))
	}
}
