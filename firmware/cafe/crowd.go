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

// queue is a list of stations, linked through themselves: the longest silent is in front.
type queue struct{ front, back *Station }

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

// least takes the station out of the crowd that is to be forgotten first: of the lowest rank the one that was silent for
// longest. The crowd is not empty.
func (c *crowd) least() *Station {
	for i := range c {
		if s := c[i].front; s != nil {
			c[i].remove(s)
			return s
		}
	}
	panic("BUG: no station to forget")
}

func (q *queue) push(s *Station) {
	s.place.ahead, s.place.after = q.back, nil
	if q.back == nil {
		q.front = s
	} else {
		q.back.place.after = s
	}
	q.back = s
}

func (q *queue) remove(s *Station) {
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
