package demo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/pcapfile"
	"cafeprobe/firmware/config"
	"cafeprobe/firmware/image"
	"cafeprobe/firmware/image/disk"
	"cafeprobe/firmware/init/ports"
	"cafeprobe/firmware/init/provision"
	"cafeprobe/firmware/vm"
	"cafeprobe/tools/province"
)

const (
	// host is the machine that emulates, as the emulated box sees it.
	host = "10.0.2.2"

	// maxFrame is what fits through the box's port: longer ones are what a capture's computer put together.
	maxFrame = 1518

	// bootTime is how long a box may take to boot and to say hello, on a machine that has much else to do.
	bootTime = 4 * time.Minute

	// cardSize is the emulated card's, to which the box grows its data.
	cardSize = 512 << 20
)

// Emulate starts the province and a box that QEMU emulates, which boots the image as a real one does, feeds the capture into the box's
// capture port, and says what the province knows of it. Dir is a new folder; Daemon is not used.
func Emulate(ctx context.Context, cfg Config) error {
	var m *vm.Machine // runs as long as the page is shown
	err := show(ctx, cfg, []string{host, "127.0.0.1", "localhost"}, func(p *province.Province, _ time.Duration) error {
		card, err := card(ctx, cfg, p)
		if err != nil {
			return err
		}
		c, err := machine(cfg.Dir, cfg.Image, card)
		if err != nil {
			return err
		}
		if m, err = vm.Start(context.WithoutCancel(ctx), c); err != nil {
			return err
		}
		fmt.Fprintf(cfg.Out, "box      boots; its console is in %s at the end\n", cfg.Console)
		return watch(ctx, cfg, p, m)
	})
	if m == nil {
		return err
	}
	defer m.Close()
	err = errors.Join(err, shutdown(m))
	return errors.Join(err, os.WriteFile(cfg.Console, []byte(m.Serial.Said()), 0o600))
}

// watch waits for the box, feeds it, and says what the province knows then.
func watch(ctx context.Context, cfg Config, p *province.Province, m *vm.Machine) error {
	began := time.Now()
	boot, cancel := context.WithTimeout(ctx, bootTime)
	defer cancel()
	said, err := m.Serial.Expect(boot, `cafeprobe: ([^\r\n]* runs after [^\r\n]*)[\r\n]`)
	if err != nil {
		return err
	}
	fmt.Fprintf(cfg.Out, "box      %s\n", said[1])
	if err := records(boot, p, 1); err != nil {
		return fmt.Errorf("the box says nothing: %w; its console ends with:\n%s", err, m.Serial.Tail())
	}
	fmt.Fprintf(cfg.Out, "box      enrolled; its first record came %s after power-on\n", time.Since(began).Round(time.Second/10))
	sent, long, err := feed(ctx, cfg, m.Capture, p)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(late):
	}
	if err := tell(ctx, cfg.Out, p); err != nil {
		return err
	}
	t, err := p.Totals(ctx)
	if err != nil {
		return err
	}
	out, _ := m.Capture.FromBox()
	fmt.Fprintf(cfg.Out, "records  %d of %d frames (%d too long for the port); the province holds %d, %d came twice, %d refused\n", t.Verified, sent, long,
		t.Verified, p.Stats().Duplicates, p.Stats().Refused)
	_, err = fmt.Fprintf(cfg.Out, "silence  %d frames left the capture port since power-on\n", out)
	return err
}

// card returns the box's card: a copy of the image, longer, with what a technician gives a box.
func card(ctx context.Context, cfg Config, p *province.Province) (string, error) {
	path := filepath.Join(cfg.Dir, "card.img")
	if err := blank(ctx, cfg.Image, path); err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return "", fmt.Errorf("write the card: %w", err)
	}
	defer f.Close()
	state, err := disk.Find(path, "state")
	if err != nil {
		return "", err
	}
	files, err := given(p)
	if err != nil {
		return "", err
	}
	b, err := provision.Encode(files)
	if err != nil {
		return "", err
	}
	if _, err := f.WriteAt(b, state+provision.Offset); err != nil {
		return "", fmt.Errorf("write the card: %w", err)
	}
	return path, f.Close()
}

