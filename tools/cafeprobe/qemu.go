package main

import (
	"context"
	"os"

	"cafeprobe/tools/cafeprobe/demo"

	"golang.org/x/term"
)

type qemuCmd struct {
	Dir   string  `default:"out/qemu" help:"The state of province, card and box; a run goes on where the last one was."`
	Image string  `default:"out/image/qemu-arm64" help:"Folder of the image, as cafeprobe image makes it."`
	Speed float64 `default:"1" help:"Times faster than recorded. What lasts minutes lasts less then, and the box knows minutes only."`
	File  string  `arg:"" optional:"" name:"FILE" help:"Capture to feed; without it, the project's own: an evening in a small café."`
}

// Run boots the image and shows what comes of it.
func (c *qemuCmd) Run(ctx context.Context) error {
	return demo.Emulate(ctx, demo.Config{
		Dir: c.Dir, Image: c.Image, File: c.File, Speed: c.Speed, Out: os.Stdout, Live: term.IsTerminal(int(os.Stdout.Fd())),
	})
}
