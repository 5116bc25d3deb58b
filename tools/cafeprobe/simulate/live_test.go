package simulate

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/wire"
)

func TestMain(m *testing.M) { capturetest.InNamespace(m) }

// TestSend: what is sent comes out at the other end of the cable, all of it.
func TestSend(t *testing.T) {
	capturetest.Namespace(t)
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0o644); err != nil {
		t.Skip("no IPv6 settings here:", err)
	}
	capturetest.RunIP(t, "link add room type veth peer name box")
	capturetest.RunIP(t, "link set room up")
	capturetest.RunIP(t, "link set box up")
	r, err := sim.New(4, sim.Options{Stations: 6, For: 4 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	want := uint64(0)
	for f, s := (capture.Frame{}), wire.New(r); !errors.Is(s.Next(&f), io.EOF); {
		want++
	}
	before := received(t, "box")
	n, err := Send(t.Context(), r, "room", 200)
	if err != nil {
		t.Fatal(err)
	}
	if got := received(t, "box") - before; n.Frames != want || got != want || got == 0 {
		t.Errorf("sent %d of %d frames, %d came", n.Frames, want, got)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := Send(ctx, r, "room", 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stopped: %v", err)
	}
	capturetest.RunIP(t, "addr add 192.0.2.1/24 dev room")
	if _, err := Send(t.Context(), r, "room", 1); !errors.Is(err, ErrInUse) {
		t.Errorf("an interface with an address: %v, want ErrInUse", err)
	}
}

// received is what the kernel counts at an interface of this namespace; /sys may be of another.
func received(t *testing.T, name string) uint64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/net/dev")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == name+":" {
			n, err := strconv.ParseUint(f[2], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no interface %s", name)
	return 0
}
