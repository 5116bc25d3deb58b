package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// wallClock is the clock of a day that is played in less time than it takes: it goes as fast as time does, and jumps ahead while
// nothing happens. What happens keeps its own pace.
type wallClock struct {
	mu     sync.Mutex
	blocks []block
}

// block is a stretch of real time, from its start to the next block's, of which all times are moved by as much.
type block struct {
	from  time.Time // real
	moved time.Duration
}

// newClock returns a clock that says day now.
func newClock(day time.Time) *wallClock {
	now := time.Now().Round(0) // as frames are stamped, by the wall
	return &wallClock{blocks: []block{{now, day.Sub(now)}}}
}

// at returns what the clock said at a real time. Before the clock was made it goes back in step.
func (c *wallClock) at(t time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, found := slices.BinarySearchFunc(c.blocks, t, func(b block, t time.Time) int { return b.from.Compare(t) })
	if !found && n > 0 {
		n--
	}
	return t.Add(c.blocks[n].moved)
}

func (c *wallClock) now() time.Time { return c.at(time.Now().Round(0)) }

// jump puts the clock ahead.
func (c *wallClock) jump(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocks = append(c.blocks, block{time.Now().Round(0), c.blocks[len(c.blocks)-1].moved + by})
}

// report is the list of blocks until a real time: when each began by the day's clock, how long it went on, how long the jump
// before it was; seconds, tabs between.
func (c *wallClock) report(until time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	b.WriteString("# Each block is a stretch that was played and recorded as it is; between two nothing happened, and time was cut.\n" +
		"# begins (seconds since the Unix epoch)\tlasts (s)\tcut before it (s)\n")
	for i, x := range c.blocks {
		to, cut := until, time.Duration(0)
		if i+1 < len(c.blocks) {
			to = c.blocks[i+1].from
		}
		if i > 0 {
			cut = x.moved - c.blocks[i-1].moved
		}
		fmt.Fprintf(&b, "%s\t%.3f\t%.3f\n", epoch(x.from.Add(x.moved)), to.Sub(x.from).Seconds(), cut.Seconds())
	}
	return b.String()
}
