package owner

import (
	"net"
	"net/netip"
	"sync"
)

// How many connections there are at once. A browser opens six; the box has memory for many more, and better things to do.
const (
	maxConns        = 64
	maxConnsAddress = 12
)

// gate is a listener that closes what is more than the limits at once, so that one machine of the LAN cannot keep the owner out.
type gate struct {
	net.Listener
	refused func() // called for each connection that is closed

	mu    sync.Mutex
	total int
	from  map[string]int // by source
}

func newGate(l net.Listener, refused func()) *gate {
	return &gate{Listener: l, refused: refused, from: map[string]int{}}
}

// Accept returns the next connection that is within the limits.
func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		who := source(addrOf(c.RemoteAddr()))
		if g.enter(who) {
			return &counted{Conn: c, leave: sync.OnceFunc(func() { g.leave(who) })}, nil
		}
		g.refused()
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetLinger(0) // keeps no state of it
		}
		_ = c.Close()
	}
}

func (g *gate) enter(who string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.total >= maxConns || g.from[who] >= maxConnsAddress {
		return false
	}
	g.total++
	g.from[who]++
	return true
}

func (g *gate) leave(who string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.total--
	if g.from[who]--; g.from[who] == 0 {
		delete(g.from, who)
	}
}

// counted is a connection that is counted until it is closed.
type counted struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}

// addrOf returns the address of a, the zero Addr if it is of no IP network.
func addrOf(a net.Addr) netip.Addr {
	if a == nil {
		return netip.Addr{}
	}
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap()
}
