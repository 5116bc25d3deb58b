package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"cafeprobe/capture/afpacket"
	"cafeprobe/firmware/pipeline"
	"cafeprobe/uplink"
)

// receive is the box's pipeline at the port, as the daemon has it, until it is told to end. It prints a line when it
// listens, and what it received.
func receive() error {
	ring, err := afpacket.Open(portName, afpacket.Config{})
	if err != nil {
		return err
	}
	p := pipeline.New(pipeline.Config{Live: true, Sink: nobody{}})
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	fmt.Println("listening")
	if err := p.Run(ctx, ring); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return err
	}
	st := ring.Stats()
	return json.NewEncoder(os.Stdout).Encode(received{
		Frames: p.Stats().Frames, Dropped: st.Dropped, Told: p.Stats().Dropped,
		CPU: time.Duration(use.Utime.Nano() + use.Stime.Nano()).Seconds(),
	})
}

// nobody takes the records.
type nobody struct{}

func (nobody) Record(uplink.Record) error { return nil }
func (nobody) Occ(uplink.Occ) error       { return nil }
