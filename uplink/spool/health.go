package spool

import (
	"errors"
	"slices"
	"syscall"

	"cafeprobe/uplink"
)

// Card returns what the spool knows of the card that it is on, as messages say it.
func (s *Spool) Card() uplink.Card {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c := uplink.Card{
		Fault: faultWord(s.fault), Corrupt: uplink.Int(s.stats.Corrupt), Lost: uplink.Int(s.stats.Lost), Forks: uplink.Int(s.stats.Forks),
	}
	for _, w := range s.card.warnings {
		if !slices.Contains(c.Warn, w.word) {
			c.Warn = append(c.Warn, w.word)
		}
	}
	return c
}

// faultWord says in a word why a commit failed, nothing for nil.
func faultWord(err error) string {
	switch {
	case err == nil:
		return ""
	case noRoom(err):
		return uplink.CardFull
	case errors.Is(err, syscall.EROFS):
		return uplink.CardReadOnly
	case cardFault(err):
		return uplink.CardFailing
	case errors.Is(err, errCorrupt):
		return uplink.CardBroken
	}
	return uplink.CardUnknown
}
