package demo

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// output is what a run prints, and can be looked at while it runs.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func buildDaemon(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cafeprobed")
	if out, err := exec.Command("go", "build", "-o", path, "cafeprobe/firmware/cafeprobed").CombinedOutput(); err != nil {
		t.Fatalf("build cafeprobed: %v: %s", err, out)
	}
	return path
}

// TestRun replays the project's own evening, whose truth says who is there: seven PCs, and one of each other kind.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out output
	if err := Run(ctx, Config{Dir: t.TempDir(), Daemon: buildDaemon(t), Out: &out}); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{
		"page     http://127.0.0.1:",
		"found    11 stations: 7 pc, 1 cashier, 1 printer, 1 router, 1 server;",
		"on       12: 10 open at the end, 1 fell silent, 1 shut down;",
		"in use   ",
		"blind    never",
		"0 came twice, 0 refused",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("want %q in\n%s", want, &out)
		}
	}
}

// TestRunStops: to be told to end is no error, and leaves nothing behind.
func TestRunStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out output
	done := make(chan error, 1)
	daemon := buildDaemon(t)
	go func() { done <- Run(ctx, Config{Dir: t.TempDir(), Daemon: daemon, Speed: 10, Out: &out}) }()
	for end := time.Now().Add(20 * time.Second); !strings.Contains(out.String(), " frames "); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no progress within 20 s: %s", &out)
		}
	}
	cancel()
	select {
	case err := <-done:
		if err != nil || !strings.Contains(out.String(), "stopped before the end") {
			t.Errorf("error %v, want none, and to be told of it:\n%s", err, &out)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("not ended 20 s after it was told to")
	}
}
