package refusal

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"cafeprobe/uplink"
)

func TestOneRecordAMinute(t *testing.T) {
	c := New()
	f := func(name string, now time.Duration, want ...string) {
		t.Helper()
		var got []string
		for _, s := range c.Due(now) {
			got = append(got, fmt.Sprintf("%s %s %d", s.What, s.Topic, s.Count))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	f("nothing", 0)
	c.Note(uplink.SecurityForged, "receipt")
	f("the first at once", time.Second, "forged receipt 1")
	for range 1000 {
		c.Note(uplink.SecurityForged, "receipt")
	}
	c.Note(uplink.SecurityMalformed, "want")
	f("another kind", 30*time.Second, "malformed want 1")
	f("not yet", time.Minute)
	f("a minute later, all of them", time.Minute+time.Second, "forged receipt 1000")
	c.Add(uplink.SecurityStranger, "mirror", 0)
	f("nothing since", time.Hour)
	c.Add(uplink.SecurityStranger, "mirror", 7)
	f("many at once", time.Hour, "stranger mirror 7")
	c.Note(uplink.SecurityForged, "receipt")
	f("told again", time.Hour, "forged receipt 1")
	c.Note(uplink.SecurityForged, "receipt")
	if rest := c.Rest(); len(rest) != 1 || rest[0].Count != 1 {
		t.Errorf("rest %+v, want one", rest)
	}
}

// TestFlood: ever new kinds neither grow the memory nor the records.
func TestFlood(t *testing.T) {
	c := New()
	for i := range 100_000 {
		c.Note(uplink.SecurityMalformed, fmt.Sprint("t", i))
	}
	due := c.Due(0)
	total := uplink.Int(0)
	for _, s := range due {
		total += s.Count
	}
	if len(due) > maxKinds+1 || total != 100_000 {
		t.Errorf("%d records of %d refusals, want at most %d of 100000", len(due), total, maxKinds+1)
	}
}
