package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"cafeprobe/firmware/health"
	"cafeprobe/tools/cafeprobe/diag"
	"cafeprobe/tools/lang"
	"cafeprobe/tools/port"

	"golang.org/x/term"
)

type diagCmd struct {
	Port string        `required:"" help:"Serial port that the box's console is at, as /dev/ttyUSB0."`
	Baud int           `default:"115200" help:"Its speed, bits a second."`
	Wait time.Duration `default:"3s" help:"How long to wait for an answer, four times at most."`
	Lang string        `enum:"auto,vi,en" default:"auto" help:"Language: vi, en, or that of the environment (auto)."`
	JSON bool          `help:"Print the box's answer as one JSON document."`
}

// Exit statuses of diag beside exitOK, as of vantage: a grade, and no error.
const (
	exitWarn = 3
	exitBad  = 4
)

// askTimes is how often a box is asked that does not answer.
const askTimes = 4

// Run shows how the box is. The exit status is 0 if all is well, 3 if somebody should look, 4 if something does not work.
func (c *diagCmd) Run(ctx context.Context) error { return inWords(c.run(ctx), lang.Of(c.Lang)) }

func (c *diagCmd) run(ctx context.Context) error {
	talk := port.Talk{Open: (&serialPort{c.Port, c.Baud}).open, Answer: c.Wait}
	defer talk.Close()
	raw, err := talk.Ask(ctx, "diag", struct{}{})
	for n := 1; n < askTimes && errors.Is(err, port.ErrNoAnswer); n++ {
		raw, err = talk.Ask(ctx, "diag", struct{}{})
	}
	if err != nil {
		return err
	}
	a, err := diag.Parse(raw)
	if err != nil {
		return err
	}
	if c.JSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", " ")
		err = enc.Encode(raw)
	} else {
		err = a.Print(os.Stdout, lang.Of(c.Lang), term.IsTerminal(int(os.Stdout.Fd())) && os.Getenv("NO_COLOR") == "")
	}
	if err != nil {
		return err
	}
	switch a.State() {
	case health.Bad:
		return status(exitBad)
	case health.Warn:
		return status(exitWarn)
	}
	return nil
}
