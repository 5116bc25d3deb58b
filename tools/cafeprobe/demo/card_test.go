package demo

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"cafeprobe/firmware/vm"
)

// TestEmulateCards: one box lives through all that a card may do to it. Each time it boots, its daemon runs and is well, what it hears
// reaches the province, its chain says what became of the data, and its power button ends it; and the boot after, with a card that works,
// is as any other.
func TestEmulateCards(t *testing.T) {
	e := newEmulated(t)
	f := func(name, mode, event, storage string, change func(*vm.Config), more func()) {
		t.Helper()
		before, events := e.verified(), e.told()
		if got := e.boot(change); !regexp.MustCompile("^(" + mode + ")$").MatchString(got) {
			t.Errorf("%s: data %s, want %s\n%s", name, got, mode, e.m.Serial.Tail())
		}
		e.tells(before)
		if more != nil {
			more()
		}
		if why := e.storage(); why != storage {
			t.Errorf("%s: storage is %q, want %q", name, why, storage)
		}
		for end := time.Now().Add(2 * time.Minute); event != "" && e.told()[event] == events[event]; time.Sleep(time.Second) {
			if time.Now().After(end) {
				t.Errorf("%s: the chain says %v, and before %v, want one more %q", name, e.told(), events, event)
				break
			}
		}
		e.off()
		e.note("%-17s data %s; storage %s; events %v", name, mode, storage, e.told())
	}
	f("new", "disk", "provision", "ok", nil, e.spared)
	f("write-protected", "readonly", "data readonly", "volatile", func(c *vm.Config) { c.ReadOnly = true }, e.hears)
	f("writes fail", "readonly", "data readonly", "volatile", func(c *vm.Config) { c.Worn = 1 }, e.hears)
	f("sound again", "disk", "", "ok", nil, nil)

	e.harm(e.partition("data"), func(b []byte) { clear(b) }, 4096)
	f("no superblock", "disk", "data disk", "ok", nil, nil)
	e.debugfs("ssv state 2")
	f("said to be broken", "disk", "", "ok", nil, nil)
	e.fill("film.mkv")
	f("full of another's", "disk", "data disk", "ok", nil, e.hears)
	whole := e.partition("data")
	e.harm(whole, func(b []byte) { clear(b) }, int(cardSize-1<<20-whole)) // but for the partition table's copy
	f("all gone", "anew", "spare", "ok", nil, e.hears)
	f("sound at last", "disk", "", "ok", nil, nil)
}

// fill takes up all the room that there is on the card's data.
func (e *emulated) fill(name string) {
	e.Helper()
	filler := filepath.Join(e.TempDir(), "filler")
	c := exec.Command("dd", "if=/dev/urandom", "of="+filler, "bs=1M", "count=64", "status=none")
	if out, err := c.CombinedOutput(); err != nil {
		e.Fatalf("%v: %s", err, out)
	}
	for i := range 8 { // the last finds no room for all of it
		e.debugfs(fmt.Sprintf("write %s %s.%d", filler, name, i))
	}
}
