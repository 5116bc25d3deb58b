package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"cafeprobe/firmware/update"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/collector"
	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
)

type offerCmd struct {
	Dir     string        `required:"" help:"The province's folder, as for 'cafeprobe province'."`
	URL     string        `required:"" help:"Where boxes find the releases, as in https://host:8443/release/."`
	Percent int           `default:"100" help:"Offer it to so many percent of the boxes; those of a smaller number stay among them."`
	Valid   time.Duration `default:"168h" help:"How long a box may take until it hears of it."`
	Version string        `arg:"" help:"Version of the release, as in 2026.12.0."`
	Boxes   []string      `arg:"" optional:"" name:"BOX" help:"Only these."`
}

// Run gives the province that runs in the folder a command for each box.
func (c *offerCmd) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c *offerCmd) run(ctx context.Context, out io.Writer) (err error) {
	args, err := json.Marshal(update.Announcement{Version: c.Version, URL: c.URL, Percent: c.Percent})
	if err == nil {
		_, err = update.ParseAnnouncement(args)
	}
	if err != nil {
		return err
	}
	s, _, err := province.OpenBeside(c.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	boxes, err := s.Boxes(ctx)
	if err != nil {
		return err
	}
	offered, of := 0, 0
	for _, b := range boxes {
		if b.Received == 0 || len(c.Boxes) > 0 && !slices.Contains(c.Boxes, b.Box) {
			continue
		}
		of++
		if update.Ring(b.Box, c.Version) >= c.Percent {
			continue
		}
		if err := c.offer(ctx, s, b.Box, args); err != nil {
			return err
		}
		offered++
	}
	if of == 0 {
		return errors.New("no such box has sent a record yet")
	}
	fmt.Fprintf(out, "%s is offered to %d of %d boxes, for %v: what becomes of it their records say\n", c.Version, offered, of, c.Valid)
	return nil
}

func (c *offerCmd) offer(ctx context.Context, s *store.Store, box string, args []byte) error {
	ch, err := s.ChainOf(ctx, box, "")
	if err != nil {
		return err
	}
	_, err = collector.Order(s, ch, uplink.VerbUpdate, args, time.Now(), c.Valid)
	return err
}
