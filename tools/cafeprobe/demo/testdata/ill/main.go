// Command ill is a daemon that runs, has reached the province, and cannot write to its card.
package main

import (
	"context"
	"net"
	"os"
	"time"

	"cafeprobe/firmware/clock/boottime"
	"cafeprobe/firmware/health"
	"cafeprobe/firmware/initctl"
	"cafeprobe/uplink"
)

func main() {
	c := initctl.NewClient(initctl.ClientConfig{
		Dial: func(ctx context.Context) (net.Conn, error) { return initctl.Dial(ctx, os.Getenv(initctl.Env)) },
	})
	go func() { _ = c.Run(context.Background()) }()
	var r health.Report
	for {
		now := boottime.Now()
		in := health.Inputs{Beat: now, Card: uplink.Card{Fault: uplink.CardFailing}, Capture: health.LinkUp, Reached: true}
		r = health.Evaluate(in, r, now)
		c.Report(r)
		time.Sleep(10 * time.Second)
	}
}
