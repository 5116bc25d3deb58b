// Package demo is `cafeprobe run` and `cafeprobe qemu`: a province and one box, a daemon or an emulated machine, from frames to the page.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"cafeprobe/capture/capturetest/testdata/cafe"
	"cafeprobe/firmware/config"
	"cafeprobe/tools/province"
	"cafeprobe/uplink"
	"cafeprobe/uplink/credential"
	"cafeprobe/uplink/durable"
	"cafeprobe/uplink/spool"
)

// Config configures a run.
type Config struct {
	Dir    string    // state of province and box; it is made where it is absent, and a run goes on where it was
	File   string    // capture to replay; empty: the project's own
	Speed  float64   // times faster than recorded, 0 as fast as it goes
	Daemon string    // path of cafeprobed
	Out    io.Writer // what a person reads
	Live   bool      // Out is a terminal: draw progress into one line, and keep the page until ctx is done

	// For Emulate: the folder of an image that `cafeprobe image` made, and the file that what the box's console said is written to.
	Image, Console string
}

// capture returns the path of the capture to replay.
func (c *Config) capture() (string, error) {
	if c.File != "" {
		return c.File, nil
	}
	path := filepath.Join(c.Dir, cafe.File)
	if err := os.WriteFile(path, cafe.Capture, 0o600); err != nil {
		return "", fmt.Errorf("write the capture: %w", err)
	}
	return path, nil
}

// address is where the box of a run publishes.
var address = uplink.Address{Province: "demo", Box: "b-00000001"}

// maxDeaths is how often the daemon may die before the run gives up.
const maxDeaths = 64

// Run starts the province, replays the capture through a box, and returns when all its records are receipted; on a
// terminal it serves the page until ctx is done. That ctx is done is no error, also in the middle of the replay.
func Run(ctx context.Context, cfg Config) error {
	box := filepath.Join(cfg.Dir, "box")
	if err := os.MkdirAll(box, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", box, err)
	}
	return show(ctx, cfg, nil, func(p *province.Province, started time.Duration) error {
		return replay(ctx, cfg, p, box, started)
	})
}

// show starts a province that boxes reach under names too, calls walk, and serves the page until that has ended, on a terminal until ctx is
// done.
func show(ctx context.Context, cfg Config, names []string, walk func(p *province.Province, started time.Duration) error) error {
	began := time.Now()
	p, err := province.New(province.Config{
		Dir: filepath.Join(cfg.Dir, "province"), Province: address.Province, Secure: &province.Secure{Names: names},
	})
	if err != nil {
		return err
	}
	serve, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- p.Run(serve) }()
	started := time.Since(began)
	host, port, _ := net.SplitHostPort(p.MQTTAddr())
	fmt.Fprintf(cfg.Out, "page     %s\nbroker   %s   (mosquitto_sub -h %s -p %s -t 'cafeprobe/v1/#' -v)\n",
		p.WebURL(), p.MQTTAddr(), host, port)
	err = walk(p, started)
	switch {
	case err == nil && cfg.Live:
		fmt.Fprintf(cfg.Out, "\nthe page stays until Ctrl-C: %s\n", p.WebURL())
		<-ctx.Done()
		fmt.Fprintln(cfg.Out)
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(cfg.Out, "\nstopped before the end")
		err = nil
	}
	stop()
	return errors.Join(err, <-served)
}

func replay(ctx context.Context, cfg Config, p *province.Province, box string, started time.Duration) error {
	path, err := prepare(cfg, p, box)
	if err != nil {
		return err
	}
	var last progress
	for deaths := 0; ; deaths++ {
		err := daemon(ctx, cfg, path, &last)
		if err == nil && last.Done {
			break
		}
		var exit *exec.ExitError
		if ctx.Err() != nil || !errors.As(err, &exit) || exit.ExitCode() != -1 || deaths == maxDeaths {
			return errors.Join(errors.New("cafeprobed ended early"), err)
		}
		fmt.Fprintf(cfg.Out, "\ncafeprobed died (%v): started again\n", exit)
	}
	return summarize(ctx, cfg.Out, p, last, started)
}

// prepare gives the box its identity, once, and its configuration for this run.
func prepare(cfg Config, p *province.Province, box string) (string, error) {
	identity := filepath.Join(box, spool.IdentityFile)
	if _, err := os.Stat(identity); errors.Is(err, os.ErrNotExist) {
		id, err := spool.NewIdentity(address, p.PublicKey())
		if err != nil {
			return "", err
		}
		if err := id.Save(identity); err != nil {
			return "", err
		}
	}
	tls, err := enrolment(p, box)
	if err != nil {
		return "", err
	}
	file, err := cfg.capture()
	if err != nil {
		return "", err
	}
	c := config.Config{
		Dir:     box,
		Capture: config.Capture{File: file, Speed: cfg.Speed, Quality: uplink.QualityCoarse},
		Uplink:  config.Uplink{Broker: "ssl://" + p.SecureAddr(), TLS: tls, Retry: config.Duration(200 * time.Millisecond)},
		Cafe: config.Cafe{
			Vantage: "auto", Silence: config.Duration(5 * time.Minute), Summary: config.Duration(time.Minute),
		},
	}
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return "", err
	}
	path := filepath.Join(cfg.Dir, "cafeprobed.json")
	return path, os.WriteFile(path, append(b, '\n'), 0o600)
}

// enrolment gives the box what it needs to get its certificate by itself, as a technician does: the province's CA, and
// a claim code if it has no certificate yet.
func enrolment(p *province.Province, box string) (config.TLS, error) {
	t := config.TLS{Dir: filepath.Join(box, "tls"), Enroll: p.EnrollURL()}
	if err := os.MkdirAll(t.Dir, 0o700); err != nil {
		return t, err
	}
	if err := durable.WriteFile(filepath.Join(t.Dir, credential.CAFile), p.CA().Root()); err != nil {
		return t, err
	}
	_, err := os.Stat(filepath.Join(t.Dir, credential.PairFile))
	if errors.Is(err, os.ErrNotExist) {
		t.Claim, err = p.CA().NewClaim(address.Box, 0, false)
	}
	return t, err
}
