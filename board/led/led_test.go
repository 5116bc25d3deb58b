package led

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cafeprobe/board"
	"cafeprobe/board/boardtest"
	"cafeprobe/board/virt"
)

// sysfs makes the folder of a LED that the kernel lets blink.
func sysfs(t *testing.T, most string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"max_brightness": most, "brightness": "0\n", "trigger": "none timer [heartbeat]\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func TestLED(t *testing.T) {
	dir := sysfs(t, "255\n")
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, dir, "trigger"); got != "none" {
		t.Errorf("trigger %q, want none: the kernel would go on lighting it", got)
	}
	boardtest.LED(t, l, func() bool {
		switch got := read(t, dir, "brightness"); got {
		case "255":
			return true
		case "0":
			return false
		default:
			t.Errorf("brightness %q", got)
			return false
		}
	})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := l.Set(true); err == nil {
		t.Error("a LED that is gone was lit")
	}
}

func TestOpen(t *testing.T) {
	if _, err := Open(t.TempDir()); !errors.Is(err, board.ErrNone) {
		t.Errorf("no LED: %v, want ErrNone", err)
	}
	if _, err := Open(sysfs(t, "bright\n")); err == nil || errors.Is(err, board.ErrNone) {
		t.Errorf("no number: %v", err)
	}
	dir := sysfs(t, "1\n")
	if err := os.Remove(filepath.Join(dir, "trigger")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err != nil {
		t.Errorf("a kernel without triggers: %v", err)
	}
}

// TestPlay: over a minute each light is on for as long as its pattern says, and a new one begins at once.
func TestPlay(t *testing.T) {
	for _, light := range board.Lights() {
		synctest.Test(t, func(t *testing.T) {
			var l virt.LED
			ctx, stop := context.WithCancel(t.Context())
			show := make(chan board.Light)
			done := make(chan error, 1)
			go func() { done <- Play(ctx, &l, show) }()
			synctest.Wait()
			if _, changes := l.On(); changes != 0 {
				t.Errorf("lit before there is anything to show")
			}
			show <- board.Booting
			time.Sleep(400 * time.Millisecond)
			show <- light
			synctest.Wait()
			for at, p := time.Duration(0), light.Pattern(); at < time.Minute; {
				for i, d := range p {
					if on, _ := l.On(); on != (i%2 == 0) {
						t.Fatalf("%v after %v: on is %v", light, at, on)
					}
					time.Sleep(d)
					synctest.Wait()
					at += d
				}
			}
			l.Break(errors.New("gone"))
			time.Sleep(time.Minute)
			l.Break(nil)
			before, _ := l.On()
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if _, changes := l.On(); changes == 0 {
				t.Errorf("%v: still after the LED failed for a while, on %v", light, before)
			}
			show <- board.Light(99)
			synctest.Wait()
			if on, _ := l.On(); on {
				t.Error("what is no light lights")
			}
			stop()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("play: %v", err)
			}
		})
	}
}
