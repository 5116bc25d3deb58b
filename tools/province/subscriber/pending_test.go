package subscriber

import (
	"testing"

	"cafeprobe/tools/province/collector"
)

// TestPending: in the order of the topics' arrival, of each the newest.
func TestPending(t *testing.T) {
	p := newPending()
	for _, m := range []string{"a1", "b1", "a2", "c1", "a3"} {
		p.put(collector.Message{Topic: m[:1], Payload: []byte(m)})
	}
	for _, want := range []string{"a3", "b1", "c1"} {
		if m, ok := p.take(); !ok || string(m.Payload) != want {
			t.Errorf("took %q, %v, want %q", m.Payload, ok, want)
		}
	}
	if m, ok := p.take(); ok {
		t.Errorf("took %q from nothing", m.Payload)
	}
}
