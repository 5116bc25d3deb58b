package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"cafeprobe/firmware/image"
)

type imageCmd struct {
	Out     string `placeholder:"DIR" help:"Folder for what is made; without it, out/image/BOARD."`
	Parts   string `placeholder:"DIR" help:"Folder that keeps Debian's packages; without it, out/parts."`
	Refresh bool   `help:"Take the newest of Debian's packages, and write board/parts.lock anew."`
	Version string `name:"release" default:"0.0.0-dev" help:"Version of the release."`
	Number  uint64 `default:"1" help:"Number of the release, which only rises."`
	Root    string `placeholder:"FILE" help:"TUF's root.json, without which a box takes no update from the province."`
	Init    string `default:"./firmware/init" help:"Package of PID 1."`
	Source  string `default:"." help:"The project's folder."`
	Board   string `arg:"" help:"qemu-arm64, pc, nanopi-r2s, nanopi-r4s, orangepi-r1-plus or rpi4."`
}

// Run makes an image and says what it is.
func (c *imageCmd) Run(ctx context.Context) error {
	out := c.Out
	if out == "" {
		out = filepath.Join(c.Source, "out", "image", c.Board)
	}
	start := time.Now()
	m, err := image.Build(ctx, image.Config{
		Board: c.Board, Source: c.Source, Out: out, Store: c.Parts, Refresh: c.Refresh,
		Version: c.Version, Number: c.Number, Root: c.Root, Init: c.Init, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	for _, f := range m.Files {
		fmt.Printf("%s  %9d  %s\n", f.SHA256, f.Size, filepath.Join(out, f.Name))
	}
	r := m.Release
	fmt.Printf("%s %s of commit %.12s, %d parts, %d Go modules, in %s\n", r.Board, r.Version, r.Commit, len(m.Parts), len(m.Modules),
		time.Since(start).Round(time.Second/10))
	return nil
}

type ubootCmd struct {
	Parts   string `placeholder:"DIR" help:"Folder that keeps Debian's packages; without it, out/parts."`
	Refresh bool   `help:"Take the newest source, and write board/parts.lock anew."`
	Source  string `default:"." help:"The project's folder."`
	Board   string `arg:"" help:"nanopi-r2s, nanopi-r4s, orangepi-r1-plus, rpi4 or qemu-arm64."`
}

// Run builds a board's U-Boot.
func (c *ubootCmd) Run(ctx context.Context) error {
	start := time.Now()
	file, err := image.BuildLoader(ctx, image.LoaderConfig{
		Board: c.Board, Source: c.Source, Store: c.Parts, Refresh: c.Refresh, Jobs: runtime.NumCPU(),
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	fmt.Printf("%s, in %s\n", file, time.Since(start).Round(time.Second/10))
	return nil
}
