package enroll

import (
	"net/netip"
	"sync"
	"time"
)

// Limits by source address. Cafés of one provider may share an address, so only what was refused is counted.
const (
	maxFailures = 20
	window      = 15 * time.Minute
	maxSources  = 8192 // addresses remembered
)

// limiter counts failures by address in windows. The zero limiter is ready; its methods are safe for concurrent use.
type limiter struct {
	mu sync.Mutex
	by map[netip.Addr]count
}

type count struct {
	since    time.Time
	failures int
}

// allow reports whether a may try again at now.
func (l *limiter) allow(a netip.Addr, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.by[a]
	return !ok || now.Sub(c.since) >= window || c.failures < maxFailures
}

// fail notes a failure of a at now.
func (l *limiter) fail(a netip.Addr, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.by[a]
	if c.since.IsZero() || now.Sub(c.since) >= window {
		c = count{since: now}
	}
	c.failures++
	if l.by == nil {
		l.by = map[netip.Addr]count{}
	}
	l.by[a] = c
	if len(l.by) > maxSources {
		l.forget(now)
	}
}

// forget drops what is over, and if that is nothing, all: then the world is attacking from everywhere, and what keeps it
// out is the limit on each claim code.
func (l *limiter) forget(now time.Time) {
	for a, c := range l.by {
		if now.Sub(c.since) >= window {
			delete(l.by, a)
		}
	}
	if len(l.by) > maxSources {
		clear(l.by)
	}
}
