package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"cafeprobe/firmware/init/kernel"
	"cafeprobe/firmware/init/part"
	"cafeprobe/firmware/init/ports"
)

// board is what board.json says that PID 1 needs.
type board struct {
	Name    string      `json:"name"`
	Ports   ports.Place `json:"ports"`
	Console struct {
		Device string `json:"device"` // in /dev
	} `json:"console"`
	Disk []string `json:"disk"` // patterns of folders in sysfs
}

// release is what release.json says: which firmware this is.
type release struct {
	Version string    `json:"version"`
	Number  uint64    `json:"number"`
	Board   string    `json:"board"`
	Built   time.Time `json:"built"`
	Commit  string    `json:"commit"`
}

// maxText bounds board.json and release.json, in octets.
const maxText = 16 << 10

var errBoard = errors.New("board.json")

// parseBoard reads board.json.
func parseBoard(b []byte) (bd board, err error) {
	if err := json.Unmarshal(b, &bd); err != nil {
		return board{}, fmt.Errorf("%w: %w", errBoard, err)
	}
	if strings.ContainsAny(bd.Console.Device, "/\x00") {
		return board{}, fmt.Errorf("%w: console %q: want the name of a device in /dev", errBoard, bd.Console.Device)
	}
	for _, d := range bd.Disk {
		if !strings.HasPrefix(d, "/sys/block/") || strings.Contains(d, "..") {
			return board{}, fmt.Errorf("%w: disk %q: want a pattern below /sys/block", errBoard, d)
		}
	}
	return bd, nil
}

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
		b.board, err = parseBoard(text)
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

// onTrial reports whether the boot loader tries this firmware.
func (b *box) onTrial() bool { return b.args["cafeprobe.try"] == "1" }

// about is the first line of a crash's report.
func (b *box) about(what string) string {
	return fmt.Sprintf("%s: %s %s number %d, slot %s, trial %s, boot %s, after %s", what, b.board.Name, b.release.Version, b.release.Number,
		b.slot(), b.args["cafeprobe.try"], b.boot, since().Round(time.Second))
}
