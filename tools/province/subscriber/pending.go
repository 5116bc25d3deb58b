package subscriber

import (
	"sync"

	"cafeprobe/tools/province/collector"
)

// pending holds what is to be published, oldest topic first, of each topic the newest message only: a receipt stands for
// those before it. So it never has to make anybody wait, and it grows with the boxes, not with their messages. Waiting
// would be for ever: room to publish comes with the broker's PUBACKs, which are behind the messages that are not taken
// while the collector waits.
type pending struct {
	mu     sync.Mutex
	topics []string // in the order in which they came
	newest map[string]collector.Message
	some   chan struct{} // holds a value while there may be a message
}

func newPending() *pending {
	return &pending{newest: map[string]collector.Message{}, some: make(chan struct{}, 1)}
}

func (p *pending) put(ms ...collector.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range ms {
		if _, waits := p.newest[m.Topic]; !waits {
			p.topics = append(p.topics, m.Topic)
		}
		p.newest[m.Topic] = m
	}
	select {
	case p.some <- struct{}{}:
	default:
	}
}

// take returns the message that waits longest.
func (p *pending) take() (m collector.Message, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.topics) == 0 {
		return collector.Message{}, false
	}
	m = p.newest[p.topics[0]]
	delete(p.newest, m.Topic)
	p.topics = p.topics[1:]
	return m, true
}
