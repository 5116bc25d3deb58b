// Command cafeprobed is the box's daemon: frames in, the province's records out.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"cafeprobe/firmware/config"
	"cafeprobe/firmware/initctl"
	"cafeprobe/uplink/spool"
)

// Exit statuses.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

func main() {
	spool.CheckMain()
	thrift()
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	flags := flag.NewFlagSet("cafeprobed", flag.ContinueOnError)
	path := flags.String("config", "", "configuration `FILE` (JSON)")
	check := flags.Bool("check", false, "print the effective configuration and exit")
	enroll := flags.Bool("enroll", false, "get the box's certificate with the claim code of uplink.tls.claim, or of standard input, and exit")
	titles := flags.String("titles", "", "verify the table of titles in `FILE`, which the province signed, install it, and exit")
	progress := flags.Bool("progress", false, "print progress to standard output, one JSON object a line")
	level := slog.LevelWarn
	flags.TextVar(&level, "log", level, "log this `LEVEL` and above to standard error: DEBUG, INFO, WARN, ERROR")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		return exitUsage
	}
	if *path == "" || flags.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "cafeprobed: want -config FILE and no other arguments")
		return exitUsage
	}
	cfg, err := config.Load(*path)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch {
	case err != nil:
	case *check:
		if cfg, err = cfg.WithSettings(); err != nil {
			break
		}
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(cfg)
	case *enroll:
		err = enrollOnce(ctx, &cfg, os.Stdin, os.Stdout)
	case *titles != "":
		err = installTitles(&cfg, *titles, os.Stdout)
	default:
		log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
		err = lives(ctx, cfg, log, *progress)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cafeprobed:", err)
		return exitError
	}
	return exitOK
}

// lives runs one life of the daemon after another for as long as another is wanted: see errRestart.
func lives(ctx context.Context, cfg config.Config, log *slog.Logger, progress bool) (err error) {
	watch, err := openMonitor(ctx, cfg, log)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	var watches sync.WaitGroup
	defer func() {
		end(nil)
		watches.Wait()
		if errors.Is(context.Cause(ctx), errParted) {
			err = errors.Join(err, context.Cause(ctx))
		}
	}()
	port, err := openPort(cfg.Capture, log)
	defer func() { err = errors.Join(err, port.close()) }()
	if err != nil {
		return err
	}
	firmware := version
	if watch != nil {
		watches.Go(func() { end(watch.run(ctx)) })
		firmware = cmp.Or(watch.release(ctx).Version, version)
	}
	for {
		now, err := cfg.WithSettings()
		if err != nil {
			log.Error("settings left out", "error", err)
		}
		if err := (&daemon{cfg: now, log: log, progress: progress, port: port, watch: watch, firmware: firmware}).run(ctx); !errors.Is(err, errRestart) {
			return err
		}
	}
}

// openMonitor returns what says how the box is, connected to PID 1 where that has started this process; nil in a replay.
func openMonitor(ctx context.Context, cfg config.Config, log *slog.Logger) (*monitor, error) {
	if cfg.Capture.File != "" {
		return nil, nil
	}
	m := newMonitor(cfg.Dir, log)
	if path := os.Getenv(initctl.Env); path != "" {
		return m, m.connect(ctx, path)
	}
	return m, nil
}
