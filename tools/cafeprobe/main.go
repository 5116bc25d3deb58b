// Command cafeprobe is the one command for technicians and developers.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"cafeprobe/firmware/cafe"
	"cafeprobe/tools/cafeprobe/demo"
	"cafeprobe/tools/cafeprobe/inspect"

	"github.com/alecthomas/kong"
	"golang.org/x/term"
)

// Exit statuses.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

type cli struct {
	Run       runCmd       `cmd:"" help:"Replay a café through a box to a province on loopback, and show its page."`
	Inspect   inspectCmd   `cmd:"" help:"Show what the box sees in captures."`
	Vantage   vantageCmd   `cmd:"" help:"Judge where a box is plugged in: listen to its port, or read a capture. Exit status: 0 A, 3 C, 4 BLIND."`
	Flash     flashCmd     `cmd:"" help:"Write an image to a card, and read it back; without a disk, list them."`
	Provision provisionCmd `cmd:"" help:"Make the box at the serial cable a café's, by a room file."`
	Diag      diagCmd      `cmd:"" help:"Ask a box over its serial console how it is. Exit status: 0 well, 3 to be looked at, 4 something is broken."`
	Check     checkCmd     `cmd:"" help:"Check a box that was provisioned until all is well, and write the commissioning report. Exit status as of diag."`
	Verify    verifyCmd    `cmd:"" help:"Check a chain that was exported, without the province."`

	Simulate simulateCmd `cmd:"" help:"Make up a café: a capture of an evening or a night, and the truth beside it."`
	Fit      fitCmd      `cmd:"" help:"Fit the numbers of the model of states to labelled timelines, and say what that is worth."`

	Image imageCmd `cmd:"" help:"Make the image of a board, to be written to its card."`
	Uboot ubootCmd `cmd:"" help:"Build a board's boot loader of Debian's source."`
	QEMU  qemuCmd  `cmd:"" name:"qemu" help:"Boot an image in QEMU, feed it a café, and show the province's page."`

	Release releaseCmd `cmd:"" help:"Sign firmware: make the folder that boxes take it from, replace keys."`

	Province provinceCmd `cmd:"" help:"Run a province; export a chain; ask a box to do something; certificates."`
}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	var c cli
	parser, err := kong.New(&c, kong.Name("cafeprobe"), kong.Description("Tools for the café probe's technicians and developers."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Exit(func(code int) { os.Exit(code) }))
	if err != nil {
		panic("BUG: " + err.Error())
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "cafeprobe: %v (cafeprobe --help lists what there is)\n", err)
		return exitUsage
	}
	stop, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	ctx.BindTo(stop, (*context.Context)(nil))
	err = ctx.Run()
	if s := status(0); errors.As(err, &s) {
		return int(s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cafeprobe:", err)
		return exitError
	}
	return exitOK
}

type inspectCmd struct {
	JSON    bool     `help:"Print one JSON document."`
	Vantage string   `enum:"auto,A,C" default:"auto" help:"Judge the vantage, or take it as given (auto, A, C)."`
	Files   []string `arg:"" name:"FILE" help:"pcap or pcapng, also gzipped; - is standard input."`
}

// Run prints what was found, also when a capture could not be read to its end.
func (c *inspectCmd) Run(ctx context.Context) error {
	var cfg inspect.Config
	if c.Vantage != "auto" {
		cfg.Vantage = cafe.Grade(c.Vantage)
	}
	doc, err := inspect.Run(ctx, cfg, c.Files...)
	if c.JSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", " ")
		return errors.Join(enc.Encode(doc), err)
	}
	return errors.Join(doc.Print(os.Stdout), err)
}

type runCmd struct {
	Dir   string  `help:"Keep the state of province and box here; without it, it is thrown away."`
	Speed float64 `default:"85" help:"Times faster than recorded; 0 for as fast as it goes."`
	File  string  `arg:"" optional:"" name:"FILE" help:"Capture to replay; without it, the project's own: an evening in a small café."`
}

// Run shows the whole walk once.
func (c *runCmd) Run(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir := c.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "cafeprobe-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	return demo.Run(ctx, demo.Config{
		Dir: dir, File: c.File, Speed: c.Speed, Daemon: filepath.Join(filepath.Dir(self), "cafeprobed"), Out: os.Stdout,
		Live: term.IsTerminal(int(os.Stdout.Fd())),
	})
}
