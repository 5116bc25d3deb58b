package sight

import "cafeprobe/capture"

// loss is the TCP payload that came, told every ten seconds; none is lost.
type loss struct {
	first, last, told int64
	frames, octets    uint64
}

func (l *loss) came(at int64, octets uint64) {
	if l.octets == 0 {
		l.first = at
	}
	l.last = max(l.last, at)
	l.frames++
	l.octets += octets
}

func (l *loss) tell(now int64, emit func(*capture.Observation)) {
	if now-l.told < 10*second {
		return
	}
	if l.octets > 0 {
		emit(&capture.Observation{
			Kind: capture.KindLoss, First: l.first, Time: l.last,
			Up: capture.Count{Frames: l.frames, Octets: l.octets},
		})
	}
	*l = loss{told: now}
}
