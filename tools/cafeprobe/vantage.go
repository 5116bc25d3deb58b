package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"cafeprobe/tools/cafeprobe/vantage"

	"golang.org/x/term"
)

type vantageCmd struct {
	Interface string        `short:"i" help:"Port to listen to; it takes root, or CAP_NET_RAW."`
	For       time.Duration `default:"10m" help:"How long; Ctrl-C ends it earlier, with the verdict so far."`
	JSON      bool          `help:"Print one JSON document."`
	File      string        `arg:"" optional:"" name:"FILE" help:"Capture to judge instead of a port."`
}

// status is an exit status that is no error: it says the grade.
type status int

func (s status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// Run prints the verdict. The exit status is 0 for A and A+, 3 for C, 4 for BLIND.
func (c *vantageCmd) Run(ctx context.Context) error {
	if (c.Interface == "") == (c.File == "") {
		return vantage.ErrInput
	}
	v, err := c.judge(ctx)
	if v == nil {
		return err
	}
	if c.JSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", " ")
		err = errors.Join(err, enc.Encode(v))
	} else {
		err = errors.Join(err, v.Print(os.Stdout))
	}
	if s := v.Status(); err == nil && s != 0 {
		return status(s)
	}
	return err
}

func (c *vantageCmd) judge(ctx context.Context) (*vantage.Verdict, error) {
	if c.File != "" {
		return vantage.File(ctx, c.File)
	}
	progress := io.Discard
	if term.IsTerminal(int(os.Stderr.Fd())) {
		progress = os.Stderr
		defer fmt.Fprintln(os.Stderr)
	}
	return vantage.Live(ctx, c.Interface, c.For, progress)
}
