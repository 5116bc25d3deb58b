// Command bench times inspect against the programs that Debian ships for the same work, on a made-up café.
//
//	bench [-dir out/bench] [-rounds 5] [-captures DIR]   makes the files where they are absent, times all, prints a table
//	bench mix [-seed 1] [-frames 1500000] [-flood 0] [-stations 100] [-rate 1e8] [-captures DIR] FILE
//	bench read FILE                                      only reads the records
//	bench hot FILE                                       the box's pipeline, by one thread
//
// Whole processes are timed, one after the other in each round, so that all see the same machine: their processor time, user and
// system, and the most memory that they had resident. The table names programs that are not installed.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cafeprobe/tools/mix"
)

func main() {
	args := os.Args[1:]
	part := ""
	if len(args) > 0 && (args[0] == "mix" || args[0] == "read" || args[0] == "hot") {
		part, args = args[0], args[1:]
	}
	if err := run(part, args); errors.Is(err, errUsage) {
		os.Exit(2)
	} else if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// errUsage says that the arguments were wrong; what is wrong has been printed.
var errUsage = errors.New("usage")

// Defaults. A flood is five million flows (the box's goal); the captures are beside the project.
const (
	mixFrames   = 1_500_000
	floodFlows  = 5_000_000
	captures    = "../shared/captures"
	roundsLeast = 5
)

func run(part string, args []string) error {
	flags := flag.NewFlagSet("bench "+part, flag.ContinueOnError)
	switch part {
	case "mix":
		var cfg mix.Config
		flags.Uint64Var(&cfg.Seed, "seed", 1, "another seed makes other octets")
		flags.IntVar(&cfg.Frames, "frames", mixFrames, "of the café")
		flags.IntVar(&cfg.Flood, "flood", 0, "flows of one frame, behind half of the café's frames or, with -frames 0, alone")
		flags.IntVar(&cfg.Stations, "stations", 100, "computers")
		flags.Float64Var(&cfg.Rate, "rate", 100e6, "bit/s")
		flags.StringVar(&cfg.Captures, "captures", captures, "folder of the captures whose flows are played")
		path, err := file(flags, args)
		if err != nil {
			return err
		}
		src, err := mix.New(cfg)
		if err != nil {
			return err
		}
		return write(path, src)
	case "read":
		path, err := file(flags, args)
		if err != nil {
			return err
		}
		return read(path)
	case "hot":
		path, err := file(flags, args)
		if err != nil {
			return err
		}
		return hot(path)
	}
	b := bench{}
	flags.StringVar(&b.dir, "dir", "out/bench", "where the files are, or are made")
	flags.IntVar(&b.rounds, "rounds", roundsLeast, "how often each program runs")
	flags.StringVar(&b.captures, "captures", captures, "folder of the captures whose flows are played")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 || b.rounds < 1 {
		flags.Usage()
		return errUsage
	}
	return b.run(time.Now())
}

// file parses args and returns the one that is no flag.
func file(flags *flag.FlagSet, args []string) (string, error) {
	if err := flags.Parse(args); err != nil {
		return "", errUsage // Parse has said what
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return "", errUsage
	}
	return filepath.Clean(flags.Arg(0)), nil
}
