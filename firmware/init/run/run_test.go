package run

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestNext(t *testing.T) {
	var waits []time.Duration
	for w := time.Duration(0); len(waits) < 9; waits = append(waits, w) {
		w = next(w, time.Second)
	}
	if waits[0] != time.Second || waits[3] != 8*time.Second || waits[8] != time.Minute {
		t.Errorf("intervals %v, want 1, 2, 4, 8 … 60 s", waits)
	}
	if got := next(time.Minute, steady); got != time.Second {
		t.Errorf("after a long run: %v, want 1s", got)
	}
}

// TestKeep: a program has the user, the capabilities and the limits that it is to have, is started anew, and ends when it is asked to.
func TestKeep(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("not root, and this is CI")
		}
		t.Skip("not root: this test gives a program another user")
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // the other user looks into it
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	f, err := os.OpenFile(out, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ends := 0
	script := `trap 'echo asked >&2; exit 0' TERM
grep -E '^(Uid|CapEff|CapAmb):' /proc/self/status >&2; [ -e ` + out + `.second ] || exit 3
while :; do sleep 0.05; done`
	p := Program{
		Path: "/bin/sh", Args: []string{"-c", script}, User: 900, Stderr: f,
		Caps: []uintptr{unix.CAP_NET_RAW}, Reaper: &Reaper{},
	}
	Keep(ctx, p, slog.New(slog.NewTextHandler(io.Discard, nil)), func(int) {
		if ends == 1 {
			time.AfterFunc(500*time.Millisecond, cancel)
		}
	}, func(e Exit) {
		if ends++; e.Err == nil {
			t.Error("an exit with status 3 is told as one with 0")
		}
		if err := os.WriteFile(out+".second", nil, 0o644); err != nil {
			t.Error(err)
		}
	})
	b, _ := os.ReadFile(out)
	said := string(b)
	if ends != 1 || strings.Count(said, "Uid:\t900\t900\t900") != 2 || strings.Count(said, "CapEff:\t0000000000002000") != 2 || !strings.Contains(said, "asked") {
		t.Errorf("%d ends, want 1; the program said:\n%s\nwant user 900, CAP_NET_RAW alone, twice, and that it was asked to end", ends, said)
	}
}

// TestReap: an orphan's status is taken, and one that somebody waits for is left to him.
func TestReap(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	ours := exec.Command("/bin/sh", "-c", "exit 7")
	var r Reaper
	if err := r.start(ours); err != nil {
		t.Fatal(err)
	}
	parent := exec.Command("/bin/sh", "-c", "sleep 0.1 & echo $!")
	out, err := parent.Output()
	if err != nil {
		t.Fatal(err)
	}
	orphan := strings.TrimSpace(string(out))
	deadline := time.Now().Add(10 * time.Second)
	for {
		r.Reap()
		if _, err := os.Stat("/proc/" + orphan); os.IsNotExist(err) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the orphan is still there")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := r.wait(ours); err == nil || ours.ProcessState.ExitCode() != 7 {
		t.Errorf("the child that was waited for: %v, want status 7", err)
	}
}
