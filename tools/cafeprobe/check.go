package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cafeprobe/firmware/health"
	"cafeprobe/tools/cafeprobe/check"
	"cafeprobe/tools/lang"
	"cafeprobe/uplink/durable"

	"golang.org/x/term"
)

type checkCmd struct {
	serialPort `embed:""`
	Stations   int           `placeholder:"N" help:"How many PCs the owner says there are: nine tenths of them are to be found."`
	For        time.Duration `default:"10m" help:"How long at most; it ends as soon as all is well. Ctrl-C ends it earlier, with the verdict so far."`
	Cafe       string        `placeholder:"NAME" help:"The café's name, for the report."`
	Report     string        `placeholder:"FILE.pdf" help:"Write the commissioning report there: one page, in Vietnamese."`
	JSON       bool          `help:"Print one JSON document at the end; progress goes to standard error."`
	Lang       string        `enum:"auto,vi,en" default:"auto" help:"Language: vi, en, or that of the environment (auto)."`
}

// Run checks a box until all is well, or the time is over. The exit status is 0 if all is well, 3 if somebody should look, 4 if something
// does not work.
func (c *checkCmd) Run(ctx context.Context) error {
	return inWords(c.run(ctx, lang.Of(c.Lang)), lang.Of(c.Lang))
}

func (c *checkCmd) run(ctx context.Context, l lang.Lang) error {
	if c.Stations < 0 || c.For < time.Second {
		return errors.New("--stations is a number of PCs, --for at least a second")
	}
	out := os.Stdout
	if c.JSON {
		out = os.Stderr
	}
	live := term.IsTerminal(int(out.Fd()))
	screen := &check.Screen{Out: out, Lang: l, Live: live, Colour: live && os.Getenv("NO_COLOR") == ""}
	r, err := check.Watch(ctx, check.Config{Open: c.open, Stations: c.Stations, For: c.For, Tell: screen.Tell})
	if err != nil {
		return err
	}
	at := time.Now().Truncate(time.Second)
	if err := c.tell(r, screen, at, l); err != nil {
		return err
	}
	switch r.State {
	case health.Bad:
		return status(exitBad)
	case health.Warn:
		return status(exitWarn)
	}
	return nil
}

// tell shows the result, and writes the report.
func (c *checkCmd) tell(r *check.Result, screen *check.Screen, at time.Time, l lang.Lang) error {
	err := screen.Final(r)
	if c.JSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", " ")
		err = errors.Join(err, enc.Encode(r.Document(c.Cafe, at, l)))
	}
	if c.Report == "" {
		return err
	}
	var page bytes.Buffer
	if perr := check.WritePage(&page, r, c.Cafe, at); perr != nil {
		return errors.Join(err, perr)
	}
	if werr := durable.WriteFileMode(filepath.Clean(c.Report), page.Bytes(), 0o644); werr != nil {
		return errors.Join(err, fmt.Errorf("write the report: %w", werr))
	}
	return err
}
