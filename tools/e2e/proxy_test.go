package e2e

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// slowLink is a TCP proxy on loopback that delivers every octet a delay later, in both directions, without limiting how
// many are under way: a link with a round trip of twice the delay. It stands in for netem, which not every kernel has.
type slowLink struct {
	listener net.Listener
	target   string
	delay    time.Duration
	wg       sync.WaitGroup
}

// newSlowLink returns a proxy to target; it ends with the test.
func newSlowLink(t testing.TB, target string, delay time.Duration) *slowLink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &slowLink{listener: l, target: target, delay: delay}
	s.wg.Go(s.serve)
	t.Cleanup(func() {
		l.Close()
		s.wg.Wait()
	})
	return s
}

func (s *slowLink) addr() string { return s.listener.Addr().String() }

func (s *slowLink) serve() {
	for {
		in, err := s.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", s.target)
		if err != nil {
			in.Close()
			continue
		}
		s.wg.Go(func() { s.carry(out, in) })
		s.wg.Go(func() { s.carry(in, out) })
	}
}

// carry copies from one end to the other, each piece a delay after it was read, and closes both when one has ended.
func (s *slowLink) carry(to, from net.Conn) {
	type piece struct {
		due  time.Time
		data []byte
	}
	pieces := make(chan piece, 1<<14)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for p := range pieces {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil {
				from.Close()
			}
		}
		to.Close()
	}()
	for {
		b := make([]byte, 16<<10)
		n, err := from.Read(b)
		if n > 0 {
			pieces <- piece{time.Now().Add(s.delay), b[:n]}
		}
		if err != nil {
			break
		}
	}
	close(pieces)
	<-done
}

// TestSlowLink: what goes through is unchanged, and late by the delay each way.
func TestSlowLink(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = io.Copy(c, c)
			c.Close()
		}
	}()
	s := newSlowLink(t, l.Addr().String(), 50*time.Millisecond)
	c, err := net.Dial("tcp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sent := time.Now()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
		t.Errorf("got %q, %v", b, err)
	}
	if d := time.Since(sent); d < 100*time.Millisecond {
		t.Errorf("there and back in %v, want at least 100ms", d)
	}
}
