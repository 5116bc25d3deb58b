package main

import (
	"container/heap"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"cafeprobe/tools/lab/day"
)

// conductor plays a day. While anything is happening its clock goes at real time's pace; once all is done that was to be done
// until now, it jumps to what comes next.
type conductor struct {
	l      *lab
	clock  *wallClock
	zero   time.Time // midnight of the day's clock
	agents map[string]*agentOf
	guests chan struct{} // how many computers may boot at once

	mu       sync.Mutex
	queue    queue
	busy     int       // deeds that are being done
	quiet    time.Time // when the last was done
	failures []string
	ready    map[string][]powered // from power on to a system that runs, real times
	last     map[string]time.Time // by the day's clock: what a client did last
	done     int                  // steps
}

// queue are the steps to come, a heap.
type queue []day.Step

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].At < q[j].At }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(day.Step)) }
func (q *queue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}

// theEnd and system are deeds of the conductor's own: the day ends; a computer has loaded its system.
const (
	theEnd day.Deed = "end"
	system day.Deed = "system"
)

const (
	// settle is how long nothing may have happened before the clock jumps: longer than a delayed acknowledgement (40 ms, Linux),
	// which belongs to what was before.
	settle = 70 * time.Millisecond
	// maxGuests is how many QEMU guests there may be at once.
	maxGuests = 2
	// late is how far behind the table the day may fall before that is a failure.
	late = 20 * time.Second
)

func newConductor(l *lab, t *day.Table, seed uint64) *conductor {
	now := time.Now().In(vietnam)
	zero := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, vietnam)
	c := &conductor{
		l: l, zero: zero, clock: newClock(zero.Add(t.From)), agents: map[string]*agentOf{}, guests: make(chan struct{}, maxGuests),
		ready: map[string][]powered{}, last: map[string]time.Time{},
	}
	c.queue = append(t.Script(seed, dayPrograms), day.Step{At: t.To, Do: theEnd})
	heap.Init(&c.queue)
	return c
}

var vietnam = time.FixedZone("+07", 7*60*60)

// play does all steps, and returns what did not work.
func (c *conductor) play(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	for {
		select {
		case <-c.l.listener.done:
			return fmt.Errorf("the %s ended early: %v", c.l.listener.name, c.l.listener.err)
		case <-ctx.Done():
			return context.Cause(ctx)
		default:
		}
		s, wait := c.next()
		switch {
		case wait > 0:
			time.Sleep(min(wait, 5*time.Millisecond))
		case s.Do == theEnd:
			all.Wait()
			return c.verdict()
		case s.Do != "":
			all.Go(func() { c.step(s) })
		}
	}
}

// next returns the step that is due, or for how long to wait. It jumps where nothing happens.
func (c *conductor) next() (s day.Step, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wait = c.zero.Add(c.queue[0].At).Sub(c.clock.now())
	switch {
	case wait <= 0:
		if c.queue[0].Do == theEnd && c.busy > 0 {
			return s, settle
		}
		s = heap.Pop(&c.queue).(day.Step)
		if s.Do != theEnd {
			c.busy++
		}
		return s, 0
	case c.busy == 0 && time.Since(c.quiet) >= settle && wait > settle:
		c.clock.jump(wait)
		return s, 0
	}
	return s, wait
}

func (c *conductor) step(s day.Step) {
	due := c.clock.now().Sub(c.zero.Add(s.At))
	err := c.do(s)
	if err == nil && due > late {
		err = fmt.Errorf("%v late", due.Round(time.Second))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy--
	c.quiet = time.Now()
	c.done++
	if err != nil {
		what := fmt.Sprintf("%s %s %s %s: %v", hour(s.At), s.Who, s.Do, s.To, err)
		fmt.Fprintln(os.Stderr, what)
		c.failures = append(c.failures, what)
	}
}

// hour is a time of day.
func hour(d time.Duration) string { return time.Time{}.Add(d).Format(time.TimeOnly) }

func (c *conductor) verdict() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.failures) > 0 {
		return fmt.Errorf("%w: %s", errUndone, strings.Join(c.failures, "; "))
	}
	return nil
}

// do does one step.
func (c *conductor) do(s day.Step) error {
	h := c.l.hosts[s.Who]
	if h == nil {
		return fmt.Errorf("nobody is called %s", s.Who)
	}
	switch s.Do {
	case day.Deed(day.Boot), day.Deed(day.Off), day.Deed(day.Cut), day.Deed(day.Reboot), day.Deed(day.Wake), system:
		fmt.Fprintf(os.Stderr, "%s  %-8s %s %s\n", hour(s.At), s.Who, s.Do, s.To)
	}
	switch s.Do {
	case day.Deed(day.Boot):
		return c.boot(h)
	case day.Deed(day.Reboot):
		if err := c.powerDown(h, again); err != nil {
			return err
		}
		return c.boot(h)
	case day.Deed(day.Off):
		return c.powerDown(h, leave)
	case day.Deed(day.Cut):
		return c.powerDown(h, cut)
	case day.Deed(day.Wake):
		return c.l.wakeUp(h, c.l.hosts[s.To])
	case system:
		return c.startSystem(h)
	}
	return c.ask(h, s)
}

// powerDown switches a client off: from now on it can be asked nothing.
func (c *conductor) powerDown(h *host, how verb) error {
	c.mu.Lock()
	delete(c.agents, h.name)
	c.mu.Unlock()
	return c.l.powerDown(h, how)
}

// forgets is after how long a system has forgotten what it knew of its neighbours (Windows: reachable for 15 to 45 s).
const forgets = time.Minute

// ask has a client's agent do a step.
func (c *conductor) ask(h *host, s day.Step) error {
	c.mu.Lock()
	a := c.agents[h.name]
	now := c.clock.now()
	stale := now.Sub(c.last[h.name]) > forgets
	c.last[h.name] = now
	c.mu.Unlock()
	if a == nil {
		return fmt.Errorf("%s has no system yet", h.name)
	}
	return a.ask(order{Do: s.Do, To: s.To, For: s.For, Stale: stale})
}

// count returns how many steps were done.
func (c *conductor) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done
}
