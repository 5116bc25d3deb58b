package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"cafeprobe/board"
	"cafeprobe/firmware/init/kernel"
	"cafeprobe/firmware/init/part"
)

// release is what release.json says: which firmware this is.
type release struct {
	Version string    `json:"version"`
	Number  uint64    `json:"number"`
	Board   string    `json:"board"`
	Built   time.Time `json:"built"`
	Commit  string    `json:"commit"`
}

// maxText bounds the files that PID 1 reads, in octets.
const maxText = 16 << 10

// readText reads a small file.
func readText(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err == nil && len(b) > maxText {
		err = fmt.Errorf("%s: more than %d octets", path, maxText)
	}
	return b, err
}

// identify reads which board this is, which firmware, and which slot runs.
func (b *box) identify() {
	line, err := readText("/proc/cmdline")
	if err != nil {
		b.log.Error("no command line", "error", err)
	}
	b.args = kernel.ParseArguments(string(line))
	text, err := readText(boardFile)
	if err == nil {
		b.board, err = board.ParseDescription(text)
	}
	if err != nil {
		b.log.Error("no board", "error", err)
	}
	if text, err = readText(releaseFile); err == nil {
		err = json.Unmarshal(text, &b.release)
	}
	if err != nil {
		b.log.Error("no release", "error", err)
	}
	id, err := readText("/proc/sys/kernel/random/boot_id")
	if err != nil {
		b.log.Error("no name of this boot", "error", err)
	}
	b.boot, _, _ = strings.Cut(strings.TrimSpace(string(id)), "-")
	b.disks = part.Disks{Globs: b.board.Disk}
}

// slot returns which slot runs, "" if the boot loader did not say.
func (b *box) slot() string { return b.args["cafeprobe.slot"] }

// onTrial reports whether this firmware is on trial, as far as that is known.
func (b *box) onTrial() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.trial
}

// about is the first line of a crash's report.
func (b *box) about(what string) string {
	return fmt.Sprintf("%s: %s %s number %d, slot %s, trial %v, boot %s, after %s", what, b.board.Name, b.release.Version, b.release.Number,
		b.slot(), b.onTrial(), b.boot, since().Round(time.Second))
}
