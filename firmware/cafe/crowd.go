package cafe

// rank orders stations by how much is lost when they are forgotten.
type rank uint8

const (
	passing   rank = iota // a frame or two of it were heard
	speaking              // several
	confirmed             // in a second minute
	ranks
)

// speaks is the number of frames that sets a station apart from one address of a flood of made-up ones, as
// capture/flow takes it for flows. Without it nobody could come on during a flood: one that is new would be pushed
// out before its second minute.
const speaks = 3

// crowd is all stations by rank, each rank in the order in which they were last heard. That is all it takes to know at
// once who is forgotten next, however fast addresses are made up. The zero crowd is empty.
type crowd [ranks]queue

// queue is a list of n stations, linked through themselves: the longest silent is in front.
type queue struct {
	front, back *Station
	n           int
}

// place is where a station stands in the crowd.
type place struct {
	rank         rank
	ahead, after *Station
}

// join puts s, which is new, into the crowd.
func (c *crowd) join(s *Station) { c[s.place.rank].push(s) }

// heard moves s behind all others of its rank, which may have risen.
func (c *crowd) heard(s *Station) {
	c[s.place.rank].remove(s)
	switch {
	case s.Confirmed:
		s.place.rank = confirmed
	case s.Sent.Frames >= speaks:
		s.place.rank = speaking
	}
	c[s.place.rank].push(s)
}

// newcomers is the part of the places, 1 / newcomers of them, that those confirmed leave to the others where everybody is:
// with one place between them, two PCs that come on together would push each other out before their second minute.
const newcomers = 8

// least takes the station out of the crowd that is to be forgotten first: of the lowest rank the one that was silent for
// longest. The crowd is not empty, and has limit places.
func (c *crowd) least(limit int) *Station {
	if c[passing].n+c[speaking].n < limit/newcomers && c[confirmed].n > 0 {
		return c[confirmed].shift()
	}
	for i := range c {
		if c[i].n > 0 {
			return c[i].shift()
		}
	}
	panic("BUG: no station to forget")
}

func (q *queue) shift() *Station {
	s := q.front
	q.remove(s)
	return s
}

func (q *queue) push(s *Station) {
	q.n++
	s.place.ahead, s.place.after = q.back, nil
	if q.back == nil {
		q.front = s
	} else {
		q.back.place.after = s
	}
	q.back = s
}

func (q *queue) remove(s *Station) {
	q.n--
	if s.place.ahead == nil {
		q.front = s.place.after
	} else {
		s.place.ahead.place.after = s.place.after
	}
	if s.place.after == nil {
		q.back = s.place.ahead
	} else {
		s.place.after.place.ahead = s.place.ahead
	}
	s.place.ahead, s.place.after = nil, nil
}
