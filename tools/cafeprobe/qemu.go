package main

import (
	"context"
	"os"

	"cafeprobe/tools/cafeprobe/demo"

	"golang.org/x/term"
)

type qemuCmd struct {
	Console string  `default:"out/qemu.log" placeholder:"FILE" help:"What the box's console said goes here at the end: ${default}."`
	Image   string  `default:"out/image/qemu-arm64" help:"Folder of the image of qemu-arm64 or pc, as cafeprobe image makes it."`
	Speed   float64 `default:"1" help:"Times faster than recorded. What lasts minutes lasts less then, and the box knows minutes only."`
	File    string  `arg:"" optional:"" name:"FILE" help:"Capture to feed; without it, the project's own: an evening in a small café."`
}

// Run boots the image and shows what comes of it.
func (c *qemuCmd) Run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "cafeprobe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return demo.Emulate(ctx, demo.Config{
		Dir: dir, Image: c.Image, Console: c.Console, File: c.File, Speed: c.Speed, Out: os.Stdout,
		Live: term.IsTerminal(int(os.Stdout.Fd())),
	})
}
