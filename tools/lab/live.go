package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"cafeprobe/firmware/config"
	"cafeprobe/tools/province"
	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

// address is where the lab's box publishes.
var address = uplink.Address{Province: "lab", Box: "b-0000cafe"}

// live plays the evening to a box that listens at the room's port, and compares what the province gets with the truth.
func (l *lab) live(ctx context.Context, daemon string) error {
	p, err := province.New(province.Config{Dir: filepath.Join(l.dir, "province"), Province: address.Province})
	if err != nil {
		return err
	}
	serve, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- p.Run(serve) }()
	fmt.Printf("room     %s: %s\npage     %s\n", l.room.name, l.room.what, p.WebURL())
	err = l.watched(ctx, p, daemon)
	stop()
	return errors.Join(err, <-served)
}

func (l *lab) watched(ctx context.Context, p *province.Province, daemon string) error {
	id, err := spool.NewIdentity(address, p.PublicKey())
	if err != nil {
		return err
	}
	if err := errors.Join(l.startDaemon(p, id, daemon), l.startWitness()); err != nil {
		return err
	}
	n := newNews(l, p, id)
	quit, quiet := context.WithCancel(ctx)
	told := make(chan error, 1)
	go func() { told <- n.follow(quit) }()
	err = l.play(ctx)
	if errors.Is(err, errUndone) { // a recording is void then; who was there, and when, is as true as before
		fmt.Println("note:", err)
		err = nil
	}
	if err == nil {
		err = errors.Join(l.end(), l.settle(ctx))
	}
	quiet()
	if err := errors.Join(err, <-told); err != nil {
		return err
	}
	seen, err := l.counted()
	if err != nil {
		return err
	}
	if err := l.listener.stop(); err != nil {
		return fmt.Errorf("cafeprobed: %w", err)
	}
	if err := n.more(context.Background()); err != nil {
		return err
	}
	heard, err := l.heard()
	if err != nil {
		return err
	}
	return n.judge(os.Stdout, seen, heard)
}

// startDaemon puts the box's daemon on a port of the switch and waits until it listens. The port is in a namespace that it
// shares with nothing, as the daemon itself would make one; its name is no other interface's, since a daemon takes an
// interface of its own namespace first.
func (l *lab) startDaemon(p *province.Province, id spool.Identity, daemon string) error {
	dev := "cap" + strconv.Itoa(os.Getpid())
	ns, err := l.addPort("probe", dev, probeMAC)
	if err != nil {
		return err
	}
	box := filepath.Join(l.dir, "box")
	if err := os.Mkdir(box, 0o700); err != nil {
		return err
	}
	if err := id.Save(filepath.Join(box, spool.IdentityFile)); err != nil {
		return err
	}
	text, err := json.Marshal(config.Config{
		Dir:     box,
		Capture: config.Capture{Interface: dev, Namespace: ns, Blocks: config.Blocks, Quality: uplink.QualityCoarse},
		Uplink:  config.Uplink{Broker: "tcp://" + p.MQTTAddr(), Retry: config.Duration(200 * time.Millisecond)},
		Cafe:    config.Cafe{Vantage: "auto", Silence: config.Duration(l.scaled(silence)), Summary: config.Duration(l.scaled(summary))},
	})
	if err != nil {
		return err
	}
	file := filepath.Join(l.dir, "box.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	if l.listener, err = l.start("", "daemon", daemon, "-config", file, "-progress"); err != nil {
		return err
	}
	return l.await("daemon", `"frames":`)
}

const (
	silence = 5 * time.Minute // after which a station is off
	summary = time.Minute     // between two looks at all
)

// settle waits until the box has had one more look at what it heard, and the province has all.
func (l *lab) settle(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(l.scaled(summary) + 2*time.Second):
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if pr, err := l.progress(); err == nil && pr.Records > 0 && pr.Receipted == pr.Records {
			return nil
		}
	}
	return fmt.Errorf("the province has not receipted all within %v", patience)
}

// progress is the newest line that the daemon has printed.
type progress struct {
	Frames    int `json:"frames"`
	Dropped   int `json:"dropped"`
	Records   int `json:"records"`
	Receipted int `json:"receipted"`
}

func (l *lab) progress() (pr progress, err error) {
	text, err := os.ReadFile(filepath.Join(l.dir, "daemon.log"))
	if err != nil {
		return pr, err
	}
	lines := bytes.Split(text, []byte("\n"))
	for i := len(lines) - 2; i >= 0; i-- { // behind the last line break may be half a line
		if json.Unmarshal(lines[i], &pr) == nil {
			return pr, nil
		}
	}
	return pr, fmt.Errorf("the daemon has told of no progress: %s", text)
}

// counters are the frames at the box's port of the switch, and what the daemon says of them.
type counters struct {
	out, in       int // by the switch: to the box, from it
	seen, dropped int
}

// counted reads the counters of the switch, the peer of the capture port.
func (l *lab) counted() (c counters, err error) {
	pr, err := l.progress()
	if err != nil {
		return c, err
	}
	var links []struct {
		Stats64 struct{ Rx, Tx struct{ Packets int } }
	}
	out, err := output("ip", "-n", l.bridge, "-s", "-j", "link", "show", "dev", "probe")
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(out, &links); err != nil || len(links) != 1 {
		return c, fmt.Errorf("counters of the box's port: %q, %w", out, err)
	}
	s := links[0].Stats64
	return counters{out: s.Tx.Packets, in: s.Rx.Packets, seen: pr.Frames, dropped: pr.Dropped}, nil
}
