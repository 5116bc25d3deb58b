package cafe

import (
	"cmp"
	"slices"
	"time"

	"cafeprobe/capture"
)

// What is known of computers outlives a run: which card a computer has, and by which it is told of. Neither a card's address nor
// what a board says of itself is kept: keys that are made of them with the box's secret are.

// Keys makes the keys. Of one card, or one UUID, it always makes the same.
type Keys struct {
	Card     func(m capture.MAC) string
	Computer func(uuid string) string
}

// Computer is what is known of one for the next run. All but Age is of Keys.
type Computer struct {
	Key      string   // of its UUID
	Card     string   // that it has
	Was      []string // cards that it had before, the first in front: by that it is told of
	Repeated bool     // the UUID is no one computer's
	Age      uint     // in how many runs that learned something it was not heard since
}

// maxCards is how many cards that a computer had are remembered.
const maxCards = 4

// recall takes what the runs before have learned. Half of the places stay free for computers that are new.
func (c *Cafe) recall(list []Computer) {
	for _, k := range list {
		if len(k.Was) > maxCards || c.machines[k.Key] != nil || len(c.machines) >= c.cfg.MaxStations/2 {
			continue
		}
		m := &machine{key: k.Key, card: k.Card, was: slices.Clone(k.Was), repeated: k.Repeated, age: k.Age + 1}
		c.machines[m.key] = m
		c.index(m)
	}
}

// index makes m known by its cards.
func (c *Cafe) index(m *machine) {
	if c.keys == nil {
		return
	}
	c.cards[m.card] = m
	for _, w := range m.was {
		c.cards[w] = m
	}
}

// unindex ends that.
func (c *Cafe) unindex(m *machine) {
	for _, card := range append([]string{m.card}, m.was...) {
		if c.cards[card] == m {
			delete(c.cards, card)
		}
	}
}

// card returns the key of a card, empty where nothing is kept.
func (c *Cafe) card(m capture.MAC) string {
	if c.keys == nil {
		return ""
	}
	return c.keys.Card(m)
}

// learns notes that there is something to keep.
func (c *Cafe) learns() { c.learned = c.keys != nil }

// meet takes s, which was just made, for the computer whose card it is by what the runs before have learned. A card that was
// changed and comes back is a second computer: then the other is told of by its own card from now on.
func (c *Cafe) meet(s *Station) {
	if len(c.cards) == 0 {
		return
	}
	card := c.card(s.MAC)
	m := c.cards[card]
	switch {
	case m == nil:
	case m.card == card:
		m.mac, m.age, s.uuid = s.MAC, 0, m.key
		if !m.repeated && len(m.was) > 0 {
			s.alias = m.was[0]
		}
	default:
		s.uuid = m.key
		if !m.repeated {
			m.repeated = true
			c.learns()
			c.unalias(c.stations[m.mac])
		}
	}
}

// unalias has s, if it is anybody, told of by its own card.
func (c *Cafe) unalias(s *Station) {
	if s == nil || s.alias == "" {
		return
	}
	was := *s // events are read when s has its own name already
	c.withdraw(s, &was)
	s.alias, s.told = "", RoleUnknown
	c.judge(s, c.now)
}

// replaced notes that m has another card now.
func (c *Cafe) replaced(m *machine, s *Station) {
	if m.card != "" {
		if m.was = append(m.was, m.card); len(m.was) > maxCards {
			delete(c.cards, m.was[1])
			m.was = slices.Delete(m.was, 1, 2) // the first is what it is told of by
		}
	}
	m.mac, m.card, m.age = s.MAC, c.card(s.MAC), 0
	c.index(m)
	c.learns()
}

// admit makes a machine of key, whose card is that of s, if there is room.
func (c *Cafe) admit(key string, s *Station) {
	if len(c.machines) >= c.cfg.MaxStations {
		return
	}
	m := &machine{key: key, mac: s.MAC, card: c.card(s.MAC)}
	c.machines[key] = m
	c.index(m)
	c.learns()
}

// dropMachine forgets m.
func (c *Cafe) dropMachine(m *machine) {
	delete(c.machines, m.key)
	c.unindex(m)
	c.learns()
}

// keepComputers says what is to be known of computers when the box starts anew, at most once a minute. Cards that were made up
// for a moment are not: only confirmed stations'. Where there are more than may be kept, those go that were not heard for longest.
func (c *Cafe) keepComputers(now int64) {
	if !c.learned || c.kept != 0 && now-c.kept < int64(time.Minute) && now >= c.kept {
		return
	}
	c.learned, c.kept = false, now
	list := make([]Computer, 0, len(c.machines))
	for _, m := range c.machines {
		if s := c.stations[m.mac]; s != nil && !s.Confirmed {
			c.learned = true // it may be when this is looked at again
			continue
		}
		list = append(list, Computer{Key: m.key, Card: m.card, Was: slices.Clone(m.was), Repeated: m.repeated, Age: m.age})
	}
	slices.SortFunc(list, func(a, b Computer) int { return cmp.Or(cmp.Compare(a.Age, b.Age), cmp.Compare(a.Key, b.Key)) })
	list = list[:min(len(list), c.cfg.MaxStations/2)]
	if slices.EqualFunc(list, c.computers, Computer.equal) {
		return
	}
	c.computers = list
	c.events = append(c.events, Event{Kind: EventComputers, Time: now, Computers: list})
}

func (k Computer) equal(o Computer) bool {
	return k.Key == o.Key && k.Card == o.Card && k.Repeated == o.Repeated && slices.Equal(k.Was, o.Was)
}

// Alias returns the key that s is told of by, where an earlier run knew its computer by another card; else it is empty, and s is
// told of by its ID.
func (s *Station) Alias() string { return s.alias }