// blank makes the card of a box that knows nothing yet: a copy of the image, longer.
func blank(ctx context.Context, from, path string) error {
	from = filepath.Join(from, image.DiskFile)
	if out, err := exec.CommandContext(ctx, "cp", "--sparse=always", from, path).CombinedOutput(); err != nil {
		return fmt.Errorf("copy the image: %w: %s (make image BOARD=qemu-arm64)", err, out)
	}
	if err := os.Truncate(path, cardSize); err != nil {
		return fmt.Errorf("write the card: %w", err)
	}
	return nil
}

// broker and enroll are where the emulated box reaches the province.
func broker(p *province.Province) string { return "ssl://" + reached(p.SecureAddr()) }

func enroll(p *province.Province) string {
	return "https://" + reached(strings.TrimPrefix(p.EnrollURL(), "https://"))
}

// reached returns an address of this machine as the emulated box sees it.
func reached(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return net.JoinHostPort(host, port)
}

// given returns what a technician gives a box: who it is, the province's addresses, its CA, and a claim code.
func given(p *province.Province) ([]provision.File, error) {
	claim, err := p.CA().NewClaim(address.Box, 0, false)
	if err != nil {
		return nil, err
	}
	c := map[string]any{ // what a file says; the rest is the daemon's defaults
		"dir":     "/data/cafeprobe/state",
		"capture": map[string]any{"interface": ports.Capture},
		"uplink": map[string]any{
			"broker": broker(p), "first_retry": "1s", "delay": "5s",
			"tls": config.TLS{Enroll: enroll(p), Claim: claim},
		},
		"cafe": map[string]any{"summary": "1m0s"},
		"box":  config.Box{Province: address.Province, ID: address.Box, Key: base64.RawURLEncoding.EncodeToString(p.PublicKey())},
	}
	b, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return []provision.File{{Name: "state/tls/ca.pem", Data: p.CA().Root()}, {Name: "config.json", Data: b}}, nil
}

// records waits until the province holds n records.
func records(ctx context.Context, p *province.Province, n uint64) error {
	for {
		t, err := p.Totals(ctx)
		if err != nil {
			return err
		}
		if t.Verified >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// late is how long after the capture's end the box has told what it saw, but for sessions of use, which take a quarter of an hour: more
// than a summary's period and the time that records wait for others.
const late = 75 * time.Second

// feed sends the capture's frames into the box's port, at their pace times Speed.
func feed(ctx context.Context, cfg Config, to *vm.Cable, p *province.Province) (sent, long int, err error) {
	path, err := cfg.capture()
	if err != nil {
		return 0, 0, err
	}
	r, err := pcapfile.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	began, first := time.Now(), int64(0)
	next := began
	var f capture.Frame
	for {
		err := r.Next(&f)
		if errors.Is(err, io.EOF) {
			return sent, long, nil
		}
		if err != nil {
			return sent, long, err
		}
		if first == 0 {
			first = f.Time
		}
		due := began.Add(time.Duration(float64(f.Time-first) / cfg.Speed))
		select {
		case <-ctx.Done():
			return sent, long, ctx.Err()
		case <-time.After(time.Until(due)):
		}
		if len(f.Data) > maxFrame {
			long++
			continue
		}
		if err := to.Send(f.Data); err != nil {
			return sent, long, err
		}
		sent++
		if now := time.Now(); now.After(next) {
			next = now.Add(5 * time.Second)
			if t, err := p.Totals(ctx); err == nil {
				fmt.Fprintf(cfg.Out, "%8d frames %8s   %4d records at the province\n", sent, time.Since(began).Round(time.Second), t.Verified)
			}
		}
	}
}

// shutdown presses the box's power button, and ends it by force where it does not end.
func shutdown(m *vm.Machine) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := m.PowerButton(); err != nil {
		return err
	}
	if m.Wait(ctx) != nil {
		return m.Kill()
	}
	return nil
}
