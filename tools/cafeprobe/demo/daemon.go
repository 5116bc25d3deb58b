package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// progress is a line of cafeprobed -progress.
type progress struct {
	Frames    uint64 `json:"frames"`
	Stations  int    `json:"stations"`
	Records   uint64 `json:"records"`
	Receipted uint64 `json:"receipted"`
	Spool     int64  `json:"spool"`
	Done      bool   `json:"done"`
	ReplayMS  int64  `json:"replay_ms"`
	DrainMS   int64  `json:"drain_ms"`
}

// daemon runs one life of cafeprobed and shows its progress. When ctx is done the daemon is asked to end, and has time to.
func daemon(ctx context.Context, cfg Config, path string, last *progress) error {
	cmd := exec.CommandContext(ctx, cfg.Daemon, "-config", path, "-progress")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start cafeprobed: %w", err)
	}
	show := meter{out: cfg.Out, live: cfg.Live}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if json.Unmarshal(lines.Bytes(), last) == nil {
			show.progress(last)
		}
	}
	return cmd.Wait()
}

// meter shows progress: on a terminal in one line that is drawn over, else as a line a second.
type meter struct {
	out  io.Writer
	live bool
	next time.Time // when the next line is due
}

func (m *meter) progress(p *progress) {
	now := time.Now()
	if !m.live && !p.Done && now.Before(m.next) {
		return
	}
	m.next = now.Add(time.Second)
	line := fmt.Sprintf("%8d frames  %3d stations  %5d records  %5d receipted  spool %d KiB",
		p.Frames, p.Stations, p.Records, p.Receipted, p.Spool/1024)
	switch {
	case !m.live:
		fmt.Fprintln(m.out, line)
	case p.Done:
		fmt.Fprintf(m.out, "\r%s \n", line)
	default:
		fmt.Fprintf(m.out, "\r%s ", line)
	}
}
