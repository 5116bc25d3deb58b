// Package demo is `cafeprobe run`: a province and one box, on loopback, from frames to the page.
package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

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
	File   string    // capture to replay; empty: the generated evening
	Speed  float64   // times faster than recorded, 0 as fast as it goes
	Daemon string    // path of cafeprobed
	Out    io.Writer // what a person reads
	Live   bool      // Out is a terminal: redraw one line, and keep the page until ctx is done
}

// demoBox is the one box.
const demoBox = uplink.BoxID("b-00000001")

// maxDeaths is how often the daemon may die before the run gives up.
const maxDeaths = 64

// progress is a line of cafeprobed -progress.
type progress struct {
	Frames    uint64 `json:"frames"`
	Stations  int    `json:"stations"`
	Records   uint64 `json:"records"`
	Receipted uint64 `json:"receipted"`
	Spool     int64  `json:"spool"`
	Done      bool   `json:"done"`
	ReplayMS  int64  `json:"replay_ms"`
	DrainMS   int64  `json:"drain_ms"`
}

// Run starts the province, replays the capture through a box, and returns when all its records are receipted; on a
// terminal it serves the page until ctx is done.
func Run(ctx context.Context, cfg Config) error {
	box := filepath.Join(cfg.Dir, "box")
	if err := os.MkdirAll(box, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", box, err)
	}
	began := time.Now()
	p, err := province.New(province.Config{
		Dir: filepath.Join(cfg.Dir, "province"), Province: "demo", Secure: &province.Secure{},
	})
	if err != nil {
		return err
	}
	serve, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- p.Run(serve) }()
	started := time.Since(began)
	fmt.Fprintf(cfg.Out, "page    %s\nbroker  %s   (mosquitto_sub -h 127.0.0.1 -p %s -t 'cafeprobe/v1/#' -v)\n",
		p.WebURL(), p.MQTTAddr(), port(p.MQTTAddr()))
	err = replay(ctx, cfg, p, box, started)
	if err == nil && cfg.Live {
		fmt.Fprintf(cfg.Out, "\nthe page stays until Ctrl-C: %s\n", p.WebURL())
		<-ctx.Done()
	}
	stop()
	return errors.Join(err, <-served)
}

func port(addr string) string {
	for i := len(addr) - 1; i >= 0; i-- {
		if addr[i] == ':' {
			return addr[i+1:]
		}
	}
	return addr
}

func replay(ctx context.Context, cfg Config, p *province.Province, box string, started time.Duration) error {
	path, err := provision(cfg, p, box)
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
	st := p.Stats()
	totals, err := p.Totals(ctx)
	if err != nil {
		return err
	}
	if last.Receipted != last.Records || totals.Verified < last.Records {
		return fmt.Errorf("%d records, %d receipted, %d verified by the province", last.Records, last.Receipted, totals.Verified)
	}
	fmt.Fprintf(cfg.Out, "\n\nfound    %d stations in %d frames\n", last.Stations, last.Frames)
	fmt.Fprintf(cfg.Out, "records  %d, all receipted; the province holds %d, %d came twice, %d refused\n",
		last.Records, totals.Verified, st.Duplicates, st.Refused)
	fmt.Fprintf(cfg.Out, "took     province up %v · replay %v · last receipt after %v\n", started.Round(time.Millisecond),
		time.Duration(last.ReplayMS)*time.Millisecond, time.Duration(last.DrainMS)*time.Millisecond)
	return nil
}

// provision gives the box its identity, once, and its configuration for this run.
func provision(cfg Config, p *province.Province, box string) (string, error) {
	identity := filepath.Join(box, spool.IdentityFile)
	if _, err := os.Stat(identity); errors.Is(err, os.ErrNotExist) {
		id, err := spool.NewIdentity(uplink.Address{Province: "demo", Box: demoBox}, p.PublicKey())
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
	file := cfg.File
	if file == "" {
		file = filepath.Join(cfg.Dir, "evening.pcap")
		f, err := os.Create(file)
		if err != nil {
			return "", fmt.Errorf("write the generated evening: %w", err)
		}
		if err := errors.Join(evening(f), f.Close()); err != nil {
			return "", err
		}
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
		t.Claim, err = p.CA().NewClaim(demoBox, 0, false)
	}
	return t, err
}

// daemon runs one life of cafeprobed and shows its progress.
func daemon(ctx context.Context, cfg Config, path string, last *progress) error {
	cmd := exec.CommandContext(ctx, cfg.Daemon, "-config", path, "-progress")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start cafeprobed: %w", err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if json.Unmarshal(lines.Bytes(), last) == nil && (cfg.Live || last.Done) {
			fmt.Fprintf(cfg.Out, "\r%8d frames  %3d stations  %5d records  %5d receipted  spool %d KiB ",
				last.Frames, last.Stations, last.Records, last.Receipted, last.Spool/1024)
		}
	}
	return cmd.Wait()
}
